# SPDX-License-Identifier: Apache-2.0
"""The 64-byte frames that benchmarks send, and a reader that accepts only what a receiver would."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

#: Octets of every frame here, without FCS.
FRAME_BYTES = 64
TCP, UDP = 6, 17
SYN, ACK, PSH = 0x02, 0x10, 0x08

_ETHERNET = struct.Struct("!6s6sH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_TCP = struct.Struct("!HHIIBBHHH")
_UDP = struct.Struct("!HHHH")
_L4_AT = _ETHERNET.size + _IPV4.size


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a flow as a frame shows it."""

    address: IPv4Address
    port: int
    mac: bytes


@dataclass(frozen=True, slots=True)
class Headers:
    """What a frame says. Made only from frames whose lengths and checksums are right."""

    protocol: int
    source: Endpoint
    dest: Endpoint
    ttl: int
    payload: bytes


def frame(
    protocol: int, source: Endpoint, dest: Endpoint, *, tcp_flags: int = ACK | PSH, ttl: int = 64
) -> bytes:
    """A TCP or UDP frame of ``FRAME_BYTES``, checksums complete, payload 1, 2, 3, …"""
    l4_bytes = FRAME_BYTES - _L4_AT
    if protocol == TCP:
        l4 = _TCP.pack(source.port, dest.port, 1000, 2000, 0x50, tcp_flags, 0xFFFF, 0, 0)
    else:
        l4 = _UDP.pack(source.port, dest.port, l4_bytes, 0)
    l4 += bytes(range(1, l4_bytes - len(l4) + 1))
    addresses = source.address.packed + dest.address.packed
    at = _check_at(protocol)
    l4 = _put(l4, at, checksum(_pseudo(addresses, protocol, l4_bytes) + l4))
    head = (0x45, 0, _IPV4.size + l4_bytes, 0, 0x4000, ttl, protocol, 0)
    ip = _IPV4.pack(*head, source.address.packed, dest.address.packed)
    ip = _put(ip, 10, checksum(ip))
    return _ETHERNET.pack(dest.mac, source.mac, 0x0800) + ip + l4


def parse(data: bytes) -> Headers:
    """Read a frame back.

    Raises:
        ValueError: not TCP or UDP over IPv4, or a length or checksum in it is wrong.
    """
    dest_mac, source_mac, ethertype = _ETHERNET.unpack_from(data)
    ip, l4 = data[_ETHERNET.size : _L4_AT], data[_L4_AT:]
    version, _, total, _, _, ttl, protocol, _, source, dest = _IPV4.unpack(ip)
    if ethertype != 0x0800 or version != 0x45 or protocol not in {TCP, UDP}:
        raise ValueError("not plain TCP or UDP over IPv4")
    if total != len(ip) + len(l4) or (protocol == UDP and _UDP.unpack_from(l4)[2] != len(l4)):
        raise ValueError("length in a header is wrong")
    if checksum(ip):
        raise ValueError("IPv4 checksum is wrong")
    if checksum(_pseudo(source + dest, protocol, len(l4)) + l4):
        raise ValueError("TCP or UDP checksum is wrong")
    source_port, dest_port = struct.unpack_from("!HH", l4)
    return Headers(
        protocol,
        Endpoint(IPv4Address(source), source_port, source_mac),
        Endpoint(IPv4Address(dest), dest_port, dest_mac),
        ttl,
        l4[_TCP.size if protocol == TCP else _UDP.size :],
    )


def checksum(data: bytes) -> int:
    """RFC 1071 over data of even length; 0 if a checksum within is right."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def blank(data: bytes, *, client_is_dest: bool) -> tuple[bytes, int, int]:
    """Take the client's address and port and both checksums out of a frame.

    Returns:
        The frame, and the one's complement sums of its IPv4 header and of its TCP or UDP segment
        with pseudo-header, of 16-bit words as this CPU reads them.
    """
    headers = parse(data)
    shift = 4 if client_is_dest else 0
    out = bytearray(data)
    address_at, port_at = _ETHERNET.size + 12 + shift, _L4_AT + shift // 2
    check_at = _L4_AT + _check_at(headers.protocol)
    for at, size in ((address_at, 4), (port_at, 2), (_ETHERNET.size + 10, 2), (check_at, 2)):
        out[at : at + size] = bytes(size)
    ip, l4 = bytes(out[_ETHERNET.size : _L4_AT]), bytes(out[_L4_AT:])
    pseudo = _pseudo(ip[12:20], headers.protocol, len(l4))
    return bytes(out), _native_sum(ip), _native_sum(pseudo + l4)


def _check_at(protocol: int) -> int:
    return 16 if protocol == TCP else 6


def _pseudo(addresses: bytes, protocol: int, l4_bytes: int) -> bytes:
    return addresses + struct.pack("!HH", protocol, l4_bytes)


def _put(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + struct.pack("!H", value) + data[at + 2 :]


def _native_sum(data: bytes) -> int:
    return sum(struct.unpack(f"={len(data) // 2}H", data))
