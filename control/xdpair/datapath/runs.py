# SPDX-License-Identifier: Apache-2.0
"""Gives away runs of consecutive places. Pure bookkeeping: it knows nothing of what is in them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple


class Run(NamedTuple):
    """``size`` places from ``first`` on."""

    first: int
    size: int

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.first + self.size


class Runs:
    """Places ``0 .. size - 1``. The smallest hole that is large enough is used, of equals any;
    holes that touch become one.

    Args:
        taken: runs that are in use already.
    """

    def __init__(self, size: int, taken: Iterable[Run] = ()) -> None:
        self._by_first: dict[int, Run] = {}
        self._by_end: dict[int, Run] = {}
        #: Holes by size; an ordered set of first places.
        self._by_size: dict[int, dict[int, None]] = {}
        self._sizes: list[int] = []
        first = 0
        for run in sorted(taken):
            self._add(Run(first, run.first - first))
            first = max(first, run.end)
        self._add(Run(first, size - first))

    def take(self, size: int) -> Run | None:
        """A run of that size, or None if no hole is large enough."""
        index = bisect_left(self._sizes, size)
        if index == len(self._sizes):
            return None
        hole = Run(next(iter(self._by_size[self._sizes[index]])), self._sizes[index])
        self._remove(hole)
        self._add(Run(hole.first + size, hole.size - size))
        return Run(hole.first, size)

    def give_back(self, run: Run) -> None:
        """One that ``take`` gave, or that was taken from the beginning."""
        before, after = self._by_end.get(run.first), self._by_first.get(run.end)
        first, end = run.first, run.end
        if before is not None:
            self._remove(before)
            first = before.first
        if after is not None:
            self._remove(after)
            end = after.end
        self._add(Run(first, end - first))

    def holes(self) -> list[Run]:
        """What is free, in order."""
        return sorted(self._by_first.values())

    def _add(self, hole: Run) -> None:
        if hole.size <= 0:
            return
        self._by_first[hole.first] = self._by_end[hole.end] = hole
        if hole.size not in self._by_size:
            self._by_size[hole.size] = {}
            insort(self._sizes, hole.size)
        self._by_size[hole.size][hole.first] = None

    def _remove(self, hole: Run) -> None:
        del self._by_first[hole.first], self._by_end[hole.end]
        places = self._by_size[hole.size]
        del places[hole.first]
        if not places:
            del self._by_size[hole.size]
            del self._sizes[bisect_left(self._sizes, hole.size)]
