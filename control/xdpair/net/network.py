# SPDX-License-Identifier: Apache-2.0
"""The network port: one object that knows the way out to every server and announces the VIPs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from ipaddress import IPv4Address
from types import TracebackType

from pyroute2.netlink.rtnl import (
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELNEIGH,
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    RTM_NEWROUTE,
)

from xdpair.core.tables import Link, NextHop
from xdpair.net.announce import Announcer
from xdpair.net.links import AddressTable, LinkChange, LinkTable
from xdpair.net.monitor import Monitor, Snapshot
from xdpair.net.neighbours import Hop, NeighbourKeeper, NeighbourTable
from xdpair.net.routes import Route, RouteResolver
from xdpair.net.rtnl import Message, Rtnl
from xdpair.net.xdp import WantedMode, XdpAttacher
from xdpair.ports import XdpMode

#: Changes within this time are told in one call.
COALESCE_S = 0.001
RECEIVE_BUFFER_BYTES = 4 << 20


def _nothing() -> None:
    """Nobody listens yet."""


def _nothing_about(_interface: str, _up: bool) -> None:
    """Nobody listens yet."""


class KernelNetwork:
    """Implements ``ports.Network`` for the network namespace of the process.

    Attributes:
        on_change: called in the loop, at most once a millisecond, when a next hop, a local address
            or an interface may be another than before.
        on_link: called in the loop with a name and whether that interface is there, up and with a
            carrier, each time this changes; also when an XDP program was taken off one that is up.
            One deleted and made again was gone in between.

    Args:
        interfaces: names of those the data plane uses, for ``links``; they need not exist yet.
        receive_buffer_bytes: see ``Monitor``.
    """

    def __init__(
        self, interfaces: Collection[str] = (), receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES
    ) -> None:
        self._interfaces = tuple(interfaces)
        self.on_change: Callable[[], None] = _nothing
        self.on_link: Callable[[str, bool], None] = _nothing_about
        self._links = LinkTable()
        self._addresses = AddressTable()
        self._neighbours = NeighbourTable()
        self._rtnl = Rtnl()
        self._resolver = RouteResolver(self._rtnl, self._route_changed)
        self._keeper = NeighbourKeeper(
            self._rtnl, self._neighbours, lambda: self._resolver.hops, self._is_up
        )
        self._monitor = Monitor(
            self._rtnl, self._take_snapshot, self._take_message, receive_buffer_bytes
        )
        self._announcer = Announcer(self._rtnl, self._links, self._addresses)
        self._xdp = XdpAttacher(self._rtnl, self._links)
        self._tasks: list[asyncio.Task[None]] = []
        self._notice: asyncio.TimerHandle | None = None
        self._progress = asyncio.Event()

    async def start(self) -> None:
        """Read the present state and follow it from then on.

        Raises:
            NetworkError: netlink is not to be had.
        """
        await self._monitor.open()
        self._tasks = [
            asyncio.create_task(self._monitor.run(), name="net:monitor"),
            asyncio.create_task(self._resolver.run(), name="net:routes"),
            asyncio.create_task(self._keeper.run(), name="net:neighbours"),
        ]

    async def run(self) -> None:
        """Return never; raise what a task of ours died of. For a task group, after ``start``."""
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        """Stop following. Addresses, neighbours and attached programs stay as they are."""
        self._announcer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._notice is not None:
            self._notice.cancel()
        self._monitor.close()
        self._rtnl.close()

    async def __aenter__(self) -> KernelNetwork:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def watch(self, addresses: Collection[IPv4Address]) -> None:
        """Replace the set of addresses whose next hop must be known."""
        self._resolver.watch(addresses)

    async def settle(self, timeout_s: float) -> bool:
        """Wait until every watched address has a next hop, or is known to have none.

        Returns:
            False if some were still open after ``timeout_s`` (the kernel gives up on a silent
            neighbour after 3 s).
        """
        pending = list(self._resolver.watched)
        try:
            async with asyncio.timeout(timeout_s):
                while pending:
                    if self._is_pending(pending[-1]):
                        self._progress.clear()
                        await self._progress.wait()
                    else:
                        pending.pop()
        except TimeoutError:
            return False
        return True

    def next_hop(self, address: IPv4Address) -> NextHop | None:
        """The way to a watched address, from memory.

        Returns:
            None if there is no route, its interface is down, or the neighbour does not answer.
        """
        route = self._resolver.route(address)
        if route is None:
            return None
        link = self._links.by_ifindex(route.hop.ifindex)
        dest_mac = self._neighbours.mac(route.hop)
        if link is None or not link.up or not link.mac or dest_mac is None:
            return None
        return NextHop(
            ifindex=link.ifindex,
            interface=link.name,
            source_mac=link.mac,
            dest_mac=dest_mac,
            mtu_bytes=min(link.mtu_bytes, route.mtu_bytes or link.mtu_bytes),
            source_address=route.source,
        )

    def local_addresses(self) -> frozenset[IPv4Address]:
        """Every IPv4 address of this host, announced VIPs included."""
        return self._addresses.addresses

    def links(self) -> tuple[Link, ...]:
        """Those of the interfaces given that are there and have an Ethernet address."""
        present = filter(None, map(self._links.by_name, self._interfaces))
        return tuple(Link(p.ifindex, p.name, p.mac, p.mtu_bytes) for p in present if p.mac)

    async def announce(self, vip: IPv4Address, interface: str | None) -> str:
        """See ``Announcer.announce``."""
        return await self._announcer.announce(vip, interface)

    async def withdraw(self, vip: IPv4Address) -> None:
        """See ``Announcer.withdraw``."""
        await self._announcer.withdraw(vip)

    async def attach(
        self, interface: str, prog_fd: int, mode: WantedMode, ours: Collection[int] = ()
    ) -> XdpMode:
        """See ``XdpAttacher.attach``."""
        return await self._xdp.attach(interface, prog_fd, mode, ours)

    async def detach(self, interface: str, ours: Collection[int] = ()) -> None:
        """See ``XdpAttacher.detach``."""
        await self._xdp.detach(interface, ours)

    def attached_mode(self, interface: str) -> XdpMode | None:
        """How our program runs on an interface; None if it does not. From memory."""
        return self._xdp.attached_mode(interface)

    # -- what the kernel told ----------------------------------------------------------------------

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        changes = self._links.replace(snapshot.links)
        self._addresses.replace(snapshot.addresses)
        self._neighbours.replace(snapshot.neighbours)
        if self._tasks:  # not the first: nobody can be surprised before start() returns
            for change in changes:
                self._tell_link(change)
        self._announcer.addresses_changed()
        self._resolver.invalidate()
        self._keeper.look_after(self._resolver.hops)
        self._changed()

    def _take_message(self, message: Message) -> None:
        kind = message["header"]["type"]
        if kind in {RTM_NEWNEIGH, RTM_DELNEIGH}:
            self._take_neighbour(message)
        elif kind in {RTM_NEWROUTE, RTM_DELROUTE}:
            prefix = IPv4Address(message.get_attr("RTA_DST") or 0)
            self._resolver.invalidate_prefix(prefix, message["dst_len"])
        elif kind in {RTM_NEWLINK, RTM_DELLINK}:
            self._take_link(message)
        elif kind in {RTM_NEWADDR, RTM_DELADDR}:
            if self._addresses.apply(message):
                self._announcer.addresses_changed()
                # With an address go, unannounced, the routes that name it as their source.
                self._resolver.invalidate()
                self._changed()
        else:  # policy rules, next-hop objects
            self._resolver.invalidate()

    def _take_neighbour(self, message: Message) -> None:
        change = self._neighbours.apply(message)
        if change is None or change.hop not in self._resolver.hops:
            return
        if self._neighbours.is_fading(change.hop):
            self._keeper.look_after([change.hop])
        if change.mac_changed:
            self._changed()
        self._progress.set()

    def _take_link(self, message: Message) -> None:
        change = self._links.apply(message)
        if change is None:
            return
        # An interface that goes takes its routes with it, unannounced.
        self._resolver.invalidate()
        self._keeper.look_after(self._resolver.hops)
        self._tell_link(change)
        self._changed()

    def _tell_link(self, change: LinkChange) -> None:
        was = change.old if change.old and change.old.up else None
        now = change.new if change.new and change.new.up else None
        loop = asyncio.get_running_loop()
        if was and now and (was.name, was.ifindex) == (now.name, now.ifindex):
            if was.xdp and not now.xdp:
                loop.call_soon(self.on_link, now.name, True)
            return
        if was:
            loop.call_soon(self.on_link, was.name, False)
        if now:
            self._announcer.link_returned(now.name)
            loop.call_soon(self.on_link, now.name, True)

    def _route_changed(self, route: Route | None) -> None:
        if route is not None:
            self._keeper.look_after([route.hop])
        self._changed()

    def _changed(self) -> None:
        self._progress.set()
        if self._notice is None:
            self._notice = asyncio.get_running_loop().call_later(COALESCE_S, self._notify)

    def _notify(self) -> None:
        self._notice = None
        self.on_change()

    # -- what is in use ----------------------------------------------------------------------------

    def _is_up(self, hop: Hop) -> bool:
        link = self._links.by_ifindex(hop.ifindex)
        return link is not None and link.up

    def _is_pending(self, address: IPv4Address) -> bool:
        if self._resolver.is_pending(address):
            return address in self._resolver.watched
        route = self._resolver.route(address)
        if route is None or not self._is_up(route.hop):
            return False
        return self._neighbours.is_pending(route.hop)
