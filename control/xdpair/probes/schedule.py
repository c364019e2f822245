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
from xdpair.probes.timetable import Sleeper, Timetable
from xdpair.probes.udp import UdpProbe

OnResult = Callable[[ProbeResult], None]

_NS_PER_MS = 1_000_000
#: epoll_wait() counts in whole milliseconds, and asyncio rounds up.
_TIMER_TICK_NS = 1_000_000
#: First probes that are wanted now, all at once, start so far apart: 5,000 a second. They stay
#: apart, as each goes on from where it started.
_FIRST_SPACING_NS = 200_000

_PROBES: dict[CheckKind, type[Probe]] = {
    CheckKind.TCP: TcpProbe,
    CheckKind.HTTP: HttpProbe,
    CheckKind.UDP: UdpProbe,
}


class ProbeScheduler:
    """Implements the port ``Prober`` on an event loop.

    Each key has one probe at a time and at most one open socket; all together have a part of the
    descriptors that this process may open, and a probe that finds none left says so instead. A
    result is never delivered from within ``start`` or ``stop``.

    Args:
        loop: its clock must be CLOCK_MONOTONIC, as asyncio's own is.
        rng: draws the initial phases, so that servers defined together are not probed together.
    """

    def __init__(self, loop: AbstractEventLoop, *, rng: Random) -> None:
        self._loop = loop
        self._rng = rng
        self._poller = Poller(loop)
        self._timetable = Timetable(loop)
        self._rounds: dict[Hashable, _Round] = {}
        self._next_first_ns = 0

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
            first_now: the first probe starts at once, or after those of others that should, instead
                of at a random point of the interval.
        """
        self.stop(key)
        now_ns = self._timetable.now_ns()
        if first_now:
            due_ns = max(now_ns, self._next_first_ns)
            self._next_first_ns = due_ns + _FIRST_SPACING_NS
        else:
            due_ns = now_ns + round(self._rng.random() * target.check.interval_ms * _NS_PER_MS)
        probe = _PROBES[target.check.kind](self._loop, self._poller, target)
        self._rounds[key] = _Round(self._timetable, probe, target, on_result, due_ns)

    def stop(self, key: Hashable) -> None:
        """Forget ``key``, in the middle of a probe too. Unknown keys are ignored."""
        stopped = self._rounds.pop(key, None)
        if stopped is not None:
            stopped.stop()

    def stop_all(self) -> None:
        """Forget every key."""
        for key in list(self._rounds):
            self.stop(key)
        self._timetable.close()
        self._poller.close()


class _Round(Sleeper):
    """The probes of one key, for as long as it is checked.

    Starts are due on the grid ``first + n * interval``, kept as integers, so lateness (of the
    loop, of epoll's whole milliseconds) never adds up. A start that is late takes the place of
    all starts it has missed: probes neither overlap nor come in bursts.

    One alarm serves for the start and for the deadline: while a probe runs it is set to the nearer
    of the two, so that a probe that ends in time has no alarm to change.
    """

    __slots__ = (
        "_deadline_ns",
        "_due_ns",
        "_interval_ns",
        "_on_result",
        "_probe",
        "_running",
        "_started_ns",
        "_timeout_ns",
        "_timetable",
        "_was_late",
    )

    def __init__(
        self,
        timetable: Timetable,
        probe: Probe,
        target: ProbeTarget,
        on_result: OnResult,
        first_due_ns: int,
    ) -> None:
        super().__init__()
        self._timetable = timetable
        self._probe = probe
        self._on_result = on_result
        self._interval_ns = target.check.interval_ms * _NS_PER_MS
        self._timeout_ns = target.check.timeout_ms * _NS_PER_MS
        self._due_ns = first_due_ns
        self._started_ns = 0
        self._deadline_ns = 0
        self._running = False
        self._was_late = False
        probe.on_end = self._ended
        timetable.wake_at(first_due_ns, self)

    def stop(self) -> None:
        self._timetable.forget(self)
        self._probe.abort()

    def wake(self, due_ns: int) -> None:
        if self._running:
            if due_ns >= self._deadline_ns:
                self._expire()
            else:
                self._timetable.wake_at(self._deadline_ns, self)
        elif due_ns >= self._due_ns:
            self._begin()
        else:
            self._timetable.wake_at(self._due_ns, self)

    def _begin(self) -> None:
        started_ns = self._started_ns = self._timetable.now_ns()
        interval_ns = self._interval_ns
        missed, late_ns = divmod(max(0, started_ns - self._due_ns), interval_ns)
        self._due_ns += missed * interval_ns
        # Where the timeout fills the interval, the ordinary lateness of a timer is taken off it;
        # else each probe of a silent server would start a bit later than the one before.
        fills = self._timeout_ns <= interval_ns
        spared_ns = min(late_ns, _TIMER_TICK_NS) if fills else 0
        self._deadline_ns = max(started_ns, self._due_ns) + self._timeout_ns - spared_ns
        self._was_late = False
        self._running = True
        self._timetable.wake_at(min(self._deadline_ns, self._due_ns + interval_ns), self)
        self._probe.begin()

    def _expire(self) -> None:
        # "Timed out" claims that the server had that time. If this process (or its whole virtual
        # machine) stood still for a good part of it, that part is given back, once.
        now_ns = self._timetable.now_ns()
        late_ns = now_ns - self._deadline_ns
        if late_ns > self._timeout_ns // 2 and not self._was_late:
            self._was_late = True
            self._deadline_ns = now_ns + min(late_ns, self._timeout_ns)
            self._timetable.wake_at(self._deadline_ns, self)
        else:
            self._probe.expire()

    def _ended(self, verdict: Verdict) -> None:
        self._running = False
        self._due_ns += self._interval_ns
        if not 0 <= self.wake_ns <= self._due_ns:
            # Its time is up, or it took longer than the interval; then the next one is due by now.
            self._timetable.wake_at(self._due_ns, self)
        error, local_fault = verdict
        ended_ns = self._timetable.now_ns()
        self._on_result(ProbeResult(not error, error, self._started_ns, ended_ns, local_fault))
