# SPDX-License-Identifier: Apache-2.0
"""The failover machine: who serves a slot, and what becomes of the flows of whoever does not.

``(state, policy, input, now) -> (state, effects)``. One slot is one failover unit: a listener, or a
group whose listeners move together. All decisions go through ``_target``; all changes of the slot
through ``_move`` and ``_fence``.

A flow remembers the epoch it was made in. ``fence[side]`` is the first epoch whose flows on that
side are alive: raising it to the present epoch ends all older flows of that side at once, whatever
their number. Epochs are 16 bits wide in the data plane and compared as serial numbers (RFC 1982),
so no fence may lag behind by half the circle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from xdpair.core import errors
from xdpair.core.events import EventKind
from xdpair.core.model import FailbackMode, FailoverPolicy, PairGroup, Side

EPOCH_MODULUS = 1 << 16
#: The farthest a fence may lag behind the epoch; half of what serial-number comparison can tell
#: apart.
MAX_FENCE_LAG = EPOCH_MODULUS // 4


class Cause(Enum):
    """Why the serving side serves."""

    START = "start"
    HEALTH = "health"
    WEIGHT = "weight"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Slot:
    """The 8-byte map value.

    Attributes:
        side: who serves; None: nobody, new connections are rejected.
        epoch: 16 bits, grows by one at each change.
        fence: per side, the first epoch whose flows are alive.
        silenced: per side, True while nothing that server still says may reach a client (it
            failed).
    """

    side: Side | None = Side.PRIMARY
    epoch: int = 1
    fence: tuple[int, int] = (1, 1)
    silenced: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, slots=True)
class SlotState:
    """Everything the machine remembers of one slot.

    Attributes:
        pinned: the side an operator wants, which no probe undoes; None: health and weights decide.
        primary_up: the verdict of the health checks.
        up_since_ns: CLOCK_MONOTONIC, when the primary became healthy again; meaningless after a
            restart.
    """

    slot: Slot = Slot()
    cause: Cause = Cause.START
    pinned: Side | None = None
    primary_up: bool = True
    up_since_ns: int = 0

    @property
    def serving(self) -> Side | None:
        return self.slot.side


@dataclass(frozen=True, slots=True)
class SlotPolicy:
    """What the users asked for, as far as this slot is concerned."""

    primary_weight: int = 100
    secondary_weight: int = 100
    failover: FailoverPolicy = FailoverPolicy()

    @classmethod
    def of(cls, group: PairGroup) -> SlotPolicy:
        return cls(group.primary.weight, group.secondary.weight, group.failover)

    def usable(self, side: Side) -> bool:
        return (self.primary_weight if side is Side.PRIMARY else self.secondary_weight) > 0


@dataclass(frozen=True, slots=True)
class WriteSlot:
    """Store this word; nothing may come before it."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell those who watch."""

    kind: EventKind
    from_side: Side | None
    to_side: Side | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Call ``on_tick`` at this CLOCK_MONOTONIC time."""

    at_ns: int


Effect = WriteSlot | Announce | WakeAt
Outcome = tuple[SlotState, tuple[Effect, ...]]


# -- inputs ----------------------------------------------------------------------------------------


def on_health(state: SlotState, policy: SlotPolicy, up: bool, now_ns: int) -> Outcome:
    """The verdict on the primary; saying the same again changes nothing."""
    if up == state.primary_up:
        return on_tick(state, policy, now_ns)
    return _settle(replace(state, primary_up=up, up_since_ns=now_ns), policy, now_ns)


def on_tick(state: SlotState, policy: SlotPolicy, now_ns: int) -> Outcome:
    """Time passed, or the policy changed, or the controller started: decide anew."""
    return _settle(state, policy, now_ns)


def switchover(state: SlotState, policy: SlotPolicy, to: Side | None, now_ns: int) -> Outcome:
    """An operator moves the traffic, and it stays there until ``failback`` or ``release``.

    Args:
        to: the side wanted; None: the one that does not serve now.

    Raises:
        ServerHasWeightZero: that server takes no new connections.
    """
    wanted = to if to is not None else _other(state.serving)
    _require_usable(policy, wanted)
    settled, effects = _settle(replace(state, pinned=wanted), policy, now_ns, EventKind.SWITCHOVER)
    if settled.serving is state.serving and state.pinned is not wanted:
        effects = (
            *effects,
            Announce(EventKind.HELD, state.serving, state.serving, Cause.OPERATOR),
        )
    return settled, effects


def failback(state: SlotState, policy: SlotPolicy, now_ns: int) -> Outcome:
    """An operator returns the traffic to the primary and the decision to the health checks.

    Raises:
        PrimaryUnhealthy: the primary's check fails.
        ServerHasWeightZero: the primary takes no new connections.
    """
    if not state.primary_up:
        raise errors.PrimaryUnhealthy("the primary's health check fails: traffic stays where it is")
    _require_usable(policy, Side.PRIMARY)
    released = replace(state, pinned=None)
    if state.serving is Side.PRIMARY:
        told = Announce(EventKind.RELEASED, Side.PRIMARY, Side.PRIMARY, Cause.OPERATOR)
        return released, (told,) if state.pinned is not None else ()
    moved, effects = _move(released, policy, Side.PRIMARY, Cause.OPERATOR, EventKind.FAILBACK)
    return moved, effects


def hold(state: SlotState) -> Outcome:
    """An operator freezes the present side: no probe moves it until ``release``.

    Raises:
        FailedPrecondition: nobody serves, so there is nothing to hold.
    """
    if state.serving is None:
        raise errors.FailedPrecondition("both servers have weight 0: nobody serves")
    held = replace(state, pinned=state.serving)
    return held, (Announce(EventKind.HELD, state.serving, state.serving, Cause.OPERATOR),)


def release(state: SlotState, policy: SlotPolicy, now_ns: int) -> Outcome:
    """End a hold or a switchover: health and weights decide again, at once."""
    if state.pinned is None:
        return state, ()
    settled, effects = _settle(replace(state, pinned=None), policy, now_ns)
    told = Announce(EventKind.RELEASED, state.serving, settled.serving, Cause.OPERATOR)
    writes = tuple(effect for effect in effects if isinstance(effect, WriteSlot))
    return settled, (*writes, told, *effects[len(writes) :])


# -- decisions -------------------------------------------------------------------------------------


def _target(state: SlotState, policy: SlotPolicy, now_ns: int) -> tuple[Side | None, Cause]:
    """Who ought to serve now, and why. Total: every state and policy has an answer."""
    if state.pinned is not None and policy.usable(state.pinned):
        return state.pinned, Cause.OPERATOR
    primary_fit = state.primary_up and policy.usable(Side.PRIMARY)
    secondary_usable = policy.usable(Side.SECONDARY)
    if primary_fit and not (state.serving is Side.SECONDARY and secondary_usable):
        return Side.PRIMARY, Cause.HEALTH if state.cause is Cause.HEALTH else Cause.WEIGHT
    if primary_fit:
        returns = state.cause is Cause.WEIGHT or _may_return(state, policy, now_ns)
        return (Side.PRIMARY if returns else Side.SECONDARY), state.cause
    cause = Cause.WEIGHT if state.primary_up else Cause.HEALTH
    return (Side.SECONDARY if secondary_usable else None), cause


def _may_return(state: SlotState, policy: SlotPolicy, now_ns: int) -> bool:
    if policy.failover.failback is FailbackMode.MANUAL:
        return False
    return now_ns >= _return_at_ns(state, policy)


def _return_at_ns(state: SlotState, policy: SlotPolicy) -> int:
    return state.up_since_ns + policy.failover.hold_down_ms * 1_000_000


def _settle(
    state: SlotState, policy: SlotPolicy, now_ns: int, kind: EventKind | None = None
) -> Outcome:
    side, cause = _target(state, policy, now_ns)
    if side is not state.serving:
        return _move(state, policy, side, cause, kind or _kind_of(side, cause))
    if side is not Side.PRIMARY and not state.primary_up and not state.slot.silenced[Side.PRIMARY]:
        return _fence_failed_primary(state)
    waiting = (
        side is Side.SECONDARY
        and state.pinned is None
        and state.primary_up
        and policy.usable(Side.PRIMARY)
        and policy.failover.failback is FailbackMode.AUTO
    )
    return state, ((WakeAt(_return_at_ns(state, policy)),) if waiting else ())


def _kind_of(side: Side | None, cause: Cause) -> EventKind:
    if side is None:
        return EventKind.REJECTING
    if cause is Cause.WEIGHT:
        return EventKind.WEIGHT_CHANGE
    if side is Side.PRIMARY:
        return EventKind.FAILBACK
    return EventKind.SWITCHOVER if cause is Cause.OPERATOR else EventKind.FAILOVER


def _move(
    state: SlotState, policy: SlotPolicy, side: Side | None, cause: Cause, kind: EventKind
) -> Outcome:
    """Change the serving side. Weights end no flow; operators and failures do."""
    epoch = (state.slot.epoch + 1) % EPOCH_MODULUS
    fence, silenced = list(state.slot.fence), list(state.slot.silenced)
    if state.serving is not None:
        by_weight = cause is Cause.WEIGHT or not policy.usable(state.serving)
        if cause is Cause.OPERATOR or not by_weight:
            fence[state.serving] = epoch
    silenced[Side.PRIMARY] = side is not Side.PRIMARY and not state.primary_up
    if silenced[Side.PRIMARY]:
        fence[Side.PRIMARY] = epoch
    slot = _slot(side, epoch, fence, silenced)
    moved = replace(state, slot=slot, cause=cause)
    return moved, (WriteSlot(slot), Announce(kind, state.serving, side, cause))


def _fence_failed_primary(state: SlotState) -> Outcome:
    """The primary was already out of service, but its flows were allowed to go on; now it has
    failed.
    """
    epoch = (state.slot.epoch + 1) % EPOCH_MODULUS
    slot = _slot(state.serving, epoch, [epoch, state.slot.fence[Side.SECONDARY]], [True, False])
    cause = Cause.HEALTH if state.cause is Cause.WEIGHT else state.cause
    return (
        replace(state, slot=slot, cause=cause),
        (WriteSlot(slot), Announce(EventKind.FENCED, state.serving, state.serving, Cause.HEALTH)),
    )


def _slot(side: Side | None, epoch: int, fence: list[int], silenced: list[bool]) -> Slot:
    primary, secondary = (
        (epoch - MAX_FENCE_LAG) % EPOCH_MODULUS
        if (epoch - value) % EPOCH_MODULUS > MAX_FENCE_LAG
        else value
        for value in fence
    )
    return Slot(side, epoch, (primary, secondary), (silenced[0], silenced[1]))


def _other(side: Side | None) -> Side:
    return Side.PRIMARY if side is None else side.other


def _require_usable(policy: SlotPolicy, side: Side) -> None:
    if not policy.usable(side):
        raise errors.ServerHasWeightZero(
            f"the {side.name.lower()} has weight 0: it takes no new connections"
        )
