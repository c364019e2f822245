# SPDX-License-Identifier: Apache-2.0
"""Packets built and read back, against the frames of the packet tests, built otherwise."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.packet import frames
from xdpair.core.model import Protocol
from xdpair.core.packet import Endpoint, IcmpError, Segment, TcpFlags, Unreadable, read

HERE, THERE = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
CLIENT = Endpoint(IPv4Address("203.0.113.7"), 4000)
VIP = Endpoint(IPv4Address("198.51.100.100"), 80)
SYN, ACK, RST, FIN = TcpFlags.SYN, TcpFlags.ACK, TcpFlags.RST, TcpFlags.FIN

addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
endpoints = st.builds(Endpoint, addresses, st.integers(0, 65535))
numbers = st.integers(0, 2**32 - 1)


def segment(**fields: object) -> Segment:
    given_ones = {"source_mac": HERE, "dest_mac": THERE, "source": CLIENT, "dest": VIP, **fields}
    return Segment(**{"protocol": Protocol.TCP, **given_ones})  # type: ignore[arg-type]


@given(endpoints, endpoints, st.integers(0, 63), numbers, numbers, st.binary(max_size=99))
def test_tcp_is_what_others_build(
    source: Endpoint, dest: Endpoint, flags: int, seq: int, ack: int, payload: bytes
) -> None:
    built = segment(
        source=source, dest=dest, flags=TcpFlags(flags), seq=seq, ack=ack, payload=payload
    ).frame()
    assert (
        built
        == frames.Tcp(
            hop=frames.Hop(HERE, THERE),
            source=frames.Endpoint(*source),
            dest=frames.Endpoint(*dest),
            ident=0,
            flags=flags,
            seq=seq,
            ack=ack,
            payload=payload,
        ).frame()
    )


@given(endpoints, endpoints, st.binary(max_size=99))
def test_udp_is_what_others_build(source: Endpoint, dest: Endpoint, payload: bytes) -> None:
    built = segment(source=source, dest=dest, protocol=Protocol.UDP, payload=payload).frame()
    assert (
        built
        == frames.Udp(
            hop=frames.Hop(HERE, THERE),
            source=frames.Endpoint(*source),
            dest=frames.Endpoint(*dest),
            ident=0,
            payload=payload,
        ).frame()
    )


def test_a_udp_checksum_of_zero_is_sent_as_all_ones() -> None:
    """Zero would say that there is none; the payload makes the sum come out so."""
    plain = segment(protocol=Protocol.UDP, payload=b"\0\0").frame()
    sum_of_rest = int.from_bytes(plain[40:42], "big")
    frame = segment(protocol=Protocol.UDP, payload=sum_of_rest.to_bytes(2, "big")).frame()
    assert frame[40:42] == b"\xff\xff"
    assert read(frame).checksums_ok


@given(endpoints, endpoints, st.sampled_from(Protocol), numbers, st.binary(max_size=50))
def test_what_is_built_is_read_back(
    source: Endpoint, dest: Endpoint, protocol: Protocol, seq: int, payload: bytes
) -> None:
    is_tcp = protocol is Protocol.TCP
    headers = read(
        segment(
            source=source, dest=dest, protocol=protocol, flags=SYN | ACK, seq=seq, ack=7, ttl=9,
            payload=payload,
        ).frame()
        + b"padding"
    )  # fmt: skip
    assert (headers.source_mac, headers.dest_mac) == (HERE, THERE)
    assert (headers.source, headers.dest, headers.protocol) == (source, dest, protocol)
    assert (headers.ttl, headers.checksums_ok) == (9, True)
    assert headers.length == 20 + (20 if is_tcp else 8) + len(payload)
    assert (headers.flags, headers.seq, headers.ack) == (
        (SYN | ACK, seq, 7) if is_tcp else (TcpFlags(0), 0, 0)
    )
    assert headers.icmp is None


@pytest.mark.parametrize("protocol", Protocol)
def test_no_bit_behind_the_addresses_can_change_unseen(protocol: Protocol) -> None:
    frame = segment(protocol=protocol, payload=b"payload!").frame()
    checked = 0
    for at in range(14 + 8, len(frame)):
        broken = bytearray(frame)
        broken[at] ^= 0x10
        try:
            assert not read(bytes(broken)).checksums_ok, f"octet {at}"
        except Unreadable:
            continue
        checked += 1
    assert checked > len(frame) - 30


def test_udp_without_checksum_is_right() -> None:
    frame = bytearray(segment(protocol=Protocol.UDP, payload=b"x").frame())
    frame[40:42] = b"\0\0"
    assert read(bytes(frame)).checksums_ok


def test_an_icmp_error_is_read_with_what_it_quotes() -> None:
    about = frames.Udp(
        hop=frames.Hop(HERE, THERE), source=frames.Endpoint(*CLIENT), dest=frames.Endpoint(*VIP)
    )
    error = frames.Icmp(
        hop=frames.Hop(THERE, HERE),
        source=frames.Endpoint(VIP.address),
        dest=frames.Endpoint(CLIENT.address),
        kind=frames.UNREACHABLE,
        code=frames.FRAGMENTATION_NEEDED,
        rest=1400,
        body=about.quote(),
    )
    headers = read(error.frame())
    assert headers.icmp == IcmpError(3, 4, 1400, (CLIENT, VIP))
    assert (headers.source, headers.dest) == (Endpoint(VIP.address, 0), Endpoint(CLIENT.address, 0))
    assert headers.checksums_ok


def test_an_icmp_error_may_quote_too_little() -> None:
    echo = frames.Icmp(
        hop=frames.Hop(HERE, THERE),
        source=frames.Endpoint(CLIENT.address),
        dest=frames.Endpoint(VIP.address),
        kind=frames.ECHO,
        body=b"\x45 and no more",
    )
    headers = read(echo.frame())
    assert headers.icmp is not None
    assert headers.icmp.quoted is None


def test_every_cut_is_told() -> None:
    frame = segment(payload=b"abc").frame()
    for cut in range(len(frame)):
        with pytest.raises(Unreadable):
            read(frame[:cut])


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param({12: 0x86, 13: 0xDD}, id="IPv6"),
        pytest.param({14: 0x65}, id="version 6"),
        pytest.param({14: 0x44}, id="header of 16 octets"),
        pytest.param({16: 0x00, 17: 0x13}, id="shorter than its header"),
        pytest.param({20: 0x00, 21: 0x01}, id="later fragment"),
        pytest.param({23: 47}, id="GRE"),
    ],
)
def test_what_is_no_such_packet_is_told(octets: dict[int, int]) -> None:
    frame = bytearray(segment().frame())
    for at, value in octets.items():
        frame[at] = value
    with pytest.raises(Unreadable):
        read(bytes(frame))


@pytest.mark.parametrize(
    ("flags", "words"),
    [(SYN, "SYN"), (SYN | ACK, "SYN,ACK"), (FIN | RST, "FIN,RST"), (TcpFlags(0), "no flags")],
)
def test_flags_have_names(flags: TcpFlags, words: str) -> None:
    assert str(flags) == words
