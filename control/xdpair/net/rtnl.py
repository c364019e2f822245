# SPDX-License-Identifier: Apache-2.0
"""Requests over rtnetlink: one socket, one request at a time, typed errors.

Notifications have a socket of their own (``monitor.py``): on a shared one, a notification that
carries another program's sequence number could be taken for the answer to a request of ours.
"""

from __future__ import annotations

import asyncio
from errno import ENOBUFS
from typing import Any

from pyroute2 import AsyncIPRoute
from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST
from pyroute2.netlink.exceptions import NetlinkError

from xdpair.net.errors import KernelRefusal, NetlinkLost

#: A netlink message of pyroute2, which comes without types.
Message = Any

REQUEST_TIMEOUT_S = 5.0
DUMP_TIMEOUT_S = 30.0
#: A dump that changed under way is inconsistent and repeated, this often at most: on a busy host
#: every long dump is interrupted, and what the last one missed is brought by notifications.
DUMP_ATTEMPTS = 3


class Rtnl:
    """Asks the kernel, and waits for its answer.

    The socket is opened when needed, and again after a failure.

    Raises:
        KernelRefusal: (all methods) the kernel said no.
        NetlinkLost: (all methods) the kernel said nothing within the timeout, or the socket broke.
    """

    def __init__(self) -> None:
        self._socket: AsyncIPRoute | None = None
        self._turn = asyncio.Lock()

    async def ask(
        self, message: Message, kind: int, operation: str, interface: str = ""
    ) -> Message:
        """A question with exactly one message for an answer (no acknowledgement is asked for)."""
        answers = await self._exchange(
            message, kind, NLM_F_REQUEST, REQUEST_TIMEOUT_S, operation, interface
        )
        return answers[0]

    async def change(
        self, message: Message, kind: int, flags: int, operation: str, interface: str = ""
    ) -> None:
        """An order, acknowledged. ``flags``: ``NLM_F_CREATE`` and the like."""
        flags |= NLM_F_REQUEST | NLM_F_ACK
        await self._exchange(message, kind, flags, REQUEST_TIMEOUT_S, operation, interface)

    async def dump(self, message: Message, kind: int, operation: str) -> list[Message]:
        """Everything the kernel has of one kind."""
        answers: list[Message] = []
        for _ in range(DUMP_ATTEMPTS):
            answers = await self._exchange(
                message, kind, NLM_F_REQUEST | NLM_F_DUMP, DUMP_TIMEOUT_S, operation, ""
            )
            if not any(answer["header"]["flags"] & NLM_F_DUMP_INTR for answer in answers):
                break
        return answers

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _exchange(
        self,
        message: Message,
        kind: int,
        flags: int,
        timeout_s: float,
        operation: str,
        interface: str,
    ) -> list[Message]:
        async with self._turn:
            if self._socket is None:
                self._socket = AsyncIPRoute(ext_ack=True, groups=0)
            try:
                async with asyncio.timeout(timeout_s):
                    replies = await self._socket.nlm_request(message, kind, flags)
                    return [reply async for reply in replies]
            except NetlinkError as error:
                detail = str(error.args[1]) if len(error.args) > 1 else ""
                raise KernelRefusal(operation, interface, error.code, detail) from error
            except OSError as error:  # a TimeoutError is one
                self.close()
                if error.errno == ENOBUFS:
                    # pyroute2 makes no difference between a full table and a full socket.
                    raise KernelRefusal(operation, interface, ENOBUFS) from error
                raise NetlinkLost(operation, interface, error) from error
