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
    RTM_DELROUTE,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
)

from xdpair.core.tables import Link, NextHop
from xdpair.net.announce import Announcer
from xdpair.net.keeper import NeighbourKeeper
from xdpair.net.links import AddressTable, LinkChange, LinkTable
from xdpair.net.monitor import Monitor, Snapshot
from xdpair.net.neighbours import Hop, NeighbourTable
from xdpair.net.nexthops import NextHops
from xdpair.net.notice import Notice
from xdpair.net.routes import RouteResolver, Way
from xdpair.net.rtnl import Message, Rtnl
from xdpair.net.xdp import WantedMode, XdpAttacher
from xdpair.ports import XdpMode

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
        self._next_hops = NextHops(self._links, self._neighbours, self._changed)
        self._resolver = RouteResolver(self._way_found, self._way_taken)
        self._keeper = NeighbourKeeper(self._neighbours, lambda: self._resolver.hops, self._is_up)
        self._monitor = Monitor(
            self._rtnl,
            self._take_snapshot,
            self._take_neighbour,
            self._take_message,
            receive_buffer_bytes,
        )
        self._announcer = Announcer(self._rtnl, self._links, self._addresses)
        self._xdp = XdpAttacher(self._rtnl, self._links)
        self._tasks: list[asyncio.Task[None]] = []
        self._notice = Notice(lambda: self.on_change())
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
        self._notice.cancel()
        self._monitor.close()
        self._resolver.close()
        self._keeper.close()
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

    def watch(self, added: Collection[IPv4Address], removed: Collection[IPv4Address] = ()) -> None:
        """Follow the next hops of these too, and of those no longer."""
        self._next_hops.forget(removed)
        self._resolver.watch(added, removed)

    def take_changed(self) -> frozenset[IPv4Address]:
        """Watched addresses whose next hop is another, or was for a while, since the last call."""
        return self._next_hops.take_changed()

    async def settle(self, timeout_s: float) -> bool:
        """Wait until every watched address has a next hop, or is known to have none.

        Returns:
            False if some were still open after ``timeout_s`` (the kernel gives up on a silent
            neighbour after 3 s).
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._resolver.is_pending:
                    await self._some_progress()
                pending = list(self._resolver.hops)
                while pending:
                    if self._is_pending(pending[-1]):
                        await self._some_progress()
                    else:
                        pending.pop()
        except TimeoutError:
            return False
        return True

    def next_hop(self, address: IPv4Address) -> NextHop | None:
        """The way to a watched address, from memory; one object for all behind the same gateway.

        Returns:
            None if there is no route, its interface is down, or the neighbour does not answer.
        """
        way = self._resolver.way(address)
        return way.next_hop if way else None

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
        self._announcer.subnets_changed()
        self._resolver.invalidate()
        self._next_hops.refresh(self._resolver.ways)
        self._keeper.look_after(self._resolver.hops)
        self._changed()

    def _take_message(self, message: Message) -> None:
        kind = message["header"]["type"]
        if kind in {RTM_NEWROUTE, RTM_DELROUTE}:
            prefix = IPv4Address(message.get_attr("RTA_DST") or 0)
            self._resolver.invalidate_prefix(prefix, message["dst_len"])
        elif kind in {RTM_NEWLINK, RTM_DELLINK}:
            self._take_link(message)
        elif kind in {RTM_NEWADDR, RTM_DELADDR}:
            self._take_address(message)
        else:  # policy rules, next-hop objects
            self._resolver.invalidate()

    def _take_neighbour(self, kind: int, body: bytes) -> None:
        change = self._neighbours.apply(kind, body)
        if change is None or change.hop not in self._resolver.hops:
            return
        self._keeper.take_note(change.hop)
        if change.mac_changed:
            self._next_hops.refresh(self._resolver.ways_by(change.hop))
        self._progress.set()

    def _take_address(self, message: Message) -> None:
        change = self._addresses.apply(message)
        if change is None:
            return
        if change.entry.has_subnet:
            self._announcer.subnets_changed()
        if not change.added:
            # With it go the routes that name it as their source; before Linux 6.6, unannounced.
            self._resolver.invalidate_source(change.entry.address)
        elif not self._announcer.is_ours(change.entry.address):
            self._resolver.invalidate()  # this host may speak as another from now on
        self._changed()

    def _take_link(self, message: Message) -> None:
        change = self._links.apply(message)
        if change is None:
            return
        if change.is_up != change.was_up:
            # An interface takes its routes with it, unannounced, or brings them back.
            self._resolver.invalidate()
            self._keeper.look_after(self._resolver.hops)
        ifindex = message["index"]
        self._next_hops.refresh(
            way for way in self._resolver.ways if way.route and way.route.hop.ifindex == ifindex
        )
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

    # -- what follows from it ----------------------------------------------------------------------

    def _way_found(self, way: Way) -> None:
        self._next_hops.compute(way)
        if way.route is not None:
            self._keeper.look_after([way.route.hop])

    def _way_taken(self, address: IPv4Address, former: Way, present: Way) -> None:
        self._next_hops.move(address, former, present)
        self._progress.set()

    def _changed(self) -> None:
        self._progress.set()
        self._notice.give()

    async def _some_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    def _is_up(self, hop: Hop) -> bool:
        link = self._links.by_ifindex(hop.ifindex)
        return link is not None and link.up

    def _is_pending(self, hop: Hop) -> bool:
        return hop in self._resolver.hops and self._is_up(hop) and self._neighbours.is_pending(hop)
