# SPDX-License-Identifier: Apache-2.0
"""Wheels that take long to build, one in each turn of the event loop: probes must not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from xdpair.core.model import ListenerKey

#: How long several verdicts may come together before a wheel is built for all of them.
GATHER_S = 0.05


class Rebuilds:
    """For the event loop's thread only.

    Args:
        build: builds the wheel of this listener.
    """

    def __init__(self, build: Callable[[ListenerKey], None]) -> None:
        self._build = build
        #: In the order in which they were asked for.
        self._waiting: dict[ListenerKey, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def soon(self, key: ListenerKey) -> None:
        self._waiting[key] = None
        if self._timer is None:
            self._next_after(GATHER_S)

    def forget(self, key: ListenerKey) -> None:
        """It was built meanwhile, or is needed no more."""
        self._waiting.pop(key, None)

    def close(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _next_after(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._build_one)

    def _build_one(self) -> None:
        self._timer = None
        if self._waiting:
            key = next(iter(self._waiting))
            self.forget(key)
            self._next_after(0.0)
            self._build(key)
