# SPDX-License-Identifier: Apache-2.0
"""Keeps the kernel's knowledge of the neighbours in use fresh.

The XDP program forwards without the kernel's knowledge, so the kernel would let the neighbours it
uses grow stale and never ask for them. The keeper tells the kernel that they are used (NTF_USE): it
then resolves a missing one, and checks one that grew stale.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from errno import ENOBUFS, ENODEV
from itertools import islice
from socket import AF_INET

from pyroute2.netlink import NLM_F_ACK, NLM_F_CREATE
from pyroute2.netlink.rtnl import RTM_NEWNEIGH
from pyroute2.netlink.rtnl.ndmsg import NTF_USE

from xdpair.core.errors import NetworkError
from xdpair.net.bulk import BATCH, BulkSocket, address_attribute
from xdpair.net.errors import KernelRefusal, NetlinkLost
from xdpair.net.neighbours import BODY, NDA_DST, Hop, NeighbourTable

log = logging.getLogger(__name__)

#: How often the keeper looks after hops the kernel is not busy with; bounds how long a hop stays
#: unresolved after it came back without saying so.
REFRESH_S = 2.0
#: How long an entry that was deleted stays so: ``ip neigh flush`` looks ten times, and gives up if
#: there is always something again.
PAUSE_S = 0.005
OPERATION = "resolve neighbour"


class NeighbourKeeper:
    """Makes the kernel resolve the hops in use and check them again when they grow stale.

    Only idle hops cost anything: the others are the kernel's business.

    Args:
        hops: all hops in use.
        is_up: whether the hop's link can carry a question.
    """

    def __init__(
        self,
        table: NeighbourTable,
        hops: Callable[[], Collection[Hop]],
        is_up: Callable[[Hop], bool],
    ) -> None:
        self._table = table
        self._hops = hops
        self._is_up = is_up
        self._socket = BulkSocket()
        self._urgent: set[Hop] = set()
        self._fading: set[Hop] = set()
        #: What is or was idle, to be looked at in the next round; a superset.
        self._idle: set[Hop] = set()
        self._wake = asyncio.Event()
        self._last_warning = ""

    def look_after(self, hops: Iterable[Hop]) -> None:
        """See to these hops now instead of at the next round."""
        self._urgent.update(hops)
        self._wake.set()

    def take_note(self, hop: Hop) -> None:
        """The kernel has news of a hop in use."""
        if self._table.is_idle(hop):
            self._idle.add(hop)
        if self._table.is_fading(hop):
            if not self._fading:
                asyncio.get_running_loop().call_later(PAUSE_S, self._look_after_fading)
            self._fading.add(hop)

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
                hops |= self._idle
                next_round_at_s = loop.time() + REFRESH_S
            in_use = self._hops()
            idle = {hop for hop in hops if hop in in_use and self._table.is_idle(hop)}
            self._idle -= hops
            self._idle |= idle
            await self._use(filter(self._is_up, idle))

    def _look_after_fading(self) -> None:
        hops, self._fading = self._fading, set()
        self.look_after(hops)

    def close(self) -> None:
        self._socket.close()

    async def _use(self, hops: Iterable[Hop]) -> None:
        trouble: NetworkError | None = None
        left = iter(hops)
        try:
            while batch := [_use_message(hop) for hop in islice(left, BATCH)]:
                answers = self._socket.exchange(
                    RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, batch, OPERATION
                )
                refusals = {answer for answer in answers if isinstance(answer, int)} - {0, ENODEV}
                if refusals:  # ENODEV: its link just went
                    trouble = KernelRefusal(OPERATION, "", min(refusals))
                if ENOBUFS in refusals:
                    trouble = KernelRefusal(OPERATION, "", ENOBUFS)
                    break  # the table is full: no use asking for the others
                await asyncio.sleep(0)
        except NetlinkLost as error:
            trouble = error
        self._warn(trouble)

    def _warn(self, trouble: NetworkError | None) -> None:
        """Once for each kind of trouble, not every round."""
        text = str(trouble) if trouble else ""
        if isinstance(trouble, KernelRefusal) and trouble.errno == ENOBUFS:
            text += " (neighbour table full? see net.ipv4.neigh.default.gc_thresh3)"
        if text and text != self._last_warning:
            log.warning("%s", text)
        self._last_warning = text


def _use_message(hop: Hop) -> bytes:
    body = BODY.pack(AF_INET, hop.ifindex, 0, NTF_USE, 0)
    return body + address_attribute(NDA_DST, hop.number.to_bytes(4))
