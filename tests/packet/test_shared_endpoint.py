# SPDX-License-Identifier: Apache-2.0
"""Several listeners use one server:port: each answer gets its own listener's address and port."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import ACK, FIN, RST, SYN, UNREACHABLE, Endpoint, Icmp, Packet, Tcp, Udp
from tests.packet.world import (
    CLIENT,
    DNS_SERVERS,
    FROM_PRIMARY,
    LINKS,
    PRIMARY,
    PRIMARY_HOP,
    SECONDARY,
    SECONDARY_HOP,
    TO_CLIENT,
    VIP,
    WEB_SERVERS,
    at_client,
    at_server,
    from_dns,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.failover import Slot
from xdpair.core.model import Protocol, Side
from xdpair.core.tables import (
    Kind,
    ListenerEntry,
    LookupKey,
    ServerEntry,
    TableChange,
    endpoint_value,
)

#: As many as the tests' tables have room for.
MANY = 120
#: The secondary's first slot write; flows of the primary have ended, and it is silenced.
FAILED_OVER = Slot(Side.SECONDARY, 2, (2, 1), (True, False))
FAILED_BACK = Slot(Side.PRIMARY, 3, (2, 3), (False, False))


def listener_at(row: int) -> Endpoint:
    """Every other one has a VIP of its own; ports differ too."""
    return Endpoint(IPv4Address(int(VIP) + row % 2), 1000 + row)


def sharing(count: int, protocol: Protocol, *, keep: bool = False) -> TableChange:
    """Listeners in rows 1 to ``count``; both endpoints name the first one."""
    pair = WEB_SERVERS if protocol is Protocol.TCP else DNS_SERVERS
    servers = {
        pair[0]: ServerEntry(*PRIMARY, PRIMARY_HOP),
        pair[1]: ServerEntry(*SECONDARY, SECONDARY_HOP),
    }
    lookup, listeners = {}, {}
    for row in range(1, count + 1):
        end = listener_at(row)
        lookup[LookupKey(Kind.LISTENER, *end, protocol)] = row
        listeners[row] = ListenerEntry(
            *end, protocol, row, pair, keep_primary=keep, keep_secondary=keep
        )
    for side, server in zip(Side, (PRIMARY, SECONDARY), strict=True):
        lookup[LookupKey(Kind.ENDPOINT, *server, protocol)] = endpoint_value(1, side, shared=True)
    return TableChange(lookup, listeners, servers, links=LINKS, whole=True)


def prepare(balancer: Balancer, count: int, protocol: Protocol, *, keep: bool = False) -> None:
    balancer.datapath.apply(TableChange(whole=True))
    balancer.datapath.apply(sharing(count, protocol, keep=keep))
    for row in range(1, count + 1):
        balancer.datapath.write_slot(row, Slot())


def assert_answered_by(balancer: Balancer, answer: Packet, row: int) -> None:
    out = balancer.run(answer)
    assert (out.exit, out.frame) == ("reply", at_client(answer, listener_at(row)).frame()), row


@pytest.fixture
def two(balancer: Balancer) -> Balancer:
    prepare(balancer, 2, Protocol.TCP)
    return balancer


@pytest.fixture
def two_udp(balancer: Balancer) -> Balancer:
    prepare(balancer, 2, Protocol.UDP)
    return balancer


@pytest.mark.parametrize("count", [2, 3, MANY])
@pytest.mark.parametrize(
    ("protocol", "ask", "answer"),
    [(Protocol.TCP, to_web(), from_web()), (Protocol.UDP, to_dns(), from_dns())],
)
def test_each_answer_finds_its_listener(
    balancer: Balancer, count: int, protocol: Protocol, ask: Packet, answer: Packet
) -> None:
    prepare(balancer, count, protocol)
    clients = {row: Endpoint(CLIENT.address, 2000 + row) for row in range(1, count + 1)}
    for row, client in clients.items():
        sent = replace(ask, source=client, dest=listener_at(row))
        assert balancer.run(sent).frame == at_server(sent, PRIMARY).frame()
    for row, client in clients.items():
        assert_answered_by(balancer, replace(answer, dest=client), row)


@pytest.mark.parametrize("answer", [from_web(), from_web(SECONDARY)])
def test_an_answer_that_any_of_them_might_have_asked_for(two: Balancer, answer: Tcp) -> None:
    """Better lost than in another listener's name: both ends send again."""
    out = two.run(answer)
    assert out.exit == "drop_no_flow"


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param([to_web(flags=RST)], id="client reset"),
        pytest.param([from_web(flags=RST)], id="server reset"),
        pytest.param([to_web(flags=FIN | ACK), from_web(flags=FIN | ACK)], id="both finished"),
        pytest.param([to_web(flags=FIN | ACK)], id="the server's end went unseen"),
    ],
)
def test_a_port_used_again_for_another_listener(
    two: Balancer, first: int, ending: list[Tcp]
) -> None:
    """Within one tick of the clock: the newer connection gets the answer."""
    second = 3 - first
    for flags in (SYN, ACK):
        two.run(to_web(flags=flags, dest=listener_at(first)))
    for sent in ending:
        two.run(replace(sent, dest=listener_at(first)) if sent.source == CLIENT else sent)
    two.run(to_web(flags=SYN, dest=listener_at(second)))
    assert_answered_by(two, from_web(flags=SYN | ACK), second)
    two.run(to_web(dest=listener_at(second)))
    assert_answered_by(two, from_web(payload=b"hello"), second)


