# SPDX-License-Identifier: Apache-2.0
"""What holds for every frame, whatever is in it: a second opinion that works on octets alone.

It knows neither flows nor policies, but it knows for each exit which octets may have changed, into
what, and it builds every answer again from the frame that it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.packet import world
from tests.packet.balancer import DROP, PASS, REDIRECT, TX
from tests.packet.frames import (
    DF,
    ECHO_REPLY,
    FRAGMENTATION_NEEDED,
    PORT_UNREACHABLE,
    UNREACHABLE,
    Endpoint,
)
from tests.packet.members import DNS_MEMBERS, WEB_MEMBERS, hop_to, member
from tests.packet.verify import checks

SERVERS = {
    (world.PRIMARY_MAC, world.PRIMARY),
    (world.SECONDARY_MAC, world.SECONDARY),
    *((hop_to(row).dest_mac, member(row)) for row in (*WEB_MEMBERS, *DNS_MEMBERS)),
}
LISTENERS = {world.WEB, world.DNS}
#: Where neighbours that clients came from may be, with the MAC of our interface there.
OUR_MACS = {world.CLIENTS_MAC, world.SERVERS_MAC, world.OTHER_MAC}

_TCP, _UDP, _ICMP = 6, 17, 1
_MACS, _TTL_AND_CHECK, _SOURCE, _DEST = (0, 12), (22, 26), (26, 30), (30, 34)
_CHECK_AT = {_TCP: 16, _UDP: 6}
_LIVES = 64


def assert_holds(before: bytes, action: int, after: bytes, exit_name: str) -> None:
    """Raise AssertionError unless the program may do this to that frame."""
    kind = exit_name.partition("_")[0]
    if kind in {"pass", "drop"}:
        assert action == (PASS if kind == "pass" else DROP)
        assert action == DROP or after == before, "the host's frame was touched"
        return
    assert action in {TX, REDIRECT}
    _RULES[exit_name](before, after)


def _rewritten(before: bytes, after: bytes, *spans: tuple[int, int]) -> None:
    """Same length, nothing changed outside the spans; right checksums stay right, others wrong."""
    assert len(after) == len(before)
    left, right = bytearray(before), bytearray(after)
    for start, end in spans:
        left[start:end] = right[start:end] = bytes(end - start)
    assert left == right, "an octet changed that must not"
    assert checks(after) == checks(before)


def _l4_at(frame: bytes) -> int:
    return 14 + (frame[14] & 15) * 4


def _checksum_span(frame: bytes) -> tuple[int, int]:
    at = _l4_at(frame) + _CHECK_AT[frame[23]]
    return at, at + 2


def _forwarded(before: bytes, after: bytes) -> None:
    port = _l4_at(before) + 2
    _rewritten(
        before, after, _MACS, _TTL_AND_CHECK, _DEST, (port, port + 2), _checksum_span(before)
    )
    assert after[22] == before[22] - 1
    assert after[6:12] == world.SERVERS_MAC
    server = (after[30:34], after[port : port + 2])
    assert (after[:6], *server) in {(mac, *_octets(end)) for mac, end in SERVERS}


def _replied(before: bytes, after: bytes) -> None:
    port = _l4_at(before)
    _rewritten(
        before, after, _MACS, _TTL_AND_CHECK, _SOURCE, (port, port + 2), _checksum_span(before)
    )
    assert after[22] == before[22] - 1
    assert after[6:12] in OUR_MACS
    assert (after[26:30], after[port : port + 2]) in _all_octets(LISTENERS)


def _echoed(before: bytes, after: bytes) -> None:
    at = _l4_at(before)
    _rewritten(before, after, _MACS, _TTL_AND_CHECK, _SOURCE, _DEST, (at, at + 4))
    assert after[:12] == before[6:12] + before[:6]
    assert (after[26:30], after[30:34]) == (before[30:34], before[26:30])
    assert (after[at], after[at + 1], after[22]) == (ECHO_REPLY, 0, _LIVES)


def _error_to_server(before: bytes, after: bytes) -> None:
    inner = _l4_at(before) + 8
    ports = inner + (before[inner] & 15) * 4
    changed = ((inner + 10, inner + 12), (inner + 12, inner + 16), (ports, ports + 2))
    _rewritten_error(before, after, _DEST, changed)
    server = (after[inner + 12 : inner + 16], after[ports : ports + 2])
    assert (after[:6], *server) in {(mac, *_octets(end)) for mac, end in SERVERS}
    assert after[30:34] == server[0]


def _error_to_client(before: bytes, after: bytes) -> None:
    inner = _l4_at(before) + 8
    ports = inner + (before[inner] & 15) * 4
    changed = ((inner + 10, inner + 12), (inner + 16, inner + 20), (ports + 2, ports + 4))
    _rewritten_error(before, after, _SOURCE, changed)
    assert (after[inner + 16 : inner + 20], after[ports + 2 : ports + 4]) in _all_octets(LISTENERS)
    from_server = before[26:30] == before[inner + 16 : inner + 20]
    assert after[26:30] == (world.VIP.packed if from_server else before[26:30])


def _rewritten_error(
    before: bytes, after: bytes, outer: tuple[int, int], changed: Iterable[tuple[int, int]]
) -> None:
    """The quoted checksum changes if all of it is in the packet, and it is not UDP's "none"."""
    at = _l4_at(before)
    inner = at + 8
    check = inner + (before[inner] & 15) * 4 + _CHECK_AT[before[inner + 9]]
    end = 14 + int.from_bytes(before[16:18], "big")
    quoted_check = ((check, check + 2),) if check + 2 <= end else ()
    spans = (_MACS, _TTL_AND_CHECK, outer, (at + 2, at + 4), *changed, *quoted_check)
    _rewritten(before, after, *spans)
    assert after[22] == before[22] - 1


