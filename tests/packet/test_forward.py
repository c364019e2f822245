# SPDX-License-Identifier: Apache-2.0
"""From the client to the server that serves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.packet.balancer import TX, Balancer
from tests.packet.flow_table import CLIENT_FIN, CLOSED, ESTABLISHED, NEW
from tests.packet.frames import ACK, FIN, PSH, RST, SYN, URG, Endpoint, Hop, Packet
from tests.packet.outcomes import dropped, forwarded
from tests.packet.world import (
    CLIENT,
    CLIENTS_IF,
    CLIENTS_MAC,
    DNS_ROW,
    PRIMARY,
    PRIMARY_HOP,
    PRIMARY_MAC,
    SECONDARY_HOP,
    WEB_ROW,
    WEB_SERVERS,
    Scene,
    at_server,
    to_dns,
    to_web,
)

RECORD_ROUTE = bytes((7, 11, 4)) + bytes(8) + b"\0"


def test_a_tcp_connection_goes_to_the_primary(balancer: Balancer) -> None:
    syn = to_web(flags=SYN, options=bytes.fromhex("020405b40402080a0000000100000000"))
    assert balancer.run(syn) == forwarded(syn, flow="new")
    for later in (
        to_web(flags=ACK),
        to_web(flags=ACK | PSH, payload=b"GET / HTTP/1.1\r\n\r\n"),
        to_web(flags=ACK | URG, payload=b"x"),
        to_web(flags=ACK | FIN),
        to_web(flags=RST),
    ):
        assert balancer.run(later) == forwarded(later)


def test_udp_goes_to_the_primary(balancer: Balancer) -> None:
    sent = to_dns()
    assert balancer.run(sent) == forwarded(sent, flow="new")
    assert balancer.run(sent) == forwarded(sent)


@pytest.mark.parametrize(
    ("segments", "state"),
    [
        pytest.param([SYN], NEW, id="half open"),
        pytest.param([SYN, ACK], ESTABLISHED, id="open"),
        pytest.param([ACK], ESTABLISHED, id="not known"),
        pytest.param([SYN, ACK, FIN | ACK], CLIENT_FIN, id="client said all"),
        pytest.param([SYN, ACK, FIN | ACK, ACK], CLIENT_FIN, id="client acknowledges"),
        pytest.param([SYN, ACK, RST], CLOSED, id="reset by client"),
        pytest.param([SYN, ACK, RST, SYN], NEW, id="port used again"),
    ],
)
def test_flow_state(balancer: Balancer, segments: list[int], state: int) -> None:
    for flags in segments:
        balancer.run(to_web(flags=flags))
    flow = balancer.flows.get(CLIENT, WEB_ROW)
    assert flow is not None
    assert (flow.server, flow.state) == (WEB_SERVERS[0], state)


def test_a_reset_without_a_flow_makes_none(balancer: Balancer) -> None:
    sent = to_web(flags=RST)
    assert balancer.run(sent) == forwarded(sent, flow="none")
    assert balancer.flows.count() == 0


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(to_web(payload=b"odd"), id="odd payload"),
        pytest.param(to_dns(payload=b""), id="no payload"),
        pytest.param(to_dns(payload=b"odd"), id="odd datagram"),
        pytest.param(to_dns(checksum=False), id="UDP without checksum"),
        pytest.param(to_dns(payload=bytes(1472)), id="as large as it may be"),
        pytest.param(to_web(trailer=bytes(6)), id="padded to 60 octets"),
        pytest.param(to_dns(payload=b"a", trailer=b"\xee" * 17), id="padding is not zero"),
        pytest.param(to_web(ip_options=RECORD_ROUTE, payload=b"data"), id="IP options"),
        pytest.param(to_dns(ip_options=b"\x01" * 40), id="40 octets of IP options"),
        pytest.param(to_web(options=b"\x01" * 40, payload=b"x"), id="40 octets of TCP options"),
        pytest.param(to_web(tos=0xB8, ident=0xFFFF, frag=0), id="TOS and ident kept"),
        pytest.param(to_web(ttl=255), id="TTL 255"),
        pytest.param(to_web(ttl=2), id="TTL 2"),
    ],
)
def test_nothing_but_addresses_and_ttl_changes(balancer: Balancer, sent: Packet) -> None:
    assert balancer.run(sent) == forwarded(sent, flow="new")
    assert balancer.run(sent) == forwarded(sent)


@pytest.mark.parametrize("ttl", [0, 1])
@pytest.mark.parametrize("make", [to_web, to_dns])
def test_an_expired_packet_is_dropped(balancer: Balancer, make: type, ttl: int) -> None:
    assert balancer.run(make()).exit == "forward_new"
    assert balancer.run(make(ttl=ttl)) == dropped("ttl")


def test_no_udp_checksum_comes_out_as_none(balancer: Balancer) -> None:
    """Also those two that compute to 0 before or after, and are sent as all ones."""
    zero_before = to_dns(payload=b"\0\0").transport()[6:8]
    zero_after = at_server(to_dns(payload=b"\0\0"), PRIMARY).transport()[6:8]
    assert to_dns(payload=zero_before).transport()[6:8] == b"\xff\xff"
    assert balancer.verdict(to_dns(payload=zero_after))[1][40:42] == b"\xff\xff"
    for word in [zero_before, zero_after, *(n.to_bytes(2, "big") for n in range(0, 65536, 251))]:
        sent = to_dns(payload=word)
        _, frame = balancer.verdict(sent)
        assert frame == at_server(sent, PRIMARY).frame()


def test_a_server_on_the_clients_own_interface_gets_its_packets_there(balancer: Balancer) -> None:
    hop = replace(PRIMARY_HOP, ifindex=CLIENTS_IF, interface="cl0", source_mac=CLIENTS_MAC)
    balancer.set_scene(Scene(hops=(hop, SECONDARY_HOP)))
    sent = to_web(flags=SYN)
    out = balancer.run(sent)
    assert (out.action, out.exit) == (TX, "forward_new")
    there = replace(sent, hop=Hop(CLIENTS_MAC, PRIMARY_MAC), dest=PRIMARY, ttl=63)
    assert out.frame == there.frame()


def test_a_server_that_can_not_be_reached_gets_nothing(balancer: Balancer) -> None:
    sent = to_web(flags=SYN)
    balancer.set_scene(Scene(hops=(None, SECONDARY_HOP)))
    assert balancer.run(sent) == dropped("unresolved")
    assert balancer.flows.count() == 0
    balancer.set_scene(Scene())
    assert balancer.run(sent) == forwarded(sent, flow="new")
    balancer.set_scene(Scene(hops=(None, None)))
    assert balancer.run(to_web()) == dropped("unresolved")


def test_flows_of_all_clients_are_apart(balancer: Balancer) -> None:
    for client in (CLIENT, Endpoint(CLIENT.address, 1), Endpoint(CLIENT.address + 1, CLIENT.port)):
        for make, row in ((to_web, WEB_ROW), (to_dns, DNS_ROW)):
            sent = make(source=client)
            assert balancer.run(sent) == forwarded(sent, flow="new")
            assert balancer.flows.get(client, row) is not None
    assert balancer.flows.count() == 6
