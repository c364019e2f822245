# SPDX-License-Identifier: Apache-2.0
"""Policy KEEP, and moves by weight: flows outlive the service of their side."""

from __future__ import annotations

import pytest

from tests.packet.balancer import Balancer
from tests.packet.flow_table import CLOCK_MODULUS
from tests.packet.frames import ACK, SYN, Endpoint
from tests.packet.outcomes import answered, fenced, forwarded, replied, was_reset
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    DNS_ROW,
    PRIMARY,
    SECONDARY,
    WEB_ROW,
    Scene,
    from_dns,
    from_web,
    reset_of,
    to_dns,
    to_web,
)
from xdpair.core.model import Side

#: UDP_KEEP_IDLE of bpf/forward.h, ticks.
UDP_KEEP_IDLE = 90

SYN_PACKET = to_web(flags=SYN)
DATAGRAM = to_dns()


def connect(balancer: Balancer) -> None:
    for sent in (to_web(flags=SYN), to_web(flags=ACK), DATAGRAM):
        balancer.run(sent)


def assert_kept(balancer: Balancer, server: Endpoint) -> None:
    for sent in (to_web(payload=b"more"), DATAGRAM):
        assert balancer.run(sent) == forwarded(sent, server)
    for answer in (from_web(server), from_dns(server)):
        assert balancer.run(answer) == replied(answer)


def test_kept_at_failover(balancer: Balancer, pair: Pair) -> None:
    """The flows go on with the failed server, and it may still speak to them; new ones do not."""
    balancer.set_scene(Scene(keep_primary=True))
    connect(balancer)
    pair.primary_fails()
    assert_kept(balancer, PRIMARY)
    for sent in (to_web(flags=SYN, source=(other := Endpoint(CLIENT.address, 1))), SYN_PACKET):
        assert balancer.run(sent) == forwarded(sent, SECONDARY, flow="new")
    assert balancer.run(from_web(SECONDARY, dest=other)).exit == "reply"
    pair.primary_recovers()
    assert balancer.run(DATAGRAM) == forwarded(DATAGRAM)


def test_kept_at_failback(balancer: Balancer, pair: Pair) -> None:
    """The default for TCP: connections run out on the secondary."""
    balancer.set_scene(Scene(keep_secondary=True))
    pair.primary_fails()
    connect(balancer)
    pair.primary_recovers()
    assert_kept(balancer, SECONDARY)
    other = to_web(flags=SYN, source=Endpoint(CLIENT.address, 1))
    assert balancer.run(other) == forwarded(other, flow="new")
    pair.primary_fails()
    assert_kept(balancer, SECONDARY)
    assert balancer.run(to_web(source=other.source)) == was_reset(to_web(source=other.source))


def test_kept_over_several_changes(balancer: Balancer, pair: Pair) -> None:
    balancer.set_scene(Scene(keep_primary=True, keep_secondary=True))
    connect(balancer)
    for _ in range(3):
        pair.primary_fails()
        assert_kept(balancer, PRIMARY)
        pair.primary_recovers()
        assert_kept(balancer, PRIMARY)


def test_the_end_of_draining_resets(balancer: Balancer, pair: Pair) -> None:
    """When the drain timeout is over the controller takes the KEEP away."""
    balancer.set_scene(Scene(keep_secondary=True))
    pair.primary_fails()
    connect(balancer)
    pair.primary_recovers()
    assert_kept(balancer, SECONDARY)
    balancer.set_scene(Scene(keep_secondary=False))
    assert balancer.run(from_web(SECONDARY)) == fenced(from_web(SECONDARY))
    assert balancer.run(to_web()) == was_reset(to_web())
    assert balancer.run(DATAGRAM) == forwarded(DATAGRAM, flow="moved")
    assert balancer.run(SYN_PACKET) == forwarded(SYN_PACKET, flow="new")


