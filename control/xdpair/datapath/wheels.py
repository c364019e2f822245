# SPDX-License-Identifier: Apache-2.0
"""The wheels of weighted listeners: runs of one flat array, of which each listener's word names
one.

A new wheel is written where no packet reads, then the listener's word is stored; the run of the old
one rests until no packet can still be reading it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from xdpair.core.errors import LimitExceeded
from xdpair.datapath.maps import Array, Maps
from xdpair.datapath.runs import Run, Runs
from xdpair.datapath.servers import ServerRows

#: A packet is through in microseconds, but the CPU that has it may be taken away from a guest.
REST_S = 0.1

_ENTRIES_MASK = 0xFFFF_FFFF


class Wheels:
    """Writes wheels. Nobody else does."""

    def __init__(self, maps: Maps, servers: ServerRows) -> None:
        self._words: Array = maps.listeners["wheel"]
        self._entries: Array = maps.wheels["server"].reshape(-1)
        self._servers = servers
        taken = {row: _run_of(self._words[row]) for row in np.flatnonzero(self._words).tolist()}
        self._taken = {row: run for row, run in taken.items() if run.size}
        self._runs = Runs(len(self._entries), self._taken.values())
        #: When they were left, and the runs.
        self._resting: deque[tuple[float, Run]] = deque()

    def write(self, row: int, wheel: Sequence[int], eligible: Mapping[int, bool]) -> None:
        """Give the listener another wheel.

        Raises:
            LimitExceeded: no room; the old wheel stays.
        """
        entries = np.array(wheel, self._entries.dtype)
        run = None if self._is_there(row, entries) else self._write_entries(entries)
        for server, is_eligible in eligible.items():
            if is_eligible:
                self._servers.set_eligible(server, eligible=True)
        if run is not None:
            self._switch(row, run)
        for server, is_eligible in eligible.items():
            if not is_eligible:
                self._servers.set_eligible(server, eligible=False)

    def read(self, row: int) -> list[int]:
        """What packets go by."""
        run = _run_of(self._words[row])
        wheel: list[int] = self._entries[run.first : run.end].tolist()
        return wheel

    def remove(self, rows: Iterable[int]) -> None:
        """Of listeners that no packet comes to any more."""
        for row in rows:
            if row in self._taken:
                self._switch(row, Run(0, 0))

    def remove_others(self, rows: Iterable[int]) -> None:
        """Of all listeners but these."""
        self.remove(self._taken.keys() - set(rows))

    def _is_there(self, row: int, entries: Array) -> bool:
        run = self._taken.get(row, Run(0, 0))
        return np.array_equal(self._entries[run.first : run.end], entries)

    def _write_entries(self, entries: Array) -> Run:
        if not len(entries):
            return Run(0, 0)
        run = self._take(len(entries))
        self._entries[run.first : run.end] = entries
        return run

    def _take(self, size: int) -> Run:
        self._wake(rested_since=time.monotonic() - REST_S)
        run = self._runs.take(size)
        if run is None:
            # Rather a run that rested for less long than no wheel.
            self._wake(rested_since=time.monotonic())
            run = self._runs.take(size)
        if run is None:
            raise LimitExceeded(
                f"no room for a wheel of {size} entries among {len(self._entries)}", kind="wheel"
            )
        return run

    def _wake(self, rested_since: float) -> None:
        while self._resting and self._resting[0][0] <= rested_since:
            self._runs.give_back(self._resting.popleft()[1])

    def _switch(self, row: int, run: Run) -> None:
        self._words[row] = run.first << 32 | run.size
        old = self._taken.pop(row, None)
        if old is not None:
            self._resting.append((time.monotonic(), old))
        if run.size:
            self._taken[row] = run


def _run_of(word: np.uint64) -> Run:
    return Run(int(word) >> 32, int(word) & _ENTRIES_MASK)
