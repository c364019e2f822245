# SPDX-License-Identifier: Apache-2.0
"""Servers that left their groups while flows on them may go on: one timer each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from xdpair.core.changes import Departure


class Departures:
    """For the event loop's thread only.

    Attributes:
        current: by name of the server's row.
        over: those of them whose time is up; they stay until ``follow`` says otherwise.

    Args:
        on_over: there is another one in ``over``.
    """

    def __init__(self, on_over: Callable[[], None]) -> None:
        self._on_over = on_over
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.current: dict[str, Departure] = {}
        self.over: set[str] = set()

    def follow(self, changes: Mapping[str, Departure | None]) -> None:
        """None: it is over."""
        for name, departure in changes.items():
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()
            self.over.discard(name)
            if departure is None:
                self.current.pop(name, None)
                continue
            self.current[name] = departure
            delay_s = max(departure.until_s - time.time(), 0.0)
            loop = asyncio.get_running_loop()
            self._timers[name] = loop.call_later(delay_s, self._finish, name)

    def _finish(self, name: str) -> None:
        del self._timers[name]
        self.over.add(name)
        self._on_over()

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
