# SPDX-License-Identifier: Apache-2.0
"""The next hop of each watched address: way, neighbour and link put together.

Each piece of news costs as much as there are addresses whose next hop it changes: a next hop is
computed once for each way, and a way knows the addresses that go it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address

from xdpair.core.tables import NextHop
from xdpair.net.links import LinkTable
from xdpair.net.neighbours import NeighbourTable
from xdpair.net.routes import Way


class NextHops:
    """Computes next hops and remembers whose have changed.

    Args:
        on_change: called each time some have.
    """

    def __init__(
        self, links: LinkTable, neighbours: NeighbourTable, on_change: Callable[[], None]
    ) -> None:
        self._links = links
        self._neighbours = neighbours
        self._on_change = on_change
        self._changed: set[IPv4Address] = set()

    def take_changed(self) -> frozenset[IPv4Address]:
        """Addresses whose next hop is, or was for a while, another than at the last call."""
        changed, self._changed = self._changed, set()
        return frozenset(changed)

    def forget(self, addresses: Iterable[IPv4Address]) -> None:
        """They are watched no longer."""
        if self._changed:
            self._changed.difference_update(addresses)

    def compute(self, way: Way) -> None:
        """For a new way."""
        way.next_hop = self._next_hop(way)

    def move(self, address: IPv4Address, former: Way, present: Way) -> None:
        """An address goes another way."""
        if former.next_hop != present.next_hop:
            self._changed.add(address)
            self._on_change()

    def refresh(self, ways: Iterable[Way]) -> None:
        """News of a neighbour or link of these ways."""
        for way in ways:
            next_hop = self._next_hop(way)
            if next_hop != way.next_hop:
                way.next_hop = next_hop
                self._changed |= way.addresses
                self._on_change()

    def _next_hop(self, way: Way) -> NextHop | None:
        """None if there is no route, its interface is down, or the neighbour does not answer."""
        route = way.route
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
            source_address=IPv4Address(route.source),
        )
