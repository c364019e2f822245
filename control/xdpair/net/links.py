# SPDX-License-Identifier: Apache-2.0
"""Interfaces and their addresses, as the kernel last told. Pure: messages in, changes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from socket import AF_INET, AF_UNSPEC
from typing import NamedTuple

from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_DELLINK
from pyroute2.netlink.rtnl.ifinfmsg import IFF_LOOPBACK, IFF_LOWER_UP, IFF_UP

from xdpair.net.rtnl import Message
from xdpair.ports import XdpMode

ADDRESS_BITS = 32


@dataclass(frozen=True, slots=True)
class AttachedXdp:
    """An XDP program on an interface, whoever's it is; ``program_id`` is the kernel's."""

    mode: XdpMode
    program_id: int


@dataclass(frozen=True, slots=True)
class LinkState:
    """One interface.

    Attributes:
        mac: 6 octets, or empty where the interface has no Ethernet address.
        up: administratively up, and with a carrier.
    """

    ifindex: int
    name: str
    mac: bytes
    mtu_bytes: int
    up: bool
    loopback: bool
    xdp: AttachedXdp | None


@dataclass(frozen=True, slots=True)
class LinkChange:
    """``old`` is None when the interface appeared, ``new`` when it vanished; else they differ."""

    old: LinkState | None
    new: LinkState | None

    @property
    def was_up(self) -> bool:
        return self.old is not None and self.old.up

    @property
    def is_up(self) -> bool:
        return self.new is not None and self.new.up


def mac_bytes(text: str | None) -> bytes:
    """``02:00:00:00:00:01`` as 6 octets; anything that is not 6 octets long gives none."""
    if text is None or len(text) != len("02:00:00:00:00:01"):
        return b""
    return bytes.fromhex(text.replace(":", ""))


def _attached_xdp(message: Message) -> AttachedXdp | None:
    native_id = message.get(("xdp", "xdp_drv_prog_id"))
    generic_id = message.get(("xdp", "xdp_skb_prog_id"))
    if native_id:
        return AttachedXdp(XdpMode.NATIVE, native_id)
    if generic_id:
        return AttachedXdp(XdpMode.GENERIC, generic_id)
    return None


def link_from(message: Message) -> LinkState:
    flags = message["flags"]
    return LinkState(
        ifindex=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        mac=mac_bytes(message.get_attr("IFLA_ADDRESS")),
        mtu_bytes=message.get_attr("IFLA_MTU"),
        up=bool(flags & IFF_UP and flags & IFF_LOWER_UP),
        loopback=bool(flags & IFF_LOOPBACK),
        xdp=_attached_xdp(message),
    )


def _is_about_the_link(message: Message) -> bool:
    """False for what only looks like news of an interface.

    A bridge announces its ports with the same message types, and a port that merely leaves the
    bridge with RTM_DELLINK; wireless drivers send events with hardly an attribute.
    """
    return message["family"] == AF_UNSPEC and message.get_attr("IFLA_MTU") is not None


class LinkTable:
    """All interfaces of this network namespace."""

    def __init__(self) -> None:
        self._by_ifindex: dict[int, LinkState] = {}

    def by_ifindex(self, ifindex: int) -> LinkState | None:
        return self._by_ifindex.get(ifindex)

    def by_name(self, name: str) -> LinkState | None:
        return next((link for link in self._by_ifindex.values() if link.name == name), None)

    def apply(self, message: Message) -> LinkChange | None:
        """Take in one notification; None if it said nothing new."""
        if not _is_about_the_link(message):
            return None
        old = self._by_ifindex.get(message["index"])
        if message["header"]["type"] == RTM_DELLINK:
            new = None
            self._by_ifindex.pop(message["index"], None)
        else:
            new = self._by_ifindex[message["index"]] = link_from(message)
        return LinkChange(old, new) if new != old else None

    def replace(self, messages: Iterable[Message]) -> list[LinkChange]:
        """Take in a complete dump. What vanished comes first: a new interface may have its name."""
        fresh = {m["index"]: link_from(m) for m in messages if _is_about_the_link(m)}
        stale, self._by_ifindex = self._by_ifindex, fresh
        gone = [LinkChange(old, None) for index, old in stale.items() if index not in fresh]
        return gone + [
            LinkChange(stale.get(index), new)
            for index, new in fresh.items()
            if stale.get(index) != new
        ]


class LocalAddress(NamedTuple):
    """An IPv4 address of this host."""

    ifindex: int
    address: IPv4Address
    prefix_bits: int

    @property
    def has_subnet(self) -> bool:
        return self.prefix_bits < ADDRESS_BITS

    def covers(self, address: IPv4Address) -> bool:
        host_bits = ADDRESS_BITS - self.prefix_bits
        return int(self.address) >> host_bits == int(address) >> host_bits


class AddressChange(NamedTuple):
    """``added``: else it went."""

    entry: LocalAddress
    added: bool


def _local_address(message: Message) -> LocalAddress | None:
    if message["family"] != AF_INET:
        return None
    # On a point-to-point link IFA_ADDRESS is the peer; IFA_LOCAL is always ours.
    own = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return LocalAddress(message["index"], IPv4Address(own), message["prefixlen"])


class AddressTable:
    """IPv4 addresses of this network namespace; each with the mark of who added it.

    The mark is the kernel's IFA_PROTO, 0 if there is none. There may be thousands (VIPs), but few
    have a subnet.
    """

    def __init__(self) -> None:
        self._marks: dict[IPv4Address, dict[LocalAddress, int]] = {}
        self._subnets: set[LocalAddress] = set()
        self._addresses: frozenset[IPv4Address] | None = frozenset()

    @property
    def addresses(self) -> frozenset[IPv4Address]:
        if self._addresses is None:
            self._addresses = frozenset(self._marks)
        return self._addresses

    def entries_of(self, address: IPv4Address) -> Mapping[LocalAddress, int]:
        """Where the host has the address, whatever the prefix length, with the mark of each."""
        return self._marks.get(address, {})

    def covering(self, address: IPv4Address) -> list[int]:
        """Ifindexes of the interfaces whose subnet holds the address, narrowest first."""
        entries = [entry for entry in self._subnets if entry.covers(address)]
        entries.sort(key=lambda entry: (-entry.prefix_bits, entry.ifindex))
        return [entry.ifindex for entry in entries]

    def apply(self, message: Message) -> AddressChange | None:
        """Take in one notification; None if it changed no address."""
        entry = _local_address(message)
        if entry is None:
            return None
        if message["header"]["type"] == RTM_DELADDR:
            return AddressChange(entry, added=False) if self._remove(entry) else None
        return AddressChange(entry, added=True) if self._add(entry, message) else None

    def replace(self, messages: Iterable[Message]) -> None:
        """Take in a complete dump."""
        self._marks.clear()
        self._subnets.clear()
        self._addresses = None
        for message in messages:
            entry = _local_address(message)
            if entry is not None:
                self._add(entry, message)

    def _add(self, entry: LocalAddress, message: Message) -> bool:
        marks = self._marks.setdefault(entry.address, {})
        added = entry not in marks
        marks[entry] = message.get_attr("IFA_PROTO") or 0
        if added:
            self._addresses = None
            if entry.has_subnet:
                self._subnets.add(entry)
        return added

    def _remove(self, entry: LocalAddress) -> bool:
        marks = self._marks.get(entry.address, {})
        if marks.pop(entry, None) is None:
            return False
        self._addresses = None
        self._subnets.discard(entry)
        if not marks:
            del self._marks[entry.address]
        return True
