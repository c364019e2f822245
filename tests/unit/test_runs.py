# SPDX-License-Identifier: Apache-2.0
"""Runs of places: none is ever given away twice, none is lost, and holes that touch are one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from xdpair.datapath.runs import Run, Runs

SIZE = 64
#: Take a run of that size (positive), or give back one of those taken (its number, negative).
STEPS = st.lists(st.integers(1, 20) | st.integers(-10, -1), max_size=60)


def places(runs: list[Run]) -> list[int]:
    return [place for run in runs for place in range(run.first, run.end)]


@given(STEPS)
def test_no_history_loses_or_doubles_a_place(steps: list[int]) -> None:
    runs = Runs(SIZE)
    taken: list[Run] = []
    for step in steps:
        if step > 0:
            largest = max((hole.size for hole in runs.holes()), default=0)
            run = runs.take(step)
            assert (run is not None) == (largest >= step), "a hole that is large enough is used"
            if run is not None:
                assert run.size == step
                taken.append(run)
        elif taken:
            runs.give_back(taken.pop(step % len(taken)))
        holes = runs.holes()
        assert sorted(places(holes) + places(taken)) == list(range(SIZE))
        assert all(hole.size > 0 for hole in holes)
        assert all(left.end < right.first for left, right in pairwise(holes))
        assert Runs(SIZE, taken).holes() == holes, "known again from what is taken"
    for run in taken:
        runs.give_back(run)
    assert runs.holes() == [Run(0, SIZE)]


def test_the_smallest_hole_that_fits_is_used() -> None:
    runs = Runs(20, [Run(4, 2), Run(8, 2)])
    assert runs.holes() == [Run(0, 4), Run(6, 2), Run(10, 10)]
    assert runs.take(2) == Run(6, 2)
    assert runs.take(3) == Run(0, 3)
    assert runs.take(11) is None
    assert runs.take(10) == Run(10, 10)


def test_without_places_nothing_is_given_away() -> None:
    assert Runs(0).take(1) is None
    assert Runs(3, [Run(0, 3)]).holes() == []
