# SPDX-License-Identifier: Apache-2.0
"""Clients that stay with their server, by address and for some time after their last packet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.packet.balancer import Balancer
from tests.packet.flow_table import ESTABLISHED, NEW, WAYS
from tests.packet.frames import ACK, FIN, RST, SYN, Endpoint
from tests.packet.members import (
    WEB_MEMBERS,
    Crowd,
    exclude,
    from_member,
    given_to,
    loads,
    set_wheel,
    taken,
)
from tests.packet.outcomes import fenced
from tests.packet.world import CLIENT, DNS_ROW, VIP, WEB_ROW, to_dns, to_web
from xdpair.core.model import Protocol
from xdpair.core.tables import Kind, ListenerEntry, LookupKey, Schedule
from xdpair.datapath import clock

FIRST, SECOND, THIRD = WEB_MEMBERS
PERSISTENCE_S = 300
TICKS = clock.ticks_of(PERSISTENCE_S)
#: Where ties are kept.
TIE = Endpoint(CLIENT.address, 0)


def port(number: int) -> Endpoint:
    return Endpoint(CLIENT.address, number)


def connect(balancer: Balancer, client: Endpoint) -> int:
    """Open a connection; whose it is."""
    _, frame = balancer.verdict(to_web(source=client, flags=SYN))
    balancer.verdict(to_web(source=client))
    return given_to(frame)


@pytest.fixture
def balancer(balancer: Balancer) -> Balancer:
    return Crowd(web={"persistence_s": PERSISTENCE_S}).put(balancer)


def test_all_connections_of_a_client_go_to_one_server(balancer: Balancer) -> None:
    sent = to_web(flags=SYN)
    assert balancer.run(sent) == taken(sent, FIRST, flow="new")
    for number in range(1, 20):
        again = to_web(source=port(number), flags=SYN)
        assert balancer.run(again) == taken(again, FIRST, flow="new")
    other = to_web(source=Endpoint(CLIENT.address + 1, 1), flags=SYN)
    assert balancer.run(other) == taken(other, SECOND, flow="new")


def test_a_tie_takes_no_turn(balancer: Balancer) -> None:
    for number in range(1, 6):
        connect(balancer, port(number))
    assert balancer.maps.cursors[WEB_ROW] == 1


def test_datagrams_have_no_ties(balancer: Balancer) -> None:
    for number in range(1, 4):
        balancer.run(to_dns(source=port(number)))
    assert balancer.flows.get(TIE, DNS_ROW) is None


def test_without_persistence_there_is_no_tie(balancer: Balancer) -> None:
    Crowd().put(balancer)
    assert [connect(balancer, port(number)) for number in (1, 2, 3)] == list(WEB_MEMBERS)
    assert balancer.flows.get(TIE, WEB_ROW) is None


@pytest.mark.parametrize("schedule", list(Schedule))
def test_whatever_the_scheduler(balancer: Balancer, schedule: Schedule) -> None:
    Crowd(web={"persistence_s": PERSISTENCE_S, "schedule": schedule}).put(balancer)
    assert len({connect(balancer, port(number)) for number in range(1, 20)}) == 1


def test_never_to_a_server_that_gets_nothing_new(balancer: Balancer) -> None:
    """Down, or of weight 0. The client is the other one's then, and stays so."""
    connect(balancer, CLIENT)
    exclude(balancer, FIRST)
    second = connect(balancer, port(1))
    assert second != FIRST
    set_wheel(balancer, WEB_MEMBERS)
    assert {connect(balancer, port(number)) for number in range(2, 9)} == {second}


def test_never_against_an_end(balancer: Balancer) -> None:
    """The server's flows were ended; it may have forgotten the client."""
    connect(balancer, CLIENT)
    balancer.datapath.end_flows(FIRST)
    assert connect(balancer, port(1)) == SECOND


def test_a_tie_ends_in_time(balancer: Balancer) -> None:
    connect(balancer, CLIENT)
    balancer.flows.age(TIE, WEB_ROW, TICKS - 3)
    assert connect(balancer, port(1)) == FIRST
    balancer.flows.age(TIE, WEB_ROW, TICKS - 3)
    assert connect(balancer, port(2)) == FIRST, "renewed by each new connection"
    balancer.flows.age(TIE, WEB_ROW, TICKS + 1)
    assert connect(balancer, port(3)) == SECOND


