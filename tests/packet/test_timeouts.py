# SPDX-License-Identifier: Apache-2.0
"""What silence ends: the sweep's rules, and how both ends of a connection are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.packet.balancer import Balancer
from tests.packet.flow_table import CLOCK_MODULUS, CLOSED, ESTABLISHED, NEW, RESET
from tests.packet.frames import ACK, FIN, RST, SYN, Endpoint, Tcp
from tests.packet.members import (
    DNS_MEMBERS,
    WEB_MEMBERS,
    Crowd,
    datagram_from,
    from_member,
    given_to,
    loads,
    returned,
    taken,
    told_server,
)
from tests.packet.outcomes import dropped, fenced, forwarded, passed, replied, was_reset
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    DNS_ROW,
    WEB_ROW,
    Scene,
    from_dns,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.tables import Schedule
from xdpair.datapath import clock
from xdpair.ports import Swept

TIMEOUT_S, PERSISTENCE_S = 200, 300
#: UDP_IDLE_TICKS and HALF_OPEN_IDLE_TICKS of bpf/abi.h.
UDP_TICKS, HALF_OPEN_TICKS = 90, 60
TCP_TICKS, TIE_TICKS = clock.ticks_of(TIMEOUT_S), clock.ticks_of(PERSISTENCE_S)
#: The tick may change in the middle of a test.
SLACK = 3
TIE = Endpoint(CLIENT.address, 0)
FIRST = WEB_MEMBERS[0]


@pytest.fixture(params=["pair", "weighted"])
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def either(balancer: Balancer, kind: str) -> Balancer:
    """Both listeners of that kind; connections time out after TIMEOUT_S."""
    fields: dict[str, Any] = {"established_timeout_s": TIMEOUT_S}
    if kind == "weighted":
        return Crowd(web=fields, dns=fields).put(balancer)
    tables = Scene().tables()
    entries = {row: entry and replace(entry, **fields) for row, entry in tables.listeners.items()}
    balancer.datapath.apply(replace(tables, listeners=entries))
    return balancer


@pytest.fixture
def weighted(balancer: Balancer) -> Balancer:
    fields = {"established_timeout_s": TIMEOUT_S, "persistence_s": PERSISTENCE_S}
    return Crowd(web=fields).put(balancer)


def answer(kind: str, **fields: Any) -> Tcp:
    """Of the server that the TCP client is with."""
    return from_web(**fields) if kind == "pair" else from_member(FIRST, **fields)


def open_flows(balancer: Balancer) -> None:
    for sent in (to_web(flags=SYN), to_web(), to_dns()):
        balancer.run(sent)


def silence(balancer: Balancer, row: int, ticks: int, client: Endpoint = CLIENT) -> None:
    balancer.flows.age(client, row, ticks)


def state(balancer: Balancer, row: int, client: Endpoint = CLIENT) -> int:
    flow = balancer.flows.get(client, row)
    assert flow is not None
    return flow.state


# -- the sweep's rules -----------------------------------------------------------------------------

HISTORIES = {
    "half open": ([SYN], HALF_OPEN_TICKS, CLOSED),
    "open": ([SYN, ACK], TCP_TICKS, RESET),
    "the client has finished": ([SYN, ACK, FIN | ACK], TCP_TICKS, RESET),
    "closed": ([SYN, ACK, RST], 2 * TCP_TICKS, None),
}


@pytest.mark.parametrize("history", HISTORIES)
def test_connections(either: Balancer, history: str) -> None:
    flags, ticks, end = HISTORIES[history]
    for each in flags:
        either.run(to_web(flags=each))
    before = state(either, WEB_ROW)
    silence(either, WEB_ROW, ticks - SLACK)
    assert either.datapath.sweep() == Swept(0, 0)
    silence(either, WEB_ROW, 2 * SLACK)
    swept = {RESET: Swept(1, 0), CLOSED: Swept(0, 1), None: Swept(0, 0)}[end]
    assert either.datapath.sweep() == swept
    assert state(either, WEB_ROW) == (before if end is None else end)
    assert either.datapath.sweep() == Swept(0, 0)


def test_the_server_has_finished(either: Balancer, kind: str) -> None:
    open_flows(either)
    either.run(answer(kind, flags=FIN | ACK))
    silence(either, WEB_ROW, TCP_TICKS + SLACK)
    assert either.datapath.sweep().timed_out == 1
    assert state(either, WEB_ROW) == RESET


def test_datagrams(either: Balancer) -> None:
    either.run(to_dns())
    silence(either, DNS_ROW, UDP_TICKS - SLACK)
    assert either.datapath.sweep() == Swept(0, 0)
    assert state(either, DNS_ROW) == ESTABLISHED
    silence(either, DNS_ROW, 2 * SLACK)
    assert either.datapath.sweep() == Swept(0, 1)
    assert state(either, DNS_ROW) == CLOSED


def test_who_asked_a_server_itself(either: Balancer, kind: str) -> None:
    """Nobody has to be told: the connection is none of ours."""
    either.run(answer(kind, flags=SYN | ACK))
    silence(either, WEB_ROW, TCP_TICKS + SLACK)
    assert either.datapath.sweep() == Swept(0, 1)
    assert state(either, WEB_ROW) == CLOSED
    late = answer(kind)
    assert either.run(late) == passed(late, "direct")


def test_without_a_timeout_connections_stay(either: Balancer) -> None:
    """A row that was never written says 0."""
    open_flows(either)
    either.maps.listeners["idle_ticks"][WEB_ROW] = 0
    silence(either, WEB_ROW, CLOCK_MODULUS - 20)
    assert either.datapath.sweep().timed_out == 0


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_who_was_heard_of_just_now(either: Balancer, ahead: int) -> None:
    """By a CPU whose clock went on since the sweep read its own."""
    open_flows(either)
    for row in (WEB_ROW, DNS_ROW):
        silence(either, row, -ahead)
    assert either.datapath.sweep() == Swept(0, 0)


def test_ties(weighted: Balancer) -> None:
    weighted.run(to_web(flags=SYN))
    silence(weighted, WEB_ROW, TIE_TICKS - SLACK, TIE)
    assert weighted.datapath.sweep() == Swept(0, 0), "not even where the handshake never ended"
    assert state(weighted, WEB_ROW, TIE) == NEW
    silence(weighted, WEB_ROW, 2 * SLACK, TIE)
    assert weighted.datapath.sweep() == Swept(0, 1)
    assert state(weighted, WEB_ROW, TIE) == CLOSED
    sent = to_web(source=Endpoint(CLIENT.address, 1), flags=SYN)
    assert weighted.run(sent) == taken(sent, WEB_MEMBERS[1], flow="new")


def test_ties_of_quic(weighted: Balancer) -> None:
    Crowd(dns={"schedule": Schedule.QUIC}).put(weighted)
    header = b"\xc3\0\0\0\1\x08%s\x08%s" + bytes(30)
    asked = to_dns(payload=header % (b"firstone", b"client01"))
    row = given_to(weighted.run(asked).frame)
    weighted.run(datagram_from(row, payload=header % (b"client01", b"serverid")))
    tied = weighted.maps.flows["keys"]["client_port_be"] == 0
    tied &= weighted.maps.flows["values"]["server"] != 0
    assert tied.sum() == 1
    seen = weighted.maps.flows["values"]["seen_state"]
    seen[tied] = seen[tied] & 0xF000 | (seen[tied] - UDP_TICKS - SLACK) & 0xFFF
    assert weighted.datapath.sweep() == Swept(0, 1)
    assert (seen[tied] >> 12).tolist() == [CLOSED]


def test_loads_go_down(weighted: Balancer) -> None:
    """Not for ties, nor for connections before their ends know."""
    for sent in (to_web(flags=SYN), to_web(source=Endpoint(CLIENT.address, 1), flags=SYN)):
        weighted.run(sent)
    weighted.run(to_web())
    weighted.run(to_dns())
    assert loads(weighted) == [2, 0, 0]
    for client in (CLIENT, Endpoint(CLIENT.address, 1), TIE):
        silence(weighted, WEB_ROW, 1000, client)
    silence(weighted, DNS_ROW, 1000)
    assert weighted.datapath.sweep() == Swept(1, 3)
    assert loads(weighted) == [1, 0, 0]
    assert loads(weighted, DNS_MEMBERS) == [0, 0, 0]
    weighted.run(to_web(flags=RST))
    assert loads(weighted) == [0, 0, 0]


def test_loads_of_another_epoch_stay(weighted: Balancer) -> None:
    weighted.run(to_dns())
    weighted.datapath.end_flows(DNS_MEMBERS[0])
    weighted.maps.loads[DNS_MEMBERS[0]] = 7
    silence(weighted, DNS_ROW, 1000)
    assert weighted.datapath.sweep() == Swept(0, 1)
    assert loads(weighted, DNS_MEMBERS)[0] == 7


# -- what packets meet then ------------------------------------------------------------------------


@pytest.fixture
def timed_out(either: Balancer) -> Balancer:
    open_flows(either)
    silence(either, WEB_ROW, TCP_TICKS + SLACK)
    silence(either, DNS_ROW, UDP_TICKS + SLACK)
    assert either.datapath.sweep() == Swept(1, 1)
    return either


def test_both_ends_are_told(timed_out: Balancer, kind: str) -> None:
    """Each by a RST with the number that it expects, as often as it asks."""
    for _ in range(2):
        assert timed_out.run(to_web(ack=4711)) == was_reset(to_web(ack=4711))
        for late in (
            answer(kind, ack=815),
            answer(kind, payload=b"late"),
            answer(kind, flags=FIN | ACK),
        ):
            assert timed_out.run(late) == told_server(late)
        assert state(timed_out, WEB_ROW) == RESET


def test_the_servers_reset_ends_there(timed_out: Balancer, kind: str) -> None:
    """It is no RST of the client's, who has to be told still."""
    late = answer(kind, flags=RST)
    assert timed_out.run(late) == dropped("ended")
    assert state(timed_out, WEB_ROW) == RESET
    assert timed_out.run(to_web()) == was_reset(to_web())


