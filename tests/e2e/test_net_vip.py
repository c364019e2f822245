# SPDX-License-Identifier: Apache-2.0
"""Announcing VIPs: the address on its interface, gratuitous ARP at the peer, both taken back."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import closing, suppress
from ipaddress import IPv4Address

import pytest

from tests.e2e.net_segment import (
    BALANCER,
    CARRIER_S,
    P0_MAC,
    V0_MAC,
    Segment,
    listing,
    scenario,
    until,
)
from xdpair.net.arp import ArpOperation, gratuitous_arp
from xdpair.net.errors import KernelRefusal
from xdpair.net.network import KernelNetwork

VIP = IPv4Address("10.77.0.100")
FAR_VIP = IPv4Address("203.0.113.80")


class Sniffer:
    """Gratuitous ARP for one address, as it arrives at the peer's end of the first link."""

    def __init__(self, segment: Segment, address: IPv4Address) -> None:
        with segment.peer.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        self._socket.bind(("p0", 0x0806))
        self._socket.setblocking(False)
        self._wanted = [gratuitous_arp(operation, V0_MAC, address) for operation in ArpOperation]
        self.counts = [0, 0]

    def has(self, each: int) -> bool:
        """True once requests and replies came at least ``each`` times."""
        with suppress(BlockingIOError):
            while True:
                frame = self._socket.recv(2048)
                for n, wanted in enumerate(self._wanted):
                    self.counts[n] += frame.startswith(wanted)
        return min(self.counts) >= each

    def close(self) -> None:
        self._socket.close()


def addresses_of(interface: str) -> list[str]:
    """Of the namespace the test is in."""
    lines = listing(f"ip -4 -o addr show dev {interface}").splitlines()
    return [line.split()[3] for line in lines]


def test_gratuitous_arp_frames() -> None:
    request = gratuitous_arp(ArpOperation.REQUEST, V0_MAC, VIP)
    assert request.hex(" ", 2) == (
        "ffff ffff ffff 0200 0077 0001 0806 0001 0800 0604 0001"
        " 0200 0077 0001 0a4d 0064 0000 0000 0000 0a4d 0064"
    )
    reply = gratuitous_arp(ArpOperation.REPLY, V0_MAC, VIP)
    assert reply == request[:21] + b"\x02" + request[22:32] + V0_MAC + VIP.packed


@scenario
async def test_a_vip_is_announced_and_withdrawn(segment: Segment, network: KernelNetwork) -> None:
    with closing(Sniffer(segment, VIP)) as sniffer:
        assert await network.announce(VIP, None) == "v0"
        await until(lambda: sniffer.has(each=1))
        await until(lambda: VIP in network.local_addresses())
        assert addresses_of("v0") == ["10.77.0.1/24", "10.77.0.100/32"]
        await until(lambda: sniffer.has(each=3), 2)
    assert await network.announce(VIP, None) == "v0"
    assert await network.announce(VIP, "v0") == "v0"
    await network.withdraw(VIP)
    await network.withdraw(VIP)
    assert addresses_of("v0") == ["10.77.0.1/24"]
    assert await network.announce(VIP, None) == "v0"  # at once: no notification came yet
    assert addresses_of("v0") == ["10.77.0.1/24", "10.77.0.100/32"]


@scenario
async def test_a_vip_of_no_subnet_goes_to_loopback(
    segment: Segment, network: KernelNetwork
) -> None:
    assert await network.announce(FAR_VIP, None) == "lo"
    assert "203.0.113.80/32" in addresses_of("lo")
    await network.withdraw(FAR_VIP)
    assert "203.0.113.80/32" not in addresses_of("lo")
    assert await network.announce(FAR_VIP, "v1") == "v1"
    assert "203.0.113.80/32" in addresses_of("v1")


@scenario
async def test_a_vip_moves_to_another_interface(segment: Segment, network: KernelNetwork) -> None:
    await network.announce(VIP, "v0")
    await network.announce(VIP, "v1")
    assert addresses_of("v0") == ["10.77.0.1/24"]
    assert addresses_of("v1") == ["10.78.0.1/24", "10.77.0.100/32"]


@scenario
async def test_an_address_that_was_there_stays(segment: Segment, network: KernelNetwork) -> None:
    segment.balancer.run("ip addr add 10.77.0.100/32 dev v0")
    await until(lambda: VIP in network.local_addresses())
    for address in (VIP, BALANCER):
        assert await network.announce(address, None) == "v0"
        await network.withdraw(address)
    assert addresses_of("v0") == ["10.77.0.1/24", "10.77.0.100/32"]


@scenario
async def test_a_vip_of_an_earlier_process_is_known_as_ours(
    segment: Segment, network: KernelNetwork
) -> None:
    async with KernelNetwork() as earlier:
        await earlier.announce(VIP, None)
    assert addresses_of("v0") == ["10.77.0.1/24", "10.77.0.100/32"]
    async with KernelNetwork() as later:
        await later.announce(VIP, None)
        await later.withdraw(VIP)
    assert addresses_of("v0") == ["10.77.0.1/24"]


@scenario
async def test_a_vip_is_announced_again_when_its_interface_returns(
    segment: Segment, network: KernelNetwork
) -> None:
    await network.announce(VIP, "v0")
    segment.balancer.run("ip link set v0 down")
    with closing(Sniffer(segment, VIP)) as sniffer:
        segment.balancer.run("ip link set v0 up")
        await until(lambda: sniffer.has(each=1), CARRIER_S)
    segment.balancer.run("ip link del v0")
    segment.join(0, V0_MAC, P0_MAC)
    with closing(Sniffer(segment, VIP)) as sniffer:
        await until(lambda: "10.77.0.100/32" in addresses_of("v0"))
        sniffer.counts = [0, 0]
        await until(lambda: sniffer.has(each=1), CARRIER_S)


@scenario
async def test_a_refusal_says_what_and_where(segment: Segment, network: KernelNetwork) -> None:
    with pytest.raises(KernelRefusal, match="on absent: No such device") as no:
        await network.announce(VIP, "absent")
    assert no.value.errno == errno.ENODEV
    assert no.value.metadata["interface"] == "absent"
    assert no.value.metadata["operation"] == "add address 10.77.0.100"


@scenario
async def test_a_thousand_vips(segment: Segment, network: KernelNetwork) -> None:
    """On loopback first; all move as soon as there is a subnet for them."""
    vips = [IPv4Address("10.90.0.0") + n for n in range(1, 1001)]
    start_cpu_s = time.process_time()
    for vip in vips:
        assert await network.announce(vip, None) == "lo"
    assert time.process_time() - start_cpu_s < 5
    await until(lambda: network.local_addresses() >= set(vips))
    segment.balancer.run("ip addr add 10.90.255.254/16 dev v1")
    await until(lambda: len(addresses_of("v1")) == 2 + len(vips), 20)
    await until(lambda: len(addresses_of("lo")) == 1, 10)
    assert network.local_addresses() >= set(vips)
    for vip in vips:
        await network.withdraw(vip)
    assert addresses_of("v1") == ["10.78.0.1/24", "10.90.255.254/16"]
