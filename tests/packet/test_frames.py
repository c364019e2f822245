# SPDX-License-Identifier: Apache-2.0
"""The builder against known packets, and against the verifier, which shares nothing with it."""

from __future__ import annotations

import random
from ipaddress import IPv4Address

import pytest

from tests.packet.frames import (
    ACK,
    ECHO,
    PSH,
    UNREACHABLE,
    Endpoint,
    Hop,
    Icmp,
    Packet,
    Tcp,
    Udp,
    checksum,
)
from tests.packet.verify import checks, is_right

HOP = Hop(b"\2\0\0\0\0\1", b"\2\0\0\0\0\2")
A = Endpoint(IPv4Address("192.168.0.1"), 4242)
B = Endpoint(IPv4Address("192.168.0.199"), 53)


def test_a_header_everyone_knows() -> None:
    """The example of RFC 1071's readers: 45 00 00 73 … has checksum b861."""
    header = bytes.fromhex("450000730000400040110000c0a80001c0a800c7")
    assert checksum(header) == 0xB861
    sent = Udp(hop=HOP, source=A, dest=B, ident=0, payload=bytes(0x73 - 28))
    assert sent.packet()[:20].hex() == "45000073000040004011b861c0a80001c0a800c7"


def test_a_ping_everyone_knows() -> None:
    """As `ping -p ff -s 8 -e 1` sends it: 0800 f7fd 0001 0001, then all ones."""
    sent = Icmp(hop=HOP, source=A, dest=B, kind=ECHO, rest=0x00010001, body=b"\xff" * 8)
    assert sent.transport().hex() == "0800f7fd00010001" + "ff" * 8


KINDS: list[Packet] = [
    Tcp(hop=HOP, source=A, dest=B, flags=ACK | PSH, payload=b"odd", options=b"\1" * 8),
    Udp(hop=HOP, source=A, dest=B, payload=b"even", ip_options=b"\1" * 4),
    Icmp(hop=HOP, source=A, dest=B, kind=ECHO, body=b"odd"),
    Icmp(
        hop=HOP,
        source=B,
        dest=A,
        kind=UNREACHABLE,
        body=Tcp(hop=HOP, source=A, dest=B, payload=b"all of it").packet(),
    ),
]


@pytest.mark.parametrize("packet", KINDS, ids=lambda packet: type(packet).__name__)
def test_builder_and_verifier_agree(packet: Packet) -> None:
    assert checks(packet.frame()).all_right()
    assert checks(packet.frame()).ip is True
    assert checks(packet.frame()).l4 is True
    assert checks(packet.frame() + b"padding") == checks(packet.frame())


@pytest.mark.parametrize("packet", KINDS, ids=lambda packet: type(packet).__name__)
def test_the_verifier_sees_every_flipped_bit(packet: Packet) -> None:
    """Behind the Ethernet header; some flips make it say that it can not tell, none "right"."""
    frame = packet.frame()
    for bit in range(14 * 8, len(frame) * 8):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        result = checks(bytes(flipped))
        assert not result.all_right() or result.ip is None


def test_a_udp_checksum_of_zero_is_none() -> None:
    assert checks(Udp(hop=HOP, source=A, dest=B, checksum=False).frame()).l4 is None


def test_a_computed_zero_is_sent_as_all_ones() -> None:
    """Among all values of one word there is one that makes the sum come out so."""
    found = [
        word
        for word in range(1 << 16)
        if Udp(hop=HOP, source=A, dest=B, payload=word.to_bytes(2, "big")).transport()[6:8]
        == b"\xff\xff"
    ]
    assert len(found) == 1
    assert checks(
        Udp(hop=HOP, source=A, dest=B, payload=found[0].to_bytes(2, "big")).frame()
    ).all_right()


@pytest.mark.parametrize("size", [1, 2, 19, 20, 21, 1479])
def test_two_ways_to_sum(size: int) -> None:
    rng = random.Random(size)
    data = rng.randbytes(size + size % 2)
    whole = data + checksum(data).to_bytes(2, "big")
    assert is_right(whole)
    assert checksum(whole) == 0
    assert not is_right(whole[:-1] + bytes((whole[-1] ^ 1,)))
