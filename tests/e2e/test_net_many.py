# SPDX-License-Identifier: Apache-2.0
"""Next hops of very many servers: what changed is told exactly, and costs what it must."""

from __future__ import annotations

import asyncio
import errno
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, closing
from ipaddress import IPv4Address

import pytest
from pyroute2.netlink.rtnl import RTM_GETNEIGH, RTM_GETROUTE

from tests.e2e.net_segment import (
    CARRIER_S,
    NEW_MAC,
    OTHER_SERVER,
    P0_MAC,
    P1_MAC,
    SERVER,
    SOON_S,
    Segment,
    colons,
    mac_of,
    resolved,
    scenario,
    until,
)
from xdpair.net import neighbours
from xdpair.net.bulk import BulkSocket
from xdpair.net.errors import NetlinkLost
from xdpair.net.neighbours import Hop, NeighbourTable
from xdpair.net.network import KernelNetwork
from xdpair.net.notice import Notice

FAR_SERVER = IPv4Address("198.51.100.9")
BEHIND = [IPv4Address("10.100.0.0") + n for n in range(20_000)]

#: Asked one by one through pyroute2, 20,000 addresses take 9 s; in batches, 0.3 s.
MANY_CPU_S = 3.0
#: A batch takes 1 ms; the rest is for a busy machine.
MAX_PAUSE_S = 0.1


class Changes:
    """What the network tells of."""

    def __init__(self, network: KernelNetwork) -> None:
        self._network = network
        self.addresses: list[IPv4Address] = []
        self.calls = 0
        network.take_changed()
        network.on_change = self._take

    def _take(self) -> None:
        self.calls += 1
        self.addresses.extend(self._network.take_changed())

    def clear(self) -> None:
        self.addresses.clear()
        self.calls = 0


@asynccontextmanager
async def pauses_below(limit_s: float) -> AsyncIterator[None]:
    """Fail if the loop stands still for longer."""
    worst_s = 0.0

    async def measure() -> None:
        nonlocal worst_s
        while True:
            start_s = time.monotonic()
            await asyncio.sleep(0.001)
            worst_s = max(worst_s, time.monotonic() - start_s)

    task = asyncio.create_task(measure())
    await asyncio.sleep(0)
    yield
    await asyncio.sleep(0.002)
    task.cancel()
    assert worst_s < limit_s


async def behind_a_gateway(
    segment: Segment, network: KernelNetwork, addresses: Collection[IPv4Address]
) -> Changes:
    segment.balancer.run("ip route add 10.100.0.0/15 via 10.77.0.2")
    changes = Changes(network)
    network.watch(addresses)
    assert await network.settle(10)
    await until(lambda: len(changes.addresses) == len(addresses))
    return changes


# -- what is told ----------------------------------------------------------------------------------


@scenario
async def test_each_change_is_told_once_and_of_those_it_is_about(
    segment: Segment, network: KernelNetwork
) -> None:
    changes = Changes(network)
    network.watch({SERVER, OTHER_SERVER, FAR_SERVER})
    assert await network.settle(SOON_S)
    await until(lambda: len(changes.addresses) == 2)
    assert set(changes.addresses) == {SERVER, OTHER_SERVER}  # the third has no way, as before
    changes.clear()
    segment.balancer.run(f"ip neigh replace {SERVER} lladdr {colons(NEW_MAC)} dev v0")
    await until(lambda: bool(changes.calls))
    assert changes.addresses == [SERVER]
    changes.clear()
    segment.balancer.run("ip route add 198.51.100.0/24 via 10.78.0.2")
    await until(lambda: bool(changes.calls))
    assert changes.addresses == [FAR_SERVER]
    assert network.take_changed() == frozenset()


@scenario
async def test_what_is_not_watched_any_more_is_not_told_of(
    segment: Segment, network: KernelNetwork
) -> None:
    await resolved(network, SERVER, OTHER_SERVER)
    assert network.take_changed() == {SERVER, OTHER_SERVER}
    segment.balancer.run(f"ip neigh replace {SERVER} lladdr {colons(NEW_MAC)} dev v0")
    await until(lambda: mac_of(network, SERVER) == NEW_MAC)
    network.watch({OTHER_SERVER}, {SERVER, FAR_SERVER})
    assert network.next_hop(SERVER) is None
    assert network.take_changed() == frozenset()
    segment.balancer.run(
        f"ip neigh replace {SERVER} lladdr {colons(P0_MAC)} dev v0",
        f"ip neigh replace {OTHER_SERVER} lladdr {colons(NEW_MAC)} dev v1",
    )
    await until(lambda: mac_of(network, OTHER_SERVER) == NEW_MAC)
    assert network.take_changed() == {OTHER_SERVER}
    network.watch({SERVER})
    await until(lambda: mac_of(network, SERVER) == P0_MAC)
    assert network.take_changed() == {SERVER}


@scenario
async def test_an_address_of_this_host_is_told_of_without_any_next_hop(
    segment: Segment, network: KernelNetwork
) -> None:
    await resolved(network, SERVER)
    changes = Changes(network)
    segment.balancer.run("ip addr add 10.79.0.1/24 dev v0")
    await until(lambda: bool(changes.calls))
    assert IPv4Address("10.79.0.1") in network.local_addresses()
    assert changes.addresses == []