@pytest.mark.parametrize("first", [1, 2])
def test_of_two_connections_the_one_just_opened_is_meant(two: Balancer, first: int) -> None:
    """The end of the other one went unseen."""
    for flags in (SYN, ACK):
        two.run(to_web(flags=flags, dest=listener_at(first)))
    two.run(to_web(flags=SYN, dest=listener_at(3 - first)))
    assert_answered_by(two, from_web(flags=SYN | ACK), 3 - first)


@pytest.mark.parametrize("first", [1, 2])
def test_the_flow_heard_of_last_is_meant(two_udp: Balancer, first: int) -> None:
    for asked in (first, 3 - first, first):
        for row in (1, 2):
            if two_udp.flows.get(CLIENT, row):
                two_udp.flows.age(CLIENT, row, 2)
        two_udp.run(to_dns(dest=listener_at(asked)))
        assert_answered_by(two_udp, from_dns(), asked)


def test_a_flow_of_the_other_server_is_not_meant(two: Balancer) -> None:
    """One listener failed over, the other did not; the client used one port toward both."""
    two.datapath.write_slot(2, FAILED_OVER)
    for row in (1, 2):
        two.run(to_web(flags=SYN, dest=listener_at(row)))
    assert_answered_by(two, from_web(flags=SYN | ACK), 1)
    assert_answered_by(two, from_web(SECONDARY, flags=SYN | ACK), 2)


def test_slots_are_each_listeners_own(two: Balancer) -> None:
    clients = {row: Endpoint(CLIENT.address, 2000 + row) for row in (1, 2)}
    for row, client in clients.items():
        two.run(to_web(dest=listener_at(row), source=client))
    two.datapath.write_slot(1, FAILED_OVER)
    assert two.run(from_web(dest=clients[1])).exit == "drop_fenced"
    assert_answered_by(two, from_web(dest=clients[2]), 2)
    assert two.run(to_web(dest=listener_at(1), source=clients[1])).exit == "reset_client"
    assert two.run(to_web(dest=listener_at(2), source=clients[2])).exit == "forward"


def test_an_answer_in_flight_while_its_flow_moves(two_udp: Balancer) -> None:
    """The client's neighbour is known from the moved flow, and so is the listener."""
    two_udp.datapath.write_slot(1, FAILED_OVER)
    sent = to_dns(dest=listener_at(1))
    two_udp.run(sent)
    two_udp.datapath.write_slot(1, FAILED_BACK)
    assert two_udp.run(sent).frame == at_server(sent, PRIMARY).frame()
    assert_answered_by(two_udp, from_dns(SECONDARY), 1)


def test_an_error_finds_its_listener(two_udp: Balancer) -> None:
    clients = {row: Endpoint(CLIENT.address, 2000 + row) for row in (1, 2)}
    for row, client in clients.items():
        asked: Udp = to_dns(dest=listener_at(row), source=client)
        two_udp.run(asked)
        sent = Icmp(
            hop=FROM_PRIMARY,
            source=PRIMARY,
            dest=client,
            kind=UNREACHABLE,
            code=3,
            body=at_server(asked, PRIMARY).quote(),
        )
        there = replace(
            sent,
            hop=TO_CLIENT,
            source=listener_at(row),
            ttl=63,
            body=replace(asked, ttl=asked.ttl - 1).quote(),
        )
        assert two_udp.run(sent).frame == there.frame()
