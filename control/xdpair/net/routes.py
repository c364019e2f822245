# SPDX-License-Identifier: Apache-2.0
"""Which way the kernel would send a packet, for every watched address.

The kernel is asked (RTM_GETROUTE) rather than imitated: policy rules, metrics, multipath and
next-hop objects are its business. Its notifications only say when to ask again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, KeysView
from dataclasses import dataclass
from ipaddress import IPv4Address
from socket import AF_INET

from pyroute2.netlink.rtnl import RTM_GETROUTE, rt_type
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from xdpair.net.errors import KernelRefusal, NetlinkLost
from xdpair.net.neighbours import Hop
from xdpair.net.rtnl import Message, Rtnl

log = logging.getLogger(__name__)

#: Changes come in bursts: collect them for this long, then ask.
SETTLE_S = 0.001
RETRY_S = 0.1

UNICAST = rt_type["unicast"]
ADDRESS_BITS = 32
_NO_ANSWER = object()


@dataclass(frozen=True, slots=True)
class Route:
    """The kernel's answer for one address.

    Attributes:
        hop: the gateway, or the address itself where it is on the link.
        source: the address this host would use.
        mtu_bytes: set for the route by an administrator; None: the link's.
    """

    hop: Hop
    source: IPv4Address
    mtu_bytes: int | None


def route_from(message: Message, address: IPv4Address) -> Route | None:
    """None if the answer is no IPv4 neighbour (but local, broadcast, an IPv6 gateway)."""
    ifindex = message.get_attr("RTA_OIF")
    if message["type"] != UNICAST or ifindex is None or message.get_attr("RTA_VIA") is not None:
        return None
    gateway = message.get_attr("RTA_GATEWAY")
    learnt = message.get(("cacheinfo", "rta_expires"))  # a path MTU somebody's ICMP error told
    return Route(
        hop=Hop(ifindex, IPv4Address(gateway) if gateway else address),
        source=IPv4Address(message.get_attr("RTA_PREFSRC") or 0),
        mtu_bytes=None if learnt else message.get(("metrics", "mtu")),
    )


class RouteResolver:
    """Holds the route of each watched address and renews it when told that it may have changed.

    Args:
        on_change: called with each first answer and each that differs from the one before.
    """

    def __init__(self, rtnl: Rtnl, on_change: Callable[[Route | None], None]) -> None:
        self._rtnl = rtnl
        self._on_change = on_change
        self._watched: frozenset[IPv4Address] = frozenset()
        self._routes: dict[IPv4Address, Route | None] = {}
        self._hops: Counter[Hop] = Counter()
        self._unasked: set[IPv4Address] = set()
        #: Changed prefixes not looked at yet: host bits -> the bits before them.
        self._changed_prefixes: defaultdict[int, set[int]] = defaultdict(set)
        self._wake = asyncio.Event()

    @property
    def watched(self) -> frozenset[IPv4Address]:
        return self._watched

    @property
    def hops(self) -> KeysView[Hop]:
        """The hops of all watched addresses."""
        return self._hops.keys()

    def route(self, address: IPv4Address) -> Route | None:
        return self._routes.get(address)

    def is_pending(self, address: IPv4Address) -> bool:
        """True until the kernel has answered for the address once."""
        return address not in self._routes

    def watch(self, addresses: Collection[IPv4Address]) -> None:
        """Replace the watched set; new ones have no route until ``run`` has asked."""
        self._watched = frozenset(addresses)
        for address in self._routes.keys() - self._watched:
            self._count(self._routes.pop(address), -1)
        self._ask_again(self._watched - self._routes.keys())

    def invalidate(self) -> None:
        """Any route may have changed."""
        self._ask_again(self._watched)

    def invalidate_prefix(self, prefix: IPv4Address, prefix_bits: int) -> None:
        """Routes to addresses under the prefix may have changed."""
        host_bits = ADDRESS_BITS - prefix_bits
        self._changed_prefixes[host_bits].add(int(prefix) >> host_bits)
        self._wake.set()

    async def run(self) -> None:
        """Ask, for ever. A route in doubt keeps its former answer until there is a new one."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(SETTLE_S)
            self._wake.clear()
            self._unasked |= self._under_changed_prefixes()
            try:
                await self._ask_all()
            except NetlinkLost as error:
                log.warning("%s", error)
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    def _ask_again(self, addresses: Collection[IPv4Address]) -> None:
        self._unasked.update(addresses)
        if self._unasked:
            self._wake.set()

    def _under_changed_prefixes(self) -> set[IPv4Address]:
        """All prefixes of a length at once: a routing daemon may change thousands in a second."""
        changed, self._changed_prefixes = self._changed_prefixes, defaultdict(set)
        return {
            address
            for host_bits, prefixes in changed.items()
            for address in self._watched
            if int(address) >> host_bits in prefixes
        }

    async def _ask_all(self) -> None:
        while self._unasked:
            address = self._unasked.pop()
            if address not in self._watched:
                continue
            try:
                route = await self._ask(address)
            except NetlinkLost:
                self._unasked.add(address)
                raise
            if address in self._watched and self._routes.get(address, _NO_ANSWER) != route:
                self._count(self._routes.get(address), -1)
                self._count(route, +1)
                self._routes[address] = route
                self._on_change(route)

    def _count(self, route: Route | None, difference: int) -> None:
        if route is None:
            return
        self._hops[route.hop] += difference
        if not self._hops[route.hop]:
            del self._hops[route.hop]

    async def _ask(self, address: IPv4Address) -> Route | None:
        message = rtmsg()
        message["family"] = AF_INET
        message["dst_len"] = ADDRESS_BITS
        message["attrs"] = [("RTA_DST", str(address))]
        try:
            answer = await self._rtnl.ask(message, RTM_GETROUTE, f"route to {address}")
        except KernelRefusal:  # unreachable, prohibited, blackholed
            return None
        return route_from(answer, address)