def test_the_clients_reset_closes(timed_out: Balancer) -> None:
    assert timed_out.run(to_web(flags=RST)) == dropped("ended")
    assert state(timed_out, WEB_ROW) == CLOSED


def test_a_lie_about_the_header_is_not_answered(timed_out: Balancer, kind: str) -> None:
    frame = bytearray(answer(kind).frame())
    frame[46] = 0xF0
    assert timed_out.run(bytes(frame)) == dropped("malformed")


def test_a_new_connection(timed_out: Balancer, kind: str) -> None:
    sent, row = to_web(flags=SYN), WEB_MEMBERS[1]
    expected = forwarded(sent, flow="new") if kind == "pair" else taken(sent, row, flow="new")
    assert timed_out.run(sent) == expected
    said = from_web() if kind == "pair" else from_member(row)
    assert timed_out.run(said) == (replied(said) if kind == "pair" else returned(said, row))


def test_datagrams_begin_anew(timed_out: Balancer, kind: str) -> None:
    """It is a new flow, not one that moved."""
    late = from_dns() if kind == "pair" else datagram_from(DNS_MEMBERS[0])
    assert timed_out.run(late) == passed(late, "direct")
    sent, row = to_dns(), DNS_MEMBERS[1]
    expected = forwarded(sent, flow="new") if kind == "pair" else taken(sent, row, flow="new")
    assert timed_out.run(sent) == expected


def test_a_fenced_server_is_not_told(timed_out: Balancer, kind: str, pair: Pair) -> None:
    """It may be dead, or meant to know nothing."""
    if kind == "pair":
        pair.primary_fails()
    else:
        timed_out.datapath.end_flows(FIRST)
    late = answer(kind)
    assert timed_out.run(late) == fenced(late)
