# SPDX-License-Identifier: Apache-2.0
"""Tells when the way to a server is lost or found."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator
from ipaddress import IPv4Address

from xdpair.core.compile import Compiler
from xdpair.core.events import Event, EventKind

#: How long the way to a new server may take to be found before its lack is told.
PATIENCE_S = 1.0
#: As many addresses are named in one event.
NAMED = 8


class Hops:
    """For the event loop's thread only."""

    def __init__(self, compiler: Compiler, on_event: Callable[[Event], None]) -> None:
        self._compiler = compiler
        self._on_event = on_event
        #: Addresses whose loss was told.
        self._lost: set[IPv4Address] = set()

    @contextlib.contextmanager
    def watched(self, addresses: Collection[IPv4Address]) -> Iterator[None]:
        """Tell what the body changes for these."""
        before = {address for address in addresses if self._compiler.is_reachable(address)}
        yield
        after = {address for address in addresses if self._compiler.is_reachable(address)}
        self._tell_found((after - before) & self._lost)
        self._tell_lost(before - after)

    def expect(self, addresses: Collection[IPv4Address]) -> None:
        """Tell in a while which of these new ones were not found."""
        self._lost.difference_update(addresses)
        missing = [each for each in addresses if not self._compiler.is_reachable(each)]
        if missing:
            asyncio.get_running_loop().call_later(PATIENCE_S, self._tell_missing, missing)

    def _tell_missing(self, addresses: Collection[IPv4Address]) -> None:
        self._tell_lost(
            {
                address
                for address in addresses
                if self._compiler.is_used(address) and not self._compiler.is_reachable(address)
            }
            - self._lost
        )

    def _tell_lost(self, addresses: Collection[IPv4Address]) -> None:
        if addresses:
            self._lost.update(addresses)
            words = f"no way to {_named(addresses)} is known: nothing can be sent there"
            self._on_event(Event(EventKind.NEXT_HOP_LOST, message=words))

    def _tell_found(self, addresses: Collection[IPv4Address]) -> None:
        if addresses:
            self._lost.difference_update(addresses)
            words = f"the way to {_named(addresses)} is known"
            self._on_event(Event(EventKind.NEXT_HOP_FOUND, message=words))


def _named(addresses: Collection[IPv4Address]) -> str:
    first = ", ".join(map(str, sorted(addresses)[:NAMED]))
    more = len(addresses) - NAMED
    return f"{first} and {more} more" if more > 0 else first
