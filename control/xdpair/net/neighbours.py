# SPDX-License-Identifier: Apache-2.0
"""Neighbours: which MAC answers for an address on a link, as the kernel last told. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from socket import AF_INET
from typing import NamedTuple

from pyroute2.netlink.rtnl import RTM_DELNEIGH
from pyroute2.netlink.rtnl.ndmsg import (
    NTF_PROXY,
    NUD_DELAY,
    NUD_FAILED,
    NUD_INCOMPLETE,
    NUD_NOARP,
    NUD_NONE,
    NUD_PERMANENT,
    NUD_PROBE,
    NUD_REACHABLE,
    NUD_STALE,
)

from xdpair.net.bulk import attributes

#: States in which the kernel itself would send a packet to the entry's MAC.
RESOLVED = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP
#: States that need a nudge. (NUD_NONE is 0: an entry made and not yet used.)
IDLE = NUD_STALE | NUD_FAILED

#: struct ndmsg {family; ifindex, state, flags, type}, and attributes of linux/neighbour.h.
BODY = struct.Struct("=B3xiHBB")
NDA_DST, NDA_LLADDR = 1, 2

_MAC_BYTES = 6


class Hop(NamedTuple):
    """Where a packet goes next: an address, as a number, on a link. The key of the neighbour table,
    a plain tuple because it is hashed often and in thousands.
    """

    ifindex: int
    number: int

    @property
    def address(self) -> IPv4Address:
        return IPv4Address(self.number)


class _Neighbour(NamedTuple):
    state: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class NeighbourChange:
    """``mac_changed``: packets to the hop must now go to another MAC, or to none."""

    hop: Hop
    mac_changed: bool


class NeighbourTable:
    """IPv4 neighbours of this network namespace, as the kernel last told."""

    def __init__(self) -> None:
        self._entries: dict[Hop, _Neighbour] = {}

    def mac(self, hop: Hop) -> bytes | None:
        """6 octets; None while the kernel itself does not know where to send."""
        entry = self._entries.get(hop)
        return entry.mac if entry and entry.state & RESOLVED and entry.mac else None

    def is_idle(self, hop: Hop) -> bool:
        """True if the kernel is neither sure of the hop nor busy finding out."""
        entry = self._entries.get(hop)
        return entry is None or entry.state == NUD_NONE or bool(entry.state & IDLE)

    def is_pending(self, hop: Hop) -> bool:
        """True while neither a MAC nor a failure is known."""
        entry = self._entries.get(hop)
        return entry is None or entry.state in {NUD_NONE, NUD_INCOMPLETE}

    def is_fading(self, hop: Hop) -> bool:
        """True if the entry is gone or grew stale: worth a look at once, unlike a failed one."""
        entry = self._entries.get(hop)
        return entry is None or entry.state == NUD_STALE

    def apply(self, kind: int, body: bytes) -> NeighbourChange | None:
        """Take in one notification; None if it was about no neighbour of ours.

        Args:
            kind: RTM_NEWNEIGH or RTM_DELNEIGH.
            body: struct ndmsg and what follows.
        """
        parsed = _parse(body)
        if parsed is None:
            return None
        hop, entry = parsed
        old_mac = self.mac(hop)
        if kind == RTM_DELNEIGH:
            self._entries.pop(hop, None)
        else:
            self._entries[hop] = entry
        return NeighbourChange(hop, mac_changed=self.mac(hop) != old_mac)

    def replace(self, bodies: Iterable[bytes]) -> None:
        """Take in a complete dump."""
        self._entries = dict(filter(None, map(_parse, bodies)))


def _parse(body: bytes) -> tuple[Hop, _Neighbour] | None:
    family, ifindex, state, flags, _ = BODY.unpack_from(body)
    if family != AF_INET or flags & NTF_PROXY:
        return None  # a bridge's forwarding table, IPv6, an address we answer for
    found = dict(attributes(body, BODY.size))
    if NDA_DST not in found:
        return None
    mac = found.get(NDA_LLADDR, b"")
    hop = Hop(ifindex, int.from_bytes(found[NDA_DST]))
    return hop, _Neighbour(state, mac if len(mac) == _MAC_BYTES else b"")
