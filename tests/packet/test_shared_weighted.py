# SPDX-License-Identifier: Apache-2.0
"""Weighted listeners, pairs, or both use one server:port: its answers go by the client's flows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import ACK, FIN, RST, SYN, UNREACHABLE, Endpoint, Icmp, Tcp
from tests.packet.members import (
    STRANGER_ROW,
    Crowd,
    at_member,
    from_member,
    hop_to,
    member,
)
from tests.packet.world import CLIENT, LINKS, SERVERS_ADDRESS, TO_CLIENT, VIP, at_client, to_web
from xdpair.core.failover import Slot
from xdpair.core.model import Protocol, Side
from xdpair.core.tables import (
    Kind,
    ListenerEntry,
    LookupKey,
    Schedule,
    ServerEntry,
    TableChange,
    endpoint_value,
)

#: Rows of listeners; the pair's slot has its row.
FARM, OTHER_FARM, PAIR = 1, 2, 3
ENDS = {row: Endpoint(VIP, 1000 + row) for row in (FARM, OTHER_FARM, PAIR)}
#: A server that all of them use, by rows of their own.
SHARED = STRANGER_ROW
ROWS = {FARM: 10, OTHER_FARM: 11, PAIR: 12}
SECONDARY_ROW = 13


def tables(named: int) -> TableChange:
    """``named``: the listener that the endpoint names."""
    lookup: dict[LookupKey, int | None] = {
        LookupKey(Kind.LISTENER, *end, Protocol.TCP): row for row, end in ENDS.items()
    }
    lookup[LookupKey(Kind.LOCAL, SERVERS_ADDRESS)] = 1
    endpoint = LookupKey(Kind.ENDPOINT, *member(SHARED), Protocol.TCP)
    lookup[endpoint] = endpoint_value(named, 0, shared=True)
    listeners = {
        row: ListenerEntry(*end, Protocol.TCP, 0, (0, 0), False, False, Schedule.IN_TURN)
        for row, end in ENDS.items()
    }
    listeners[PAIR] = ListenerEntry(
        *ENDS[PAIR], Protocol.TCP, PAIR, (ROWS[PAIR], SECONDARY_ROW), False, False
    )
    servers = {
        row: ServerEntry(*member(SHARED), hop_to(SHARED), weight=100) for row in ROWS.values()
    }
    servers[SECONDARY_ROW] = ServerEntry(*member(SECONDARY_ROW), hop_to(SECONDARY_ROW))
    return TableChange(lookup, listeners, servers, links=LINKS, whole=True)


@pytest.fixture(params=[FARM, OTHER_FARM, PAIR])
def balancer(balancer: Balancer, request: pytest.FixtureRequest) -> Balancer:
    Crowd().put(balancer)
    balancer.datapath.apply(tables(request.param))
    for row in (FARM, OTHER_FARM):
        balancer.datapath.write_wheel(row, [ROWS[row]], {ROWS[row]: True})
    balancer.datapath.write_slot(PAIR, Slot())
    return balancer


def client_of(row: int) -> Endpoint:
    return Endpoint(CLIENT.address, 2000 + row)


def assert_answered_by(balancer: Balancer, answer: Tcp, row: int) -> None:
    out = balancer.run(answer)
    expected = at_client(answer, ENDS[row]).frame()
    assert (out.exit, out.frame) == ("reply", expected), row
    assert list(out.servers) == [ROWS[row]]
    assert list(out.listeners) == [row]


def test_each_answer_finds_its_listener(balancer: Balancer) -> None:
    for row, end in ENDS.items():
        for flags in (SYN, ACK):
            sent = to_web(source=client_of(row), dest=end, flags=flags)
            assert balancer.run(sent).frame == at_member(sent, SHARED).frame()
    for row in ENDS:
        assert_answered_by(balancer, from_member(SHARED, dest=client_of(row)), row)


@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("second", ENDS)
def test_a_port_used_again_for_another_listener(
    balancer: Balancer, first: int, second: int
) -> None:
    for flags in (SYN, ACK, RST):
        balancer.run(to_web(dest=ENDS[first], flags=flags))
    balancer.run(to_web(dest=ENDS[second], flags=SYN))
    assert_answered_by(balancer, from_member(SHARED, flags=SYN | ACK), second)
    balancer.run(to_web(dest=ENDS[second]))
    assert_answered_by(balancer, from_member(SHARED, payload=b"hello"), second)


def test_an_answer_that_any_of_them_might_have_asked_for(balancer: Balancer) -> None:
    assert balancer.run(from_member(SHARED)).exit == "drop_no_flow"
    assert balancer.run(from_member(SHARED, flags=SYN | ACK)).exit == "pass_direct"
    assert balancer.run(from_member(SHARED)).exit == "pass_direct"
    assert balancer.run(from_member(SHARED, flags=FIN | ACK)).exit == "pass_direct"


def test_health_checks(balancer: Balancer) -> None:
    answer = from_member(SHARED, dest=Endpoint(SERVERS_ADDRESS, 5000))
    assert balancer.run(answer).exit == "pass_local"


@pytest.mark.parametrize("row", [FARM, OTHER_FARM])
def test_an_end_is_one_listeners_own(balancer: Balancer, row: int) -> None:
    for each, end in ENDS.items():
        balancer.run(to_web(source=client_of(each), dest=end))
    balancer.datapath.end_flows(ROWS[row])
    for each in ENDS:
        answer = from_member(SHARED, dest=client_of(each))
        if each == row:
            assert balancer.run(answer).exit == "drop_fenced"
        else:
            assert_answered_by(balancer, answer, each)


def test_a_flow_of_another_server_is_not_meant(balancer: Balancer) -> None:
    """The client used one port toward a farm and toward the pair, which failed over."""
    balancer.datapath.write_slot(PAIR, Slot(Side.SECONDARY, 2, (2, 1), (True, False)))
    for row in (PAIR, FARM):
        balancer.run(to_web(dest=ENDS[row], flags=SYN))
    assert_answered_by(balancer, from_member(SHARED), FARM)


def test_timed_out_flows_are_told_of(balancer: Balancer) -> None:
    for row, end in ENDS.items():
        balancer.run(to_web(source=client_of(row), dest=end))
        balancer.flows.age(client_of(row), row, 2000)
    assert balancer.datapath.sweep().timed_out == 3
    for row in ENDS:
        answer = from_member(SHARED, dest=client_of(row))
        assert balancer.run(answer).exit == "reset_server"


def test_an_error_finds_its_listener(balancer: Balancer) -> None:
    for row, end in ENDS.items():
        asked = to_web(source=client_of(row), dest=end)
        balancer.run(asked)
        sent = Icmp(
            hop=from_member(SHARED).hop,
            source=member(SHARED),
            dest=client_of(row),
            kind=UNREACHABLE,
            code=3,
            body=at_member(asked, SHARED).quote(),
        )
        there = replace(
            sent,
            hop=TO_CLIENT,
            source=end,
            ttl=63,
            body=replace(asked, ttl=asked.ttl - 1).quote(),
        )
        assert balancer.run(sent).frame == there.frame()
