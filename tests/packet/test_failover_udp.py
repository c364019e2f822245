# SPDX-License-Identifier: Apache-2.0
"""What a change of side does to UDP: the next datagram follows, at failover and at failback."""

from __future__ import annotations

import pytest

from tests.packet.balancer import Balancer
from tests.packet.outcomes import fenced, forwarded, replied
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    DNS_ROW,
    PRIMARY,
    SECONDARY,
    from_dns,
    to_dns,
)
from xdpair.core.failover import Slot
from xdpair.core.model import Side

SENT = to_dns()


@pytest.fixture
def known(balancer: Balancer) -> Balancer:
    """The client sends datagrams, and the primary gets them."""
    for flow in ("new", ""):
        assert balancer.run(SENT) == forwarded(SENT, flow=flow)
    return balancer


def test_the_next_datagram_follows(known: Balancer, pair: Pair) -> None:
    """A steady sender, without a pause in which its flow could end."""
    for event, server in (
        (pair.primary_fails, SECONDARY),
        (pair.primary_recovers, PRIMARY),
        (lambda: pair.switch_to(Side.SECONDARY), SECONDARY),
        (lambda: pair.switch_to(Side.PRIMARY), PRIMARY),
    ):
        event()
        assert known.run(SENT) == forwarded(SENT, server, flow="moved")
        assert known.run(SENT) == forwarded(SENT, server)
        answer = from_dns(server)
        assert known.run(answer) == replied(answer)


def test_a_side_that_serves_and_is_silenced(known: Balancer) -> None:
    """No epoch need have passed: what was silenced says nothing."""
    known.write_slots(Slot(Side.PRIMARY, silenced=(True, False)))
    assert known.run(from_dns()) == fenced(from_dns())


def test_weights_move_datagrams_as_well(known: Balancer, pair: Pair) -> None:
    pair.weigh(0, 100)
    assert known.run(SENT) == forwarded(SENT, SECONDARY, flow="moved")
    pair.weigh(100, 100)
    assert known.run(SENT) == forwarded(SENT, flow="moved")


def test_a_flow_that_slept_through_a_failover_stays(known: Balancer, pair: Pair) -> None:
    """It never left the primary, so nothing moves."""
    pair.primary_fails()
    pair.primary_recovers()
    assert known.run(SENT) == forwarded(SENT)
    flow = known.flows.get(CLIENT, DNS_ROW)
    assert flow is not None
    assert flow.epoch == pair.state.slot.epoch


def test_late_answers_of_the_failed_server_are_dropped(known: Balancer, pair: Pair) -> None:
    pair.primary_fails()
    assert known.run(from_dns()) == fenced(from_dns())
    known.run(SENT)
    assert known.run(from_dns()) == fenced(from_dns()), "the client is the secondary's"


@pytest.mark.parametrize("has_moved", [False, True])
def test_an_answer_in_flight_at_failback_is_delivered(
    known: Balancer, pair: Pair, has_moved: bool
) -> None:
    """The secondary did not fail: what it answered is right, and nobody else will answer."""
    pair.primary_fails()
    known.run(SENT)
    pair.primary_recovers()
    if has_moved:
        assert known.run(SENT) == forwarded(SENT, flow="moved")
    answer = from_dns(SECONDARY)
    assert known.run(answer) == replied(answer)


@pytest.mark.parametrize("has_moved", [False, True])
def test_an_answer_in_flight_at_a_switchover_is_delivered(
    known: Balancer, pair: Pair, has_moved: bool
) -> None:
    pair.switch_to(Side.SECONDARY)
    if has_moved:
        known.run(SENT)
    assert known.run(from_dns()) == replied(from_dns())
