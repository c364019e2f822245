# SPDX-License-Identifier: Apache-2.0
"""Frames with random damage, and cut ones, for listeners that many servers share.

The same laws as in test_corruption.py, and every shorter QUIC header that there can be.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import (
    FIN,
    FRAGMENTATION_NEEDED,
    RST,
    SYN,
    UNREACHABLE,
    Icmp,
    Packet,
)
from tests.packet.invariants import assert_holds
from tests.packet.members import (
    DNS_MEMBERS,
    WEB_MEMBERS,
    Crowd,
    at_member,
    datagram_from,
    from_member,
    member,
    set_wheel,
)
from tests.packet.test_corruption import damaged
from tests.packet.test_malformed import with_total
from tests.packet.world import CLIENT, DNS_ROW, FROM_CLIENT, WEB, WEB_ROW, to_dns, to_web
from xdpair.core.tables import AclKey, Bandwidth, Schedule

MUTATIONS = 4000
RESTORE_EVERY = 20

LONG_HEADER = b"\xc3\0\0\0\1\x08dest_cid\x08source_1" + bytes(30)
KINDS: dict[str, Packet] = {
    "SYN": to_web(flags=SYN, options=b"\x02\x04\x05\xb4"),
    "segment": to_web(payload=b"GET / HTTP/1.1\r\n\r\n", ip_options=b"\x01" * 8),
    "end": to_web(flags=FIN),
    "reset": to_web(flags=RST),
    "long header": to_dns(payload=LONG_HEADER),
    "short header": to_dns(payload=b"\x43source_1" + bytes(20)),
    "answer segment": from_member(WEB_MEMBERS[0], payload=b"HTTP/1.1 200 OK\r\n\r\n"),
    "answer end": from_member(WEB_MEMBERS[0], flags=FIN),
    "answer datagram": datagram_from(DNS_MEMBERS[0], payload=LONG_HEADER),
    "error to server": Icmp(
        hop=FROM_CLIENT,
        source=CLIENT,
        dest=WEB,
        kind=UNREACHABLE,
        code=FRAGMENTATION_NEEDED,
        rest=1400,
        body=replace(from_member(WEB_MEMBERS[0], payload=bytes(40)), source=WEB).quote(28),
    ),
    "error to client": Icmp(
        hop=datagram_from(DNS_MEMBERS[0]).hop,
        source=member(DNS_MEMBERS[0]),
        dest=CLIENT,
        kind=UNREACHABLE,
        code=3,
        body=at_member(to_dns(ip_options=b"\x01" * 4), DNS_MEMBERS[0]).quote(),
    ),
}
FRAMES = [packet.frame() for packet in KINDS.values()]


def end_all(balancer: Balancer) -> None:
    for row in (*WEB_MEMBERS, *DNS_MEMBERS):
        balancer.datapath.end_flows(row)


def empty(balancer: Balancer) -> None:
    for row in (WEB_ROW, DNS_ROW):
        set_wheel(balancer, (), row)


def time_out(balancer: Balancer) -> None:
    seen = balancer.maps.flows["values"]["seen_state"]
    used = balancer.maps.flows["values"]["server"] != 0
    seen[used] = seen[used] & 0xF000 | (seen[used] - 2000) & 0xFFF
    balancer.datapath.sweep()


def nothing(balancer: Balancer) -> None:
    pass


QUIC = Crowd(web={"persistence_s": 100}, dns={"schedule": Schedule.QUIC})
GATED = Crowd(
    web={"acl": 5, "bandwidth": Bandwidth(5120)},
    dns={"acl": 5, "acl_is_white": True, "schedule": Schedule.LEAST},
    acls=[AclKey(5, IPv4Network("198.51.100.4/30")), AclKey(5, IPv4Network("0.0.0.0/9"))],
)
STATES: Mapping[str, tuple[Crowd, Callable[[Balancer], None]]] = {
    "in turn": (Crowd(), nothing),
    "least": (Crowd({"schedule": Schedule.LEAST}, {"schedule": Schedule.TUPLE}), nothing),
    "tied": (QUIC, nothing),
    "gated": (GATED, nothing),
    "ended": (QUIC, end_all),
    "empty": (Crowd(), empty),
    "timed out": (QUIC, time_out),
}


def prepare(balancer: Balancer, state: str) -> None:
    crowd, happening = STATES[state]
    Crowd().put(balancer)
    balancer.maps.flows.view("u1").fill(0)
    for sent in (to_web(flags=SYN), to_web(), to_dns(payload=LONG_HEADER)):
        balancer.run(sent)
    balancer.datapath.apply(crowd.tables())
    balancer.run(KINDS["answer datagram"])
    happening(balancer)


def meets(balancer: Balancer, frame: bytes) -> str:
    """The exit it takes, exactly one and by its laws."""
    before = balancer.exits()
    action, result = balancer.verdict(frame)
    after = balancer.exits()
    (moved,) = (name for name, total in after.items() if total != before[name])
    assert after[moved] == before[moved] + 1
    assert_holds(frame, action, result, moved)
    return moved


@pytest.mark.parametrize("state", STATES)
def test_damage_does_no_harm(balancer: Balancer, state: str) -> None:
    prepare(balancer, state)
    rng = random.Random(f"damage, {state}")
    taken: Counter[str] = Counter()
    flows = balancer.maps.flows.copy()
    for number, frame in enumerate(damaged(rng, FRAMES, MUTATIONS)):
        if number % RESTORE_EVERY == 0:
            balancer.maps.flows[...] = flows
        taken[meets(balancer, frame)] += 1
    assert taken["drop_internal"] == 0
    assert len(taken) > 8, taken


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_shorter_packet_is_survived(balancer: Balancer, state: str, kind: str) -> None:
    """As if it had been sent so short, with and without padding behind it."""
    prepare(balancer, state)
    frame = KINDS[kind].frame()
    header = (frame[14] & 15) * 4
    for total in range(header + 1, len(frame) - 14 + 1):
        for cut in (frame, frame[: 14 + total]):
            assert meets(balancer, with_total(cut, total)) != "drop_internal"
    for size in range(14, len(frame)):
        assert meets(balancer, frame[:size]) == "drop_malformed"
