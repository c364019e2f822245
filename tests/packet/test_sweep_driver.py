# SPDX-License-Identifier: Apache-2.0
"""The sweep goes over the whole table, once a call, beside everything else."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tests.packet.balancer import SIZES, Balancer
from tests.packet.flow_table import CLOSED, ESTABLISHED, RESET
from tests.packet.frames import ACK, SYN, Endpoint
from tests.packet.world import DNS_ROW, WEB_ROW, Scene, to_dns, to_web
from xdpair.core.tables import TableChange
from xdpair.datapath.constants import ABI
from xdpair.ports import Swept

TIMEOUT_S = 100
CLIENTS = [Endpoint(IPv4Address("198.51.100.1") + n % 200, 1000 + n) for n in range(500)]


@pytest.fixture
def balancer(balancer: Balancer) -> Balancer:
    """Connections time out soon, as do silent datagrams."""
    balancer.datapath.apply(impatient())
    return balancer


def impatient() -> TableChange:
    tables = Scene().tables()
    listeners = {
        row: replace(entry, established_timeout_s=TIMEOUT_S)
        for row, entry in tables.listeners.items()
        if entry is not None
    }
    return replace(tables, listeners=listeners)


def fill(balancer: Balancer) -> tuple[list[Endpoint], list[Endpoint]]:
    """Connections and datagram flows all over the table; who has one now."""
    for client in CLIENTS:
        for flags in (SYN, ACK):
            balancer.verdict(to_web(source=client, flags=flags))
        balancer.verdict(to_dns(source=client))
    tcp, udp = (
        [client for client in CLIENTS if balancer.flows.get(client, row) is not None]
        for row in (WEB_ROW, DNS_ROW)
    )
    assert len(tcp) > 400
    assert len(udp) > 400
    return tcp, udp


def states(balancer: Balancer, clients: list[Endpoint], row: int) -> set[int]:
    flows = [balancer.flows.get(client, row) for client in clients]
    return {flow.state for flow in flows if flow is not None}


def test_everything_that_is_silent_goes_at_once(balancer: Balancer) -> None:
    tcp, udp = fill(balancer)
    for client in tcp[::2]:
        balancer.flows.age(client, WEB_ROW, 2 * TIMEOUT_S)
    for client in udp[::2]:
        balancer.flows.age(client, DNS_ROW, 2 * ABI["UDP_IDLE_TICKS"])
    assert balancer.datapath.sweep() == Swept(len(tcp[::2]), len(udp[::2]))
    assert states(balancer, tcp[::2], WEB_ROW) == {RESET}
    assert states(balancer, udp[::2], DNS_ROW) == {CLOSED}
    assert states(balancer, tcp[1::2], WEB_ROW) == {ESTABLISHED}
    assert states(balancer, udp[1::2], DNS_ROW) == {ESTABLISHED}
    assert balancer.datapath.sweep() == Swept(0, 0), "each is counted once"


@pytest.mark.parametrize("start", [0, 1, 17, SIZES.flow_buckets - 1])
def test_from_wherever_it_stopped(balancer: Balancer, start: int) -> None:
    """Another controller may have driven it, and been killed at it."""
    tcp, _ = fill(balancer)
    for client in tcp:
        balancer.flows.age(client, WEB_ROW, 2 * TIMEOUT_S)
    balancer.maps.sweeps["next_bucket"][0] = start
    assert balancer.datapath.sweep().timed_out == len(tcp)


def test_both_ends_are_to_be_told(balancer: Balancer) -> None:
    tcp, _ = fill(balancer)
    balancer.flows.age(tcp[0], WEB_ROW, 2 * TIMEOUT_S)
    balancer.datapath.sweep()
    (flow,) = balancer.datapath.waiting_flows()
    assert Endpoint(flow.client, flow.client_port) == tcp[0]
    assert flow.server is not None


def test_beside_packets_and_changes(balancer: Balancer) -> None:
    """Who goes on talking is never timed out, nor is anybody counted twice."""
    tcp, _ = fill(balancer)
    talking, silent = tcp[::2], tcp[1::2]
    for client in silent:
        balancer.flows.age(client, WEB_ROW, 2 * TIMEOUT_S)
    swept: list[Swept] = []
    over = threading.Event()

    def sweep() -> None:
        while not over.is_set():
            swept.append(balancer.datapath.sweep())

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        deadline = time.monotonic() + 10
        while len(swept) < 5 and time.monotonic() < deadline:
            for client in talking:
                balancer.verdict(to_web(source=client))
            balancer.datapath.apply(impatient())
    finally:
        over.set()
        sweeper.join()
    assert sum(each.timed_out for each in swept) == len(silent)
    assert states(balancer, talking, WEB_ROW) == {ESTABLISHED}
    assert states(balancer, silent, WEB_ROW) == {RESET}
