# SPDX-License-Identifier: Apache-2.0
"""Failover units at run time: what is kept of them, and told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from xdpair.checks import Check, CheckKey, Checks
from xdpair.core import failover
from xdpair.core.desired import Desired
from xdpair.core.events import Event
from xdpair.core.failover import SlotPolicy, SlotState
from xdpair.core.model import Listener, Member, Side
from xdpair.core.status import HealthState, ServerHealth, SlotStatus
from xdpair.ports import ProbeTarget


@dataclass(slots=True)
class Unit:
    """One failover unit at run time: a listener of a pair, or all listeners of one.

    Attributes:
        listeners: all of the unit, running or not.
        last_change_time_s: CLOCK_REALTIME, for people.
        changed_ns: the same moment by CLOCK_MONOTONIC, for decisions; None: never.
    """

    name: str
    row: int
    lb_id: str
    group_id: str
    policy: SlotPolicy
    state: SlotState
    checks: Checks
    listeners: tuple[Listener, ...] = ()
    wake: asyncio.TimerHandle | None = None
    last_change_time_s: float = 0.0
    changed_ns: int | None = None

    def primary_up(self) -> bool:
        """The verdict of all checks of the primary together; unchecked, it counts as fit."""
        return all(
            check.health.up for (_, side), check in self.checks.items() if side is Side.PRIMARY
        )


def adopt(remembered: SlotState | None, live: failover.Slot | None) -> SlotState:
    """The state to go on from. What the data plane goes by wins: a crash may have come before the
    store heard of it.

    The slot tells why its side serves: a failed primary is silenced, and only an operator ends the
    flows of a healthy one.
    """
    state = replace(remembered or SlotState(), up_since_ns=now_ns())
    if live is None or live == state.slot:
        return state
    if live.silenced[Side.PRIMARY]:
        cause, pinned = failover.Cause.HEALTH, state.pinned
    elif live.side is Side.SECONDARY and live.fence[Side.PRIMARY] == live.epoch:
        cause, pinned = failover.Cause.OPERATOR, Side.SECONDARY
    else:
        cause, pinned = state.cause, state.pinned
    return replace(
        state,
        slot=live,
        cause=cause,
        pinned=pinned if pinned is live.side else None,
        primary_up=not live.silenced[Side.PRIMARY],
    )


def inherit(states: Sequence[SlotState]) -> SlotState:
    """The state of a unit that takes over the listeners of others: what an operator said and what
    has failed stays so, and flows end only where their side is left by it.
    """
    leader = max(
        states,
        key=lambda state: (
            state.pinned is not None,
            not state.primary_up,
            state.serving is not Side.PRIMARY,
        ),
    )
    if len(states) == 1:
        return leader
    slots, base = [state.slot for state in states], leader.slot.epoch
    epoch = base + 1 + max(_ahead(slot.epoch, base) for slot in slots)
    fence = []
    for side in Side:
        first_alive = base + min(_ahead(slot.fence[side], base) for slot in slots)
        left = side is not leader.serving and any(slot.side is side for slot in slots)
        if left and leader.cause is not failover.Cause.WEIGHT:
            first_alive = epoch
        fence.append(max(first_alive, epoch - failover.MAX_FENCE_LAG) % failover.EPOCH_MODULUS)
    epoch %= failover.EPOCH_MODULUS
    return replace(leader, slot=replace(leader.slot, epoch=epoch, fence=(fence[0], fence[1])))


def vacated(slot: failover.Slot) -> failover.Slot:
    """What a unit that goes leaves in its row: whoever gets the row next begins with the primary,
    and without flows.
    """
    epoch = (slot.epoch + 1) % failover.EPOCH_MODULUS
    return failover.Slot(epoch=epoch, fence=(epoch, epoch))


def _ahead(epoch: int, base: int) -> int:
    """How far, as serial numbers (RFC 1982); negative: behind."""
    half = failover.EPOCH_MODULUS // 2
    return (epoch - base + half) % failover.EPOCH_MODULUS - half


def last_moves_s(events: Iterable[Event]) -> dict[str, float]:
    """By unit, when its serving side last changed (CLOCK_REALTIME), as far as events tell.

    Args:
        events: oldest first.
    """
    return {
        event.listener or event.group_id: event.time_s
        for event in events
        if event.from_side is not event.to_side
    }


def status_of(unit: Unit) -> SlotStatus:
    return SlotStatus(
        group_id=unit.group_id,
        lb_id=unit.lb_id,
        listeners=tuple(listener.key for listener in unit.listeners),
        serving=unit.state.serving,
        cause=unit.state.cause,
        pinned=unit.state.pinned,
        epoch=unit.state.slot.epoch,
        primary_up=unit.state.primary_up,
        last_change_time_s=unit.last_change_time_s,
    )


def targets(desired: Desired, unit: Unit) -> Iterator[tuple[CheckKey, ProbeTarget]]:
    for listener in unit.listeners:
        if not is_checked(desired, listener):
            continue
        group = desired.pair_group(listener.group_id)
        for side in Side:
            if side is Side.PRIMARY or group.probe_secondary:
                member = group.member(side)
                port = listener.check.port or listener.port_of(member)
                yield (
                    (listener.key, side),
                    ProbeTarget(desired.address_of(member), port, listener.check),
                )


def is_checked(desired: Desired, listener: Listener) -> bool:
    return listener.check.enabled and desired.is_forwarding(listener)


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def state_of(check: Check | None) -> HealthState:
    """Unknown while there is no check, or no verdict yet."""
    if check is None or not check.health.known:
        return HealthState.UNAVAILABLE
    return HealthState.NORMAL if check.health.up else HealthState.ABNORMAL


def health_of(
    desired: Desired, listener: Listener, member: Member, check: Check | None, side: Side | None
) -> ServerHealth:
    """One server as one listener sees it."""
    last = check.last if check else None
    return ServerHealth(
        listener=listener.key,
        group_id=listener.group_id,
        side=side,
        server_id=member.server_id,
        address=desired.address_of(member),
        port=listener.port_of(member),
        status=state_of(check),
        checked=check is not None,
        last_probe_age_ms=(now_ns() - last.ended_ns) / 1e6 if last else None,
        latency_ms=(last.ended_ns - last.started_ns) / 1e6 if last else None,
        error=last.error if last else "",
    )
