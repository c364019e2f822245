# SPDX-License-Identifier: Apache-2.0
"""A bucket of four flows that a fifth one comes to, and flows whose server or listener is gone."""

from __future__ import annotations

from itertools import permutations

import pytest

from tests.packet.balancer import Balancer
from tests.packet.flow_table import WAYS
from tests.packet.frames import ACK, FIN, RST, SYN, Endpoint
from tests.packet.outcomes import forwarded, replied, was_reset
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    DNS_ROW,
    PRIMARY,
    SECONDARY,
    WEB_ROW,
    WEB_SERVERS,
    Scene,
    from_dns,
    from_web,
    to_dns,
    to_web,
)

OPEN = [SYN, ACK]
HALF_OPEN = [SYN]
CLOSING = [SYN, ACK, FIN | ACK]
CLOSED = [SYN, ACK, RST]


def fill(balancer: Balancer, histories: list[list[int]]) -> list[Endpoint]:
    """Connections of one bucket, each with its history; and a client that has none yet."""
    clients = balancer.flows.sharing_bucket(CLIENT, WEB_ROW, len(histories) + 1)
    for client, history in zip(clients, histories, strict=False):
        for flags in history:
            balancer.run(to_web(source=client, flags=flags))
    return clients


def known(balancer: Balancer, clients: list[Endpoint]) -> list[bool]:
    return [balancer.flows.get(client, WEB_ROW) is not None for client in clients]


@pytest.mark.parametrize("worst", range(WAYS))
@pytest.mark.parametrize(
    ("victim", "others"),
    [
        pytest.param(CLOSED, OPEN, id="ended before open"),
        pytest.param(CLOSED, HALF_OPEN, id="ended before half open"),
        pytest.param(CLOSED, CLOSING, id="ended before closing"),
        pytest.param(HALF_OPEN, OPEN, id="half open before open"),
        pytest.param(CLOSING, OPEN, id="closing before open"),
    ],
)
def test_who_goes(balancer: Balancer, worst: int, victim: list[int], others: list[int]) -> None:
    """Also if the others have been silent for longer."""
    clients = fill(balancer, [victim if way == worst else others for way in range(WAYS)])
    for way in range(WAYS):
        balancer.flows.age(clients[way], WEB_ROW, 0 if way == worst else 2000)
    balancer.run(to_web(source=clients[WAYS], flags=SYN))
    assert known(balancer, clients) == [way != worst for way in range(WAYS)] + [True]


@pytest.mark.parametrize("ages", list(permutations((10, 100, 1000, 4000))))
def test_of_equals_the_longest_silent_goes(balancer: Balancer, ages: tuple[int, ...]) -> None:
    clients = fill(balancer, [OPEN] * WAYS)
    for client, ticks in zip(clients, ages, strict=False):
        balancer.flows.age(client, WEB_ROW, ticks)
    balancer.run(to_web(source=clients[WAYS], flags=SYN))
    assert known(balancer, clients) == [ticks != max(ages) for ticks in ages] + [True]


def test_a_reset_flow_is_the_first_to_go(balancer: Balancer, pair: Pair) -> None:
    clients = fill(balancer, [OPEN] * WAYS)
    pair.primary_fails()
    assert balancer.run(to_web(source=clients[2])).exit == "reset_client"
    balancer.run(to_web(source=clients[WAYS], flags=SYN))
    assert known(balancer, clients) == [True, True, False, True, True]


def test_a_flood_of_syns_costs_a_bucket_one_connection(balancer: Balancer) -> None:
    clients = balancer.flows.sharing_bucket(CLIENT, WEB_ROW, 40)
    for client in clients[:WAYS]:
        for flags in OPEN:
            balancer.run(to_web(source=client, flags=flags))
    for client in clients[WAYS:]:
        balancer.run(to_web(source=client, flags=SYN))
    assert sum(known(balancer, clients[:WAYS])) == WAYS - 1


def test_an_evicted_flow_goes_on(balancer: Balancer, pair: Pair) -> None:
    """While its server serves nobody notices; afterwards the other server ends it."""
    clients = fill(balancer, [OPEN] * WAYS)
    balancer.flows.age(CLIENT, WEB_ROW, 10)
    balancer.run(to_web(source=clients[WAYS], flags=SYN))
    assert balancer.flows.get(CLIENT, WEB_ROW) is None
    assert balancer.run(from_web()) == replied(from_web(), by_routes=True)
    assert balancer.run(to_web()) == forwarded(to_web(), flow="new")
    assert balancer.run(from_web()) == replied(from_web())
    pair.primary_fails()
    for client in clients:
        sent = to_web(source=client)
        in_table = balancer.flows.get(client, WEB_ROW) is not None
        expected = was_reset(sent) if in_table else forwarded(sent, SECONDARY, flow="new")
        assert balancer.run(sent) == expected


