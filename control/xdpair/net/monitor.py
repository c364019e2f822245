# SPDX-License-Identifier: Apache-2.0
"""Follows the kernel's network configuration: everything once, then each change, and nothing lost.

The subscription opens before the dump and is read after it, so what changes meanwhile waits in the
queue and is applied on top. A notification may thus repeat what the dump already said, or for an
instant what it already overtook; the last one about a thing is always its latest state. If the
kernel had to drop notifications (ENOBUFS), or the socket breaks, a new subscription starts with a
new dump.

Neighbours come in thousands and speak up often: their messages are left as octets, which
``neighbours.py`` reads; all others are pyroute2's.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from socket import AF_INET

from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import (
    RTM_DELNEIGH,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV4_ROUTE,
    RTMGRP_IPV4_RULE,
    RTMGRP_LINK,
    RTMGRP_NEIGH,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

from xdpair.core.errors import NetworkError
from xdpair.net import neighbours
from xdpair.net.bulk import BulkSocket, messages
from xdpair.net.errors import NetlinkLost
from xdpair.net.rtnl import Message, Rtnl

log = logging.getLogger(__name__)

GROUPS = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE

#: What Python's socket module lacks, from linux/netlink.h, linux/rtnetlink.h, asm/socket.h.
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
RTNLGRP_NEXTHOP = 32
SO_RCVBUFFORCE = 33

#: No notification is longer: the kernel builds them in a page or two.
RECEIVE_BYTES = 65_536

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Three complete dumps; not of the routes, as the resolver asks for those that matter.

    Attributes:
        neighbours: struct ndmsg and what follows, of each.
    """

    links: list[Message]
    addresses: list[Message]
    neighbours: list[bytes]


class Monitor:
    """Calls back with a complete snapshot first and after every loss, and with each change between.

    Args:
        on_neighbour: called with RTM_NEWNEIGH or RTM_DELNEIGH, and struct ndmsg with what follows.
        on_message: called with all else.
        receive_buffer_bytes: for notifications this process has no time to read yet; without
            CAP_NET_ADMIN, the kernel grants ``net.core.rmem_max`` at most.
    """

    def __init__(
        self,
        rtnl: Rtnl,
        on_snapshot: Callable[[Snapshot], None],
        on_neighbour: Callable[[int, bytes], None],
        on_message: Callable[[Message], None],
        receive_buffer_bytes: int,
    ) -> None:
        self._rtnl = rtnl
        self._on_snapshot = on_snapshot
        self._on_neighbour = on_neighbour
        self._on_message = on_message
        self._receive_buffer_bytes = receive_buffer_bytes
        self._bulk = BulkSocket()
        self._marshal = MarshalRtnl()
        self._subscription: socket.socket | None = None

    async def open(self) -> None:
        """Subscribe and deliver the first snapshot.

        Raises:
            NetworkError: netlink is not to be had.
        """
        try:
            subscription = self._subscribe()
        except OSError as error:
            raise NetlinkLost("subscribe", "", error) from error
        try:
            snapshot = Snapshot(
                links=await self._rtnl.dump(ifinfmsg(), RTM_GETLINK, "list links"),
                addresses=await self._rtnl.dump(
                    ifaddrmsg({"family": AF_INET}), RTM_GETADDR, "list addresses"
                ),
                neighbours=await self._bulk.dump(
                    RTM_GETNEIGH, neighbours.BODY.pack(AF_INET, 0, 0, 0, 0), "list neighbours"
                ),
            )
        except KeyError as error:  # pyroute2 found no free netlink port
            subscription.close()
            raise NetlinkLost("subscribe", "", error) from error
        except BaseException:
            subscription.close()
            raise
        self._subscription = subscription
        self._on_snapshot(snapshot)

    async def run(self) -> None:
        """Follow the changes, for ever. ``open`` came before."""
        while True:
            try:
                await self._follow()
            except (OSError, NetlinkError) as error:
                log.warning("network notifications lost, reading everything again: %s", error)
            self.close()
            await self._reopen()

    def close(self) -> None:
        self._bulk.close()
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def _subscribe(self) -> socket.socket:
        sock = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer_bytes)
            with suppress(PermissionError):
                sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, self._receive_buffer_bytes)
            sock.bind((0, GROUPS))
            sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NEXTHOP)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        while self._subscription is not None:
            data = await loop.sock_recv(self._subscription, RECEIVE_BYTES)
            for kind, body, whole in messages(data):
                if kind in {RTM_NEWNEIGH, RTM_DELNEIGH}:
                    self._on_neighbour(kind, body)
                else:
                    for message in self._decoded(whole):
                        self._on_message(message)
            await asyncio.sleep(0)  # a full queue never suspends sock_recv(): let others run

    def _decoded(self, message: bytes) -> Iterator[Message]:
        yield from self._marshal.parse(message)

    async def _reopen(self) -> None:
        delay_s = FIRST_RETRY_S
        while True:
            try:
                return await self.open()
            except NetworkError as error:
                log.warning("cannot follow the network, next try in %.2f s: %s", delay_s, error)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LAST_RETRY_S)