def test_an_hour_is_within_the_clocks_round(balancer: Balancer) -> None:
    Crowd(web={"persistence_s": 3600}).put(balancer)
    ticks = clock.ticks_of(3600)
    connect(balancer, CLIENT)
    balancer.flows.age(TIE, WEB_ROW, ticks - 5)
    assert connect(balancer, port(1)) == FIRST
    balancer.flows.age(TIE, WEB_ROW, ticks + 1)
    assert connect(balancer, port(2)) == SECOND


def test_packets_of_a_connection_renew_the_tie(balancer: Balancer) -> None:
    """About once a second."""
    connect(balancer, CLIENT)
    for _ in range(4):
        balancer.flows.age(TIE, WEB_ROW, TICKS - 5)
        balancer.flows.age(CLIENT, WEB_ROW, 1)
        balancer.run(to_web(payload=b"more"))
    assert connect(balancer, port(1)) == FIRST


def test_a_connection_elsewhere_does_not_move_the_client(balancer: Balancer) -> None:
    """An old one, on a server that got nothing new when the client came again."""
    connect(balancer, CLIENT)
    exclude(balancer, FIRST)
    second = connect(balancer, port(1))
    set_wheel(balancer, WEB_MEMBERS)
    balancer.flows.age(CLIENT, WEB_ROW, 1)
    balancer.run(to_web())
    assert connect(balancer, port(2)) == second


def test_a_connection_ties_again_what_was_forgotten(balancer: Balancer) -> None:
    """Its tie expired, or was evicted."""
    connect(balancer, CLIENT)
    balancer.flows.age(TIE, WEB_ROW, TICKS + 1)
    balancer.flows.age(CLIENT, WEB_ROW, 1)
    balancer.run(to_web())
    assert connect(balancer, port(1)) == FIRST


def test_a_flood_of_syns_costs_no_connection(balancer: Balancer) -> None:
    """Ties of clients that never finished a handshake go before connections do."""
    neighbours = [
        address
        for address in (CLIENT.address + n for n in range(1, 30_000))
        if balancer.flows.bucket(Endpoint(address, 0)) == balancer.flows.bucket(CLIENT)
    ][: WAYS * 3]
    assert len(neighbours) == WAYS * 3
    connect(balancer, CLIENT)
    for address in neighbours:
        balancer.run(to_web(source=Endpoint(address, 1), flags=SYN))
    flow = balancer.flows.get(CLIENT, WEB_ROW)
    assert flow is not None
    assert flow.state == ESTABLISHED
    tie = balancer.flows.get(Endpoint(neighbours[-1], 0), WEB_ROW)
    assert tie is not None
    assert tie.state == NEW


def test_a_tie_is_no_flow(balancer: Balancer) -> None:
    """It counts at no server, and nobody waits at its end."""
    connect(balancer, CLIENT)
    assert loads(balancer) == [1, 0, 0]
    for sent in (to_web(flags=FIN | ACK), from_member(FIRST, flags=FIN | ACK), to_web(flags=RST)):
        balancer.run(sent)
    assert loads(balancer) == [0, 0, 0]
    balancer.datapath.end_flows(FIRST)
    assert balancer.datapath.waiting_flows() == []


def test_no_answer_is_about_a_tie(balancer: Balancer) -> None:
    """A server that speaks to port 0 speaks to nobody, and ends nothing."""
    connect(balancer, CLIENT)
    before = balancer.flows.get(TIE, WEB_ROW)
    for flags in (ACK, FIN | ACK, RST):
        answer = from_member(FIRST, dest=TIE, flags=flags)
        assert balancer.run(answer) == fenced(answer)
    assert balancer.flows.get(TIE, WEB_ROW) == before


def test_ties_are_each_listeners_own(balancer: Balancer) -> None:
    connect(balancer, CLIENT)
    tables = Crowd(web={"persistence_s": PERSISTENCE_S}).tables()
    entry = ListenerEntry(
        VIP, 81, Protocol.TCP, 0, (0, 0), False, False, Schedule.IN_TURN, PERSISTENCE_S
    )
    balancer.datapath.apply(
        replace(
            tables,
            lookup={**tables.lookup, LookupKey(Kind.LISTENER, VIP, 81, Protocol.TCP): 3},
            listeners={**tables.listeners, 3: entry},
        )
    )
    set_wheel(balancer, [THIRD], 3)
    sent = to_web(source=port(1), dest=Endpoint(VIP, 81), flags=SYN)
    assert given_to(balancer.verdict(sent)[1]) == THIRD
    assert connect(balancer, port(2)) == FIRST
