# SPDX-License-Identifier: Apache-2.0
"""One weighted listener at run time: what is kept of its servers, and told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from xdpair.checks import CheckKey, Checks, describe
from xdpair.core import wheel
from xdpair.core.compile import WeightedMember
from xdpair.core.desired import Desired
from xdpair.core.events import Event, EventKind
from xdpair.core.model import Listener, PairGroup
from xdpair.core.pool import Fitness
from xdpair.ports import ProbeTarget


@dataclass(slots=True)
class Pool:
    """The servers of one weighted listener that forwards.

    Attributes:
        row: of ``listeners``.
        members: by the name of the server's row.
        down: those whose check fails.
        draining: of those, when their flows end, CLOCK_REALTIME.
        wheel: what the data plane has; None: not written yet.
        built_for: what ``wheel`` was built from.
    """

    listener: Listener
    row: int
    checks: Checks
    members: dict[str, WeightedMember] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    draining: dict[str, float] = field(default_factory=dict)
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    fitness: Fitness = Fitness.SOME
    wheel: Sequence[int] = ()
    built_for: object = None

    def cancel_timers(self) -> None:
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()


def is_wanted(desired: Desired, listener: Listener) -> bool:
    is_pair = isinstance(desired.group(listener.group_id), PairGroup)
    return not is_pair and desired.is_forwarding(listener)


def targets(pool: Pool) -> Iterator[tuple[CheckKey, ProbeTarget]]:
    """All servers, whatever their weight."""
    listener = pool.listener
    if not listener.check.enabled:
        return
    for name, member in pool.members.items():
        port = listener.check.port or member.port
        yield (listener.key, name), ProbeTarget(member.address, port, listener.check)


def first_up(pool: Pool) -> Callable[[CheckKey], bool]:
    """A server that was down has to rise first."""
    return lambda key: key[1] not in pool.down


def on_wheel(member: WeightedMember, serving: Collection[int]) -> wheel.WheelServer:
    """One that may not be given new flows has no weight."""
    identity = member.address.packed + member.port.to_bytes(2, "big")
    return wheel.WheelServer(member.row, identity, member.weight if member.row in serving else 0)


def about(pool: Pool, key: CheckKey | None) -> Event:
    check = pool.checks.get(key) if key else None
    return Event(
        EventKind.HEALTH_CHANGED,
        lb_id=pool.listener.key.lb_id,
        group_id=pool.listener.group_id,
        listener=str(pool.listener.key),
        check=describe(check.target) if check else "",
    )


def about_fitness(pool: Pool) -> Event:
    """Whether anybody serves, since that has changed."""
    words = {
        Fitness.SOME: "servers are fit again",
        Fitness.NONE: "no server is fit: new connections are rejected",
        Fitness.OPEN: "no server is fit: all of them get new connections",
        Fitness.WEIGHTLESS: "no server has a weight above 0: new connections are rejected",
    }[pool.fitness]
    kind = {
        Fitness.SOME: EventKind.SERVING,
        Fitness.OPEN: EventKind.WARNING,
    }.get(pool.fitness, EventKind.REJECTING)
    return replace(about(pool, None), kind=kind, message=words)
