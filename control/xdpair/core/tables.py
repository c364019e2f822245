# SPDX-License-Identifier: Apache-2.0
"""The complete content of the data plane's maps, as values; what ``compile`` makes and ``apply``
writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from typing import Any

from xdpair.core.model import Protocol


@dataclass(frozen=True, slots=True)
class NextHop:
    """The way out to one server. MACs are 6 octets; ``mtu_bytes`` counts octets of IP packet."""

    ifindex: int
    interface: str
    source_mac: bytes
    dest_mac: bytes
    mtu_bytes: int
    source_address: IPv4Address


@dataclass(frozen=True, slots=True)
class Link:
    """An interface of this host that the program runs on."""

    ifindex: int
    name: str
    mac: bytes
    mtu_bytes: int


class Kind(IntEnum):
    """What a lookup key stands for; the numbers are those of bpf/abi.h."""

    LISTENER = 1
    ENDPOINT = 2
    VIP = 3
    LOCAL = 4


class LookupKey(int):
    """``struct lookup_key`` of bpf/abi.h, its octets as a big-endian number: cheap to make and to
    hash. ``port`` and ``protocol`` are 0 for VIP and LOCAL.
    """

    __slots__ = ()

    def __new__(
        cls, kind: Kind, address: IPv4Address, port: int = 0, protocol: int = 0
    ) -> LookupKey:
        return super().__new__(cls, int(address) << 32 | port << 16 | protocol << 8 | kind)

    @property
    def kind(self) -> Kind:
        return Kind(self & 0xFF)

    @property
    def address(self) -> IPv4Address:
        return IPv4Address(self >> 32)

    @property
    def port(self) -> int:
        return self >> 16 & 0xFFFF

    @property
    def protocol(self) -> int:
        return self >> 8 & 0xFF

    def __repr__(self) -> str:
        return f"LookupKey({self.kind!r}, {self.address!r}, {self.port}, {self.protocol})"


def endpoint_value(listener_row: int, side: int, *, shared: bool) -> int:
    """What ``lookup`` holds for an endpoint; see bpf/abi.h.

    Args:
        side: 0 for a weighted listener.
    """
    return listener_row << 2 | side << 1 | shared


class Schedule(IntEnum):
    """How the data plane reads a wheel; the numbers are those of bpf/abi.h."""

    IN_TURN = 0
    LEAST = 1
    SOURCE = 2
    TUPLE = 3
    QUIC = 4


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A token bucket for each direction.

    Attributes:
        mbps: 10**6 bits of frames a second.
        burst_ms: what may come at once, as the time it takes at that rate.
    """

    mbps: int
    burst_ms: int = 100


@dataclass(frozen=True, slots=True)
class ListenerEntry:
    """One row of ``listeners``, and of ``limits``.

    Attributes:
        slot: row of ``slots``; 0 for a weighted listener.
        servers: rows of (primary, secondary); (0, 0) for a weighted listener.
        schedule: None for a pair. The wheel is not part of this: health moves it.
        persistence_s: 0: none.
        established_timeout_s: when silent TCP flows time out.
        acl: row of the access control list (the first word of its keys); 0: none.
        acl_is_white: with ``acl``: only who is listed may come, else all others.
    """

    vip: IPv4Address
    port: int
    protocol: Protocol
    slot: int
    servers: tuple[int, int]
    keep_primary: bool
    keep_secondary: bool
    schedule: Schedule | None = None
    persistence_s: int = 0
    established_timeout_s: int = 900
    acl: int = 0
    acl_is_white: bool = False
    bandwidth: Bandwidth | None = None


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One row of ``servers``. Without a hop its packets are dropped and counted, never sent to a
    stale MAC.

    Attributes:
        weight: of a weighted listener's server.
        draining: it left its group; flows it has may go on.
    """

    address: IPv4Address
    port: int
    hop: NextHop | None
    weight: int = 0
    draining: bool = False


@dataclass(frozen=True, slots=True)
class AclKey:
    """One prefix in the list of that row."""

    acl: int
    network: IPv4Network


@dataclass(frozen=True, slots=True)
class TableChange:
    """What is to be written. None as a value: the key or row is to go.

    Attributes:
        acls: True: to be there.
        links: all there are; None: as before.
        whole: this is everything: what the kernel has beyond it goes.
    """

    lookup: Mapping[LookupKey, int | None] = field(default_factory=dict)
    listeners: Mapping[int, ListenerEntry | None] = field(default_factory=dict)
    servers: Mapping[int, ServerEntry | None] = field(default_factory=dict)
    acls: Mapping[AclKey, bool] = field(default_factory=dict)
    links: tuple[Link, ...] | None = None
    whole: bool = False


def switched_last(change: TableChange) -> tuple[TableChange, TableChange]:
    """Cut it in two, between which wheels turn: first comes all that a wheel can name, and the row
    of its listener. Then keys lead to listeners, which have their wheels by then, and whoever is on
    no wheel any more goes. A whole change is only one.
    """
    if change.whole:
        return change, TableChange()
    keys = {
        key: row
        for key, row in change.lookup.items()
        if row is not None and key & 0xFF == Kind.LISTENER
    }
    coming = TableChange(
        lookup={key: value for key, value in change.lookup.items() if key not in keys},
        listeners={row: entry for row, entry in change.listeners.items() if entry},
        servers={row: entry for row, entry in change.servers.items() if entry},
        acls={key: True for key, is_there in change.acls.items() if is_there},
        links=change.links,
    )
    switching = TableChange(
        lookup=keys,
        listeners={row: None for row, entry in change.listeners.items() if not entry},
        servers={row: None for row, entry in change.servers.items() if not entry},
        acls={key: False for key, is_there in change.acls.items() if not is_there},
    )
    return coming, switching


def in_steps(change: TableChange, size: int) -> Iterator[TableChange]:
    """Cut it into changes of at most ``size`` entries each, in an order in which every packet
    between two of them finds its way. A whole change is only one.
    """
    if change.whole:
        yield change
        return
    if change.links is not None:
        yield TableChange(links=change.links)
    entries = _in_order(change)
    while turn := list(islice(entries, size)):
        parts: dict[str, Any] = defaultdict(dict)
        for name, key, value in turn:
            parts[name][key] = value
        yield TableChange(**parts)


def _in_order(change: TableChange) -> Iterator[tuple[str, Any, Any]]:
    """Rows before the keys that lead to them, and after the keys that led to them."""
    maps: tuple[tuple[str, Mapping[Any, Any]], ...] = (
        ("acls", change.acls),
        ("servers", change.servers),
        ("listeners", change.listeners),
    )
    lookup = change.lookup.items()
    yield from ((name, *each) for name, items in maps for each in items.items() if each[1])
    yield from (("lookup", key, None) for key, value in lookup if value is None)
    yield from (("lookup", key, value) for key, value in lookup if value is not None)
    gone = ((name, items) for name, items in reversed(maps))
    yield from ((name, *each) for name, items in gone for each in items.items() if not each[1])
