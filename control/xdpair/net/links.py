# SPDX-License-Identifier: Apache-2.0
"""Interfaces and their addresses, as the kernel last told. Pure: messages in, changes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from socket import AF_INET, AF_UNSPEC

from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_DELLINK
from pyroute2.netlink.rtnl.ifinfmsg import IFF_LOOPBACK, IFF_LOWER_UP, IFF_UP

from xdpair.net.rtnl import Message
from xdpair.ports import XdpMode


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


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """An IPv4 address of this host."""

    ifindex: int
    address: IPv4Interface


def _local_address(message: Message) -> LocalAddress | None:
    if message["family"] != AF_INET:
        return None
    # On a point-to-point link IFA_ADDRESS is the peer; IFA_LOCAL is always ours.
    own = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    return LocalAddress(message["index"], IPv4Interface(f"{own}/{message['prefixlen']}"))


class AddressTable:
    """IPv4 addresses of this network namespace; each with the mark of who added it.

    The mark is the kernel's IFA_PROTO, 0 if there is none.
    """

    def __init__(self) -> None:
        self._marks: dict[LocalAddress, int] = {}
        self._addresses: frozenset[IPv4Address] = frozenset()

    @property
    def addresses(self) -> frozenset[IPv4Address]:
        return self._addresses

    def entries_of(self, address: IPv4Address) -> dict[LocalAddress, int]:
        """Where the host has the address, whatever the prefix length, with the mark of each."""
        return {entry: mark for entry, mark in self._marks.items() if entry.address.ip == address}

    def covering(self, address: IPv4Address) -> list[int]:
        """Ifindexes of the interfaces whose subnet holds the address, narrowest first."""
        entries = [
            entry
            for entry in self._marks
            if entry.address.network.prefixlen < 32 and address in entry.address.network
        ]
        entries.sort(key=lambda entry: -entry.address.network.prefixlen)
        return [entry.ifindex for entry in entries]

    def apply(self, message: Message) -> bool:
        """Take in one notification; False if it changed no address."""
        entry = _local_address(message)
        if entry is None:
            return False
        if message["header"]["type"] == RTM_DELADDR:
            changed = self._marks.pop(entry, None) is not None
        else:
            changed = entry not in self._marks
            self._marks[entry] = message.get_attr("IFA_PROTO") or 0
        self._refresh()
        return changed

    def replace(self, messages: Iterable[Message]) -> bool:
        """Take in a complete dump; False if it changed no address."""
        fresh: dict[LocalAddress, int] = {}
        for message in messages:
            entry = _local_address(message)
            if entry is not None:
                fresh[entry] = message.get_attr("IFA_PROTO") or 0
        changed = fresh.keys() != self._marks.keys()
        self._marks = fresh
        self._refresh()
        return changed

    def _refresh(self) -> None:
        self._addresses = frozenset(entry.address.ip for entry in self._marks)
