# SPDX-License-Identifier: Apache-2.0
"""Follows the kernel's network configuration: everything once, then each change, and nothing lost.

The subscription opens before the dump and is read after it, so what changes meanwhile waits in the
queue and is applied on top. A notification may thus repeat what the dump already said, or for an
instant what it already overtook; the last one about a thing is always its latest state. If the
kernel had to drop notifications (ENOBUFS), or the socket breaks, a new subscription starts with a
new dump.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from socket import AF_INET

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import (
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTMGRP_IPV4_IFADDR,
    RTMGRP_IPV4_ROUTE,
    RTMGRP_IPV4_RULE,
    RTMGRP_LINK,
    RTMGRP_NEIGH,
)
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg

from xdpair.core.errors import NetworkError
from xdpair.net.errors import NetlinkLost
from xdpair.net.rtnl import Message, Rtnl

log = logging.getLogger(__name__)

RTNLGRP_NEXTHOP = 32
GROUPS = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_RULE

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 5.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Three complete dumps; not of the routes, as the resolver asks for those that matter."""

    links: list[Message]
    addresses: list[Message]
    neighbours: list[Message]


class Monitor:
    """Calls back with a complete snapshot first and after every loss, and with each change between.

    Args:
        receive_buffer_bytes: for notifications this process has no time to read yet; the kernel
            grants ``net.core.rmem_max`` at most.
    """

    def __init__(
        self,
        rtnl: Rtnl,
        on_snapshot: Callable[[Snapshot], None],
        on_message: Callable[[Message], None],
        receive_buffer_bytes: int,
    ) -> None:
        self._rtnl = rtnl
        self._on_snapshot = on_snapshot
        self._on_message = on_message
        self._receive_buffer_bytes = receive_buffer_bytes
        self._subscription: AsyncIPRoute | None = None

    async def open(self) -> None:
        """Subscribe and deliver the first snapshot.

        Raises:
            NetworkError: netlink is not to be had.
        """
        subscription = AsyncIPRoute(groups=GROUPS, rcvbuf=self._receive_buffer_bytes)
        try:
            await subscription.bind()
            subscription.add_membership(RTNLGRP_NEXTHOP)
            snapshot = Snapshot(
                links=await self._rtnl.dump(ifinfmsg(), RTM_GETLINK, "list links"),
                addresses=await self._rtnl.dump(
                    ifaddrmsg({"family": AF_INET}), RTM_GETADDR, "list addresses"
                ),
                neighbours=await self._rtnl.dump(
                    ndmsg({"family": AF_INET}), RTM_GETNEIGH, "list neighbours"
                ),
            )
        except (OSError, KeyError) as error:  # KeyError: pyroute2 found no free netlink port
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
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    async def _follow(self) -> None:
        while self._subscription is not None:
            async for message in self._subscription.get():
                self._on_message(message)
            await asyncio.sleep(0)  # a full queue never suspends get(): let others run

    async def _reopen(self) -> None:
        delay_s = FIRST_RETRY_S
        while True:
            try:
                return await self.open()
            except NetworkError as error:
                log.warning("cannot follow the network, next try in %.2f s: %s", delay_s, error)
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LAST_RETRY_S)
