# SPDX-License-Identifier: Apache-2.0
"""Which way the kernel would send a packet, for every watched address.

The kernel is asked (RTM_GETROUTE) rather than imitated: policy rules, metrics, multipath and
next-hop objects are its business. Its notifications only say when to ask again.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, KeysView
from ipaddress import IPv4Address
from typing import TypeVar

from xdpair.core.tables import NextHop
from xdpair.net.bulk import BATCH, BulkSocket
from xdpair.net.errors import NetlinkLost
from xdpair.net.lookups import Route, look_up
from xdpair.net.neighbours import Hop

log = logging.getLogger(__name__)

#: Changes come in bursts: collect them for this long, then ask.
SETTLE_S = 0.001
RETRY_S = 0.1

ADDRESS_BITS = 32

_Key = TypeVar("_Key")


class Way:
    """How packets leave, one object for all addresses that the kernel gives the same answer for.

    Attributes:
        route: None: there is none, or it is not known yet.
        addresses: the watched ones that go this way.
        next_hop: as ``NextHops`` last computed it.
    """

    __slots__ = ("addresses", "next_hop", "route")

    def __init__(self, route: Route | None) -> None:
        self.route = route
        self.addresses: set[IPv4Address] = set()
        self.next_hop: NextHop | None = None


class RouteResolver:
    """Holds the way of each watched address and asks again when told that it may have changed.

    Args:
        on_way: called with a new way before any address goes it.
        on_move: called with an address, its former way and its present one, when it changed.
    """

    def __init__(
        self, on_way: Callable[[Way], None], on_move: Callable[[IPv4Address, Way, Way], None]
    ) -> None:
        self._on_way = on_way
        self._on_move = on_move
        self._socket = BulkSocket()
        self._watched: dict[IPv4Address, Way] = {}
        self._unknown = Way(None)
        self._nowhere = Way(None)
        self._ways: dict[Route, Way] = {}
        self._by_hop: dict[Hop, set[Way]] = {}
        self._by_source: dict[int, set[Way]] = {}
        self._unasked: set[IPv4Address] = set()
        #: Watched addresses by number, to find those under a prefix; None: to be made.
        self._sorted: list[IPv4Address] | None = None
        self._changed_prefixes: set[tuple[int, int]] = set()
        self._wake = asyncio.Event()

    @property
    def hops(self) -> KeysView[Hop]:
        """The hops of all watched addresses."""
        return self._by_hop.keys()

    @property
    def ways(self) -> Collection[Way]:
        """Those that lead somewhere."""
        return self._ways.values()

    @property
    def is_pending(self) -> bool:
        """True until the kernel has answered for each address once."""
        return bool(self._unknown.addresses)

    def way(self, address: IPv4Address) -> Way | None:
        """None if the address is not watched."""
        return self._watched.get(address)

    def ways_by(self, hop: Hop) -> Collection[Way]:
        return self._by_hop.get(hop, ())

    def watch(self, added: Collection[IPv4Address], removed: Collection[IPv4Address]) -> None:
        """Watch these too, and those no longer. New ones have no way until ``run`` has asked."""
        for address in removed:
            way = self._watched.pop(address, None)
            if way is not None:
                self._leave(address, way)
        fresh = set(added).difference(self._watched)  # sets: no hash is computed twice
        if fresh:
            self._watched.update(dict.fromkeys(fresh, self._unknown))
            self._unknown.addresses |= fresh
            self._ask_again(fresh)
        if fresh or removed:
            self._sorted = None

    def invalidate(self) -> None:
        """Any way may have changed."""
        self._ask_again(self._watched)

    def invalidate_source(self, source: IPv4Address) -> None:
        """Ways on which this host speaks as ``source`` may have changed."""
        for way in self._by_source.get(int(source), ()):
            self._ask_again(way.addresses)

    def invalidate_prefix(self, prefix: IPv4Address, prefix_bits: int) -> None:
        """Ways to addresses under the prefix may have changed."""
        self._changed_prefixes.add((int(prefix), prefix_bits))
        self._wake.set()

    async def run(self) -> None:
        """Ask, for ever. A way in doubt stays as it was until there is an answer."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(SETTLE_S)
            self._wake.clear()
            try:
                await self._ask_all()
            except NetlinkLost as error:
                log.warning("%s", error)
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    def close(self) -> None:
        self._socket.close()

    def _ask_again(self, addresses: Iterable[IPv4Address]) -> None:
        self._unasked.update(addresses)
        if self._unasked:
            self._wake.set()

    async def _ask_all(self) -> None:
        """A batch at a time; others get at least as much of the loop's time."""
        loop = asyncio.get_running_loop()
        while self._unasked or self._changed_prefixes:
            start_s = loop.time()
            self._look_under_prefixes()
            self._ask_batch()
            await asyncio.sleep(loop.time() - start_s)

    def _look_under_prefixes(self) -> None:
        """A routing daemon may change thousands in a second: each costs what is under it."""
        changed, self._changed_prefixes = self._changed_prefixes, set()
        if not changed:
            return
        if self._sorted is None:
            self._sorted = sorted(self._watched, key=int)
        for prefix, prefix_bits in changed:
            first = bisect_left(self._sorted, prefix, key=int)
            past = prefix + (1 << (ADDRESS_BITS - prefix_bits))
            self._unasked.update(self._sorted[first : bisect_left(self._sorted, past, key=int)])

    def _ask_batch(self) -> None:
        batch: list[IPv4Address] = []
        while self._unasked and len(batch) < BATCH:
            address = self._unasked.pop()
            if address in self._watched:
                batch.append(address)
        if not batch:
            return
        try:
            routes = look_up(self._socket, batch)
        except NetlinkLost:
            self._unasked.update(batch)
            raise
        for address, route in zip(batch, routes, strict=True):
            self._take(address, route)

    def _take(self, address: IPv4Address, route: Route | None) -> None:
        former = self._watched[address]
        way = self._nowhere if route is None else self._ways.get(route)
        if way is former:
            return
        if way is None:
            assert route is not None, "the way to nowhere is always there"
            way = self._make_way(route)
        way.addresses.add(address)
        self._watched[address] = way
        self._on_move(address, former, way)
        self._leave(address, former)

    def _make_way(self, route: Route) -> Way:
        way = self._ways[route] = Way(route)
        self._by_hop.setdefault(route.hop, set()).add(way)
        self._by_source.setdefault(route.source, set()).add(way)
        self._on_way(way)
        return way

    def _leave(self, address: IPv4Address, way: Way) -> None:
        way.addresses.discard(address)
        route = way.route
        if way.addresses or route is None:
            return
        del self._ways[route]
        _discard(self._by_hop, route.hop, way)
        _discard(self._by_source, route.source, way)


def _discard(index: dict[_Key, set[Way]], key: _Key, way: Way) -> None:
    index[key].discard(way)
    if not index[key]:
        del index[key]