@scenario
async def test_routes_that_go_with_their_source_address(
    segment: Segment, network: KernelNetwork
) -> None:
    """The kernel deletes them, and before Linux 6.6 says nothing."""
    segment.balancer.run(
        "ip addr add 10.99.0.1/32 dev v0",
        "ip route add 198.51.0.0/16 via 10.78.0.2",
        "ip route add 198.51.100.0/24 via 10.77.0.2 src 10.99.0.1",
    )
    await resolved(network, FAR_SERVER)
    hop = network.next_hop(FAR_SERVER)
    assert hop
    assert (hop.dest_mac, hop.source_address) == (P0_MAC, IPv4Address("10.99.0.1"))
    segment.balancer.run("ip addr del 10.99.0.1/32 dev v0")
    await until(lambda: mac_of(network, FAR_SERVER) == P1_MAC)


@scenario
async def test_a_multipath_route_whose_links_go_and_come(
    segment: Segment, network: KernelNetwork
) -> None:
    """Whatever path the kernel chooses, it is one that works; it says nothing of dead ones."""
    far = [FAR_SERVER + n for n in range(50)]
    segment.balancer.run("ip route add 198.51.100.0/24 nexthop via 10.77.0.2 nexthop via 10.78.0.2")
    await resolved(network, *far)
    assert {mac_of(network, address) for address in far} == {P0_MAC, P1_MAC}
    segment.balancer.run("ip link set v0 down")
    await until(lambda: {mac_of(network, address) for address in far} == {P1_MAC})


def test_routes_of_others_cause_neither_questions_nor_warnings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def play(segment: Segment) -> None:
        async with KernelNetwork() as network:
            await resolved(network, SERVER)
            changes = Changes(network)
            segment.balancer.run("ip route add 203.0.113.0/24 via 10.78.0.2")
            await asyncio.sleep(0.1)
            assert changes.calls == 0

    with closing(Segment()) as segment, segment.balancer.inside():
        asyncio.run(play(segment))
    assert not caplog.records


def test_a_flood_of_changes_leaves_half_of_the_time_to_others() -> None:
    called_s: list[float] = []

    def slow() -> None:
        called_s.append(time.monotonic())
        time.sleep(0.02)

    async def play() -> None:
        notice = Notice(slow)
        end_s = time.monotonic() + 0.5
        while time.monotonic() < end_s:
            notice.give()
            await asyncio.sleep(0.001)
        notice.cancel()

    asyncio.run(play())
    assert 3 <= len(called_s) <= 13


# -- what it costs ---------------------------------------------------------------------------------


@scenario
async def test_twenty_thousand_servers_behind_one_gateway(
    segment: Segment, network: KernelNetwork
) -> None:
    start_cpu_s = time.process_time()
    addresses = set(BEHIND)
    async with pauses_below(MAX_PAUSE_S):
        changes = await behind_a_gateway(segment, network, addresses)
    assert time.process_time() - start_cpu_s < MANY_CPU_S
    assert sorted(changes.addresses) == BEHIND
    hops = {id(network.next_hop(address)) for address in BEHIND}
    assert len(hops) == 1  # one object for all
    changes.clear()
    segment.balancer.run(f"ip neigh replace {SERVER} lladdr {colons(NEW_MAC)} dev v0")
    await until(lambda: bool(changes.calls))
    assert (changes.calls, sorted(changes.addresses)) == (1, BEHIND)
    assert mac_of(network, BEHIND[-1]) == NEW_MAC


@scenario
async def test_one_of_many_that_moves_costs_little(
    segment: Segment, network: KernelNetwork
) -> None:
    changes = await behind_a_gateway(segment, network, set(BEHIND))
    network.watch({OTHER_SERVER})
    await until(lambda: mac_of(network, OTHER_SERVER) is not None)
    changes.clear()
    start_cpu_s = time.process_time()
    for n in range(20):
        segment.balancer.run(f"ip route add {BEHIND[n]}/32 via 10.78.0.2")
        await until(lambda n=n: mac_of(network, BEHIND[n]) == P1_MAC)  # type: ignore[misc]
    assert time.process_time() - start_cpu_s < 0.5
    assert changes.addresses == BEHIND[:20]


@scenario
async def test_all_follow_their_route(segment: Segment, network: KernelNetwork) -> None:
    changes = await behind_a_gateway(segment, network, set(BEHIND))
    changes.clear()
    segment.balancer.run("ip route replace 10.100.0.0/15 via 10.78.0.2")
    await until(lambda: all(mac_of(network, address) == P1_MAC for address in BEHIND), 5)
    await until(lambda: set(changes.addresses) == set(BEHIND))
    changes.clear()
    segment.balancer.run("ip link set v1 down")
    await until(lambda: bool(changes.addresses), CARRIER_S)
    assert not any(map(network.next_hop, BEHIND))


# -- requests in bulk ------------------------------------------------------------------------------


def test_a_dump_is_complete() -> None:
    hosts = [IPv4Address("10.100.0.0") + n for n in range(3000)]
    lines = [f"neigh add {host} lladdr {colons(NEW_MAC)} dev v0 nud permanent" for host in hosts]
    with closing(Segment()) as segment, segment.balancer.inside(), closing(BulkSocket()) as sock:
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
        body = neighbours.BODY.pack(socket.AF_INET, 0, 0, 0, 0)
        bodies = asyncio.run(sock.dump(RTM_GETNEIGH, body, "list neighbours"))
        ifindex = socket.if_nametoindex("v0")
    table = NeighbourTable()
    table.replace(bodies)
    assert {table.mac(Hop(ifindex, int(host))) for host in hosts} == {NEW_MAC}


def test_what_the_kernel_does_not_understand() -> None:
    with closing(BulkSocket()) as sock:
        (answer,) = sock.exchange(RTM_GETROUTE, 0, [b"\x02\0\0\0"], "ask nonsense")
        assert answer == errno.EINVAL
        with pytest.raises(NetlinkLost, match="ask nonsense"):
            asyncio.run(sock.dump(0xFFF0, b"\x02\0\0\0", "ask nonsense"))
