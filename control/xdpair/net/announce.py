# SPDX-License-Identifier: Apache-2.0
"""Virtual addresses: put on an interface, made known to its segment, taken away again."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from socket import AF_INET

from pyroute2.netlink import NLM_F_CREATE, NLM_F_EXCL
from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_NEWADDR
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg

from xdpair.core.errors import NetworkError
from xdpair.net.arp import ArpSender
from xdpair.net.errors import KernelRefusal
from xdpair.net.links import AddressTable, LinkState, LinkTable
from xdpair.net.rtnl import Message, Rtnl

log = logging.getLogger(__name__)

LOOPBACK = "lo"
VIP_PREFIX_BITS = 32

#: IFA_PROTO of the addresses we add: a later process knows them as ours. Kernels before 5.18 do not
#: keep it.
OUR_MARK = 0x58

#: Gratuitous ARP goes out at once, and again after each of these: one frame may be lost.
REPEAT_AFTER_S = (0.25, 1.0)


@dataclass(frozen=True, slots=True)
class _Announced:
    """Where a VIP is.

    Attributes:
        ours: we added the address, so we may remove it.
        chosen: we were told no interface.
    """

    interface: str
    ours: bool
    chosen: bool


def _vip_message(vip: IPv4Address, link: LinkState) -> Message:
    message = ifaddrmsg()
    message["family"] = AF_INET
    message["prefixlen"] = VIP_PREFIX_BITS
    message["index"] = link.ifindex
    message["attrs"] = [
        ("IFA_LOCAL", str(vip)),
        ("IFA_ADDRESS", str(vip)),
        ("IFA_PROTO", OUR_MARK),
    ]
    return message


class Announcer:
    """Announces VIPs, and announces them again when their interface comes back."""

    def __init__(self, rtnl: Rtnl, links: LinkTable, addresses: AddressTable) -> None:
        self._rtnl = rtnl
        self._links = links
        self._addresses = addresses
        self._announced: dict[IPv4Address, _Announced] = {}
        #: The kernel may tell of an address before the one who ordered it hears that it is there.
        self._ordered: set[IPv4Address] = set()
        self._sender = ArpSender()
        self._tasks: dict[IPv4Address, asyncio.Task[None]] = {}
        #: Of their own: one that was cut short would leave the address on both interfaces.
        self._moves: dict[IPv4Address, asyncio.Task[None]] = {}
        #: What an event sets off for all VIPs is done one by one, and does not hold up the loop.
        self._turn = asyncio.Lock()

    async def announce(self, vip: IPv4Address, interface: str | None) -> str:
        """Add ``vip/32`` and send gratuitous ARP. Repeating it is harmless.

        Args:
            interface: None: the one that has the address already, else the one whose subnet holds
                it, else ``lo`` (where nothing is sent: the VIP is then routed to this host) until
                there is such a subnet.

        Returns:
            The interface chosen.

        Raises:
            KernelRefusal: no such interface, or the kernel did not take the address.
            NetlinkLost: no answer.
        """
        link = self._choose(vip, interface)
        self._ordered.add(vip)
        try:
            ours = await self._ensure(vip, link)
            former = self._announced.get(vip)
            self._announced[vip] = _Announced(link.name, ours, chosen=interface is None)
        finally:
            self._ordered.discard(vip)
        if former is not None and former.interface != link.name:
            await self._remove(vip, former)
        self._start(vip, self._send_repeatedly(vip, link.name))
        return link.name

    async def withdraw(self, vip: IPv4Address) -> None:
        """Remove the address if it was us who added it; else only stop announcing it.

        Raises:
            NetworkError: the kernel did not remove it.
        """
        move = self._moves.get(vip)
        if move is not None:
            await asyncio.wait({move})
        self._stop(vip)
        announced = self._announced.pop(vip, None)
        if announced is not None:
            await self._remove(vip, announced)

    def link_returned(self, interface: str) -> None:
        """An interface came up: its segment may have forgotten us, and a new one has no address."""
        for vip, announced in self._announced.items():
            if announced.interface == interface:
                self._start(vip, self._announce_again(vip, interface))

    def is_ours(self, address: IPv4Address) -> bool:
        """True for a VIP, also for one that is just being added."""
        return address in self._announced or address in self._ordered

    def subnets_changed(self) -> None:
        """A VIP that is on ``lo`` for lack of a subnet may have one now."""
        for vip, announced in self._announced.items():
            if self._may_move(vip, announced) and vip not in self._moves:
                self._moves[vip] = asyncio.create_task(self._move(vip), name=f"net:move {vip}")

    def _may_move(self, vip: IPv4Address, announced: _Announced) -> bool:
        on_loopback = announced.chosen and announced.interface == LOOPBACK
        return on_loopback and bool(self._addresses.covering(vip))

    def close(self) -> None:
        """Stop sending. Addresses stay: traffic goes on without a controller."""
        for vip in list(self._tasks):
            self._stop(vip)
        for move in self._moves.values():
            move.cancel()
        self._sender.close()

    def _choose(self, vip: IPv4Address, interface: str | None) -> LinkState:
        if interface is not None:
            return self._link(vip, interface)
        marks = self._addresses.entries_of(vip)
        for ifindex in [*(entry.ifindex for entry in marks), *self._addresses.covering(vip)]:
            link = self._links.by_ifindex(ifindex)
            if link is not None and not (link.loopback and OUR_MARK in marks.values()):
                return link
        return self._link(vip, LOOPBACK)

    def _link(self, vip: IPv4Address, interface: str) -> LinkState:
        link = self._links.by_name(interface)
        if link is None:
            raise KernelRefusal(f"add address {vip}", interface, errno.ENODEV)
        return link

    async def _ensure(self, vip: IPv4Address, link: LinkState) -> bool:
        """Have the address on the link; True if we added it, now or in an earlier life."""
        marks = {
            entry.prefix_bits: mark
            for entry, mark in self._addresses.entries_of(vip).items()
            if entry.ifindex == link.ifindex
        }
        if marks.keys() - {VIP_PREFIX_BITS}:
            return False  # an address of the host itself, with its subnet
        # The table may lag behind what we did a moment ago, so ask the kernel even if it seems to
        # be there.
        try:
            await self._rtnl.change(
                _vip_message(vip, link),
                RTM_NEWADDR,
                NLM_F_CREATE | NLM_F_EXCL,
                f"add address {vip}",
                link.name,
            )
        except KernelRefusal as error:
            if error.errno != errno.EEXIST:
                raise
            known = self._announced.get(vip)
            return marks.get(VIP_PREFIX_BITS) == OUR_MARK or (
                known is not None and known.interface == link.name and known.ours
            )
        return True

    async def _remove(self, vip: IPv4Address, announced: _Announced) -> None:
        link = self._links.by_name(announced.interface)
        if link is None:
            return  # the address went with its interface
        if not announced.ours:
            log.info("%s stays on %s: it was there before", vip, announced.interface)
            return
        try:
            await self._rtnl.change(
                _vip_message(vip, link), RTM_DELADDR, 0, f"remove address {vip}", link.name
            )
        except KernelRefusal as error:
            if error.errno not in {errno.EADDRNOTAVAIL, errno.ENODEV}:
                raise

    async def _announce_again(self, vip: IPv4Address, interface: str) -> None:
        try:
            async with self._turn:
                ours = await self._ensure(vip, self._link(vip, interface))
        except NetworkError as error:
            log.warning("%s", error)
            return
        announced = self._announced.get(vip)
        if announced is not None:  # not withdrawn meanwhile
            self._announced[vip] = replace(announced, interface=interface, ours=ours)
            await self._send_repeatedly(vip, interface)

    async def _move(self, vip: IPv4Address) -> None:
        try:
            async with self._turn:
                await self.announce(vip, None)
        except NetworkError as error:
            log.warning("%s", error)
        finally:
            del self._moves[vip]

    async def _send_repeatedly(self, vip: IPv4Address, interface: str) -> None:
        for pause_s in (*REPEAT_AFTER_S, None):
            link = self._links.by_name(interface)
            if link is None or link.loopback or not link.up or not link.mac:
                return  # link_returned() starts anew
            try:
                self._sender.send(link.name, link.mac, vip)
            except KernelRefusal as error:
                log.warning("%s", error)
            if pause_s is not None:
                await asyncio.sleep(pause_s)

    def _start(self, vip: IPv4Address, work: Coroutine[None, None, None]) -> None:
        self._stop(vip)
        task = self._tasks[vip] = asyncio.create_task(work, name=f"announce:{vip}")
        task.add_done_callback(lambda done: self._done(vip, done))

    def _done(self, vip: IPv4Address, task: asyncio.Task[None]) -> None:
        if self._tasks.get(vip) is task:
            del self._tasks[vip]

    def _stop(self, vip: IPv4Address) -> None:
        task = self._tasks.pop(vip, None)
        if task is not None:
            task.cancel()
