# SPDX-License-Identifier: Apache-2.0
"""Thousands of alarms on one timer of the loop's."""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from asyncio import AbstractEventLoop, TimerHandle
from itertools import count

NS_PER_S = 1_000_000_000

#: So many sleepers are woken in one turn of the loop, some milliseconds of work; the rest comes
#: after what has arrived meanwhile.
MAX_AT_ONCE = 100

#: Of the loop's clock and of floating point: an alarm may ring so much early.
_TOLERANCE_NS = 1000

#: ``Sleeper.wake_ns`` of one who has no alarm.
NEVER_NS = -1


class Sleeper(ABC):
    """Somebody with at most one alarm.

    Attributes:
        wake_ns: when it rings, by the loop's clock. Only ``Timetable`` sets it.
    """

    __slots__ = ("wake_ns",)

    def __init__(self) -> None:
        self.wake_ns = NEVER_NS

    @abstractmethod
    def wake(self, due_ns: int) -> None:
        """The alarm set for ``due_ns`` rings, late perhaps."""


class Timetable:
    """Rings alarms, in their order.

    asyncio's own timers compare in Python: among ten thousand, that took longer than the probes. An
    alarm that was changed stays in the heap until it is the next one, and is then passed over.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[int, int, Sleeper]] = []
        self._order = count()
        self._timer: TimerHandle | None = None
        self._timer_ns = 0
        self._ringing = False
        self._sweep_at = 0

    def __len__(self) -> int:
        """Alarms that take memory."""
        return len(self._heap)

    def now_ns(self) -> int:
        return round(self._loop.time() * NS_PER_S)

    def wake_at(self, when_ns: int, sleeper: Sleeper) -> None:
        """Set the sleeper's alarm, in place of the one it had. In the past: it rings next."""
        sleeper.wake_ns = when_ns
        heapq.heappush(self._heap, (when_ns, next(self._order), sleeper))
        if len(self._heap) > self._sweep_at:
            self._sweep()
        if not self._ringing and (self._timer is None or when_ns < self._timer_ns):
            self._set_timer()

    def forget(self, sleeper: Sleeper) -> None:
        sleeper.wake_ns = NEVER_NS

    def close(self) -> None:
        """Forget all."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        """Throw away what will be passed over, once it may be the half."""
        self._heap = [entry for entry in self._heap if entry[2].wake_ns == entry[0]]
        heapq.heapify(self._heap)
        self._sweep_at = 2 * len(self._heap) + MAX_AT_ONCE

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._heap and self._heap[0][2].wake_ns != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._heap:
            self._timer_ns = self._heap[0][0]
            self._timer = self._loop.call_at(self._timer_ns / NS_PER_S, self._ring)

    def _ring(self) -> None:
        self._timer = None
        until_ns = self.now_ns() + _TOLERANCE_NS
        self._ringing = True
        try:
            for _ in range(MAX_AT_ONCE):
                if not self._heap or self._heap[0][0] > until_ns:
                    break
                due_ns, _, sleeper = heapq.heappop(self._heap)
                if sleeper.wake_ns == due_ns:
                    sleeper.wake_ns = NEVER_NS
                    sleeper.wake(due_ns)
        finally:  # what a sleeper raises stops none of the others
            self._ringing = False
            self._set_timer()
