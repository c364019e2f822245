# SPDX-License-Identifier: Apache-2.0
"""Frames that are cut, or say things about themselves that can not be."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from tests.packet.balancer import DROP, PASS, Balancer
from tests.packet.frames import (
    ETHERNET_BYTES,
    Packet,
    checksum,
)
from tests.packet.kinds import EVERY_KIND, make_flows
from tests.packet.outcomes import dropped
from tests.packet.world import (
    from_web,
    to_dns,
    to_web,
)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_truncation_is_malformed(balancer: Balancer, kind: str) -> None:
    """The total length says more than there is, wherever the cut."""
    make_flows(balancer)
    frame = EVERY_KIND[kind].frame()
    assert balancer.run(frame).action != DROP or kind == "fragment"
    for size in range(ETHERNET_BYTES, len(frame)):
        assert balancer.run(frame[:size]) == dropped("malformed"), size


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_shorter_packet_is_survived(balancer: Balancer, kind: str) -> None:
    """The total length agrees with the cut; what follows in the frame is padding."""
    make_flows(balancer)
    frame = EVERY_KIND[kind].frame()
    header = (frame[14] & 15) * 4
    for total in range(len(frame) - ETHERNET_BYTES):
        for cut in (frame, frame[: ETHERNET_BYTES + max(total, header)]):
            out = balancer.run(with_total(cut, total))
            if total < header or (total == header and kind != "fragment"):
                assert out == dropped("malformed"), total
            if out.action == PASS:
                assert out.frame == with_total(cut, total)


def with_total(frame: bytes, total: int) -> bytes:
    """Another total length, and a header checksum that fits."""
    size = (frame[14] & 15) * 4
    header = bytearray(frame[14 : 14 + size])
    header[2:4] = total.to_bytes(2, "big")
    header[10:12] = b"\0\0"
    header[10:12] = checksum(bytes(header)).to_bytes(2, "big")
    return frame[:14] + bytes(header) + frame[14 + size :]


@pytest.mark.parametrize(
    ("first_octet", "id_"),
    [(octet, f"{octet:#04x}") for octet in (0x00, 0x40, 0x44, 0x4F, 0x55, 0x65, 0xFF)],
)
def test_a_header_that_is_no_ipv4_header(balancer: Balancer, first_octet: int, id_: str) -> None:
    frame = bytearray(to_web().frame())
    frame[14] = first_octet
    assert balancer.run(bytes(frame)) == dropped("malformed"), id_


@pytest.mark.parametrize(("sent", "least"), [(to_web(), 20), (to_dns(), 8), (from_web(), 20)])
def test_a_transport_header_that_is_cut(balancer: Balancer, sent: Packet, least: int) -> None:
    """The frame goes on, but the packet ends within the header."""
    frame = replace(sent, trailer=bytes(40)).frame()
    for size in range(least):
        assert balancer.run(with_total(frame, 20 + size)) == dropped("malformed")
    assert balancer.run(with_total(frame, 20 + least)).exit != "drop_malformed"


def test_an_icmp_header_that_is_cut(balancer: Balancer) -> None:
    frame = EVERY_KIND["echo"].frame()
    for size in range(8):
        assert balancer.run(with_total(frame, 20 + size)) == dropped("malformed")


@pytest.mark.parametrize("frame", [struct.pack("!6s6sH", b"\x02" * 6, b"\x02" * 6, 0x0800)])
def test_nothing_but_an_ethernet_header(balancer: Balancer, frame: bytes) -> None:
    assert balancer.run(frame) == dropped("malformed")