def test_what_was_reset_stays_so_when_the_policy_changes(balancer: Balancer, pair: Pair) -> None:
    pair.primary_fails()
    connect(balancer)
    pair.primary_recovers()
    assert balancer.run(to_web()) == was_reset(to_web())
    balancer.set_scene(Scene(keep_secondary=True))
    assert balancer.run(to_web()) == was_reset(to_web())
    answer = from_web(SECONDARY)
    assert balancer.run(answer) == answered(reset_of(answer), "reset_server"), "it is not fenced"


def test_kept_datagrams_end_with_a_pause(balancer: Balancer, pair: Pair) -> None:
    balancer.set_scene(Scene(keep_secondary=True))
    pair.primary_fails()
    balancer.run(DATAGRAM)
    pair.primary_recovers()
    balancer.flows.age(CLIENT, DNS_ROW, UDP_KEEP_IDLE - 2)
    assert balancer.run(DATAGRAM) == forwarded(DATAGRAM, SECONDARY)
    balancer.flows.age(CLIENT, DNS_ROW, UDP_KEEP_IDLE + 1)
    assert balancer.run(DATAGRAM) == forwarded(DATAGRAM, flow="moved")


def test_an_answer_is_no_pause(balancer: Balancer, pair: Pair) -> None:
    balancer.set_scene(Scene(keep_secondary=True))
    pair.primary_fails()
    balancer.run(DATAGRAM)
    pair.primary_recovers()
    balancer.flows.age(CLIENT, DNS_ROW, UDP_KEEP_IDLE + 1)
    balancer.run(from_dns(SECONDARY))
    assert balancer.run(DATAGRAM) == forwarded(DATAGRAM, SECONDARY)


def test_kept_connections_may_be_silent_for_long(balancer: Balancer, pair: Pair) -> None:
    balancer.set_scene(Scene(keep_secondary=True))
    pair.primary_fails()
    connect(balancer)
    pair.primary_recovers()
    for ticks in (UDP_KEEP_IDLE + 1, CLOCK_MODULUS - 1):
        balancer.flows.age(CLIENT, WEB_ROW, ticks)
        assert balancer.run(to_web()) == forwarded(to_web(), SECONDARY)


# -- weights ---------------------------------------------------------------------------------------


def test_a_move_by_weight_keeps_connections(balancer: Balancer, pair: Pair) -> None:
    """Weight 0 means no new connections, whatever the policy: nothing is fenced."""
    connect(balancer)
    pair.weigh(0, 100)
    assert balancer.run(to_web()) == forwarded(to_web())
    assert balancer.run(from_web()) == replied(from_web())
    assert balancer.run(from_dns()) == replied(from_dns())
    other = to_web(flags=SYN, source=Endpoint(CLIENT.address, 1))
    assert balancer.run(other) == forwarded(other, SECONDARY, flow="new")
    pair.weigh(100, 100)
    for sent in (to_web(), to_web(source=other.source)):
        server = PRIMARY if sent.source == CLIENT else SECONDARY
        assert balancer.run(sent) == forwarded(sent, server)


def test_after_a_move_by_weight_a_failure_still_ends_connections(
    balancer: Balancer, pair: Pair
) -> None:
    """The primary had no new connections any more, but old ones, and fails."""
    connect(balancer)
    pair.weigh(0, 100)
    assert balancer.run(to_web()) == forwarded(to_web())
    pair.primary_fails()
    assert balancer.run(from_web()) == fenced(from_web())
    assert balancer.run(to_web()) == was_reset(to_web())


@pytest.mark.parametrize("first", list(Side))
def test_a_switchover_ends_connections_for_good(
    balancer: Balancer, pair: Pair, first: Side
) -> None:
    if first is Side.SECONDARY:
        pair.switch_to(Side.SECONDARY)
    connect(balancer)
    pair.switch_to(first.other)
    assert balancer.run(to_web()) == was_reset(to_web())
    pair.switch_to(first)
    assert balancer.run(to_web()) == was_reset(to_web())
