# SPDX-License-Identifier: Apache-2.0
"""Who has to be told, beyond pairs that moved: clients of failed servers of many, and both ends of
what timed out; and how many flows each of the many has.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from tests.packet.balancer import Balancer
from tests.packet.farm import ROWS, endpoint_of, farm, listener, row_of, server
from tests.packet.flow_table import CLOSED, RESET
from tests.packet.frames import ACK, FIN, RST, SYN, Endpoint
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    DNS,
    DNS_ROW,
    PRIMARY,
    VIP,
    WEB,
    WEB_ROW,
    WEB_SERVERS,
    Scene,
    to_dns,
    to_web,
)
from xdpair.core.model import Protocol
from xdpair.core.tables import Kind, LookupKey, TableChange
from xdpair.datapath.constants import ABI
from xdpair.ports import WaitingFlow

CLIENTS = [Endpoint(CLIENT.address + number // 8, 1000 + number) for number in range(40)]
FAR_IN_TICKS = 3000


@pytest.fixture
def weighted(balancer: Balancer) -> Balancer:
    balancer.datapath.apply(farm())
    balancer.datapath.write_wheel(WEB_ROW, ROWS, dict.fromkeys(ROWS, True))
    return balancer


def connect(balancer: Balancer, client: Endpoint, *, flags: tuple[int, ...] = (SYN, ACK)) -> int:
    """The row of the server that a client's connection went to."""
    rows = {row_of(balancer.run(to_web(source=client, flags=each)).frame) for each in flags}
    (row,) = rows
    return row


def waiting(balancer: Balancer) -> dict[Endpoint, WaitingFlow]:
    found = balancer.datapath.waiting_flows()
    by_client = {Endpoint(flow.client, flow.client_port): flow for flow in found}
    assert len(by_client) == len(found)
    assert all((flow.vip, flow.port) == WEB for flow in found)
    return by_client


def set_state(balancer: Balancer, client: Endpoint, listener_row: int, state: int) -> None:
    """As the sweep does."""
    (value,) = (way for key, way in balancer.flows._ways(client, listener_row) if key)
    seen = int(value["seen_state"]) & ABI["FLOW_SEEN_MASK"]
    value["seen_state"] = state << ABI["FLOW_STATE_SHIFT"] | seen


# -- who has to be told ----------------------------------------------------------------------------


def test_clients_of_a_failed_server_are_told_and_no_others(weighted: Balancer) -> None:
    servers = {client: connect(weighted, client) for client in CLIENTS}
    assert not waiting(weighted)
    failed = ROWS[:2]
    for row in failed:
        weighted.datapath.end_flows(row)
    expected = {client for client, row in servers.items() if row in failed}
    assert waiting(weighted).keys() == expected
    assert all(flow.server is None for flow in waiting(weighted).values()), "it is dead"
    for client in CLIENTS:
        exit_name = weighted.run(to_web(source=client)).exit
        assert exit_name == ("reset_client" if client in expected else "forward")
    assert waiting(weighted).keys() == expected, "what they were told may have been lost"
    assert all(flow.server is None for flow in waiting(weighted).values())
    for client in expected:
        weighted.run(to_web(source=client, flags=RST))
    assert not waiting(weighted), "they know"


