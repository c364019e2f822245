# SPDX-License-Identifier: Apache-2.0
"""Next hops, routes, links and own addresses, as the real kernel tells of them."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from ipaddress import IPv4Address

import pytest

from tests.e2e.net_segment import (
    BALANCER,
    CARRIER_S,
    NEW_MAC,
    OTHER_SERVER,
    P0_MAC,
    P1_MAC,
    SERVER,
    SOON_S,
    V0_MAC,
    Segment,
    colons,
    has_mac,
    mac_of,
    resolved,
    scenario,
    until,
)
from xdpair.core.tables import Link, NextHop
from xdpair.net.network import KernelNetwork

NOBODY = IPv4Address("10.77.0.99")
FAR_SERVER = IPv4Address("198.51.100.9")


# -- next hops -------------------------------------------------------------------------------------


@scenario
async def test_a_watched_server_gets_its_next_hop(segment: Segment, network: KernelNetwork) -> None:
    assert network.next_hop(SERVER) is None
    network.watch({SERVER})
    assert await network.settle(SOON_S)
    with segment.balancer.inside():
        ifindex = socket.if_nametoindex("v0")
    assert network.next_hop(SERVER) == NextHop(
        ifindex=ifindex,
        interface="v0",
        source_mac=V0_MAC,
        dest_mac=P0_MAC,
        mtu_bytes=1500,
        source_address=BALANCER,
    )
    assert network.links()[0] == Link(ifindex, "v0", V0_MAC, 1500)
    assert [link.name for link in network.links()] == ["v0", "v1"]


@scenario
async def test_changes_are_told_in_few_calls(segment: Segment, network: KernelNetwork) -> None:
    calls: list[float] = []
    network.on_change = lambda: calls.append(time.monotonic())
    await resolved(network, SERVER, OTHER_SERVER)
    await asyncio.sleep(0.05)
    assert 1 <= len(calls) <= 6
    calls.clear()
    network.watch({SERVER, OTHER_SERVER})
    await asyncio.sleep(0.1)
    assert calls == []


@scenario
async def test_what_has_no_way_out_has_no_next_hop(
    segment: Segment, network: KernelNetwork
) -> None:
    segment.balancer.run("ip route add blackhole 198.51.100.0/24")
    nowhere = IPv4Address("192.0.2.1")
    network.watch({BALANCER, FAR_SERVER, nowhere, IPv4Address("127.0.0.1")})
    assert await network.settle(SOON_S)
    assert not any(map(network.next_hop, (BALANCER, FAR_SERVER, nowhere)))


@scenario
async def test_settle_waits_for_the_silent_but_not_for_ever(
    segment: Segment, network: KernelNetwork
) -> None:
    network.watch({SERVER, NOBODY})
    assert not await network.settle(0.2)
    assert network.next_hop(SERVER)
    assert await network.settle(5)  # the kernel asks three times, a second apart
    assert network.next_hop(NOBODY) is None


# -- routes ----------------------------------------------------------------------------------------


@scenario
async def test_a_route_change_moves_the_next_hop(segment: Segment, network: KernelNetwork) -> None:
    network.watch({FAR_SERVER})
    assert await network.settle(SOON_S)
    assert network.next_hop(FAR_SERVER) is None
    for command, mac in (
        ("ip route add 198.51.100.0/24 via 10.77.0.2", P0_MAC),
        ("ip route replace 198.51.100.0/24 via 10.78.0.2", P1_MAC),
        ("ip route add 198.51.100.9/32 via 10.77.0.2", P0_MAC),
        ("ip route del 198.51.100.9/32", P1_MAC),
        ("ip route add unreachable 198.51.100.9/32", None),
        ("ip route del unreachable 198.51.100.9/32", P1_MAC),
        ("ip route del 198.51.100.0/24", None),
    ):
        segment.balancer.run(command)
        await until(partial(has_mac, network, FAR_SERVER, mac), 0.3)


@scenario
async def test_rules_and_next_hop_objects_are_followed(
    segment: Segment, network: KernelNetwork
) -> None:
    network.watch({FAR_SERVER})
    segment.balancer.run(
        "ip nexthop add id 7 via 10.77.0.2 dev v0", "ip route add 198.51.100.0/24 nhid 7"
    )
    await until(lambda: mac_of(network, FAR_SERVER) == P0_MAC)
    segment.balancer.run("ip nexthop replace id 7 via 10.78.0.2 dev v1")
    await until(lambda: mac_of(network, FAR_SERVER) == P1_MAC)
    segment.balancer.run(
        "ip route add 198.51.100.0/24 via 10.77.0.2 table 77",
        "ip rule add to 198.51.100.9 lookup 77",
    )
    await until(lambda: mac_of(network, FAR_SERVER) == P0_MAC)


@scenario
async def test_the_mtu_is_the_smaller_of_link_and_route(
    segment: Segment, network: KernelNetwork
) -> None:
    def mtu() -> int | None:
        hop = network.next_hop(SERVER)
        return hop.mtu_bytes if hop else None

    await resolved(network, SERVER)
    segment.balancer.run("ip link set v0 mtu 1400")
    await until(lambda: mtu() == 1400)
    segment.balancer.run("ip route add 10.77.0.2/32 dev v0 mtu 1300")
    await until(lambda: mtu() == 1300)


# -- links -----------------------------------------------------------------------------------------


@scenario
async def test_an_interface_that_goes_down_and_up(segment: Segment, network: KernelNetwork) -> None:
    told: list[tuple[str, bool]] = []
    network.on_link = lambda name, up: told.append((name, up))
    await resolved(network, SERVER, OTHER_SERVER)
    segment.balancer.run("ip link set v0 down")
    await until(lambda: network.next_hop(SERVER) is None)
    assert network.next_hop(OTHER_SERVER)
    segment.balancer.run("ip link set v0 up")
    await until(lambda: mac_of(network, SERVER) == P0_MAC, CARRIER_S)
    assert told == [("v0", False), ("v0", True)]


@scenario
async def test_a_carrier_that_goes_and_comes(segment: Segment, network: KernelNetwork) -> None:
    await resolved(network, SERVER)
    segment.peer.run("ip link set p0 down")
    await until(lambda: network.next_hop(SERVER) is None, CARRIER_S)
    segment.peer.run("ip link set p0 up")
    await until(lambda: mac_of(network, SERVER) == P0_MAC, CARRIER_S)


@scenario
async def test_an_interface_deleted_and_made_again(
    segment: Segment, network: KernelNetwork
) -> None:
    told: list[tuple[str, bool]] = []
    network.on_link = lambda name, up: told.append((name, up))
    await resolved(network, SERVER)
    before = network.next_hop(SERVER)
    segment.balancer.run("ip link del v0")
    await until(lambda: network.next_hop(SERVER) is None)
    segment.join(0, V0_MAC, NEW_MAC)
    await until(lambda: mac_of(network, SERVER) == NEW_MAC, CARRIER_S)
    after = network.next_hop(SERVER)
    assert before
    assert after
    assert after.ifindex != before.ifindex
    assert told == [("v0", False), ("v0", True)]


@scenario
async def test_a_port_that_leaves_a_bridge_is_still_there(
    segment: Segment, network: KernelNetwork
) -> None:
    await resolved(network, SERVER)
    segment.balancer.run(
        "ip link add br0 type bridge", "ip link set v1 master br0", "ip link set v1 nomaster"
    )
    await asyncio.sleep(0.1)
    assert [link.name for link in network.links()] == ["v0", "v1"]


@scenario
async def test_local_addresses_are_followed(segment: Segment, network: KernelNetwork) -> None:
    assert network.local_addresses() == {BALANCER, *map(IPv4Address, ("10.78.0.1", "127.0.0.1"))}
    segment.balancer.run("ip addr add 10.79.0.1/24 dev v0")
    await until(lambda: IPv4Address("10.79.0.1") in network.local_addresses())
    segment.balancer.run("ip addr del 10.79.0.1/24 dev v0")
    await until(lambda: IPv4Address("10.79.0.1") not in network.local_addresses())


def test_nothing_is_lost_with_the_notifications(caplog: pytest.LogCaptureFixture) -> None:
    """The kernel drops some, and then there is no new socket to be had for a while."""
    hosts = [f"10.77.0.{n}" for n in range(20, 80)]

    async def play(segment: Segment) -> None:
        async with KernelNetwork(receive_buffer_bytes=4096) as network:
            await resolved(network, SERVER, OTHER_SERVER)
            segment.balancer.run(  # all this while the loop stands still
                *(f"ip neigh replace {host} lladdr 02:00:00:00:00:01 dev v0" for host in hosts),
                f"ip neigh replace {SERVER} lladdr {colons(NEW_MAC)} dev v0 nud permanent",
                "ip link set v1 down",
                *(f"ip neigh del {host} dev v0" for host in hosts),
            )
            with no_new_descriptors():
                await asyncio.sleep(0.2)
                assert "notifications lost" in caplog.text
                assert "Too many open files" in caplog.text
            await until(partial(has_mac, network, SERVER, NEW_MAC))
            assert network.next_hop(OTHER_SERVER) is None
            segment.balancer.run("ip link set v1 up")
            await until(partial(has_mac, network, OTHER_SERVER, P1_MAC), CARRIER_S)

    with closing(Segment()) as segment, segment.balancer.inside():
        asyncio.run(play(segment))


@contextmanager
def no_new_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
