# SPDX-License-Identifier: Apache-2.0
"""Alarms: in order, changed, forgotten, by the thousand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from random import Random

import pytest

from tests.unit.probe_kit import NS_PER_MS, JumpingLoop
from xdpair.probes.timetable import MAX_AT_ONCE, Sleeper, Timetable


class Riser(Sleeper):
    """Notes when it is woken, then does something."""

    def __init__(self, loop: JumpingLoop, then: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._loop = loop
        self._then = then
        self.woken_ms: list[float] = []
        self.due_ns: list[int] = []

    def wake(self, due_ns: int) -> None:
        self.woken_ms.append(round(self._loop.now_ns() / NS_PER_MS - 1_000_000, 3))
        self.due_ns.append(due_ns)
        self._then()


@pytest.fixture
def loop() -> Iterator[JumpingLoop]:
    with closing(JumpingLoop(grace_s=0)) as loop:
        yield loop


@pytest.fixture
def timetable(loop: JumpingLoop) -> Timetable:
    return Timetable(loop)


def test_each_is_woken_when_it_is_due(loop: JumpingLoop, timetable: Timetable) -> None:
    rng, now_ns = Random(5), loop.now_ns()
    delays_ms = [rng.randrange(1000) for _ in range(500)]
    risers = [Riser(loop) for _ in delays_ms]
    for riser, delay_ms in zip(risers, delays_ms, strict=True):
        timetable.wake_at(now_ns + delay_ms * NS_PER_MS, riser)
    loop.run_for(1.0)
    assert [riser.woken_ms for riser in risers] == [[delay_ms] for delay_ms in delays_ms]


@pytest.mark.parametrize(("first_ms", "second_ms"), [(5, 20), (20, 5)])
def test_a_later_alarm_takes_the_place_of_the_former(
    loop: JumpingLoop, timetable: Timetable, first_ms: int, second_ms: int
) -> None:
    riser, now_ns = Riser(loop), loop.now_ns()
    timetable.wake_at(now_ns + first_ms * NS_PER_MS, riser)
    timetable.wake_at(now_ns + second_ms * NS_PER_MS, riser)
    loop.run_for(0.1)
    assert riser.woken_ms == [second_ms]
    assert riser.due_ns == [now_ns + second_ms * NS_PER_MS]


def test_who_is_forgotten_sleeps_on(loop: JumpingLoop, timetable: Timetable) -> None:
    riser, other = Riser(loop), Riser(loop)
    timetable.wake_at(loop.now_ns() + 5 * NS_PER_MS, riser)
    timetable.wake_at(loop.now_ns() + 5 * NS_PER_MS, other)
    timetable.forget(riser)
    loop.run_for(0.1)
    assert (riser.woken_ms, other.woken_ms) == ([], [5])


def test_closed_it_wakes_nobody_and_can_begin_anew(loop: JumpingLoop, timetable: Timetable) -> None:
    riser = Riser(loop)
    timetable.wake_at(loop.now_ns() + 5 * NS_PER_MS, riser)
    timetable.close()
    loop.run_for(0.01)
    timetable.wake_at(loop.now_ns() + 5 * NS_PER_MS, riser)
    loop.run_for(0.01)
    assert riser.woken_ms == [15]


def test_what_arrives_comes_between_two_crowds(loop: JumpingLoop, timetable: Timetable) -> None:
    """However many are due: a turn of the loop wakes some, then looks at descriptors."""
    turns: list[int] = [0]

    def count() -> None:
        turns[-1] += 1

    def next_turn() -> None:
        turns.append(0)
        if len(turns) < 50:
            loop.call_soon(next_turn)

    for _ in range(1000):
        timetable.wake_at(loop.now_ns(), Riser(loop, count))
    loop.call_soon(next_turn)
    loop.run_for(0.1)
    assert sum(turns) == 1000
    assert max(turns) == MAX_AT_ONCE


def test_who_raises_keeps_nobody_asleep(loop: JumpingLoop, timetable: Timetable) -> None:
    def fail() -> None:
        raise ValueError("a bug")

    risers = [Riser(loop, fail) for _ in range(5)]
    for riser in risers:
        timetable.wake_at(loop.now_ns() + NS_PER_MS, riser)
    loop.run_for(0.01)
    assert all(len(riser.woken_ms) == 1 for riser in risers)
    assert len(loop.take_raised()) == 5


def test_alarms_that_are_changed_for_ever_take_no_memory(
    loop: JumpingLoop, timetable: Timetable
) -> None:
    risers = [Riser(loop) for _ in range(10)]
    for n in range(10_000):
        for riser in risers:
            timetable.wake_at(loop.now_ns() + (50_000 - n) * NS_PER_MS, riser)
    assert len(timetable) <= 3 * MAX_AT_ONCE
    loop.run_for(60.0)
    assert all(riser.woken_ms == [40_001] for riser in risers)
