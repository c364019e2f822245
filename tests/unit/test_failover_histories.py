# SPDX-License-Identifier: Apache-2.0
"""Whole histories of the failover machine: all short ones, random long ones, and very long ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.failover_rules import (
    FAILBACK,
    HEALTH_INPUTS,
    HOLD,
    MS,
    OPERATOR_INPUTS,
    Input,
    P,
    S,
    Unit,
    health,
    is_alive,
    policy,
    switchover,
    wait,
    weights,
)
from xdpair.core.failover import EPOCH_MODULUS, MAX_FENCE_LAG, Slot, SlotPolicy, SlotState
from xdpair.core.health import Health, observe
from xdpair.core.model import FailbackMode, FailoverPolicy, Side

AUTO, MANUAL = FailbackMode.AUTO, FailbackMode.MANUAL
INTERVAL_MS = 500
DEPTH = 10


# -- probes only -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Probed:
    """A unit with its primary's probes, and what an independent reading of them says."""

    unit: Unit
    health: Health = field(default_factory=Health)
    script: str = ""

    def probe(self, passed: bool, rise: int, fall: int) -> Probed:
        seen = observe(self.health, passed, rise, fall)
        later = replace(self.unit, now_ns=self.unit.now_ns + INTERVAL_MS * MS)
        return Probed(later.step(health(seen.up)), seen, self.script + "x."[passed])


def verdicts(script: str, rise: int, fall: int) -> list[bool]:
    """Up or down after each probe, by looking for runs in the text."""
    up, result = True, []
    for end in range(1, len(script) + 1):
        past = script[:end]
        if up and past.endswith("x" * fall):
            up = False
        elif not up and past.endswith("." * rise):
            up = True
        result.append(up)
    return result


