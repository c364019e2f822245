# SPDX-License-Identifier: Apache-2.0
"""From a server to the client: by the way the client's last packet came, else by the routes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from tests.packet.balancer import REDIRECT, TX, Balancer
from tests.packet.flow_table import CLIENT_FIN, CLOSED, ESTABLISHED, SERVER_FIN
from tests.packet.frames import ACK, FIN, RST, SYN, Endpoint, Hop, Packet
from tests.packet.outcomes import dropped, forwarded, passed, replied
from tests.packet.world import (
    CLIENT,
    CLIENTS_ADDRESS,
    CLIENTS_IF,
    CLIENTS_MAC,
    DNS,
    GATEWAY_MAC,
    LINKS,
    OTHER_GATEWAY_MAC,
    OTHER_IF,
    OTHER_MAC,
    SECONDARY,
    SERVERS_IF,
    SERVERS_MAC,
    STRANGER,
    WEB,
    WEB_ROW,
    Scene,
    at_client,
    from_dns,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.lookup_table import MULTIPLIER


@pytest.fixture
def known(balancer: Balancer) -> Balancer:
    """The client has a connection and has sent a datagram."""
    balancer.run(to_web(flags=SYN))
    balancer.run(to_web())
    balancer.run(to_dns())
    return balancer


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(from_web(flags=SYN | ACK, options=b"\x02\x04\x05\xb4"), id="SYN-ACK"),
        pytest.param(from_web(payload=b"HTTP/1.1 200 OK\r\n\r\n"), id="data"),
        pytest.param(from_web(flags=FIN | ACK), id="FIN"),
        pytest.param(from_web(flags=RST), id="RST"),
        pytest.param(from_dns(), id="datagram"),
        pytest.param(from_dns(checksum=False), id="UDP without checksum"),
        pytest.param(from_dns(payload=b"odd"), id="odd datagram"),
        pytest.param(from_web(ip_options=b"\x01" * 8, payload=b"x"), id="IP options"),
        pytest.param(from_web(trailer=bytes(6)), id="padded to 60 octets"),
        pytest.param(from_web(payload=bytes(1460)), id="as large as it may be"),
        pytest.param(from_web(ttl=2), id="TTL 2"),
    ],
)
def test_the_listener_speaks(known: Balancer, sent: Packet) -> None:
    assert known.run(sent) == replied(sent)


@pytest.mark.parametrize("sent", [from_web(ttl=1), from_dns(ttl=0)])
def test_an_expired_packet_is_dropped(known: Balancer, sent: Packet) -> None:
    assert known.run(sent) == dropped("ttl")


def test_no_udp_checksum_comes_out_as_none(known: Balancer) -> None:
    """Also the one that computes to 0 and is sent as all ones."""
    zero = at_client(from_dns(payload=b"\0\0"), DNS).transport()[6:8]
    assert known.verdict(from_dns(payload=zero))[1][40:42] == b"\xff\xff"
    for word in range(0, 65536, 251):
        sent = from_dns(payload=word.to_bytes(2, "big"))
        assert known.verdict(sent)[1] == at_client(sent, DNS).frame()


@pytest.mark.parametrize(
    ("segments", "state"),
    [
        pytest.param([(0, FIN)], SERVER_FIN, id="server said all"),
        pytest.param([(0, FIN), (1, FIN)], CLOSED, id="then the client"),
        pytest.param([(1, FIN), (0, FIN)], CLOSED, id="client first"),
        pytest.param([(1, FIN), (0, ACK)], CLIENT_FIN, id="half closed"),
        pytest.param([(0, FIN), (0, FIN)], SERVER_FIN, id="FIN sent again"),
        pytest.param([(0, RST)], CLOSED, id="server resets"),
        pytest.param([(0, RST), (0, FIN), (1, FIN)], CLOSED, id="after a reset"),
        pytest.param([(0, ACK)], ESTABLISHED, id="open"),
    ],
)
def test_flow_state(known: Balancer, segments: list[tuple[int, int]], state: int) -> None:
    for is_client, flags in segments:
        known.run((to_web if is_client else from_web)(flags=flags | ACK))
    flow = known.flows.get(CLIENT, WEB_ROW)
    assert flow is not None
    assert flow.state == state


# -- the way to the client -------------------------------------------------------------------------


def test_answers_follow_the_client_to_another_gateway(known: Balancer) -> None:
    """Each answer leaves where the client's last packet came in, on whatever interface."""
    ways = {
        SERVERS_IF: (Hop(OTHER_GATEWAY_MAC, SERVERS_MAC), TX),
        OTHER_IF: (Hop(GATEWAY_MAC, OTHER_MAC), REDIRECT),
    }
    for ifindex, (hop, action) in ways.items():
        for asked, answer, listener in (
            (to_web(hop=hop), from_web(), WEB),
            (to_dns(hop=hop), from_dns(), DNS),
        ):
            known.run(asked, ingress_ifindex=ifindex)
            expected = replace(at_client(answer, listener), hop=hop.back())
            assert known.run(answer) == replied(answer, action=action, expected=expected)
    known.run(to_web())
    assert known.run(from_web()) == replied(from_web())


