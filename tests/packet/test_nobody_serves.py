# SPDX-License-Identifier: Apache-2.0
"""Both weights are 0: clients are told at once, nothing is black-holed."""

from __future__ import annotations

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import (
    ACK,
    FIN,
    PORT_UNREACHABLE,
    PSH,
    RST,
    SYN,
    UNREACHABLE,
    Endpoint,
    Icmp,
    Tcp,
    Udp,
)
from tests.packet.outcomes import answered, dropped, forwarded, rejected, replied, was_reset
from tests.packet.pair import Pair
from tests.packet.world import CLIENT, DNS_ROW, SECONDARY, from_web, to_dns, to_web


@pytest.fixture
def closed(balancer: Balancer, pair: Pair) -> Balancer:
    pair.weigh(0, 0)
    return balancer


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(to_web(flags=SYN, seq=0xFFFFFFFF), id="SYN"),
        pytest.param(
            to_web(flags=SYN, options=b"\x01" * 40, ip_options=b"\x01" * 40), id="options"
        ),
        pytest.param(to_web(flags=SYN, payload=b"fast open", seq=1), id="SYN with data"),
        pytest.param(to_web(flags=SYN, trailer=bytes(6)), id="padded"),
        pytest.param(to_web(ack=77, payload=b"x"), id="segment of no connection"),
        pytest.param(to_web(flags=SYN | ACK), id="SYN-ACK"),
        pytest.param(to_web(flags=FIN | PSH, payload=b"odd"), id="FIN without ACK"),
    ],
)
def test_tcp_is_reset(closed: Balancer, sent: Tcp) -> None:
    assert closed.run(sent) == rejected(sent)
    assert closed.flows.count() == 0


@pytest.mark.parametrize("flags", [RST, RST | ACK, RST | SYN])
def test_a_reset_is_not_answered(closed: Balancer, flags: int) -> None:
    assert closed.run(to_web(flags=flags)) == dropped("no_flow")


@pytest.mark.parametrize("offset", [0, 4, 15])
def test_a_segment_that_lies_about_its_header_is_not_answered(
    closed: Balancer, offset: int
) -> None:
    frame = bytearray(to_web(flags=SYN).frame())
    frame[46] = offset << 4
    assert closed.run(bytes(frame)) == dropped("malformed")


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(to_dns(), id="plain"),
        pytest.param(to_dns(payload=b""), id="no payload"),
        pytest.param(to_dns(payload=bytes(1400)), id="long"),
        pytest.param(to_dns(payload=b"odd"), id="odd"),
        pytest.param(to_dns(checksum=False), id="no checksum"),
        pytest.param(to_dns(ip_options=b"\x44\x04\x05\x00"), id="IP options"),
        pytest.param(to_dns(ip_options=b"\x01" * 40), id="40 octets of IP options"),
        pytest.param(to_dns(trailer=bytes(14)), id="padded"),
        pytest.param(to_dns(tos=0xFF, ident=0, ttl=1, frag=0), id="other header fields"),
    ],
)
def test_udp_is_unreachable(closed: Balancer, sent: Udp) -> None:
    """From the VIP, quoting the datagram as the client sent it."""
    answer = Icmp(
        hop=sent.hop.back(),
        source=sent.dest,
        dest=sent.source,
        ident=0,
        kind=UNREACHABLE,
        code=PORT_UNREACHABLE,
        body=sent.quote(),
    )
    assert closed.run(sent) == answered(answer, "reject_udp", {DNS_ROW: {"rejects": 1}})
    assert closed.flows.count() == 0


def test_connections_run_out(balancer: Balancer, pair: Pair) -> None:
    """Weight 0 takes no new connections; those that are there go on."""
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    pair.weigh(0, 0)
    assert balancer.run(to_web()) == forwarded(to_web())
    assert balancer.run(from_web()) == replied(from_web())
    sent = to_web(flags=SYN)
    assert balancer.run(sent) == rejected(sent)


def test_known_datagrams_are_unreachable_as_well(balancer: Balancer, pair: Pair) -> None:
    """A datagram has no connection that could run out."""
    balancer.run(to_dns())
    pair.weigh(0, 0)
    out = balancer.run(to_dns())
    assert (out.exit, out.listeners) == ("reject_udp", {DNS_ROW: {"rejects": 1}})


def test_a_failed_primary_whose_secondary_has_weight_0(balancer: Balancer, pair: Pair) -> None:
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    pair.policy = type(pair.policy)(100, 0)
    pair.primary_fails()
    assert balancer.run(to_web()) == was_reset(to_web())
    sent = to_web(flags=SYN, source=Endpoint(CLIENT.address, 1))
    assert balancer.run(sent) == rejected(sent)
    pair.weigh(100, 100)
    assert balancer.run(sent) == forwarded(sent, SECONDARY, flow="new")