def side_after(script: str, rise: int, fall: int, terms: FailoverPolicy) -> Side:
    ups = verdicts(script, rise, fall)
    if terms.failback is MANUAL:
        return P if all(ups) else S
    needed = 1 + -(-terms.hold_down_ms // INTERVAL_MS)  # this many probes long it must be up
    return P if all(ups[-needed:]) else S


@pytest.mark.parametrize(("rise", "fall"), [(1, 1), (3, 3), (2, 3)])
@pytest.mark.parametrize(
    "terms",
    [
        FailoverPolicy(),
        FailoverPolicy(hold_down_ms=2 * INTERVAL_MS),
        FailoverPolicy(hold_down_ms=2 * INTERVAL_MS + 1),
        FailoverPolicy(failback=MANUAL),
    ],
    ids=lambda terms: f"{terms.failback.value}-{terms.hold_down_ms}ms",
)
def test_no_probe_history_ever_breaks_a_promise(
    rise: int, fall: int, terms: FailoverPolicy
) -> None:
    todo = [Probed(Unit(policy=SlotPolicy(failover=terms)))]
    nodes = 0
    while todo:
        here = todo.pop()
        nodes += 1
        if len(here.script) == DEPTH:
            continue
        for passed in (True, False):
            there = here.probe(passed, rise, fall)
            assert there.health.up == verdicts(there.script, rise, fall)[-1], there.script
            serving = there.unit.state.serving
            assert serving is side_after(there.script, rise, fall, terms), there.script
            todo.append(there)
    assert nodes == 2 ** (DEPTH + 1) - 1


@pytest.mark.parametrize(
    ("probes", "serving", "moves"),
    [
        ("", P, 0),
        ("xx.xx", P, 0),
        ("xxx", S, 1),
        ("xxxxxxxx", S, 1),
        ("xxx..", S, 1),
        ("xxx..x..", S, 1),
        ("xxx...", P, 2),
        ("xxx...xx.xxx", S, 3),
        ("x" * 3 + "." * 3 + "x" * 3 + "." * 3, P, 4),
    ],
)
def test_probe_script(probes: str, serving: Side, moves: int) -> None:
    """Three failed probes (x) in a row fail over, three passed ones (.) bring it back."""
    probed = Probed(Unit())
    for probe in probes:
        probed = probed.probe(probe == ".", rise=3, fall=3)
    assert probed.unit.state.serving is serving
    assert probed.unit.state.slot.epoch == 1 + moves


# -- everything mixed ------------------------------------------------------------------------------

INPUTS = st.one_of(
    st.sampled_from(HEALTH_INPUTS),
    st.sampled_from(OPERATOR_INPUTS),
    st.integers(0, 5000).map(wait),
    st.builds(weights, st.sampled_from((0, 1, 100)), st.sampled_from((0, 1, 100))),
    st.builds(policy, st.sampled_from(FailbackMode), st.sampled_from((0, 1, 2000))),
)


@settings(derandomize=True, max_examples=250, deadline=None)
@given(
    first_epoch=st.one_of(st.just(1), st.integers(EPOCH_MODULUS - 20, EPOCH_MODULUS - 1)),
    inputs=st.lists(INPUTS, min_size=20, max_size=80),
)
def test_no_mixed_history_ever_breaks_a_promise(first_epoch: int, inputs: list[Input]) -> None:
    """Flows made on the way live exactly until their side is fenced, and never rise again."""
    unit = Unit(SlotState(Slot(epoch=first_epoch, fence=(first_epoch, first_epoch))))
    living: set[tuple[Side, int]] = set()
    dead: set[tuple[Side, int]] = set()
    for happens in inputs:
        slot = unit.state.slot
        if slot.side is not None:
            living.add((slot.side, slot.epoch))
        unit = unit.step(happens)
        ended = {flow for flow in living if not is_alive(unit.state.slot, *flow)}
        assert all(unit.state.slot.fence[side] == unit.state.slot.epoch for side, _ in ended)
        living -= ended
        dead |= ended
        assert not any(is_alive(unit.state.slot, *flow) for flow in dead)
        if not unit.state.primary_up and unit.state.serving is not P:
            assert not any(side is P for side, _ in living)


PROBES_AND_TIME = st.one_of(st.sampled_from(HEALTH_INPUTS), st.integers(0, 10**7).map(wait))


@settings(derandomize=True, max_examples=100, deadline=None)
@given(pin=st.sampled_from((switchover(P), switchover(S), HOLD)), inputs=st.lists(PROBES_AND_TIME))
def test_no_probe_undoes_what_an_operator_said(pin: Input, inputs: list[Input]) -> None:
    unit = Unit().step(pin)
    wanted = unit.state.serving
    for happens in inputs:
        unit = unit.step(happens)
        assert unit.state.serving is wanted


@settings(derandomize=True, max_examples=100, deadline=None)
@given(inputs=st.lists(PROBES_AND_TIME))
def test_manual_failback_never_comes_by_itself(inputs: list[Input]) -> None:
    unit = Unit().step(policy(MANUAL)).step(health(up=False))
    for happens in inputs:
        unit = unit.step(happens)
        assert unit.state.serving is S
    assert unit.step(health(up=True)).step(FAILBACK).state.serving is P


# -- epochs without end ----------------------------------------------------------------------------


def test_epochs_go_round_the_circle_and_flows_still_end_in_time() -> None:
    """More failovers than there are epochs."""
    unit = Unit()
    down, up = health(up=False), health(up=True)
    for _ in range(EPOCH_MODULUS // 2 + 100):
        made_in = unit.state.slot.epoch
        unit, _ = down.act(unit)
        assert not is_alive(unit.state.slot, P, made_in)
        assert unit.state.slot.fence[P] == unit.state.slot.epoch == (made_in + 1) % EPOCH_MODULUS
        unit, _ = up.act(unit)
        assert not is_alive(unit.state.slot, S, (made_in + 1) % EPOCH_MODULUS)


def test_fences_that_are_never_raised_do_not_fall_behind() -> None:
    """Rehearsals end no flow, but one that is older than a quarter of the circle."""
    unit = Unit()
    out, back = weights(0, 100), weights(100, 100)
    for count in range(1, EPOCH_MODULUS):
        unit, _ = (out if count % 2 else back).act(unit)
        slot = unit.state.slot
        oldest = max(1, 1 + count - MAX_FENCE_LAG) % EPOCH_MODULUS
        assert slot.epoch == (1 + count) % EPOCH_MODULUS
        assert slot.fence == (oldest, oldest)
