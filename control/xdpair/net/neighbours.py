# SPDX-License-Identifier: Apache-2.0
"""Neighbours: which MAC answers for an address on a link, and keeping that knowledge fresh.

The XDP program forwards without the kernel's knowledge, so the kernel would let the neighbours it
uses grow stale and never ask for them. The keeper tells the kernel that they are used (NTF_USE): it
then resolves a missing one, and checks one that grew stale.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from errno import ENOBUFS, ENODEV
from ipaddress import IPv4Address
from socket import AF_INET

from pyroute2.netlink import NLM_F_CREATE
from pyroute2.netlink.rtnl import RTM_DELNEIGH, RTM_NEWNEIGH
from pyroute2.netlink.rtnl.ndmsg import (
    NTF_PROXY,
    NTF_USE,
    NUD_DELAY,
    NUD_FAILED,
    NUD_INCOMPLETE,
    NUD_NOARP,
    NUD_NONE,
    NUD_PERMANENT,
    NUD_PROBE,
    NUD_REACHABLE,
    NUD_STALE,
    ndmsg,
)

from xdpair.core.errors import NetworkError
from xdpair.net.errors import KernelRefusal, NetlinkLost
from xdpair.net.links import mac_bytes
from xdpair.net.rtnl import Message, Rtnl

log = logging.getLogger(__name__)

#: How often the keeper looks after hops the kernel is not busy with; bounds how long a hop stays
#: unresolved after it came back without saying so.
REFRESH_S = 2.0

#: States in which the kernel itself would send a packet to the entry's MAC.
RESOLVED = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP
#: States that need a nudge. (NUD_NONE is 0: an entry made and not yet used.)
IDLE = NUD_STALE | NUD_FAILED


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a packet goes next: an address on a link. The key of the neighbour table."""

    ifindex: int
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class _Neighbour:
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

    def apply(self, message: Message) -> NeighbourChange | None:
        """Take in one notification; None if it was about no neighbour of ours."""
        parsed = _parse(message)
        if parsed is None:
            return None
        hop, entry = parsed
        old_mac = self.mac(hop)
        if message["header"]["type"] == RTM_DELNEIGH:
            self._entries.pop(hop, None)
        else:
            self._entries[hop] = entry
        return NeighbourChange(hop, mac_changed=self.mac(hop) != old_mac)

    def replace(self, messages: Iterable[Message]) -> None:
        """Take in a complete dump."""
        self._entries = dict(filter(None, map(_parse, messages)))


def _parse(message: Message) -> tuple[Hop, _Neighbour] | None:
    address = message.get_attr("NDA_DST")
    if message["family"] != AF_INET or address is None or message["flags"] & NTF_PROXY:
        return None  # a bridge's forwarding table, IPv6, an address we answer for
    entry = _Neighbour(message["state"], mac_bytes(message.get_attr("NDA_LLADDR")))
    return Hop(message["ifindex"], IPv4Address(address)), entry


class NeighbourKeeper:
    """Makes the kernel resolve the hops in use and check them again when they grow stale.

    Args:
        hops: all hops in use.
        is_up: whether the hop's link can carry a question.
    """

    def __init__(
        self,
        rtnl: Rtnl,
        table: NeighbourTable,
        hops: Callable[[], Collection[Hop]],
        is_up: Callable[[Hop], bool],
    ) -> None:
        self._rtnl = rtnl
        self._table = table
        self._hops = hops
        self._is_up = is_up
        self._urgent: set[Hop] = set()
        self._wake = asyncio.Event()
        self._last_warning = ""

    def look_after(self, hops: Iterable[Hop]) -> None:
        """See to these hops now instead of at the next round."""
        self._urgent.update(hops)
        self._wake.set()

    async def run(self) -> None:
        """See to the urgent ones at once and to all every ``REFRESH_S``, for ever."""
        loop = asyncio.get_running_loop()
        next_round_at_s = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_round_at_s):
                    await self._wake.wait()
            self._wake.clear()
            hops, self._urgent = self._urgent, set()
            if loop.time() >= next_round_at_s:
                hops.update(self._hops())
                next_round_at_s = loop.time() + REFRESH_S
            await self._use([h for h in hops if self._table.is_idle(h) and self._is_up(h)])

    async def _use(self, hops: Collection[Hop]) -> None:
        trouble: NetworkError | None = None
        for hop in hops:
            try:
                await self._rtnl.change(
                    _use_message(hop), RTM_NEWNEIGH, NLM_F_CREATE, "resolve neighbour"
                )
            except KernelRefusal as error:
                if error.errno == ENODEV:
                    continue  # its link just went
                trouble = error
                if error.errno == ENOBUFS:
                    break  # the table is full: no use asking for the others
            except NetlinkLost as error:
                trouble = error
                break
        self._warn(trouble)

    def _warn(self, trouble: NetworkError | None) -> None:
        """Once for each kind of trouble, not every round."""
        text = str(trouble) if trouble else ""
        if isinstance(trouble, KernelRefusal) and trouble.errno == ENOBUFS:
            text += " (neighbour table full? see net.ipv4.neigh.default.gc_thresh3)"
        if text and text != self._last_warning:
            log.warning("%s", text)
        self._last_warning = text


def _use_message(hop: Hop) -> Message:
    message = ndmsg()
    message["family"] = AF_INET
    message["ifindex"] = hop.ifindex
    message["flags"] = NTF_USE
    message["attrs"] = [("NDA_DST", str(hop.address))]
    return message
