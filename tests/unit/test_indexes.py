# SPDX-License-Identifier: Apache-2.0
"""Rows of the maps: they never move, and a freed one rests as long as it can."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.compile_kit import store
from tests.unit.desired_kit import Wishes, key
from xdpair.core.errors import LimitExceeded
from xdpair.core.indexes import (
    Limits,
    RowChange,
    Rows,
    acl_name,
    listener_name,
    server_name,
    slot_name,
    unit_of,
    units_of,
    weighted_server_name,
)
from xdpair.core.model import FailoverScope, Side

LIMITS = Limits(listeners=10, servers=6, acls=4)
CAPACITY = {"listener": 10, "slot": 10, "server": 6, "acl": 4}
NAMES = st.sampled_from([f"{kind}:{number}" for kind in CAPACITY for number in range(8)])
STEPS = st.lists(st.tuples(st.sets(NAMES, max_size=8), st.sets(NAMES, max_size=8)), max_size=8)


def commit(rows: Rows, wanted: set[str], gone: set[str]) -> RowChange:
    change = rows.plan(wanted, gone)
    rows.commit(change)
    return change


def content(rows: Rows) -> dict[str, int]:
    return {name: rows[name] for name in rows}


@given(steps=STEPS)
def test_no_history_breaks_an_invariant(steps: list[tuple[set[str], set[str]]]) -> None:
    rows = Rows({}, LIMITS)
    stored: dict[str, int] = {}
    for wanted, gone in steps:
        before = content(rows)
        try:
            change = rows.plan(wanted, gone)
        except LimitExceeded:
            assert content(rows) == before
            require_full(before, wanted, gone)
            continue
        assert content(rows) == before, "a plan changes nothing"
        assert rows.plan(wanted, gone) == change
        rows.commit(change)
        store(stored, change)
        after = content(rows)
        assert after.keys() == (before.keys() - gone) | wanted
        for name in before.keys() & after.keys() - gone:
            assert after[name] == before[name], "a row moved"
        for kind, capacity in CAPACITY.items():
            mine = [row for name, row in after.items() if name.startswith(f"{kind}:")]
            assert len(set(mine)) == len(mine), "one row for two"
            assert all(0 < row < capacity for row in mine)
        again = Rows(stored, LIMITS)
        assert content(again) == after
        everything = {f"{kind}:new" for kind in CAPACITY}
        assert outcome(again, everything) == outcome(rows, everything), "cursors are kept"


def outcome(rows: Rows, wanted: set[str]) -> RowChange | None:
    try:
        return rows.plan(wanted, ())
    except LimitExceeded:
        return None


def require_full(before: dict[str, int], wanted: set[str], gone: set[str]) -> None:
    needed = (before.keys() - gone) | wanted
    counts = {kind: sum(name.startswith(f"{kind}:") for name in needed) for kind in CAPACITY}
    assert any(count >= CAPACITY[kind] for kind, count in counts.items())


def test_a_freed_row_rests_until_all_others_were_used() -> None:
    rows, seen = Rows({}, Limits(listeners=5)), []
    commit(rows, {"listener:stays"}, set())
    before = "listener:none"
    for number in range(10):
        name = f"listener:{number}"
        commit(rows, {name}, {before})
        seen.append(rows[name])
        before = name
    assert rows["listener:stays"] == 1
    assert seen == [2, 3, 4, 2, 3, 4, 2, 3, 4, 2]


def test_a_name_may_be_given_another_row() -> None:
    rows = Rows({}, LIMITS)
    commit(rows, {"listener:a"}, set())
    change = commit(rows, {"listener:a"}, {"listener:a"})
    assert change == RowChange({"listener:a": 2, "cursor:listener": 2})
    assert rows["listener:a"] == 2
    assert commit(rows, {"listener:b"}, set()).added["listener:b"] == 3


def test_what_is_not_there_is_not_removed() -> None:
    assert Rows({}, LIMITS).plan((), {"listener:a"}) == RowChange()


@pytest.mark.parametrize(("kind", "capacity"), CAPACITY.items())
def test_no_more_rows_than_there_are(kind: str, capacity: int) -> None:
    rows = Rows({}, LIMITS)
    names = {f"{kind}:{number}" for number in range(1, capacity)}
    commit(rows, names, set())
    assert sorted(content(rows).values()) == list(range(1, capacity))
    with pytest.raises(LimitExceeded):
        rows.plan({f"{kind}:more"}, ())
    change = commit(rows, {f"{kind}:more"}, {f"{kind}:1"})
    assert change.added[f"{kind}:more"] == 1


def test_in_smaller_maps_no_row_is_outside() -> None:
    """Someone lowers a limit: what no longer fits gets another row, or is forgotten."""
    stored = {"listener:a": 1, "listener:b": 3, "listener:c": 4, "cursor:listener": 4}
    rows = Rows(stored, Limits(listeners=3))
    assert "listener:b" not in rows
    assert set(rows) == {"listener:a", "listener:b", "listener:c"}
    change = commit(rows, {"listener:a", "listener:b"}, {"listener:c"})
    assert change == RowChange({"listener:b": 2, "cursor:listener": 2}, frozenset({"listener:c"}))
    assert content(rows) == {"listener:a": 1, "listener:b": 2}


def test_no_two_have_one_row() -> None:
    """Whatever the store says."""
    rows = Rows({"listener:a": 1, "listener:b": 1, "listener:c": 0}, LIMITS)
    assert "listener:a" in rows
    assert "listener:b" not in rows
    assert "listener:c" not in rows


# -- names -----------------------------------------------------------------------------------------


def test_names() -> None:
    group = Wishes().lb().group().desired.pair_group("rsp-1")
    address = IPv4Address("10.0.0.11")
    assert listener_name(key(80)) == "listener:lb-1/tcp-80"
    assert slot_name("rsp-1") == "slot:rsp-1"
    assert server_name(group, Side.SECONDARY, address) == "server:rsp-1/secondary/0a00000b:9090"
    assert weighted_server_name(key(80), address, 8) == "server:lb-1/tcp-80/0a00000b:8"
    assert acl_name(("acl-b", "acl-a")) == "acl:acl-a+acl-b"


def test_units_are_listeners_or_whole_groups() -> None:
    wishes = Wishes().lb().group().group("rsp-2", scope=FailoverScope.GROUP).weighted("rsp-w")
    wishes.listener(80).listener(81).listener(82, group_id="rsp-2").listener(83, group_id="rsp-2")
    desired = wishes.listener(84, group_id="rsp-w").desired
    assert units_of(desired) == {str(key(80)), str(key(81)), "rsp-2"}
    group = replace(desired.pair_group("rsp-2"))
    assert unit_of(desired.listener(key(83)), group) == "rsp-2"
