# SPDX-License-Identifier: Apache-2.0
"""Drain timeouts: how long connections kept on the secondary may go on after a failback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from xdpair import units
from xdpair.core.model import FlowAction, ListenerKey, Side
from xdpair.units import Unit


class Drains:
    """One timer for each listener that drains. For the event loop's thread only.

    Attributes:
        over: listeners whose time is up: what is left on the secondary ends.

    Args:
        on_change: ``over`` is another than before.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._timers: dict[ListenerKey, asyncio.TimerHandle] = {}
        self.over: set[ListenerKey] = set()

    def follow(self, unit: Unit) -> None:
        """Start, move or end the drains of a unit, as its state and its listeners now want."""
        for listener in unit.listeners:
            timeout_s = listener.traffic.drain_timeout_s
            kept = listener.traffic.on_failback is FlowAction.KEEP
            if not (timeout_s and kept and unit.state.serving is Side.PRIMARY):
                self._end(listener.key)
            elif unit.changed_ns is not None and listener.key not in self.over:
                since_s = (units.now_ns() - unit.changed_ns) / 1e9
                self._start(listener.key, max(timeout_s - since_s, 0.0))

    def forget_others(self, keys: Collection[ListenerKey]) -> None:
        """End the drains of listeners that are gone."""
        for key in (self._timers.keys() | self.over) - set(keys):
            self._end(key)

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    def _start(self, key: ListenerKey, delay_s: float) -> None:
        self._cancel(key)
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(delay_s, self._finish, key)

    def _finish(self, key: ListenerKey) -> None:
        del self._timers[key]
        self.over.add(key)
        self._on_change()

    def _end(self, key: ListenerKey) -> None:
        self._cancel(key)
        if key in self.over:
            self.over.discard(key)
            self._on_change()

    def _cancel(self, key: ListenerKey) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