def test_an_interface_that_is_gone_is_not_used(known: Balancer) -> None:
    """The routes are asked instead."""
    known.set_scene(Scene(links=LINKS[1:]))
    assert known.run(from_web()) == replied(from_web(), by_routes=True)
    known.set_scene(Scene())
    assert known.run(from_web()) == replied(from_web())


def test_an_evicted_flow_is_answered_by_the_routes(balancer: Balancer) -> None:
    assert balancer.run(from_web()) == replied(from_web(), by_routes=True)


def test_without_flow_and_route_there_is_no_way(balancer: Balancer) -> None:
    assert balancer.run(from_web(dest=STRANGER)) == dropped("no_route")


# -- clients that ask a server itself --------------------------------------------------------------


def test_who_asks_a_server_itself_is_answered_by_it(balancer: Balancer) -> None:
    """Not in the name of a VIP that nobody asked: the answers are the host's to route."""
    for sent in (from_web(flags=SYN | ACK), from_web(), from_web(flags=FIN | ACK), from_dns()):
        assert balancer.run(sent) == passed(sent, "direct")


def test_the_same_client_port_may_then_ask_the_vip(balancer: Balancer) -> None:
    direct = from_web(flags=SYN | ACK)
    assert balancer.run(direct) == passed(direct, "direct")
    assert balancer.run(to_web(flags=SYN)) == forwarded(to_web(flags=SYN), flow="new")
    assert balancer.run(from_web()) == replied(from_web())


def test_nobody_is_told_that_a_direct_connection_has_ended(balancer: Balancer) -> None:
    balancer.run(from_web(flags=SYN | ACK))
    assert balancer.datapath.waiting_flows() == []


def test_the_neighbour_whose_index_would_be_zero_is_no_exception(balancer: Balancer) -> None:
    """Index 0 of the neighbour table means "none", so its first place must stay empty."""
    hop = Hop(next(macs_of_bucket(0)), CLIENTS_MAC)
    balancer.run(to_web(hop=hop))
    expected = replace(at_client(from_web(), WEB), hop=hop.back())
    assert balancer.run(from_web()) == replied(from_web(), expected=expected)


def test_of_too_many_neighbours_the_last_is_not_learnt(balancer: Balancer) -> None:
    """Eight fit a bucket; answers to the ninth go by the routes."""
    for number, mac in enumerate(islice(macs_of_bucket(5), 9)):
        client = Endpoint(CLIENT.address, 1000 + number)
        hop = Hop(mac, CLIENTS_MAC)
        balancer.run(to_web(source=client, hop=hop))
        answer = from_web(dest=client)
        expected = replace(at_client(answer, WEB), hop=hop.back())
        learnt = replied(answer, expected=expected)
        assert balancer.run(answer) == (learnt if number < 8 else replied(answer, by_routes=True))


def macs_of_bucket(bucket: int) -> Iterator[bytes]:
    """MACs whose neighbours on CLIENTS_IF share one of the table's 8192 buckets."""
    for number in range(1 << 20):
        mac = b"\x02\0" + number.to_bytes(4, "big")
        octets = mac + CLIENTS_IF.to_bytes(2, sys.byteorder)
        word = int.from_bytes(octets, sys.byteorder)
        if (word * MULTIPLIER & 0xFFFF_FFFF_FFFF_FFFF) >> (64 - 13) == bucket:
            yield mac


# -- not for a client ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(from_web(dest=Endpoint(CLIENTS_ADDRESS, 50000)), id="TCP"),
        pytest.param(from_dns(dest=Endpoint(CLIENTS_ADDRESS, 50000)), id="UDP"),
        pytest.param(from_web(SECONDARY, dest=Endpoint(CLIENTS_ADDRESS, 50000)), id="secondary"),
        pytest.param(from_web(dest=Endpoint(CLIENTS_ADDRESS, 50000), ttl=1), id="TTL 1"),
    ],
)
def test_the_answer_to_a_health_check_is_the_hosts(balancer: Balancer, sent: Packet) -> None:
    assert balancer.run(sent) == passed(sent, "local")


def test_a_server_that_speaks_from_another_port_is_the_hosts(known: Balancer) -> None:
    sent = from_web(source=Endpoint(from_web().source.address, 22))
    assert known.run(sent) == passed(sent, "no_listener")
