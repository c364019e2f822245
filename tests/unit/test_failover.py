# SPDX-License-Identifier: Apache-2.0
"""The failover machine: every state and input, and scenarios as users know them."""

from __future__ import annotations

from collections import deque
from itertools import product

import pytest

from tests.unit.failover_rules import (
    FAILBACK,
    HEALTH_INPUTS,
    HOLD,
    MS,
    OPERATOR_INPUTS,
    RELEASE,
    WEIGHT_INPUTS,
    Input,
    P,
    S,
    Unit,
    check_words,
    policy,
    switchover,
    wait,
    weights,
)
from xdpair.core import errors, failover
from xdpair.core.events import EventKind
from xdpair.core.failover import Announce, Cause, Slot, SlotPolicy, SlotState, WakeAt, WriteSlot
from xdpair.core.model import FailbackMode, FailoverPolicy, Side

AUTO, MANUAL = FailbackMode.AUTO, FailbackMode.MANUAL
HOLD_DOWN_MS = 2000
POLICIES = (policy(AUTO), policy(AUTO, HOLD_DOWN_MS), policy(MANUAL))
UP, DOWN = HEALTH_INPUTS
SIDES = (None, P, S)


# -- every state, every input ----------------------------------------------------------------------


def all_states() -> list[SlotState]:
    return [
        SlotState(Slot(side, 7, (3, 5), (silenced, False)), cause, pinned, primary_up, up_since_ns)
        for side, silenced, cause, pinned, primary_up, up_since_ns in product(
            SIDES, (False, True), Cause, SIDES, (False, True), (0, 10**12)
        )
    ]


@pytest.mark.parametrize("mode", FailbackMode)
@pytest.mark.parametrize("hold_down_ms", [0, HOLD_DOWN_MS])
def test_every_state_has_an_answer_for_every_input(mode: FailbackMode, hold_down_ms: int) -> None:
    """Also those that no history leads to: a store of another version may hold them."""
    terms = FailoverPolicy(failback=mode, hold_down_ms=hold_down_ms)
    inputs = (*HEALTH_INPUTS, wait(0), *OPERATOR_INPUTS)
    for state, primary, secondary in product(all_states(), (0, 100), (0, 100)):
        unit = Unit(state, SlotPolicy(primary, secondary, terms))
        for given in inputs:
            try:
                after, effects = given.act(unit)
            except (errors.PrimaryUnhealthy, errors.ServerHasWeightZero):
                continue
            except errors.FailedPrecondition:
                assert given is HOLD
                continue
            check_words(state, after.state, effects)
            if given in {HOLD, RELEASE}:
                continue
            serving = after.state.serving
            assert serving is None or unit.policy.usable(serving)
            if given is not FAILBACK:
                assert after.active_pin in {None, serving}
            if primary and after.state.primary_up:
                assert serving is not None
            if secondary:
                assert serving is not None


