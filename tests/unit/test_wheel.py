# SPDX-License-Identifier: Apache-2.0
"""Wheels: proportions, order, and how little moves when a server comes or goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpair.core.model import Scheduler
from xdpair.core.wheel import MAX_ENTRIES, TABLE_SIZES, WheelServer, build, table_size, without

HASHES = [scheduler for scheduler in Scheduler if scheduler.is_hash]


def servers(*weights: int) -> list[WheelServer]:
    return [
        WheelServer(row, b"\x0a\0" + row.to_bytes(2, "big") + b"\x1f\x90", weight)
        for row, weight in enumerate(weights, 1)
    ]


WEIGHTED = st.lists(st.integers(0, 100), max_size=12).map(lambda weights: servers(*weights))


def moved(one: Sequence[int], other: Sequence[int]) -> float:
    """The part of new flows that get another server."""
    assert len(one) == len(other)
    return sum(a != b for a, b in zip(one, other, strict=True)) / len(one)


def worst_error(wheel: Sequence[int], those: Sequence[WheelServer]) -> float:
    """By how much of its share a server has too much or too little, at worst."""
    counts, total = Counter(wheel), sum(server.weight for server in those)
    shares = [(counts[each.row] / len(wheel), each.weight / total) for each in those]
    return max(abs(has / wanted - 1) for has, wanted in shares)


# -- in turn ---------------------------------------------------------------------------------------


def test_weights_are_exact_and_turns_are_spread() -> None:
    """The sequence that smooth weighted round robin gives."""
    assert list(build(Scheduler.WRR, servers(5, 3, 2))) == [1, 2, 3, 1, 1, 2, 1, 3, 2, 1]
    assert list(build(Scheduler.WRR, servers(100, 100))) == [1, 2]


@given(those=WEIGHTED)
def test_a_cycle_holds_exact_proportions(those: list[WheelServer]) -> None:
    wheel = build(Scheduler.WRR, those)
    counts, total = Counter(wheel), sum(server.weight for server in those)
    for server in those:
        share = Fraction(counts[server.row], len(wheel) or 1)
        assert share == Fraction(server.weight, total or 1)


@given(those=WEIGHTED)
def test_nobody_waits_much_longer_than_its_share_says(those: list[WheelServer]) -> None:
    wheel = list(build(Scheduler.WRR, those))
    for row, count in Counter(wheel).items():
        turns = [at for at, found in enumerate(wheel * 2) if found == row]
        longest = max(after - before for before, after in pairwise(turns))
        assert longest <= len(wheel) / count + len(those)


def test_round_robin_and_least_name_each_server_once() -> None:
    for scheduler in (Scheduler.RR, Scheduler.WLC):
        assert list(build(scheduler, servers(7, 0, 100, 1))) == [1, 3, 4]


def test_a_cycle_that_would_be_too_long_is_shortened() -> None:
    those = servers(*(99 if number % 2 else 100 for number in range(1000)))
    wheel = build(Scheduler.WRR, those)
    assert len(wheel) == MAX_ENTRIES
    assert worst_error(wheel, those) < 0.02
    many = servers(1, *[100] * 1999)
    wheel = build(Scheduler.WRR, many)
    assert Counter(wheel)[1] == 1
    assert len(wheel) <= MAX_ENTRIES


# -- hashes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", HASHES)
@pytest.mark.parametrize(
    ("weights", "error"),
    [
        ((100, 100), 0.01),
        ((50, 30, 20), 0.02),
        ((1, 100), 0.3),
        ((100,) * 10, 0.02),
        (tuple(range(50, 100)), 0.02),
        ((100,) * 500, 0.02),
    ],
    ids=["two", "three", "one of 1 %", "ten", "fifty mixed", "500"],
)
def test_a_hash_is_balanced(scheduler: Scheduler, weights: tuple[int, ...], error: float) -> None:
    those = servers(*weights)
    wheel = build(scheduler, those)
    assert len(wheel) in TABLE_SIZES
    assert len(wheel) >= min(100 * len(those), MAX_ENTRIES)
    assert worst_error(wheel, those) < error


@pytest.mark.parametrize(
    ("count", "beyond"), [(2, 0.01), (3, 0.05), (10, 0.05), (50, 0.03), (300, 0.02)]
)
def test_when_a_server_goes_or_comes_little_else_moves(count: int, beyond: float) -> None:
    """Of the others' flows; those of the one that goes have to."""
    those = servers(*[100] * count)
    wheel = build(Scheduler.SCH, those)
    for gone in those[:: max(count // 5, 1)]:
        rest = [server for server in those if server is not gone]
        fewer = build(Scheduler.SCH, rest, len(wheel))
        assert 1 / count - 0.01 < moved(wheel, fewer) < 1 / count + beyond
        assert gone.row not in fewer


def test_a_changed_weight_moves_little() -> None:
    those = servers(*[50] * 20)
    heavier = [replace(those[0], weight=100), *those[1:]]
    wheel = build(Scheduler.TCH, those)
    assert moved(wheel, build(Scheduler.TCH, heavier)) < 1 / 21 + 0.06


def test_one_that_fails_does_not_change_the_table_s_size() -> None:
    """Of a table of another size nearly all flows would have another server."""
    those = servers(*[100] * 11)
    wheel = build(Scheduler.SCH, those)
    failed = [replace(those[0], weight=0), replace(those[1], weight=0), *those[2:]]
    assert moved(wheel, build(Scheduler.SCH, failed)) < 2 / 11 + 0.06


@pytest.mark.parametrize(
    ("count", "present", "size"),
    [
        (1, 0, 251),
        (2, 0, 251),
        (3, 0, 1021),
        (3, 251, 251),
        (5, 251, 251),
        (6, 251, 1021),
        (10, 0, 1021),
        (11, 1021, 1021),
        (11, 0, 4093),
        (2, 4093, 251),
        (3, 4093, 4093),
        (11, 7, 4093),
        (2000, 0, 65_521),
        (2000, 16_381, 65_521),
        (2000, 65_521, 65_521),
    ],
)
def test_table_size(count: int, present: int, size: int) -> None:
    assert table_size(count, present) == size


def test_table_sizes_are_primes() -> None:
    for size in TABLE_SIZES:
        assert all(size % divisor for divisor in range(2, int(size**0.5) + 1))
    assert max(TABLE_SIZES) == MAX_ENTRIES


def test_two_thousand_servers() -> None:
    those = servers(*[100] * 2000)
    wheel = build(Scheduler.SCH, those)
    counts = Counter(wheel)
    assert len(wheel) == MAX_ENTRIES
    assert set(counts) == set(range(1, 2001))
    assert set(counts.values()) == {32, 33}
    fewer = build(Scheduler.SCH, those[1:], len(wheel))
    assert moved(wheel, fewer) < 0.01


# -- all -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", Scheduler)
@given(those=WEIGHTED, data=st.data())
def test_a_wheel_is_the_servers_and_nothing_else(
    scheduler: Scheduler, those: list[WheelServer], data: st.DataObject
) -> None:
    """Neither the order they come in nor their rows matter."""
    wheel = build(scheduler, those)
    able = {server.row for server in those if server.weight > 0}
    assert set(wheel) == able
    assert build(scheduler, data.draw(st.permutations(those))) == wheel
    other_rows = [replace(server, row=1000 - server.row) for server in those]
    assert [1000 - row for row in build(scheduler, other_rows)] == list(wheel)


@pytest.mark.parametrize("scheduler", Scheduler)
@given(those=WEIGHTED, data=st.data())
def test_failed_servers_are_replaced_where_they_are(
    scheduler: Scheduler, those: list[WheelServer], data: st.DataObject
) -> None:
    wheel = build(scheduler, those)
    rows = [server.row for server in those]
    gone = data.draw(st.sets(st.sampled_from(rows))) if rows else set()
    left = [server for server in those if server.row not in gone and server.weight]
    patched = without(wheel, gone, left)
    assert set(patched) <= {server.row for server in left}
    if left:
        assert len(patched) == len(wheel)
        for before, after in zip(wheel, patched, strict=True):
            assert before == after or before in gone
    else:
        assert not patched
    assert without(wheel, gone, list(reversed(left))) == patched


def test_what_a_failed_server_had_is_shared_by_weight() -> None:
    those = servers(100, 60, 40, 20)
    wheel = build(Scheduler.SCH, those)
    patched = without(wheel, {1}, those[1:])
    counts, total = Counter(patched), len(wheel)
    for server in those[1:]:
        assert counts[server.row] / total == pytest.approx(server.weight / 120, abs=0.02)