# -- answers, built again --------------------------------------------------------------------------


def _summed(data: bytes, at: int, pseudo: bytes = b"") -> bytes:
    """``data`` with the checksum that makes the whole a multiple of 65,535."""
    blank = data[:at] + b"\0\0" + data[at + 2 :]
    rest = -int.from_bytes(pseudo + blank, "big") % 0xFFFF
    return data[:at] + rest.to_bytes(2, "big") + data[at + 2 :]


def _answer(before: bytes, protocol: int, content: bytes) -> bytes:
    """Back to where the frame came from, from where it was sent to."""
    total = (20 + len(content)).to_bytes(2, "big")
    head = b"\x45\0" + total + b"\0\0" + DF.to_bytes(2, "big") + bytes((_LIVES, protocol, 0, 0))
    ip = _summed(head + before[30:34] + before[26:30], 10)
    return before[6:12] + before[:6] + b"\x08\0" + ip + content


def _reset(before: bytes, after: bytes) -> None:
    at = _l4_at(before)
    end = 14 + int.from_bytes(before[16:18], "big")
    segment = before[at:end]
    flags = segment[13]
    seq, ack, answer_flags = segment[8:12], bytes(4), 0x04
    if not flags & 0x10:
        occupied = len(segment) - (segment[12] >> 4) * 4 + (flags & 1) + (flags >> 1 & 1)
        number = (int.from_bytes(segment[4:8], "big") + occupied) & 0xFFFF_FFFF
        seq, ack, answer_flags = bytes(4), number.to_bytes(4, "big"), 0x14
    ports = segment[2:4] + segment[:2]
    content = ports + seq + ack + bytes((0x50, answer_flags)) + bytes(6)
    pseudo = before[30:34] + before[26:30] + b"\0\x06\0\x14"
    assert after == _answer(before, _TCP, _summed(content, 16, pseudo))
    assert not flags & 0x04, "a RST was answered"


def _unreachable(code: int, mtus: set[int]) -> Callable[[bytes, bytes], None]:
    def rule(before: bytes, after: bytes) -> None:
        quote = before[14 : _l4_at(before) + 8]
        answers = [
            _answer(
                before,
                _ICMP,
                _summed(bytes((UNREACHABLE, code)) + bytes(4) + mtu.to_bytes(2, "big") + quote, 2),
            )
            for mtu in mtus
        ]
        assert after in answers

    return rule


def _octets(end: Endpoint) -> tuple[bytes, bytes]:
    return end.address.packed, end.port.to_bytes(2, "big")


def _all_octets(ends: Iterable[Endpoint]) -> set[tuple[bytes, bytes]]:
    return {_octets(end) for end in ends}


_RULES: dict[str, Callable[[bytes, bytes], None]] = {
    "forward": _forwarded,
    "forward_new": _forwarded,
    "reply": _replied,
    "reply_without_flow": _replied,
    "icmp_echo": _echoed,
    "icmp_to_server": _error_to_server,
    "icmp_to_client": _error_to_client,
    "reset_client": _reset,
    "reset_server": _reset,
    "reject_tcp": _reset,
    "reject_udp": _unreachable(PORT_UNREACHABLE, {0}),
    "too_big": _unreachable(FRAGMENTATION_NEEDED, {world.MTU_BYTES, 1280}),
}
