# SPDX-License-Identifier: Apache-2.0
"""What the failover machine promises, said a second time and in another way.

``Unit.step`` feeds the machine one input and checks the answer against these rules, which follow
the history of the unit instead of the machine's own ``cause``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from xdpair.core import errors, failover
from xdpair.core.events import EventKind
from xdpair.core.failover import (
    EPOCH_MODULUS,
    MAX_FENCE_LAG,
    Announce,
    Effect,
    Outcome,
    Slot,
    SlotPolicy,
    SlotState,
    WakeAt,
    WriteSlot,
)
from xdpair.core.model import FailbackMode, FailoverPolicy, Side

P, S = Side.PRIMARY, Side.SECONDARY
MS = 1_000_000


def is_before(one: int, other: int) -> bool:
    """RFC 1982: how the data plane compares epochs."""
    return (one - other) % EPOCH_MODULUS >= EPOCH_MODULUS // 2


def is_alive(slot: Slot, side: Side, made_in: int) -> bool:
    """Whether the slot lets a flow go on that was given to this side in that epoch."""
    return not is_before(made_in, slot.fence[side])


@dataclass(frozen=True)
class Input:
    """One thing that can happen to a unit.

    Attributes:
        repeatable: a second time, at the same moment, it changes nothing.
    """

    name: str
    act: Callable[[Unit], tuple[Unit, tuple[Effect, ...]]]
    repeatable: bool = True

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Unit:
    """A slot with all that its fate depends on.

    Attributes:
        owes: the primary may return by the failback policy only: it failed, or an operator moved
            the traffic away. False: it is out for its weight alone and returns with it.
    """

    state: SlotState = field(default_factory=SlotState)
    policy: SlotPolicy = field(default_factory=SlotPolicy)
    now_ns: int = 10**12
    owes: bool = False

    @property
    def active_pin(self) -> Side | None:
        pin = self.state.pinned
        return pin if pin is not None and self.policy.usable(pin) else None

    @property
    def return_ns(self) -> int:
        return self.state.up_since_ns + self.policy.failover.hold_down_ms * MS

    def step(self, given: Input) -> Unit:
        """The unit after the input. A refused one changes nothing.

        Raises:
            AssertionError: a promise was broken.
        """
        try:
            acted, effects = given.act(self)
        except (errors.PrimaryUnhealthy, errors.ServerHasWeightZero, errors.FailedPrecondition):
            return self
        after = replace(acted, owes=_owes(self, acted))
        check_words(self.state, after.state, effects)
        side = P if given is FAILBACK else _expected_side(self, after)
        assert after.state.serving is side
        _check_flows(self, given, after, effects)
        _check_announcements(self, given, after, effects)
        _check_wake(given, after, effects)
        if given.repeatable:
            again, second = given.act(acted)
            assert again == acted
            assert not [e for e in second if isinstance(e, WriteSlot)]
        return after


def _settle(unit: Unit, outcome: Outcome) -> tuple[Unit, tuple[Effect, ...]]:
    return replace(unit, state=outcome[0]), outcome[1]


def _tick(unit: Unit) -> tuple[Unit, tuple[Effect, ...]]:
    return _settle(unit, failover.on_tick(unit.state, unit.policy, unit.now_ns))


def health(up: bool) -> Input:
    return Input(
        "up" if up else "down",
        lambda u: _settle(u, failover.on_health(u.state, u.policy, up, u.now_ns)),
    )


def wait(ms: int) -> Input:
    act = lambda u: _tick(replace(u, now_ns=u.now_ns + ms * MS))  # noqa: E731
    return Input(f"wait {ms} ms", act, repeatable=False)


def weights(primary: int, secondary: int) -> Input:
    return Input(
        f"weights {primary}/{secondary}",
        lambda u: _tick(
            replace(u, policy=SlotPolicy(primary, secondary, failover=u.policy.failover))
        ),
    )


def policy(mode: FailbackMode, hold_down_ms: int = 0) -> Input:
    wanted = FailoverPolicy(failback=mode, hold_down_ms=hold_down_ms)
    return Input(
        f"{mode.value} {hold_down_ms} ms",
        lambda u: _tick(replace(u, policy=replace(u.policy, failover=wanted))),
    )


def switchover(to: Side | None) -> Input:
    return Input(
        f"switchover to {to.name.lower() if to is not None else 'the other'}",
        lambda u: _settle(u, failover.switchover(u.state, u.policy, to, u.now_ns)),
        repeatable=to is not None,
    )


FAILBACK = Input("failback", lambda u: _settle(u, failover.failback(u.state, u.policy, u.now_ns)))
HOLD = Input("hold", lambda u: _settle(u, failover.hold(u.state)))
RELEASE = Input("release", lambda u: _settle(u, failover.release(u.state, u.policy, u.now_ns)))

HEALTH_INPUTS = (health(up=True), health(up=False))
OPERATOR_INPUTS = (switchover(P), switchover(S), switchover(None), FAILBACK, HOLD, RELEASE)
WEIGHT_INPUTS = tuple(weights(p, s) for p in (0, 100) for s in (0, 100))


# -- the rules -------------------------------------------------------------------------------------


def check_words(before: SlotState, after: SlotState, effects: tuple[Effect, ...]) -> None:
    """Rules about the word itself, true from any state whatever."""
    writes = [effect for effect in effects if isinstance(effect, WriteSlot)]
    assert len(writes) <= 1
    assert after.slot.epoch == (before.slot.epoch + len(writes)) % EPOCH_MODULUS
    if writes:
        assert effects[0] is writes[0]
        assert writes[0].slot == after.slot
    else:
        assert after.slot == before.slot
    for side in Side:
        lag = (after.slot.epoch - after.slot.fence[side]) % EPOCH_MODULUS
        assert lag <= MAX_FENCE_LAG or not writes
    assert not after.slot.silenced[S] or not writes


def _expected_side(before: Unit, after: Unit) -> Side | None:
    if after.active_pin is not None:
        return after.active_pin
    secondary_usable = after.policy.usable(S)
    if after.state.primary_up and after.policy.usable(P):
        if before.state.serving is S and secondary_usable and before.owes:
            may = after.policy.failover.failback is FailbackMode.AUTO
            return P if may and after.now_ns >= after.return_ns else S
        return P
    return S if secondary_usable else None


def _owes(before: Unit, after: Unit) -> bool:
    if after.state.serving is P:
        return False
    moved = before.state.serving is not after.state.serving
    reason = not after.state.primary_up or (moved and after.active_pin is not None)
    return reason or (before.owes and not moved)


def _ended(before: Unit, given: Input, after: Unit) -> Iterator[Side]:
    """The sides whose flows must end with this step."""
    left = before.state.serving
    failed = not after.state.primary_up and after.state.serving is not P
    if failed and (left is P or not before.state.slot.silenced[P]):
        yield P
    elif left is P and after.state.serving is not P and after.active_pin is not None:
        yield P  # an operator moved the traffic off a healthy primary
    if left is S and after.state.serving is not S:
        by_operator = given is FAILBACK or after.active_pin is not None
        by_weight = not after.policy.usable(S) or not before.owes
        if by_operator or not by_weight:
            yield S


def _check_flows(before: Unit, given: Input, after: Unit, effects: tuple[Effect, ...]) -> None:
    old, new = before.state.slot, after.state.slot
    if not any(isinstance(effect, WriteSlot) for effect in effects):
        assert not list(_ended(before, given, after))
        return
    ended = set(_ended(before, given, after))
    oldest = (new.epoch - MAX_FENCE_LAG) % EPOCH_MODULUS
    for side in Side:
        kept = oldest if is_before(old.fence[side], oldest) else old.fence[side]
        wanted = {new.epoch} if side in ended else {kept}
        if side is P and old.silenced[P] and new.silenced[P]:
            wanted.add(new.epoch)  # its flows have ended before
        broken = f"flows of the {side.name} {'go on' if side in ended else 'end'}"
        assert new.fence[side] in wanted, broken
    if new.side is not None:
        assert is_alive(new, new.side, new.epoch)
    failed = not after.state.primary_up and new.side is not P
    assert new.silenced == (failed, False)


def _check_announcements(
    before: Unit, given: Input, after: Unit, effects: tuple[Effect, ...]
) -> None:
    told = [effect for effect in effects if isinstance(effect, Announce)]
    moves = [announce for announce in told if announce.from_side is not announce.to_side]
    if before.state.serving is after.state.serving:
        assert not moves
    else:
        assert {(a.from_side, a.to_side) for a in moves} == {
            (before.state.serving, after.state.serving)
        }
    fenced = any(announce.kind is EventKind.FENCED for announce in told)
    wrote = any(isinstance(effect, WriteSlot) for effect in effects)
    assert fenced == (wrote and not moves)
    pinned = before.state.pinned is not after.state.pinned
    stays = not moves and pinned and after.state.pinned is not None  # a switchover to who serves
    assert (EventKind.HELD in {announce.kind for announce in told}) == (given is HOLD or stays)


def _check_wake(given: Input, after: Unit, effects: tuple[Effect, ...]) -> None:
    """Who waits for a hold-down is woken at its end, neither sooner nor later."""
    waits = [effect.at_ns for effect in effects if isinstance(effect, WakeAt)]
    assert all(at_ns == after.return_ns > after.now_ns for at_ns in waits)
    waiting = (
        after.state.serving is S
        and after.active_pin is None
        and after.state.primary_up
        and after.policy.usable(P)
        and after.policy.failover.failback is FailbackMode.AUTO
    )
    if given not in {FAILBACK, HOLD, RELEASE}:
        assert bool(waits) == waiting