def test_every_reachable_state_keeps_every_promise() -> None:
    """Breadth first, so the history that is shown is a shortest one."""
    inputs = (
        *HEALTH_INPUTS, *OPERATOR_INPUTS, *WEIGHT_INPUTS, *POLICIES, wait(HOLD_DOWN_MS // 2),
    )  # fmt: skip
    start = Unit()
    histories: dict[object, tuple[Input, ...]] = {essence(start): ()}
    todo = deque([start])
    while todo:
        unit = todo.popleft()
        history = histories[essence(unit)]
        for given in inputs:
            try:
                after = unit.step(given)
            except AssertionError as broken:
                broken.add_note(f"after {[*history, given]}")
                raise
            if essence(after) not in histories:
                histories[essence(after)] = (*history, given)
                todo.append(after)
    assert len(histories) > 500


def essence(unit: Unit) -> object:
    """What of a unit can matter for what follows; epochs only ever grow."""
    state = unit.state
    up_for_ms = min((unit.now_ns - state.up_since_ns) // MS, HOLD_DOWN_MS)
    return (
        state.serving, state.cause, state.pinned, state.primary_up, state.slot.silenced,
        up_for_ms, unit.policy, unit.owes,
    )  # fmt: skip


# -- scenarios -------------------------------------------------------------------------------------


def after(*inputs: Input, start: Unit | None = None) -> Unit:
    unit = start or Unit()
    for given in inputs:
        unit = unit.step(given)
    return unit


def kinds(unit: Unit, given: Input) -> list[EventKind]:
    _, effects = given.act(unit)
    return [effect.kind for effect in effects if isinstance(effect, Announce)]


@pytest.mark.parametrize(
    ("inputs", "serving", "cause", "epoch"),
    [
        pytest.param([], P, Cause.START, 1, id="start"),
        pytest.param([DOWN], S, Cause.HEALTH, 2, id="failover"),
        pytest.param([DOWN, DOWN], S, Cause.HEALTH, 2, id="failover is done once"),
        pytest.param([DOWN, UP], P, Cause.HEALTH, 3, id="failback"),
        pytest.param([weights(0, 100)], S, Cause.WEIGHT, 2, id="rehearsal"),
        pytest.param([weights(0, 100), weights(100, 100)], P, Cause.WEIGHT, 3, id="rehearsed"),
        pytest.param([weights(0, 0)], None, Cause.WEIGHT, 2, id="nobody"),
        pytest.param([DOWN, weights(100, 0)], None, Cause.HEALTH, 3, id="nobody is left"),
        pytest.param([weights(100, 0), DOWN], None, Cause.HEALTH, 2, id="nobody to fail over to"),
        pytest.param([switchover(None)], S, Cause.OPERATOR, 2, id="switchover"),
        pytest.param([switchover(S), FAILBACK], P, Cause.OPERATOR, 3, id="operator's failback"),
        pytest.param([switchover(S), RELEASE], P, Cause.OPERATOR, 3, id="released"),
        pytest.param([HOLD, FAILBACK, DOWN], S, Cause.HEALTH, 2, id="failback ends a hold"),
        pytest.param([HOLD, DOWN], P, Cause.START, 1, id="hold"),
        pytest.param([HOLD, DOWN, RELEASE], S, Cause.HEALTH, 2, id="hold ends, primary is down"),
        pytest.param([DOWN, HOLD, UP], S, Cause.HEALTH, 2, id="hold on the secondary"),
        pytest.param([DOWN, switchover(P)], P, Cause.OPERATOR, 3, id="operator insists"),
    ],
)
def test_scenario(inputs: list[Input], serving: Side | None, cause: Cause, epoch: int) -> None:
    unit = after(*inputs)
    assert (unit.state.serving, unit.state.cause) == (serving, cause)
    assert unit.state.slot.epoch == epoch


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([DOWN], [EventKind.FAILOVER]),
        ([DOWN, UP], [EventKind.FAILBACK]),
        ([DOWN, DOWN], []),
        ([weights(0, 100)], [EventKind.WEIGHT_CHANGE]),
        ([weights(0, 0)], [EventKind.REJECTING]),
        ([weights(0, 100), DOWN], [EventKind.FENCED]),
        ([switchover(S)], [EventKind.SWITCHOVER]),
        ([switchover(S), DOWN], [EventKind.FENCED]),
        ([switchover(S), FAILBACK], [EventKind.FAILBACK]),
        ([HOLD], [EventKind.HELD]),
        ([RELEASE], []),
    ],
    ids=str,
)
def test_what_is_announced(inputs: list[Input], told: list[EventKind]) -> None:
    assert kinds(after(*inputs[:-1]), inputs[-1]) == told


def test_failover_is_one_write_that_ends_the_flows_of_the_failed_primary() -> None:
    _, effects = failover.on_health(SlotState(), SlotPolicy(), up=False, now_ns=5)
    word = Slot(S, epoch=2, fence=(2, 1), silenced=(True, False))
    assert effects == (
        WriteSlot(word),
        Announce(EventKind.FAILOVER, P, S, Cause.HEALTH),
    )


def test_release_writes_the_slot_before_it_is_announced() -> None:
    unit = after(switchover(S))
    _, effects = failover.release(unit.state, unit.policy, unit.now_ns)
    assert [type(effect) for effect in effects] == [WriteSlot, Announce, Announce]


def test_rehearsal_ends_no_flow() -> None:
    assert after(weights(0, 100)).state.slot.fence == (1, 1)
    assert after(weights(0, 100), weights(100, 100)).state.slot.fence == (1, 1)


