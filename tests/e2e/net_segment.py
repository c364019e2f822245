# SPDX-License-Identifier: Apache-2.0
"""A balancer and a peer with two links between them, for tests of the network adapter.

Namespaces have no name here: they live as long as this process holds their descriptors, and a crash
leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from ipaddress import IPv4Address

from xdpair.net.network import KernelNetwork

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

BALANCER = IPv4Address("10.77.0.1")
SERVER = IPv4Address("10.77.0.2")
OTHER_SERVER = IPv4Address("10.78.0.2")

V0_MAC = bytes.fromhex("020000770001")
P0_MAC = bytes.fromhex("020000770002")
V1_MAC = bytes.fromhex("020000780001")
P1_MAC = bytes.fromhex("020000780002")
NEW_MAC = bytes.fromhex("0200007700ee")

#: Enough for any answer that needs no timer to run out.
SOON_S = 1.0
#: The kernel looks at carriers once a second; an ARP request lost meanwhile is repeated in another.
CARRIER_S = 3.0


def colons(mac: bytes) -> str:
    return mac.hex(":")


class Namespace:
    """A network namespace without a name."""

    def __init__(self) -> None:
        with self._home():
            checked(LIBC.unshare(CLONE_NEWNET))
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.run("ip link set lo up")

    def run(self, *commands: str) -> None:
        for command in commands:
            subprocess.run(
                ["nsenter", f"--net=/proc/self/fd/{self.fd}", *command.split()],
                check=True,
                pass_fds=(self.fd,),
                capture_output=True,
                timeout=10,
            )

    @contextmanager
    def inside(self) -> Iterator[None]:
        """What the block opens (sockets) belongs to the namespace. It must not await."""
        with self._home():
            checked(LIBC.setns(self.fd, CLONE_NEWNET))
            yield

    def close(self) -> None:
        os.close(self.fd)

    @staticmethod
    @contextmanager
    def _home() -> Iterator[None]:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            yield
        finally:
            checked(LIBC.setns(home, CLONE_NEWNET))
            os.close(home)


def checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Segment:
    """A balancer (the test itself is in there) and a peer with two links between them."""

    def __init__(self) -> None:
        self.balancer = Namespace()
        self.peer = Namespace()
        self.join(0, V0_MAC, P0_MAC)
        self.join(1, V1_MAC, P1_MAC)

    def join(self, n: int, balancer_mac: bytes, peer_mac: bytes) -> None:
        peer_path = f"/proc/{os.getpid()}/fd/{self.peer.fd}"
        self.balancer.run(
            f"ip link add v{n} address {colons(balancer_mac)} type veth"
            f" peer name p{n} address {colons(peer_mac)} netns {peer_path}",
            f"ip addr add 10.{77 + n}.0.1/24 dev v{n}",
            f"ip link set v{n} up",
        )
        self.peer.run(f"ip addr add 10.{77 + n}.0.2/24 dev p{n}", f"ip link set p{n} up")

    def hurry(self) -> None:
        """Shorten the kernel's neighbour timers: an answer is believed for 1.5 s at most, then
        checked after 1 s, three times 0.1 s."""
        for name, value in {
            "base_reachable_time_ms": 1000,
            "delay_first_probe_time": 1,
            "retrans_time_ms": 100,
        }.items():
            self.balancer.run(f"sysctl -qw net.ipv4.neigh.v0.{name}={value}")

    def close(self) -> None:
        self.balancer.close()
        self.peer.close()


Body = Callable[[Segment, KernelNetwork], Awaitable[None]]


def scenario(body: Body) -> Callable[[], None]:
    """Make a test of it: on a segment of its own, in the balancer, with a started network."""

    async def play(segment: Segment) -> None:
        async with KernelNetwork(interfaces=("v0", "v1", "absent")) as network:
            await body(segment, network)

    def test() -> None:
        with closing(Segment()) as segment, segment.balancer.inside():
            asyncio.run(play(segment))

    test.__name__ = getattr(body, "__name__", "scenario")
    return test


async def until(condition: Callable[[], bool], within_s: float = SOON_S) -> float:
    """Seconds it took."""
    start_s = time.monotonic()
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - any condition, not only what is signalled
            await asyncio.sleep(0.001)
    return time.monotonic() - start_s


async def resolved(network: KernelNetwork, *addresses: IPv4Address) -> None:
    network.watch(addresses)
    await until(lambda: all(network.next_hop(address) for address in addresses))


def listing(command: str) -> str:
    """What a command prints in the namespace the test is in."""
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


def has_mac(network: KernelNetwork, address: IPv4Address, mac: bytes | None) -> bool:
    return mac_of(network, address) == mac


def mac_of(network: KernelNetwork, address: IPv4Address) -> bytes | None:
    hop = network.next_hop(address)
    return hop.dest_mac if hop else None
