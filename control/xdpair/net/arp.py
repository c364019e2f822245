# SPDX-License-Identifier: Apache-2.0
"""Gratuitous ARP: telling a segment which MAC an address is at."""

from __future__ import annotations

import socket
import struct
from enum import IntEnum
from ipaddress import IPv4Address

from xdpair.net.errors import KernelRefusal

ETH_P_ARP = 0x0806
BROADCAST = b"\xff" * 6
UNKNOWN = bytes(6)

#: Ethernet header, then ARP for IPv4 over Ethernet (RFC 826).
_FRAME = struct.Struct("!6s6sH HHBBH 6s4s6s4s")
_HARDWARE_ETHERNET = 1
_PROTOCOL_IPV4 = 0x0800


class ArpOperation(IntEnum):
    REQUEST = 1
    REPLY = 2


def gratuitous_arp(operation: ArpOperation, mac: bytes, address: IPv4Address) -> bytes:
    """A broadcast frame of 42 octets with ``address`` as sender and as target (RFC 5944, 4.6).

    Args:
        mac: 6 octets.
    """
    target_mac = UNKNOWN if operation is ArpOperation.REQUEST else mac
    return _FRAME.pack(
        BROADCAST,
        mac,
        ETH_P_ARP,
        _HARDWARE_ETHERNET,
        _PROTOCOL_IPV4,
        len(mac),
        len(address.packed),
        operation,
        mac,
        address.packed,
        target_mac,
        address.packed,
    )


class ArpSender:
    """Sends gratuitous ARP on any interface.

    One socket for all: closing a packet socket makes the kernel wait for every CPU, some 10 ms.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def send(self, interface: str, mac: bytes, address: IPv4Address) -> None:
        """Send both forms: some stacks learn from requests only, some from replies only.

        Raises:
            KernelRefusal: no such interface, it is down, or no permission.
        """
        try:
            if self._socket is None:  # protocol 0: it sends and never receives
                self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                self._socket.setblocking(False)
            for operation in ArpOperation:
                frame = gratuitous_arp(operation, mac, address)
                self._socket.sendto(frame, (interface, ETH_P_ARP))
        except OSError as error:
            operation_words = f"send gratuitous ARP for {address}"
            raise KernelRefusal(operation_words, interface, error.errno or 0) from error

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