@pytest.mark.parametrize("seed", range(8))
def test_who_is_told_is_who_would_be_reset(weighted: Balancer, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(6):
        for client in rng.sample(CLIENTS, 20):
            weighted.run(to_web(source=client, flags=SYN))
            for _ in range(rng.randrange(3)):
                flags = rng.choice((ACK, ACK, FIN | ACK, RST))
                weighted.run(to_web(source=client, flags=flags))
        weighted.datapath.end_flows(rng.choice(ROWS))
    told = waiting(weighted).keys()
    reset = set()
    for client in CLIENTS:
        flow = weighted.flows.get(client, WEB_ROW)
        if weighted.run(to_web(source=client)).exit == "reset_client":
            assert flow is not None
            if flow.state not in {0, CLOSED}:
                reset.add(client)
    assert told == reset


def test_a_server_whose_row_is_anothers_now_ends_its_flows(weighted: Balancer) -> None:
    row = connect(weighted, CLIENT)
    weighted.datapath.apply(TableChange(servers={row: None}))
    assert waiting(weighted).keys() == {CLIENT}
    weighted.datapath.apply(TableChange(servers={row: replace(server(row), port=1)}))
    assert waiting(weighted).keys() == {CLIENT}
    assert waiting(weighted)[CLIENT].server is None, "the other knows nothing of it"


def test_both_ends_of_what_timed_out_are_told(weighted: Balancer) -> None:
    row = connect(weighted, CLIENT)
    set_state(weighted, CLIENT, WEB_ROW, RESET)
    assert waiting(weighted) == {CLIENT: WaitingFlow(*WEB, *CLIENT, server=endpoint_of(row))}
    weighted.datapath.end_flows(row)
    assert waiting(weighted) == {CLIENT: WaitingFlow(*WEB, *CLIENT)}


def test_both_ends_of_what_timed_out_at_a_pair(balancer: Balancer, pair: Pair) -> None:
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    set_state(balancer, CLIENT, WEB_ROW, RESET)
    assert waiting(balancer) == {CLIENT: WaitingFlow(*WEB, *CLIENT, server=PRIMARY)}
    pair.primary_fails()
    assert waiting(balancer) == {CLIENT: WaitingFlow(*WEB, *CLIENT)}


def test_who_was_not_told_yet_comes_first(weighted: Balancer) -> None:
    connections = {client: connect(weighted, client) for client in CLIENTS}
    for client in CLIENTS[::2]:
        set_state(weighted, client, WEB_ROW, RESET)
    for row in ROWS:
        weighted.datapath.end_flows(row)
    order = list(waiting(weighted))
    assert set(order) == connections.keys()
    assert set(order[: len(CLIENTS) // 2]) == set(CLIENTS[1::2])


def test_a_server_that_is_drained_keeps_its_connections(balancer: Balancer) -> None:
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    scene = Scene(web_servers=(15, 16)).tables()
    left = Scene().tables().servers[WEB_SERVERS[0]]
    assert left is not None
    drained = {WEB_SERVERS[0]: replace(left, draining=True)}
    balancer.datapath.apply(replace(scene, servers={**scene.servers, **drained}))
    assert not waiting(balancer)
    balancer.datapath.apply(scene)
    assert waiting(balancer).keys() == {CLIENT}


def test_ties_are_no_connections(weighted: Balancer) -> None:
    """Nobody is at port 0."""
    change = TableChange(listeners={WEB_ROW: listener(persistence_s=100)})
    weighted.datapath.apply(change)
    row = connect(weighted, CLIENT)
    assert weighted.flows.count() == 2, "a flow and a tie"
    weighted.datapath.end_flows(row)
    assert waiting(weighted).keys() == {CLIENT}


def test_a_listener_that_is_gone_has_no_clients(weighted: Balancer) -> None:
    row = connect(weighted, CLIENT)
    weighted.datapath.end_flows(row)
    key = LookupKey(Kind.LISTENER, VIP, WEB.port, Protocol.TCP)
    weighted.datapath.apply(TableChange(lookup={key: None}, listeners={WEB_ROW: None}))
    assert not waiting(weighted)


def test_a_successor_knows_whose_clients_there_are(weighted: Balancer) -> None:
    """Before it was told anything."""
    weighted.datapath.end_flows(connect(weighted, CLIENT))
    successor = weighted.open_datapath()
    try:
        assert successor.waiting_flows() == [WaitingFlow(*WEB, *CLIENT)]
    finally:
        successor.close()


# -- how many flows there are ----------------------------------------------------------------------


def loads(balancer: Balancer) -> dict[int, int]:
    balancer.datapath.count_loads()
    counts = balancer.maps.loads
    return {row: int(counts[row]) for row in range(len(counts)) if counts[row]}


def test_flows_are_counted_by_server(weighted: Balancer) -> None:
    expected = Counter(connect(weighted, client) for client in CLIENTS)
    assert loads(weighted) == expected
    weighted.maps.loads[:] = 7
    assert loads(weighted) == expected, "whatever was there"


def test_what_has_ended_is_no_load(weighted: Balancer) -> None:
    servers = {client: connect(weighted, client) for client in CLIENTS}
    gone = [*CLIENTS[:3], *(client for client in CLIENTS if servers[client] == ROWS[0])]
    weighted.run(to_web(source=CLIENTS[0], flags=RST))
    set_state(weighted, CLIENTS[1], WEB_ROW, RESET)
    set_state(weighted, CLIENTS[2], WEB_ROW, CLOSED)
    weighted.datapath.end_flows(ROWS[0])
    expected = Counter(row for client, row in servers.items() if client not in gone)
    assert loads(weighted) == expected


def test_half_open_and_closing_connections_are_load(weighted: Balancer) -> None:
    rows = [
        connect(weighted, CLIENTS[0], flags=(SYN,)),
        connect(weighted, CLIENTS[1], flags=(SYN, ACK, FIN | ACK)),
    ]
    assert loads(weighted) == Counter(rows)


def test_pairs_are_not_counted(balancer: Balancer) -> None:
    connect(balancer, CLIENT)
    assert loads(balancer) == {}


def test_silent_datagrams_are_no_load(balancer: Balancer) -> None:
    """Connections are, until they time out."""
    change = farm()
    entry = replace(listener(), port=DNS.port, protocol=Protocol.UDP)
    balancer.datapath.apply(replace(change, listeners={WEB_ROW: listener(), DNS_ROW: entry}))
    for row in (WEB_ROW, DNS_ROW):
        balancer.datapath.write_wheel(row, ROWS[:1], {ROWS[0]: True})
    connect(balancer, CLIENT)
    balancer.run(to_dns())
    assert loads(balancer) == {ROWS[0]: 2}
    balancer.flows.age(CLIENT, WEB_ROW, FAR_IN_TICKS)
    balancer.flows.age(CLIENT, DNS_ROW, ABI["UDP_IDLE_TICKS"] - 3)
    assert loads(balancer) == {ROWS[0]: 2}
    balancer.flows.age(CLIENT, DNS_ROW, 5)
    assert loads(balancer) == {ROWS[0]: 1}
