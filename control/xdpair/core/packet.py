# SPDX-License-Identifier: Apache-2.0
"""Single packets as octets on the wire: built from what they say, and read back. Pure.

Addresses are IPv4 and frames are Ethernet without FCS. Numbers are RFC 791 (IP), 792 (ICMP), 768
(UDP), 9293 (TCP) and 1071 (the checksum of all of them).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag
from ipaddress import IPv4Address
from typing import NamedTuple

from xdpair.core.model import Protocol

ETHERTYPE_IPV4 = 0x0800
ICMP = 1
#: As hosts of today send: path MTU discovery is theirs.
_DONT_FRAGMENT = 0x4000
_FRAGMENT_OFFSET = 0x1FFF
_WINDOW = 0xFFFF

_ETHERNET = struct.Struct("!6s6sH")
_IP = struct.Struct("!BBHHHBBH4s4s")
_TCP = struct.Struct("!HHIIBBHHH")
_UDP = struct.Struct("!HHHH")
_ICMP = struct.Struct("!BBHHH")
_PORTS = struct.Struct("!HH")


class TcpFlags(IntFlag):
    """The low six bits of a TCP header's 14th octet."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10
    URG = 0x20

    def __str__(self) -> str:
        return ",".join(flag.name or "" for flag in TcpFlags if flag in self) or "no flags"


NO_FLAGS = TcpFlags(0)


