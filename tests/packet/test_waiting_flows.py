# SPDX-License-Identifier: Apache-2.0
"""Clients that only wait: the controller finds exactly those whose next segment would be reset."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.packet.balancer import Balancer
from tests.packet.flow_table import CLIENT_FIN, ESTABLISHED, RESET, SERVER_FIN
from tests.packet.frames import ACK, FIN, RST, SYN, Endpoint
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    SECONDARY,
    WEB,
    WEB_ROW,
    Scene,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.model import Side
from xdpair.ports import WaitingFlow

OPEN_STATES = {ESTABLISHED, CLIENT_FIN, SERVER_FIN, RESET}
CLIENTS = [Endpoint(CLIENT.address + number // 8, 1000 + number) for number in range(40)]


def waiting(balancer: Balancer) -> set[Endpoint]:
    found = balancer.datapath.waiting_flows()
    assert all((flow.vip, flow.port) == WEB for flow in found)
    ends = [Endpoint(flow.client, flow.client_port) for flow in found]
    assert len(set(ends)) == len(ends)
    return set(ends)


def move(pair: Pair, rng: random.Random) -> None:
    """By health until an operator takes over, then by the operator."""
    if pair.state.pinned is not None or rng.random() < 0.2:
        pair.switch_to(Side.PRIMARY if pair.state.serving is Side.SECONDARY else Side.SECONDARY)
    elif pair.state.primary_up:
        pair.primary_fails()
    else:
        pair.primary_recovers()


@pytest.mark.parametrize("seed", range(12))
def test_who_is_told_is_who_would_be_reset(balancer: Balancer, pair: Pair, seed: int) -> None:
    """After any history of connections, moves and policies."""
    rng = random.Random(seed)
    for _ in range(8):
        for client in rng.sample(CLIENTS, 20):
            balancer.run(to_web(source=client, flags=SYN))
            for _ in range(rng.randrange(3)):
                flags = rng.choice((ACK, ACK, FIN | ACK, RST))
                balancer.run(to_web(source=client, flags=flags))
            balancer.run(from_web(dest=client, flags=rng.choice((ACK, ACK, FIN | ACK))))
            balancer.run(to_dns(source=client))
        move(pair, rng)
        balancer.set_scene(Scene(rng.random() < 0.3, rng.random() < 0.5))
    found = waiting(balancer)
    reset = set()
    for client in CLIENTS:
        flow = balancer.flows.get(client, WEB_ROW)
        is_open = flow is not None and flow.state in OPEN_STATES
        if balancer.run(to_web(source=client)).exit == "reset_client" and is_open:
            reset.add(client)
    assert found == reset
    assert waiting(balancer) >= reset, "what they were told may have been lost"
    for client in CLIENTS:
        balancer.run(to_web(source=client, flags=RST))
    assert not waiting(balancer), "they know"


def test_addresses_and_ports_are_read_right(balancer: Balancer, pair: Pair) -> None:
    balancer.run(to_web())
    pair.primary_fails()
    assert balancer.datapath.waiting_flows() == [WaitingFlow(*WEB, *CLIENT)]


def test_a_server_that_left_the_group_leaves_its_clients_waiting(balancer: Balancer) -> None:
    balancer.run(to_web())
    assert not waiting(balancer)
    balancer.set_scene(Scene(web_servers=(15, 16)))
    assert waiting(balancer) == {CLIENT}


def test_a_listener_that_is_gone_has_no_clients(balancer: Balancer, pair: Pair) -> None:
    """Nobody would answer their challenge ACK."""
    balancer.run(to_web())
    pair.primary_fails()
    balancer.datapath.apply(replace(Scene().tables(), listeners={}))
    assert not waiting(balancer)


def test_who_moved_on_does_not_wait(balancer: Balancer, pair: Pair) -> None:
    balancer.run(to_web())
    pair.primary_fails()
    assert waiting(balancer) == {CLIENT}
    balancer.run(to_web(flags=SYN))
    balancer.run(from_web(SECONDARY, flags=SYN | ACK))
    balancer.run(to_web())
    assert not waiting(balancer)
