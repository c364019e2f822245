# SPDX-License-Identifier: Apache-2.0
"""Neighbours that move, fall silent, come back, are deleted: the kernel's knowledge stays fresh."""

from __future__ import annotations

import asyncio
from contextlib import closing

from tests.e2e.net_segment import (
    CARRIER_S,
    NEW_MAC,
    P0_MAC,
    SERVER,
    SOON_S,
    Segment,
    colons,
    listing,
    mac_of,
    resolved,
    scenario,
    until,
)
from xdpair.net.arp import ArpSender
from xdpair.net.network import KernelNetwork


@scenario
async def test_a_new_mac_is_followed(segment: Segment, network: KernelNetwork) -> None:
    await resolved(network, SERVER)
    segment.peer.run(f"ip link set p0 address {colons(NEW_MAC)}")
    with segment.peer.inside(), closing(ArpSender()) as sender:
        sender.send("p0", NEW_MAC, SERVER)
    await until(lambda: mac_of(network, SERVER) == NEW_MAC, 0.2)


@scenario
async def test_a_mac_that_changed_in_silence_is_found_out(
    segment: Segment, network: KernelNetwork
) -> None:
    segment.hurry()
    await resolved(network, SERVER)
    segment.peer.run(f"ip link set p0 address {colons(NEW_MAC)}")
    # believed + delay + probes, then a round of the keeper
    await until(lambda: mac_of(network, SERVER) == NEW_MAC, 1.5 + 1 + 0.4 + 2 + SOON_S)


@scenario
async def test_a_neighbour_that_vanishes_is_unresolved_and_comes_back(
    segment: Segment, network: KernelNetwork
) -> None:
    segment.hurry()
    await resolved(network, SERVER)
    segment.peer.run("ip link set p0 arp off")
    await until(lambda: network.next_hop(SERVER) is None, 1.5 + 1 + 0.4 + SOON_S)
    await asyncio.sleep(1)
    assert network.next_hop(SERVER) is None
    segment.peer.run("ip link set p0 arp on")
    await until(lambda: mac_of(network, SERVER) == P0_MAC, 2 + SOON_S)


@scenario
async def test_a_neighbour_without_traffic_stays_resolved(
    segment: Segment, network: KernelNetwork
) -> None:
    segment.hurry()
    await resolved(network, SERVER)
    seen: list[bytes | None] = []
    network.on_change = lambda: seen.append(mac_of(network, SERVER))
    await asyncio.sleep(5)
    assert None not in seen
    state = listing("ip neigh show 10.77.0.2").split()[-1]
    assert state in {"REACHABLE", "DELAY", "PROBE"}


@scenario
async def test_a_deleted_neighbour_is_asked_for_again(
    segment: Segment, network: KernelNetwork
) -> None:
    await resolved(network, SERVER)
    seen: list[bytes | None] = []
    network.on_change = lambda: seen.append(mac_of(network, SERVER))
    segment.balancer.run("ip neigh del 10.77.0.2 dev v0")
    await until(lambda: seen[-1:] == [P0_MAC])


@scenario
async def test_an_administrator_can_flush_silent_neighbours(
    segment: Segment, network: KernelNetwork
) -> None:
    """What is back at once is flushed again, ten times at most: then ``ip`` complains."""
    await resolved(network, SERVER)
    segment.peer.run("ip link set p0 arp off")
    for _ in range(100):
        await asyncio.to_thread(segment.balancer.run, "ip neigh flush dev v0")
    segment.peer.run("ip link set p0 arp on")
    await until(lambda: mac_of(network, SERVER) == P0_MAC, CARRIER_S)
