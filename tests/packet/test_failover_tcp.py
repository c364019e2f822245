# SPDX-License-Identifier: Apache-2.0
"""What a change of side does to TCP: who gets connections, who is reset, who may still speak."""

from __future__ import annotations

import pytest

from tests.packet.balancer import Balancer
from tests.packet.flow_table import RESET
from tests.packet.frames import ACK, FIN, PSH, RST, SYN, URG, Endpoint, Tcp
from tests.packet.outcomes import dropped, fenced, forwarded, passed, replied, was_reset
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    PRIMARY,
    SECONDARY,
    SERVERS_ADDRESS,
    WEB_ROW,
    Scene,
    from_web,
    to_web,
)
from xdpair.core.model import Side

SYN_PACKET = to_web(flags=SYN)


@pytest.fixture
def connected(balancer: Balancer) -> Balancer:
    """The client has a connection to the primary."""
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    return balancer


def test_one_slot_write_moves_new_connections(balancer: Balancer, pair: Pair) -> None:
    for port, (event, server) in enumerate(
        [
            (None, PRIMARY),
            (pair.primary_fails, SECONDARY),
            (pair.primary_recovers, PRIMARY),
            (lambda: pair.switch_to(Side.SECONDARY), SECONDARY),
            (lambda: pair.switch_to(Side.PRIMARY), PRIMARY),
        ],
        start=1,
    ):
        if event is not None:
            event()
        sent = to_web(flags=SYN, source=Endpoint(CLIENT.address, port))
        assert balancer.run(sent) == forwarded(sent, server, flow="new")


# -- resets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(to_web(ack=0xDEADBEEF), id="bare ACK"),
        pytest.param(to_web(ack=0, seq=0), id="ACK 0"),
        pytest.param(to_web(ack=0xFFFFFFFF), id="highest ACK"),
        pytest.param(to_web(flags=ACK | PSH, payload=b"GET / HTTP/1.1\r\n\r\n"), id="data"),
        pytest.param(to_web(payload=b"odd"), id="odd data"),
        pytest.param(to_web(flags=ACK | FIN), id="FIN"),
        pytest.param(to_web(flags=ACK | SYN), id="SYN-ACK"),
        pytest.param(to_web(flags=ACK | URG | PSH, payload=b"!"), id="urgent"),
        pytest.param(to_web(options=b"\x01\x01\x08\x0a" + bytes(8)), id="TCP options"),
        pytest.param(to_web(ip_options=b"\x01" * 40, payload=b"x"), id="IP options"),
        pytest.param(to_web(ip_options=b"\x01" * 40, options=b"\x01" * 40), id="both"),
        pytest.param(to_web(trailer=bytes(6)), id="padded"),
        pytest.param(to_web(payload=bytes(1460)), id="full size"),
        pytest.param(to_web(ttl=1), id="TTL 1"),
        pytest.param(to_web(flags=0, seq=7), id="no flags"),
        pytest.param(to_web(flags=FIN, seq=0xFFFFFFFF), id="FIN without ACK"),
        pytest.param(to_web(flags=PSH, seq=0xFFFFFFFE, payload=b"12345"), id="data without ACK"),
        pytest.param(
            to_web(flags=PSH | FIN, seq=5, payload=b"odd", ip_options=b"\x01" * 8),
            id="data and FIN without ACK",
        ),
    ],
)
def test_a_connection_of_the_failed_server_is_reset_exactly(
    connected: Balancer, pair: Pair, sent: Tcp
) -> None:
    pair.primary_fails()
    assert connected.run(sent) == was_reset(sent)
    assert connected.run(sent) == was_reset(sent), "the flow stays reset"
    flow = connected.flows.get(CLIENT, WEB_ROW)
    assert flow is not None
    assert flow.state == RESET


def test_reset_has_the_exact_sequence_number(connected: Balancer, pair: Pair) -> None:
    """Once without the builder's help: RST alone, seq is the client's ACK, no payload."""
    pair.primary_fails()
    out = connected.run(to_web(seq=0x01020304, ack=0xA1B2C3D4, payload=b"lost"))
    assert len(out.frame) == 54
    assert out.frame[34:38] == bytes.fromhex("00509c40")
    assert out.frame[38:42] == bytes.fromhex("a1b2c3d4")
    assert out.frame[42:50] == bytes.fromhex("0000000050040000")


@pytest.mark.parametrize("flags", [RST, RST | ACK, RST | FIN])
def test_a_reset_is_not_answered(connected: Balancer, pair: Pair, flags: int) -> None:
    pair.primary_fails()
    assert connected.run(to_web(flags=flags)) == dropped("ended")
    assert connected.run(to_web()) == was_reset(to_web())
    assert connected.run(to_web(flags=flags)) == dropped("ended")


@pytest.mark.parametrize("offset", [0, 4, 7, 15])
def test_a_segment_that_lies_about_its_header_is_not_answered(
    connected: Balancer, pair: Pair, offset: int
) -> None:
    pair.primary_fails()
    frame = bytearray(to_web(flags=FIN, payload=b"12345").frame())
    frame[46] = offset << 4
    assert connected.run(bytes(frame)) == dropped("malformed")