def test_no_packet_goes_astray_in_a_crowd(balancer: Balancer, pair: Pair) -> None:
    """Three times as many flows as fit the table, on both sides: each still goes to a server that
    it may go to, and each answer to the client that it is for."""
    clients = [Endpoint(CLIENT.address + n // 60000, 1024 + n % 60000) for n in range(12_000)]
    balancer.set_scene(Scene(keep_primary=True))
    for number, client in enumerate(clients):
        if number == len(clients) // 2:
            pair.primary_fails()
        balancer.verdict(to_web(source=client, flags=SYN))
        balancer.verdict(to_web(source=client))
    assert balancer.flows.count() > 4000
    for client in clients[::40]:
        flow = balancer.flows.get(client, WEB_ROW)
        side = WEB_SERVERS.index(flow.server) if flow else 1
        sent = to_web(source=client)
        flow_kind = "" if flow else "new"
        server = (PRIMARY, SECONDARY)[side]
        assert balancer.run(sent) == forwarded(sent, server, flow=flow_kind)
        answer = from_web(server, dest=client)
        assert balancer.run(answer) == replied(answer)


# -- who is gone -----------------------------------------------------------------------------------


def test_connections_of_a_server_that_left_the_group_are_reset(balancer: Balancer) -> None:
    for flags in OPEN:
        balancer.run(to_web(flags=flags))
    balancer.set_scene(Scene(web_servers=(15, 16)))
    assert balancer.run(to_web()) == was_reset(to_web())
    sent = to_web(flags=SYN)
    out = balancer.run(sent)
    assert (out.exit, out.servers[15]["flows_new"]) == ("forward_new", 1)


def test_datagrams_to_a_server_that_left_the_group_follow(balancer: Balancer) -> None:
    balancer.run(to_dns())
    balancer.set_scene(Scene(dns_servers=(15, 16)))
    out = balancer.run(to_dns())
    assert (out.exit, out.servers[15]["flows_new"]) == ("forward_new", 1)
    assert balancer.run(from_dns()).exit == "reply"


def test_a_listener_in_a_used_row_does_not_inherit_flows(balancer: Balancer) -> None:
    """The rows of a deleted listener and of its servers serve others, with the same epoch."""
    for flags in OPEN:
        balancer.run(to_web(flags=flags))
    balancer.set_scene(Scene(web_row=3, web_servers=(15, 16)))
    balancer.set_scene(Scene(web_servers=(17, 18)))
    assert balancer.run(to_web()) == was_reset(to_web())
    balancer.run(to_dns())
    balancer.set_scene(Scene(dns_servers=(17, 18), web_servers=(13, 14)))
    out = balancer.run(to_dns())
    assert (out.exit, out.servers[17]["flows_new"]) == ("forward_new", 1)


# -- serial numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("epoch", [65_530, 65_534, 65_535, 0, 32_766, 32_767, 32_768])
def test_epochs_wrap_around(balancer: Balancer, epoch: int) -> None:
    """Eight moves across the place: flows live and end as they do at epoch 1."""
    pair = Pair(balancer.write_slots, epoch)
    for number in range(4):
        old, new = (Endpoint(CLIENT.address, 100 * number + side) for side in (1, 2))
        balancer.run(to_web(source=old, flags=SYN))
        pair.primary_fails()
        sent = to_web(source=new, flags=SYN)
        assert balancer.run(sent) == forwarded(sent, SECONDARY, flow="new")
        assert balancer.run(to_web(source=new)) == forwarded(to_web(source=new), SECONDARY)
        pair.primary_recovers()
        for client in (old, new):
            assert balancer.run(to_web(source=client)) == was_reset(to_web(source=client))


def test_a_fence_does_not_fall_behind(balancer: Balancer, pair: Pair) -> None:
    """70,000 moves by weight, which fence nobody: connections of today are not taken for ended."""
    for _ in range(35_000):
        pair.weigh(0, 100)
        pair.weigh(100, 100)
    for flags in OPEN:
        balancer.run(to_web(flags=flags))
    assert balancer.run(to_web()) == forwarded(to_web())
    pair.primary_fails()
    assert balancer.run(to_web()) == was_reset(to_web())
    assert balancer.flows.get(CLIENT, DNS_ROW) is None
