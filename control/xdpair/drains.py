# SPDX-License-Identifier: Apache-2.0
"""Drain timeouts of pairs: how long connections may go on that were kept on the secondary after a
failback, or on a primary that failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from xdpair import units
from xdpair.core.model import FlowAction, Listener, ListenerKey, Side
from xdpair.units import Unit

_Drain = tuple[ListenerKey, Side]


class Drains:
    """One timer for each side of a listener that drains. For the event loop's thread only.

    Attributes:
        over: those whose time is up: what is left on that side ends.

    Args:
        on_change: ``over`` is another than before, as far as this listener goes.
    """

    def __init__(self, on_change: Callable[[ListenerKey], None]) -> None:
        self._on_change = on_change
        self._timers: dict[_Drain, asyncio.TimerHandle] = {}
        #: The change of side (CLOCK_MONOTONIC) that a drain follows from.
        self._since_ns: dict[_Drain, int] = {}
        self.over: set[_Drain] = set()

    def follow(self, unit: Unit) -> None:
        """Start, move or end the drains of a unit, as its state and its listeners now want."""
        for listener in unit.listeners:
            for side in Side:
                timeout_s = _timeout_s(listener, side)
                drain = (listener.key, side)
                serves = unit.state.serving in {side, None}
                if serves or not timeout_s or unit.changed_ns is None:
                    self._end(drain)
                else:
                    self._go_on(drain, timeout_s, unit.changed_ns)

    def forget(self, key: ListenerKey) -> None:
        """End the drains of a listener that is gone."""
        for side in Side:
            self._end((key, side))

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()

    def _go_on(self, drain: _Drain, timeout_s: int, since_ns: int) -> None:
        if self._since_ns.get(drain) != since_ns:
            self._end(drain)
        elif drain in self.over:
            return
        self._since_ns[drain] = since_ns
        delay_s = timeout_s - (units.now_ns() - since_ns) / 1e9
        self._start(drain, max(delay_s, 0.0))

    def _start(self, drain: _Drain, delay_s: float) -> None:
        self._cancel(drain)
        loop = asyncio.get_running_loop()
        self._timers[drain] = loop.call_later(delay_s, self._finish, drain)

    def _finish(self, drain: _Drain) -> None:
        del self._timers[drain]
        self.over.add(drain)
        self._on_change(drain[0])

    def _end(self, drain: _Drain) -> None:
        self._cancel(drain)
        self._since_ns.pop(drain, None)
        if drain in self.over:
            self.over.discard(drain)
            self._on_change(drain[0])

    def _cancel(self, drain: _Drain) -> None:
        timer = self._timers.pop(drain, None)
        if timer is not None:
            timer.cancel()


def _timeout_s(listener: Listener, side: Side) -> int:
    """How long flows of a side that stopped serving may go on; 0: no such limit."""
    traffic = listener.traffic
    if side is Side.PRIMARY:
        return traffic.connection_drain_s
    return traffic.drain_timeout_s if traffic.on_failback is FlowAction.KEEP else 0
