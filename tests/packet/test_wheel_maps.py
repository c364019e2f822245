# SPDX-License-Identifier: Apache-2.0
"""Wheels in the flat array: each whole, none where another is, or was a moment ago."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.packet.balancer import Balancer
from tests.packet.farm import ROWS, farm
from tests.packet.world import WEB_ROW
from xdpair.core.errors import LimitExceeded
from xdpair.datapath import wheels
from xdpair.datapath.adapter import Datapath
from xdpair.datapath.constants import ABI
from xdpair.datapath.pins import Sizes

#: Room for so few entries that histories meet its end.
SIZES = Sizes(max_listeners=16, max_servers=64, flow_buckets=16, wheel_words=16)
ENTRIES = SIZES.wheel_words * ABI["WHEEL_WAYS"]
#: (row of a listener, its wheel); row 0: a moment passes.
HISTORIES = st.lists(
    st.tuples(st.integers(0, 5), st.lists(st.integers(1, 63), max_size=ENTRIES // 2)), max_size=30
)


@pytest.fixture(scope="module")
def small_program(pin_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    balancer = Balancer(pin_path, tmp_path_factory.mktemp("state"), SIZES)
    yield balancer
    balancer.close()


@pytest.fixture
def small(small_program: Balancer) -> Datapath:
    """All listeners without a wheel."""
    _clear(small_program.datapath)
    return small_program.datapath


@pytest.fixture
def weighted(balancer: Balancer) -> Balancer:
    balancer.datapath.apply(farm())
    return balancer


def _clear(datapath: Datapath) -> None:
    for row in range(1, SIZES.max_listeners):
        datapath.write_wheel(row, (), {})


def wheels_of(datapath: Datapath) -> dict[int, list[int]]:
    rows = range(1, SIZES.max_listeners)
    return {row: wheel for row in rows if (wheel := list(datapath.read_wheel(row)))}


def test_written_and_read_back(weighted: Balancer) -> None:
    datapath = weighted.datapath
    assert list(datapath.read_wheel(WEB_ROW)) == []
    for wheel in (ROWS, ROWS[:1], [ROWS[0]] * 251, ()):
        datapath.write_wheel(WEB_ROW, wheel, {})
        assert list(datapath.read_wheel(WEB_ROW)) == list(wheel)
    assert weighted.maps.listeners["wheel"][WEB_ROW] == 0


def test_the_same_wheel_again_writes_nothing(weighted: Balancer) -> None:
    weighted.datapath.write_wheel(WEB_ROW, ROWS, {})
    before = weighted.maps.listeners["wheel"][WEB_ROW]
    weighted.datapath.write_wheel(WEB_ROW, ROWS, {ROWS[0]: True})
    assert weighted.maps.listeners["wheel"][WEB_ROW] == before
    assert weighted.maps.servers["flags"][ROWS[0]] & ABI["SERVER_ELIGIBLE"]


def test_who_is_eligible(weighted: Balancer) -> None:
    """Only that bit moves, and only of those that are named."""
    flags = weighted.maps.servers["flags"]
    resolved, eligible = ABI["SERVER_RESOLVED"], ABI["SERVER_ELIGIBLE"]
    first, second, *others = ROWS
    weighted.datapath.write_wheel(WEB_ROW, (), {first: True, second: False})
    weighted.datapath.write_wheel(WEB_ROW, (), {first: True, second: True})
    weighted.datapath.write_wheel(WEB_ROW, (), {second: False})
    assert flags[first] == resolved | eligible
    assert flags[[second, *others]].tolist() == [resolved] * len(ROWS[1:])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(history=HISTORIES)
def test_no_history_mixes_wheels_up(
    small: Datapath, monkeypatch: pytest.MonkeyPatch, history: list[tuple[int, list[int]]]
) -> None:
    """What does not fit is refused and changes nothing; what fits beside everything that is there
    and that was just left is not refused."""
    monkeypatch.setattr(wheels, "REST_S", 0.0)
    _clear(small)
    wanted: dict[int, list[int]] = {}
    for row, wheel in history:
        if row == 0:
            continue
        try:
            small.write_wheel(row, wheel, {})
        except LimitExceeded:
            assert sum(map(len, wanted.values())) + len(wheel) > ENTRIES / 4
        else:
            wanted[row] = wheel
        assert wheels_of(small) == {row: wheel for row, wheel in wanted.items() if wheel}


def test_a_run_rests_before_it_is_used_again(small: Datapath) -> None:
    words = small.maps.listeners["wheel"]
    seen = set()
    for number in range(4):
        small.write_wheel(1, [1 + number] * 4, {})
        seen.add(int(words[1]))
    assert len(seen) == 4
    small.write_wheel(1, (), {})
    time.sleep(wheels.REST_S)
    small.write_wheel(2, [2] * ENTRIES, {})


def test_when_room_is_scarce_only_the_run_just_left_rests(small: Datapath) -> None:
    """Else no full array could ever be changed."""
    small.write_wheel(2, [2] * (ENTRIES - 8), {})
    words = small.maps.listeners["wheel"]
    for number in range(5):
        before = int(words[1])
        small.write_wheel(1, [1 + number] * 4, {})
        assert int(words[1]) != before
    assert list(small.read_wheel(2)) == [2] * (ENTRIES - 8)


def test_a_wheel_that_does_not_fit_leaves_the_old_one(small: Datapath) -> None:
    small.write_wheel(1, [1, 2, 3], {4: True})
    with pytest.raises(LimitExceeded):
        small.write_wheel(1, [1] * ENTRIES, {4: False, 5: True})
    assert list(small.read_wheel(1)) == [1, 2, 3]
    flags = small.maps.servers["flags"]
    assert (flags[4], flags[5]) == (ABI["SERVER_ELIGIBLE"], 0), "nothing changed"


def test_a_successor_knows_which_runs_are_taken(small_program: Balancer, small: Datapath) -> None:
    for row in range(1, 9):
        small.write_wheel(row, [row] * 5, {})
    successor = small_program.open_datapath()
    try:
        for row in range(9, 13):
            successor.write_wheel(row, [row] * 5, {})
        successor.write_wheel(3, [], {})
        assert wheels_of(small) == {row: [row] * 5 for row in range(1, 13) if row != 3}
        with pytest.raises(LimitExceeded):
            successor.write_wheel(13, [13] * 15, {})
    finally:
        successor.close()
        small_program.datapath = small_program.open_datapath()
