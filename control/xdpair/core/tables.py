# SPDX-License-Identifier: Apache-2.0
"""The complete content of the data plane's maps, as values; what ``compile`` makes and ``apply``
writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address

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


@dataclass(frozen=True, slots=True)
class Facts:
    """What the kernel says about the network around this host.

    Attributes:
        next_hops: by server address; a server without an entry gets no packets.
        local_addresses: what packets may be addressed to this host itself.
    """

    next_hops: Mapping[IPv4Address, NextHop] = field(default_factory=dict)
    local_addresses: frozenset[IPv4Address] = frozenset()
    links: tuple[Link, ...] = ()


class Kind(IntEnum):
    """What a lookup key stands for; the numbers are those of bpf/abi.h."""

    LISTENER = 1
    ENDPOINT = 2
    VIP = 3
    LOCAL = 4


@dataclass(frozen=True, slots=True)
class LookupKey:
    """``port`` and ``protocol`` are 0 for VIP and LOCAL."""

    kind: Kind
    address: IPv4Address
    port: int = 0
    protocol: int = 0

    def __hash__(self) -> int:
        # Made for every key at every change; an address's own hash goes through text.
        return hash((self.kind, int(self.address), self.port, self.protocol))


@dataclass(frozen=True, slots=True)
class ListenerEntry:
    """One row of ``listeners``. Pairs are (primary's, secondary's).

    Attributes:
        next_links: the next listener that uses the same server:port:protocol, as ``index << 1 |
            side``; 0 ends.
    """

    vip: IPv4Address
    port: int
    protocol: Protocol
    slot: int
    servers: tuple[int, int]
    keep_primary: bool
    keep_secondary: bool
    next_links: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One row of ``servers``. Without a hop its packets are dropped and counted, never sent to a
    stale MAC.
    """

    address: IPv4Address
    port: int
    hop: NextHop | None


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything but the slots, which only the failover machine writes."""

    lookup: Mapping[LookupKey, int] = field(default_factory=dict)
    listeners: Mapping[int, ListenerEntry] = field(default_factory=dict)
    servers: Mapping[int, ServerEntry] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
