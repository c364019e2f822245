# SPDX-License-Identifier: Apache-2.0
"""What the controller needs of this host's network."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from ipaddress import IPv4Address
from typing import Protocol as Port

from xdpair.core.tables import Link, NextHop


class XdpMode(Enum):
    NATIVE = "native"
    GENERIC = "generic"


class Network(Port):
    """Links, routes, neighbours and VIP announcement of this host. Reads are from a cache, without
    I/O.
    """

    on_change: Callable[[], None]
    on_link: Callable[[str, bool], None]

    async def settle(self, timeout_s: float) -> bool:
        """Wait until every watched address has a next hop or is known to have none."""
        ...

    def watch(self, added: Collection[IPv4Address], removed: Collection[IPv4Address] = ()) -> None:
        """Follow these too, and those no longer."""
        ...

    def take_changed(self) -> frozenset[IPv4Address]:
        """Watched addresses whose next hop may have changed since the last call."""
        ...

    def next_hop(self, address: IPv4Address) -> NextHop | None: ...

    def local_addresses(self) -> frozenset[IPv4Address]: ...

    def links(self) -> tuple[Link, ...]:
        """The interfaces the controller was told to use, as far as they are there."""
        ...

    async def announce(self, vip: IPv4Address, interface: str | None) -> str: ...

    async def withdraw(self, vip: IPv4Address) -> None: ...
