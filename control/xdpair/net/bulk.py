# SPDX-License-Identifier: Apache-2.0
"""Thousands of small rtnetlink requests, encoded by hand: some 10 µs each, where pyroute2 takes
450 µs.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from errno import EPROTO

from pyroute2.netlink import (
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
)

from xdpair.net.errors import NetlinkLost

#: At most so many requests at once: about a millisecond of work, and the answers fit into a receive
#: buffer of the size that every kernel grants.
BATCH = 64
#: The kernel puts as much of a dump into one datagram as it was ever offered room for, 32 KiB.
RECEIVE_BYTES = 32_768
#: A dump that changed under way is inconsistent and repeated, this often at most: on a busy host
#: every long dump is interrupted, and what the last one missed is brought by notifications.
DUMP_ATTEMPTS = 3

#: struct nlmsghdr {length, type, flags, sequence, port}; struct rtattr {length, type}. All in the
#: host's order; a message and each attribute begin at a multiple of four octets.
HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
#: The two highest bits say how the value is to be read.
_TYPE_BITS = 0x3FFF
_ERROR = struct.Struct("=i")

#: The body of the kernel's answer, or an errno: 0 is an acknowledgement.
Answer = bytes | int


def address_attribute(kind: int, packed: bytes) -> bytes:
    """An attribute whose value is an IPv4 address of 4 octets."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), kind) + packed


def attributes(message: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Type and value of each attribute from ``offset`` on; a broken one is the last."""
    end = len(message)
    while offset + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(message, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind & _TYPE_BITS, message[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def messages(datagram: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Type, body and whole of each message; a broken one is the last."""
    offset = 0
    while offset + HEADER.size <= len(datagram):
        length, kind, _, _, _ = HEADER.unpack_from(datagram, offset)
        if length < HEADER.size:
            return
        message = datagram[offset : offset + length]
        yield kind, message[HEADER.size :], message
        offset += (length + 3) & ~3


class BulkSocket:
    """Sends requests that have one answer each, many in one datagram.

    The kernel works them off and queues all answers before ``send`` returns, so nothing here ever
    waits. The socket is opened when needed, and again after a failure.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._sequence = 0

    def exchange(
        self, kind: int, flags: int, bodies: Sequence[bytes], operation: str
    ) -> list[Answer]:
        """Ask, and collect the answers in the order of the questions.

        Args:
            flags: ``NLM_F_ACK`` where the answer is but an acknowledgement.
            bodies: one at least, ``BATCH`` at most.

        Raises:
            NetlinkLost: an answer is missing, or the socket broke.
        """
        first = self._sequence
        self._sequence = (first + len(bodies)) & 0xFFFFFFFF
        flags |= NLM_F_REQUEST
        try:
            sock = self._open()
            sock.send(
                b"".join(
                    HEADER.pack(HEADER.size + len(body), kind, flags, (first + n) & 0xFFFFFFFF, 0)
                    + body
                    for n, body in enumerate(bodies)
                )
            )
            return [_answer(sock.recv(RECEIVE_BYTES), first + n) for n in range(len(bodies))]
        except OSError as error:  # a BlockingIOError is one: an answer is missing
            self.close()
            raise NetlinkLost(operation, "", error) from error

    async def dump(self, kind: int, body: bytes, operation: str) -> list[bytes]:
        """The bodies of everything that the kernel has of one kind. Nobody may use this socket
        meanwhile.

        Raises:
            NetlinkLost: the kernel refused, or the socket broke.
        """
        for _ in range(DUMP_ATTEMPTS):
            try:
                bodies, interrupted = await self._dump_once(kind, body)
            except OSError as error:
                self.close()
                raise NetlinkLost(operation, "", error) from error
            if not interrupted:
                break
        return bodies

    async def _dump_once(self, kind: int, body: bytes) -> tuple[list[bytes], bool]:
        sock = self._open()
        length = HEADER.size + len(body)
        sock.send(HEADER.pack(length, kind, NLM_F_REQUEST | NLM_F_DUMP, 0, 0) + body)
        bodies: list[bytes] = []
        interrupted = False
        while True:
            for answer, found, whole in messages(sock.recv(RECEIVE_BYTES)):
                interrupted |= bool(HEADER.unpack_from(whole)[2] & NLM_F_DUMP_INTR)
                if answer in {NLMSG_DONE, NLMSG_ERROR}:
                    (negative_errno,) = _ERROR.unpack_from(found)
                    if negative_errno:
                        raise OSError(-negative_errno, os.strerror(-negative_errno))
                    return bodies, interrupted
                bodies.append(found)
            await asyncio.sleep(0)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
            )
            self._socket.bind((0, 0))
        return self._socket


def _answer(message: bytes, sequence: int) -> Answer:
    length, kind, _, got, _ = HEADER.unpack_from(message)
    if got != sequence & 0xFFFFFFFF:
        raise OSError(EPROTO, f"answer {got} to question {sequence}")
    if kind == NLMSG_ERROR:
        (negative_errno,) = _ERROR.unpack_from(message, HEADER.size)
        return -int(negative_errno)
    return message[HEADER.size : length]