class Endpoint(NamedTuple):
    """An address and a port, in the host's order."""

    address: IPv4Address
    port: int

    def __str__(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One TCP segment or UDP datagram to be built.

    Attributes:
        source_mac, dest_mac: 6 octets.
        flags, seq, ack: TCP only; numbers are 32 bits wide.
    """

    source_mac: bytes
    dest_mac: bytes
    source: Endpoint
    dest: Endpoint
    protocol: Protocol
    flags: TcpFlags = TcpFlags.SYN
    seq: int = 0
    ack: int = 0
    ttl: int = 64
    payload: bytes = b""

    def frame(self) -> bytes:
        """The whole frame, lengths and checksums right."""
        transport = self._tcp() if self.protocol is Protocol.TCP else self._udp()
        header = _IP.pack(
            0x45,
            0,
            _IP.size + len(transport),
            0,
            _DONT_FRAGMENT,
            self.ttl,
            self.protocol,
            0,
            self.source.address.packed,
            self.dest.address.packed,
        )
        ethernet = _ETHERNET.pack(self.dest_mac, self.source_mac, ETHERTYPE_IPV4)
        return ethernet + _with_checksum(header, 10) + transport

    def _tcp(self) -> bytes:
        header = _TCP.pack(
            self.source.port,
            self.dest.port,
            self.seq,
            self.ack,
            _TCP.size // 4 << 4,
            self.flags,
            _WINDOW,
            0,
            0,
        )
        return _with_checksum(header + self.payload, 16, self._pseudo_header(_TCP.size))

    def _udp(self) -> bytes:
        length = _UDP.size + len(self.payload)
        header = _UDP.pack(self.source.port, self.dest.port, length, 0)
        done = _with_checksum(header + self.payload, 6, self._pseudo_header(_UDP.size))
        # 0 would say that there is none.
        return done if any(done[6:8]) else done[:6] + b"\xff\xff" + done[8:]

    def _pseudo_header(self, header_size: int) -> bytes:
        size = header_size + len(self.payload)
        return _pseudo_header(self.source.address, self.dest.address, self.protocol, size)


@dataclass(frozen=True, slots=True)
class IcmpError:
    """What an ICMP message says.

    Attributes:
        mtu: of the next hop, in octets; what else the word may mean is not told apart.
        quoted: source and destination of the packet it is about, as far as it is quoted.
    """

    type: int
    code: int
    mtu: int
    quoted: tuple[Endpoint, Endpoint] | None


@dataclass(frozen=True, slots=True)
class Headers:
    """What a frame says.

    Attributes:
        protocol: IANA number.
        source, dest: the port is 0 where the protocol has none.
        length: octets of IP packet.
        checksums_ok: of all headers; a UDP checksum of 0, which says that there is none, is right.
    """

    source_mac: bytes
    dest_mac: bytes
    source: Endpoint
    dest: Endpoint
    protocol: int
    ttl: int
    length: int
    checksums_ok: bool
    flags: TcpFlags = NO_FLAGS
    seq: int = 0
    ack: int = 0
    icmp: IcmpError | None = None


class Unreadable(Exception):
    """The octets are no whole IPv4 packet of TCP, UDP or ICMP."""


def read(frame: bytes) -> Headers:
    """Read a frame; what follows the IP packet is padding.

    Raises:
        Unreadable: a header is cut off or not of the kind.
    """
    try:
        return _read(frame)
    except struct.error:
        raise Unreadable("a header is cut off") from None


def _read(frame: bytes) -> Headers:
    dest_mac, source_mac, ethertype = _ETHERNET.unpack_from(frame)
    if ethertype != ETHERTYPE_IPV4:
        raise Unreadable(f"type {ethertype:#06x} is not IPv4")
    packet = frame[_ETHERNET.size :]
    first, _, length, _, fragment, ttl, protocol, _, source, dest = _IP.unpack_from(packet)
    header_size = (first & 0xF) * 4
    if first >> 4 != 4 or not _IP.size <= header_size <= length <= len(packet):
        raise Unreadable(f"its lengths contradict each other, of {len(packet)} octets")
    if fragment & _FRAGMENT_OFFSET:
        raise Unreadable("it is a later fragment")
    addresses = IPv4Address(source), IPv4Address(dest)
    transport = _transport(addresses, protocol, packet[header_size:length])
    return Headers(
        source_mac=source_mac,
        dest_mac=dest_mac,
        source=Endpoint(addresses[0], transport.ports[0]),
        dest=Endpoint(addresses[1], transport.ports[1]),
        protocol=protocol,
        ttl=ttl,
        length=length,
        checksums_ok=checksum(packet[:header_size]) == 0 and transport.checksum_ok,
        flags=transport.flags,
        seq=transport.seq,
        ack=transport.ack,
        icmp=transport.icmp,
    )


class _Transport(NamedTuple):
    checksum_ok: bool
    ports: tuple[int, int] = (0, 0)
    flags: TcpFlags = NO_FLAGS
    seq: int = 0
    ack: int = 0
    icmp: IcmpError | None = None


def _transport(
    addresses: tuple[IPv4Address, IPv4Address], protocol: int, octets: bytes
) -> _Transport:
    pseudo_header = _pseudo_header(*addresses, protocol, len(octets))
    if protocol == Protocol.TCP:
        source, dest, seq, ack, _, flags, _, _, _ = _TCP.unpack_from(octets)
        is_right = checksum(pseudo_header + octets) == 0
        return _Transport(is_right, (source, dest), TcpFlags(flags & 0x3F), seq, ack)
    if protocol == Protocol.UDP:
        source, dest, _, written = _UDP.unpack_from(octets)
        is_right = not written or checksum(pseudo_header + octets) == 0
        return _Transport(is_right, (source, dest))
    if protocol == ICMP:
        kind, code, _, _, mtu = _ICMP.unpack_from(octets)
        about = _quoted(octets[_ICMP.size :])
        return _Transport(checksum(octets) == 0, icmp=IcmpError(kind, code, mtu, about))
    raise Unreadable(f"protocol {protocol} is neither TCP nor UDP nor ICMP")


def _quoted(octets: bytes) -> tuple[Endpoint, Endpoint] | None:
    """The two ends of the packet that an error is about, if there is one."""
    if len(octets) < _IP.size:
        return None
    header_size = (octets[0] & 0xF) * 4
    if octets[0] >> 4 != 4 or len(octets) < header_size + _PORTS.size:
        return None
    *_, source, dest = _IP.unpack_from(octets)
    source_port, dest_port = _PORTS.unpack_from(octets, header_size)
    return Endpoint(IPv4Address(source), source_port), Endpoint(IPv4Address(dest), dest_port)


def _pseudo_header(source: IPv4Address, dest: IPv4Address, protocol: int, size: int) -> bytes:
    return source.packed + dest.packed + struct.pack("!BBH", 0, protocol, size)


def checksum(octets: bytes) -> int:
    """RFC 1071; 0 over octets that hold their own checksum and are right."""
    padded = octets + b"\0" * (len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _with_checksum(octets: bytes, offset: int, pseudo_header: bytes = b"") -> bytes:
    written = checksum(pseudo_header + octets).to_bytes(2, "big")
    return octets[:offset] + written + octets[offset + 2 :]
