# SPDX-License-Identifier: Apache-2.0
"""Ethernet frames of IPv4 TCP, UDP and ICMP, each said field by field and built from nothing.

A test says what it sends and what it expects as values of the same kind, so that the frame that is
expected never comes from the frame that was sent: lengths and checksums are computed for each.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import ClassVar, NamedTuple

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
ETH_IPV4, ETH_ARP, ETH_VLAN, ETH_IPV6 = 0x0800, 0x0806, 0x8100, 0x86DD
ICMP, TCP, UDP = 1, 6, 17

#: Flags and offset of the IPv4 header's fourth word.
DF, MF = 0x4000, 0x2000

ECHO_REPLY, UNREACHABLE, SOURCE_QUENCH, ICMP_REDIRECT = 0, 3, 4, 5
ECHO, TIME_EXCEEDED, PARAMETER_PROBLEM = 8, 11, 12
PORT_UNREACHABLE, FRAGMENTATION_NEEDED = 3, 4

ETHERNET_BYTES, IPV4_BYTES, TCP_BYTES, UDP_BYTES, ICMP_BYTES = 14, 20, 20, 8, 8
#: Of the transport header in the quote of an ICMP error (RFC 792).
QUOTED_BYTES = 8


class Endpoint(NamedTuple):
    address: IPv4Address
    port: int = 0


class Hop(NamedTuple):
    """The two Ethernet addresses of a frame."""

    source: bytes
    dest: bytes

    def back(self) -> Hop:
        return Hop(self.dest, self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What every frame says.

    Attributes:
        frag: flags and offset, as the word is on the wire.
        trailer: Ethernet padding after the IP packet.
    """

    hop: Hop
    source: Endpoint
    dest: Endpoint
    ttl: int = 64
    tos: int = 0
    ident: int = 0x4242
    frag: int = DF
    ip_options: bytes = b""
    trailer: bytes = b""

    protocol: ClassVar[int]

    def transport(self) -> bytes:
        raise NotImplementedError

    def packet(self) -> bytes:
        """The IP packet."""
        return ipv4(self, self.transport())

    def frame(self) -> bytes:
        return ethernet(self.hop, self.packet()) + self.trailer

    def quote(self, transport_bytes: int = QUOTED_BYTES) -> bytes:
        """What an ICMP error says about this packet."""
        return self.packet()[: IPV4_BYTES + len(self.ip_options) + transport_bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcp(Packet):
    flags: int = ACK
    seq: int = 1000
    ack: int = 2000
    window: int = 0xFFFF
    options: bytes = b""
    payload: bytes = b""

    protocol = TCP

    def transport(self) -> bytes:
        offset = (TCP_BYTES + len(self.options)) // 4 << 4
        segment = struct.pack(
            "!HHIIBBHHH",
            self.source.port,
            self.dest.port,
            self.seq & 0xFFFF_FFFF,
            self.ack & 0xFFFF_FFFF,
            offset,
            self.flags,
            self.window,
            0,
            0,
        )
        return _with_check(16, segment + self.options + self.payload, pseudo(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Udp(Packet):
    """One datagram; without ``checksum`` the field is 0, which says that there is none."""

    payload: bytes = b"ping"
    checksum: bool = True

    protocol = UDP

    def transport(self) -> bytes:
        size = UDP_BYTES + len(self.payload)
        datagram = struct.pack("!HHHH", self.source.port, self.dest.port, size, 0) + self.payload
        if not self.checksum:
            return datagram
        done = _with_check(6, datagram, pseudo(self))
        return done if any(done[6:8]) else done[:6] + b"\xff\xff" + done[8:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Icmp(Packet):
    """``rest`` is the header's second word: identifier and sequence, or the next hop's MTU."""

    kind: int
    code: int = 0
    rest: int = 0
    body: bytes = b""

    protocol = ICMP

    def transport(self) -> bytes:
        return _with_check(2, struct.pack("!BBHI", self.kind, self.code, 0, self.rest) + self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Other(Packet):
    """Any payload under any protocol number."""

    number: int
    payload: bytes = b""

    def transport(self) -> bytes:
        return self.payload

    def packet(self) -> bytes:
        return ipv4(self, self.payload, self.number)


def ethernet(hop: Hop, content: bytes, ethertype: int = ETH_IPV4) -> bytes:
    return hop.dest + hop.source + ethertype.to_bytes(2, "big") + content


def ipv4(of: Packet, transport: bytes, protocol: int | None = None) -> bytes:
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x40 | (IPV4_BYTES + len(of.ip_options)) // 4,
        of.tos,
        IPV4_BYTES + len(of.ip_options) + len(transport),
        of.ident,
        of.frag,
        of.ttl,
        of.protocol if protocol is None else protocol,
        0,
        of.source.address.packed,
        of.dest.address.packed,
    )
    return _with_check(10, header + of.ip_options) + transport


def pseudo(of: Packet) -> bytes:
    """The pseudo-header but its length (RFC 793 s3.1)."""
    return of.source.address.packed + of.dest.address.packed + bytes((0, of.protocol))


def checksum(data: bytes) -> int:
    """RFC 1071; 0 over data that holds its own checksum and is right."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _with_check(at: int, data: bytes, pseudo_header: bytes = b"") -> bytes:
    head = pseudo_header + len(data).to_bytes(2, "big") if pseudo_header else b""
    return data[:at] + checksum(head + data).to_bytes(2, "big") + data[at + 2 :]
