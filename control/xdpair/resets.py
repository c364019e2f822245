# SPDX-License-Identifier: Apache-2.0
"""Tells the ends of connections that are over and do not know it: clients that wait for the answer
of a server that serves no longer, and both ends of what was silent for too long.

A bare ACK in the other end's name makes an end answer with a challenge ACK (RFC 5961 section 5),
which carries the exact sequence number it expects; the program answers that by the RST. Nothing
about the connection needs to be known here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address

from xdpair.ports import Datapath, WaitingFlow

_log = logging.getLogger(__name__)

#: Clients answer at most one unexpected segment in 500 ms (net.ipv4.tcp_invalid_ratelimit): a
#: second ACK before that is wasted on those who answered another one just before, a third one later
#: reaches them.
ROUNDS_AFTER_S = (0.0, 0.2, 0.6, 0.6, 1.2)
_BATCH = 256

#: Address and port.
Endpoint = tuple[IPv4Address, int]

_TCP_ACK = 0x10
_IP_DONT_FRAGMENT = 0x4000


class Resetter:
    """Walks the flows that are over, at a bounded rate.

    Args:
        on_done: how many waiting clients the walk found, and how many of them are left after its
            last round.
    """

    def __init__(
        self, datapath: Datapath, rate_per_s: int, on_done: Callable[[int, int], None]
    ) -> None:
        self._datapath = datapath
        self._pause_s = _BATCH / rate_per_s
        self._on_done = on_done
        self._wanted = asyncio.Event()
        #: Clients that never answered: gone, or behind a silent firewall. They stay in the table
        #: until it needs their place, and must not delay the next walk.
        self._given_up: frozenset[WaitingFlow] = frozenset()

    def request(self) -> None:
        """There may be somebody to tell. Asking again while a walk runs starts its rounds anew."""
        self._wanted.set()

    async def run(self) -> None:
        """Walk whenever asked, for ever."""
        while True:
            await self._wanted.wait()
            await self._walk()

    async def _walk(self) -> None:
        told: set[WaitingFlow] = set()
        waiting: frozenset[WaitingFlow] = frozenset()
        rounds: list[float] = []
        while rounds or self._wanted.is_set():
            if self._wanted.is_set():
                self._wanted.clear()
                rounds = list(ROUNDS_AFTER_S)
            await asyncio.sleep(rounds.pop(0))
            found = await asyncio.to_thread(self._datapath.waiting_flows)
            waiting = frozenset(found)
            left = [flow for flow in found if flow not in self._given_up]
            if not left:
                rounds.clear()
            elif rounds:
                told |= set(left)
                await self._solicit(left)
        self._given_up = waiting
        if told:
            self._on_done(len(told), len(told & waiting))

    async def _solicit(self, flows: Sequence[WaitingFlow]) -> None:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
                raw.setblocking(False)
                for start in range(0, len(flows), _BATCH):
                    if self._wanted.is_set():  # another failover: its clients come first, too
                        return
                    for flow in flows[start : start + _BATCH]:
                        _tell_both(raw, flow)
                    await asyncio.sleep(self._pause_s)
        except OSError as error:
            _log.error("waiting clients can not be told: %s", error)


def _tell_both(raw: socket.socket, flow: WaitingFlow) -> None:
    client, vip = (flow.client, flow.client_port), (flow.vip, flow.port)
    _send(raw, vip, client)
    if flow.server is not None:
        _send(raw, client, flow.server)


def _send(raw: socket.socket, source: Endpoint, dest: Endpoint) -> None:
    try:
        raw.sendto(bare_ack(source, dest), (str(dest[0]), 0))
    except OSError as error:
        _log.debug("%s:%d can not be told: %s", *dest, error)


def bare_ack(source: Endpoint, dest: Endpoint) -> bytes:
    """An IPv4 packet with an ACK that fits no connection; the kernel fills in the IP checksum
    (raw(7)).
    """
    (source_address, source_port), (dest_address, dest_port) = source, dest
    sequence, acknowledged = struct.unpack("!II", os.urandom(8))
    addresses = source_address.packed + dest_address.packed
    pseudo = addresses + struct.pack("!HH", socket.IPPROTO_TCP, 20)
    segment = struct.pack(
        "!HHIIBBHHH", source_port, dest_port, sequence, acknowledged, 5 << 4, _TCP_ACK, 0, 0, 0
    )
    checksum = struct.pack("!H", _internet_checksum(pseudo + segment))
    segment = segment[:16] + checksum + segment[18:]
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, _IP_DONT_FRAGMENT, 64, socket.IPPROTO_TCP, 0)
    return ip + addresses + segment


def _internet_checksum(octets: bytes) -> int:
    """RFC 1071; ``octets`` has even length."""
    total: int = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
