# SPDX-License-Identifier: Apache-2.0
"""Rows of the maps: they never move, and a freed one rests as long as it can."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.desired_kit import PRIMARY, SECONDARY, Wishes, key, worlds
from xdpair.core.desired import Desired
from xdpair.core.errors import LimitExceeded
from xdpair.core.indexes import Limits, allocate, listener_name, server_name, slot_name, unit_of
from xdpair.core.model import FailoverScope, Side

LIMITS = Limits(listeners=40, servers=40)
KINDS = ("listener", "slot", "server")


def rows_of(rows: dict[str, int], kind: str) -> dict[str, int]:
    return {name: row for name, row in rows.items() if name.startswith(f"{kind}:")}


@given(history=st.lists(worlds(), min_size=1, max_size=5))
def test_no_history_breaks_an_invariant(history: list[Desired]) -> None:
    rows: dict[str, int] = {}
    for world in history:
        before, rows = rows, allocate(rows, world, LIMITS)
        for kind in KINDS:
            mine = rows_of(rows, kind)
            assert len(set(mine.values())) == len(mine), "one row for two"
            assert all(0 < row < 40 for row in mine.values())
            assert all(row == before.get(name, row) for name, row in mine.items()), "a row moved"
        assert len(rows_of(rows, "listener")) == len(world.listeners)
        assert allocate(rows, world, LIMITS) == rows


def test_everything_has_its_row() -> None:
    world = Wishes().lb().group().listener(80).listener(81).desired
    rows = allocate({}, world, LIMITS)
    group = world.group("rsp-1")
    assert set(rows_of(rows, "listener")) == {listener_name(key(80)), listener_name(key(81))}
    assert set(rows_of(rows, "slot")) == {slot_name(str(key(80))), slot_name(str(key(81)))}
    assert set(rows_of(rows, "server")) == {
        server_name(group, Side.PRIMARY, IPv4Address("10.0.0.11")),
        server_name(group, Side.SECONDARY, IPv4Address("10.0.0.12")),
    }


def test_listeners_of_a_group_may_share_one_slot() -> None:
    world = Wishes().lb().group(scope=FailoverScope.GROUP).listener(80).listener(81).desired
    rows = allocate({}, world, LIMITS)
    assert set(rows_of(rows, "slot")) == {slot_name("rsp-1")}
    group = world.group("rsp-1")
    assert {unit_of(entry, group) for entry in world.listeners.values()} == {"rsp-1"}


def test_a_server_that_moves_is_another_one() -> None:
    """Its old row keeps its old address, so that flows which still name it end there."""
    old = Wishes().lb().group().desired
    rows = allocate({}, old, LIMITS)
    moved = replace(PRIMARY, address=IPv4Address("10.0.0.99"))
    new = Wishes().lb().group(primary=moved).desired
    other = rows_of(allocate(rows, new, LIMITS), "server")
    before = rows_of(rows, "server")
    assert len(set(other.values()) & set(before.values())) == 1
    assert len(other) == 2


def test_both_sides_may_be_one_machine() -> None:
    world = Wishes().lb().group(secondary=replace(SECONDARY, address=PRIMARY.address)).desired
    assert len(rows_of(allocate({}, world, LIMITS), "server")) == 2


def test_a_freed_row_rests_until_all_others_were_used() -> None:
    limits = Limits(listeners=5)
    rows: dict[str, int] = {}
    seen = []
    for port in range(80, 90):
        world = Wishes().lb().group().listener(1).listener(port).desired
        rows = allocate(rows, world, limits)
        seen.append(rows[listener_name(key(port))])
    assert rows[listener_name(key(1))] == 1
    assert seen == [2, 3, 4, 2, 3, 4, 2, 3, 4, 2]


def test_no_more_rows_than_there_are() -> None:
    wishes = Wishes().lb().group()
    for port in range(1, 5):
        wishes.listener(port)
    rows = allocate({}, wishes.desired, Limits(listeners=5))
    assert sorted(rows_of(rows, "listener").values()) == [1, 2, 3, 4]
    full = wishes.desired
    with pytest.raises(LimitExceeded):
        allocate(rows, wishes.listener(5).desired, Limits(listeners=5))
    with pytest.raises(LimitExceeded):
        allocate({}, full, Limits(servers=2))


def test_in_smaller_maps_no_row_is_outside() -> None:
    """Someone lowers a limit: what no longer fits gets another row."""
    wishes = Wishes().lb().group()
    for port in (1, 2, 3, 4):
        wishes.listener(port)
    rows = allocate({}, wishes.desired, Limits(listeners=9))
    fewer = Wishes().lb().group().listener(2).listener(4).desired
    smaller = allocate(rows, fewer, Limits(listeners=3))
    assert smaller[listener_name(key(2))] == 2
    assert smaller[listener_name(key(4))] == 1
