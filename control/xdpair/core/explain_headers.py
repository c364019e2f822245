# SPDX-License-Identifier: Apache-2.0
"""What a packet's headers say, and what became of them, in words."""

from __future__ import annotations

from xdpair.core.model import Protocol
from xdpair.core.packet import Headers, TcpFlags

_UNREACHABLE, _ECHO_REPLY = 3, 0
_ICMP = {
    (_ECHO_REPLY, 0): "echo reply",
    (_UNREACHABLE, 3): "port unreachable",
    (_UNREACHABLE, 4): "fragmentation needed",
}
_FRAGMENTATION_NEEDED = (_UNREACHABLE, 4)


def mac_text(mac: bytes) -> str:
    """``02:00:00:00:00:01``."""
    return mac.hex(":")


def headers_words(before: Headers, after: Headers) -> str:
    """What differs, and whether the checksums are right."""
    changes = [
        f"{name} {old} → {new}"
        for name, old, new in (
            ("source", before.source, after.source),
            ("destination", before.dest, after.dest),
            ("TTL", before.ttl, after.ttl),
            ("source MAC", mac_text(before.source_mac), mac_text(after.source_mac)),
            ("destination MAC", mac_text(before.dest_mac), mac_text(after.dest_mac)),
        )
        if old != new
    ]
    return "; ".join([*changes, _checksums(after)])


def answer_words(answer: Headers) -> str:
    """What the sender is told."""
    ends = f"{answer.source} → {answer.dest}"
    if answer.protocol == Protocol.TCP:
        numbers = f"seq {answer.seq}"
        if TcpFlags.ACK in answer.flags:
            numbers += f", ack {answer.ack}"
        return f"TCP {answer.flags} {ends}, {numbers}; {_checksums(answer)}"
    error = answer.icmp
    if error is None:
        return f"{ends}; {_checksums(answer)}"
    kind = error.type, error.code
    words = _ICMP.get(kind, f"type {error.type} code {error.code}")
    if kind == _FRAGMENTATION_NEEDED:
        words += f", next hop's MTU {error.mtu}"
    if error.quoted is not None:
        words += f", about {error.quoted[0]} → {error.quoted[1]}"
    return f"ICMP {words}: {answer.source.address} → {answer.dest.address}; {_checksums(answer)}"


def _checksums(headers: Headers) -> str:
    return "checksums right" if headers.checksums_ok else "CHECKSUMS WRONG"
