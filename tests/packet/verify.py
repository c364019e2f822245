# SPDX-License-Identifier: Apache-2.0
"""Says which checksums of any frame are right, without a line in common with the builder.

The one's complement sum of 16-bit words is the remainder of the whole number modulo 65,535, because
2**16 leaves 1. So a checksum is right if what it covers, itself included, is a multiple of 65,535.
"""

from __future__ import annotations

from typing import NamedTuple

_ETHERTYPE_IPV4 = b"\x08\x00"
_ICMP, _TCP, _UDP = 1, 6, 17
_ICMP_ERRORS = {3, 11, 12}


class Checks(NamedTuple):
    """True: right. False: wrong. None: there is none, or not all of what it covers is there."""

    ip: bool | None = None
    l4: bool | None = None
    quoted_ip: bool | None = None
    quoted_l4: bool | None = None

    def all_right(self) -> bool:
        return False not in self


def checks(frame: bytes) -> Checks:
    """Look at the IPv4 header, at TCP, UDP or ICMP in it, and at both in what an error quotes."""
    header, content = _split(frame[14:])
    if frame[12:14] != _ETHERTYPE_IPV4 or not header:
        return Checks()
    l4 = None if _is_fragment(header) else _transport(header, content)
    if header[9] != _ICMP or len(content) < 8 or content[0] not in _ICMP_ERRORS:
        return Checks(is_right(header), l4)
    quoted = _header(content[8:])
    quoted_header, quoted_content = _split(content[8:])
    return Checks(
        is_right(header),
        l4,
        is_right(quoted) if quoted else None,
        _transport(quoted_header, quoted_content) if quoted_header else None,
    )


def is_right(covered: bytes) -> bool:
    return int.from_bytes(covered + b"\0" * (len(covered) % 2), "big") % 0xFFFF == 0


def _header(packet: bytes) -> bytes:
    """The IPv4 header, or nothing if it is cut or says nonsense."""
    size = (packet[0] & 0x0F) * 4 if packet else 0
    return packet[:size] if size >= 20 and packet[0] >> 4 == 4 and len(packet) >= size else b""


def _split(packet: bytes) -> tuple[bytes, bytes]:
    """Header and content, or nothing if not all of the packet is there."""
    header = _header(packet)
    total = int.from_bytes(header[2:4], "big") if header else 0
    if total < len(header) or total > len(packet):
        return b"", b""
    return header, packet[len(header) : total]


def _is_fragment(header: bytes) -> bool:
    return int.from_bytes(header[6:8], "big") & 0x3FFF != 0


def _transport(header: bytes, content: bytes) -> bool | None:
    protocol = header[9]
    if protocol == _ICMP and len(content) >= 8:
        return is_right(content)
    pseudo = header[12:20] + bytes((0, protocol)) + len(content).to_bytes(2, "big")
    if protocol == _TCP and len(content) >= 20:
        return is_right(pseudo + content)
    if protocol == _UDP and len(content) >= 8 and content[6:8] != b"\0\0":
        return is_right(pseudo + content)
    return None