def test_a_connection_stays_reset_until_a_syn(connected: Balancer, pair: Pair) -> None:
    pair.primary_fails()
    assert connected.run(to_web()) == was_reset(to_web())
    pair.primary_recovers()
    assert connected.run(to_web()) == was_reset(to_web())
    assert connected.run(SYN_PACKET) == forwarded(SYN_PACKET, flow="new")
    assert connected.run(to_web()) == forwarded(to_web())


def test_a_connection_that_slept_through_it_is_reset_after_failback(
    connected: Balancer, pair: Pair
) -> None:
    pair.primary_fails()
    pair.primary_recovers()
    assert connected.run(to_web()) == was_reset(to_web())


# -- connections that are made meanwhile -----------------------------------------------------------


def test_a_syn_on_a_known_flow_goes_to_whoever_serves(connected: Balancer, pair: Pair) -> None:
    """A port used again, or a SYN sent again because the first one went to the dead server."""
    assert connected.run(SYN_PACKET) == forwarded(SYN_PACKET, flow="new")
    pair.primary_fails()
    assert connected.run(SYN_PACKET) == forwarded(SYN_PACKET, SECONDARY, flow="new")
    assert connected.run(to_web()) == forwarded(to_web(), SECONDARY)
    assert connected.run(from_web(SECONDARY)) == replied(from_web(SECONDARY))
    pair.primary_recovers()
    assert connected.run(SYN_PACKET) == forwarded(SYN_PACKET, flow="new")
    assert connected.run(to_web()) == forwarded(to_web())


def test_a_syn_after_a_reset_connects_to_the_secondary(connected: Balancer, pair: Pair) -> None:
    pair.primary_fails()
    assert connected.run(to_web()) == was_reset(to_web())
    assert connected.run(SYN_PACKET) == forwarded(SYN_PACKET, SECONDARY, flow="new")
    assert connected.run(to_web()) == forwarded(to_web(), SECONDARY)


def test_a_segment_without_flow_goes_to_whoever_serves(balancer: Balancer, pair: Pair) -> None:
    """That server knows no such connection, and ends it by a RST of its own."""
    pair.primary_fails()
    assert balancer.run(to_web()) == forwarded(to_web(), SECONDARY, flow="new")
    answer = from_web(SECONDARY, flags=RST, seq=2000)
    assert balancer.run(answer) == replied(answer)


# -- fencing ---------------------------------------------------------------------------------------

LATE = [
    pytest.param(from_web(flags=SYN | ACK), id="SYN-ACK"),
    pytest.param(from_web(payload=b"late"), id="data"),
    pytest.param(from_web(flags=FIN | ACK), id="FIN"),
    pytest.param(from_web(flags=RST), id="RST"),
]


@pytest.mark.parametrize("late", LATE)
class TestLatePacket:
    def test_of_the_failed_server(self, connected: Balancer, pair: Pair, late: Tcp) -> None:
        pair.primary_fails()
        assert connected.run(late) == fenced(late)
        connected.run(to_web())
        assert connected.run(late) == fenced(late), "the client was reset"
        connected.run(SYN_PACKET)
        assert connected.run(late) == fenced(late), "the client is the secondary's"

    def test_after_failback(self, connected: Balancer, pair: Pair, late: Tcp) -> None:
        """The flow was made before the failover: its client may know the secondary by now."""
        pair.primary_fails()
        pair.primary_recovers()
        assert connected.run(late) == fenced(late)
        connected.run(to_web())
        assert connected.run(late) == fenced(late)
        connected.run(SYN_PACKET)
        assert connected.run(late) == replied(late), "a new connection to the same server"

    def test_while_the_client_is_at_the_secondary(
        self, connected: Balancer, pair: Pair, late: Tcp
    ) -> None:
        """Also after failback, while that connection runs out there."""
        connected.set_scene(Scene(keep_secondary=True))
        pair.primary_fails()
        connected.run(SYN_PACKET)
        pair.primary_recovers()
        assert connected.run(late) == fenced(late)
        kept = from_web(SECONDARY)
        assert connected.run(kept) == replied(kept)


def test_a_late_segment_of_a_silenced_server_without_a_flow(balancer: Balancer, pair: Pair) -> None:
    pair.primary_fails()
    assert balancer.run(from_web()) == fenced(from_web())
    pair.primary_recovers()
    assert balancer.run(from_web()) == replied(from_web(), by_routes=True)


def test_an_operators_switchover_ends_connections_too(connected: Balancer, pair: Pair) -> None:
    pair.switch_to(Side.SECONDARY)
    assert connected.run(from_web()) == fenced(from_web())
    assert connected.run(to_web()) == was_reset(to_web())
    pair.switch_to(Side.PRIMARY)
    assert connected.run(to_web()) == was_reset(to_web())


def test_health_checks_of_a_silenced_server_are_answered(balancer: Balancer, pair: Pair) -> None:
    pair.primary_fails()
    answer = from_web(dest=Endpoint(SERVERS_ADDRESS, 50000))
    assert balancer.run(answer) == passed(answer, "local")
