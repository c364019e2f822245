# SPDX-License-Identifier: Apache-2.0
"""When probes start and when their time is up."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Hashable
from random import Random

from xdpair.core.model import CheckKind
from xdpair.ports import ProbeResult, ProbeTarget
from xdpair.probes.faults import Verdict
from xdpair.probes.http import HttpProbe
from xdpair.probes.poller import Poller
from xdpair.probes.probe import Probe
from xdpair.probes.tcp import TcpProbe
from xdpair.probes.udp import UdpProbe

OnResult = Callable[[ProbeResult], None]

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
#: epoll_wait() counts in whole milliseconds, and asyncio rounds up.
_TIMER_TICK_NS = 1_000_000

_PROBES: dict[CheckKind, type[Probe]] = {
    CheckKind.TCP: TcpProbe,
    CheckKind.HTTP: HttpProbe,
    CheckKind.UDP: UdpProbe,
}


class ProbeScheduler:
    """Implements the port ``Prober`` on an event loop.

    Each key has one probe at a time and at most one open socket, so the number of keys bounds the
    number of descriptors. A result is never delivered from within ``start`` or ``stop``.

    Args:
        loop: its clock must be CLOCK_MONOTONIC, as asyncio's own is.
        rng: draws the initial phases, so that servers defined together are not probed together.
    """

    def __init__(self, loop: AbstractEventLoop, *, rng: Random) -> None:
        self._loop = loop
        self._rng = rng
        self._poller = Poller(loop)
        self._rounds: dict[Hashable, _Round] = {}

    def start(
        self,
        key: Hashable,
        target: ProbeTarget,
        on_result: OnResult,
        *,
        first_now: bool = False,
    ) -> None:
        """Probe ``target`` from now on, in place of what ``key`` stood for.

        Args:
            first_now: the first probe starts at once instead of at a random point of the interval.
        """
        self.stop(key)
        delay_s = 0.0 if first_now else self._rng.random() * target.check.interval_ms / 1000
        first_due_s = self._loop.time() + delay_s
        self._rounds[key] = _Round(self._loop, self._poller, target, on_result, first_due_s)

    def stop(self, key: Hashable) -> None:
        """Forget ``key``, in the middle of a probe too. Unknown keys are ignored."""
        stopped = self._rounds.pop(key, None)
        if stopped is not None:
            stopped.stop()

    def stop_all(self) -> None:
        """Forget every key."""
        for key in list(self._rounds):
            self.stop(key)
        self._poller.close()


class _Round:
    """The probes of one key, for as long as it is checked.

    Starts are due on the grid ``first + n * interval``, kept as integers, so lateness (of the
    loop, of epoll's whole milliseconds) never adds up. A start that is late takes the place of
    all starts it has missed: probes neither overlap nor come in bursts. One timer serves in turn
    for the start and for the deadline.
    """

    __slots__ = (
        "_deadline_ns",
        "_due_ns",
        "_interval_ns",
        "_loop",
        "_on_result",
        "_probe",
        "_started_ns",
        "_timeout_ns",
        "_timer",
        "_was_late",
    )

    def __init__(
        self,
        loop: AbstractEventLoop,
        poller: Poller,
        target: ProbeTarget,
        on_result: OnResult,
        first_due_s: float,
    ) -> None:
        self._loop = loop
        self._on_result = on_result
        self._interval_ns = target.check.interval_ms * _NS_PER_MS
        self._timeout_ns = target.check.timeout_ms * _NS_PER_MS
        self._probe = _PROBES[target.check.kind](loop, poller, target, self._ended)
        self._due_ns = round(first_due_s * _NS_PER_S)
        self._started_ns = 0
        self._deadline_ns = 0
        self._was_late = False
        self._timer = loop.call_at(first_due_s, self._begin)

    def stop(self) -> None:
        self._timer.cancel()
        self._probe.abort()

    def _now_ns(self) -> int:
        return round(self._loop.time() * _NS_PER_S)

    def _begin(self) -> None:
        self._started_ns = self._now_ns()
        missed, late_ns = divmod(max(0, self._started_ns - self._due_ns), self._interval_ns)
        self._due_ns += missed * self._interval_ns
        # Where the timeout fills the interval, the ordinary lateness of a timer is taken off it;
        # else each probe of a silent server would start a bit later than the one before.
        fills = self._timeout_ns <= self._interval_ns
        spared_ns = min(late_ns, _TIMER_TICK_NS) if fills else 0
        self._was_late = False
        self._wait_until(self._started_ns + self._timeout_ns - spared_ns)
        self._probe.begin()

    def _wait_until(self, deadline_ns: int) -> None:
        self._deadline_ns = deadline_ns
        self._timer = self._loop.call_at(deadline_ns / _NS_PER_S, self._expire)

    def _expire(self) -> None:
        # "Timed out" claims that the server had that time. If this process (or its whole virtual
        # machine) stood still for a good part of it, that part is given back, once.
        now_ns = self._now_ns()
        late_ns = now_ns - self._deadline_ns
        if late_ns > self._timeout_ns // 2 and not self._was_late:
            self._was_late = True
            self._wait_until(now_ns + min(late_ns, self._timeout_ns))
        else:
            self._probe.expire()

    def _ended(self, verdict: Verdict) -> None:
        self._timer.cancel()
        self._due_ns += self._interval_ns
        # In the past if the probe took longer: the loop then starts the next one in its next turn.
        self._timer = self._loop.call_at(self._due_ns / _NS_PER_S, self._begin)
        error, local_fault = verdict
        self._on_result(
            ProbeResult(not error, error, self._started_ns, self._now_ns(), local_fault)
        )