def test_secondary_that_gets_weight_0_keeps_its_flows() -> None:
    """Whether the primary is down, or only waits for its hold-down or for an operator."""
    for way in ([DOWN], [policy(AUTO, HOLD_DOWN_MS), DOWN, UP], [policy(MANUAL), DOWN, UP]):
        unit = after(*way)
        assert unit.state.serving is S
        drained, _ = weights(100, 0).act(unit)
        assert drained.state.slot.fence[S] == unit.state.slot.fence[S]


def test_primary_that_fails_while_out_of_service_is_fenced() -> None:
    for way in ([weights(0, 100)], [weights(0, 0)], [switchover(S)]):
        slot = after(*way, DOWN).state.slot
        assert slot.fence[P] == slot.epoch
        assert slot.silenced == (True, False)


# -- hold-down and manual failback -----------------------------------------------------------------


def test_hold_down_is_kept_to_the_nanosecond() -> None:
    unit = after(policy(AUTO, HOLD_DOWN_MS), DOWN, UP)
    due_ns = unit.now_ns + HOLD_DOWN_MS * MS
    for now_ns, serving, effects in (
        (unit.now_ns, S, (WakeAt(due_ns),)),
        (due_ns - 1, S, (WakeAt(due_ns),)),
    ):
        state, told = failover.on_tick(unit.state, unit.policy, now_ns)
        assert (state.serving, told) == (serving, effects)
    assert failover.on_tick(unit.state, unit.policy, due_ns)[0].serving is P


def test_each_relapse_starts_the_hold_down_anew() -> None:
    almost = wait(HOLD_DOWN_MS - 1)
    unit = after(policy(AUTO, HOLD_DOWN_MS), DOWN, UP, almost, DOWN, UP, almost)
    assert unit.state.serving is S
    assert after(wait(1), start=unit).state.serving is P


def test_hold_down_is_not_for_weights() -> None:
    rehearsed = after(policy(AUTO, HOLD_DOWN_MS), weights(0, 100), weights(100, 100))
    assert rehearsed.state.serving is P


@pytest.mark.parametrize(
    "way",
    [
        pytest.param([DOWN, UP], id="it failed"),
        pytest.param([switchover(S), RELEASE], id="switchover"),
        pytest.param([weights(0, 100), DOWN, UP, weights(100, 100)], id="it failed at weight 0"),
        pytest.param(
            [HOLD, DOWN, weights(0, 100), RELEASE, weights(100, 100), UP], id="drained while down"
        ),
        pytest.param(
            [DOWN, weights(0, 0), weights(0, 100), weights(100, 100), UP], id="both drained"
        ),
    ],
)
@pytest.mark.parametrize("terms", [policy(MANUAL), policy(AUTO, 10**7)], ids=str)
def test_primary_does_not_return_before_its_time(terms: Input, way: list[Input]) -> None:
    unit = Unit()
    for given in (terms, *way, wait(1000), UP):
        unit, _ = given.act(unit)
    assert unit.state.serving is S
    returned, _ = FAILBACK.act(unit)
    assert returned.state.serving is P


# -- operators -------------------------------------------------------------------------------------


def test_pin_yields_to_weight_0_and_comes_back_with_the_weight() -> None:
    unit = after(switchover(S), weights(100, 0))
    assert unit.state.serving is P
    assert after(weights(100, 100), start=unit).state.serving is S


@pytest.mark.parametrize(
    ("way", "given", "error"),
    [
        ([DOWN], FAILBACK, errors.PrimaryUnhealthy),
        ([weights(0, 100)], FAILBACK, errors.ServerHasWeightZero),
        ([weights(0, 100)], switchover(P), errors.ServerHasWeightZero),
        ([weights(100, 0)], switchover(S), errors.ServerHasWeightZero),
        ([weights(100, 0)], switchover(None), errors.ServerHasWeightZero),
        ([weights(0, 0)], HOLD, errors.FailedPrecondition),
    ],
    ids=str,
)
def test_operator_is_refused(way: list[Input], given: Input, error: type[Exception]) -> None:
    with pytest.raises(error):
        given.act(after(*way))


def test_new_policy_counts_at_once() -> None:
    unit = after(policy(MANUAL), DOWN, UP)
    assert unit.state.serving is S
    assert after(policy(AUTO), start=unit).state.serving is P
