# SPDX-License-Identifier: Apache-2.0
"""Who may come to a listener, and how much: access control lists and bandwidth, for pairs and for
weighted listeners alike.
"""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import (
    ECHO,
    FRAGMENTATION_NEEDED,
    SYN,
    TCP,
    UNREACHABLE,
    Endpoint,
    Icmp,
    Packet,
)
from tests.packet.members import Crowd, datagram_from, from_member, refused
from tests.packet.outcomes import dropped
from tests.packet.world import (
    CLIENT,
    DNS_ROW,
    FROM_CLIENT,
    VIP,
    WEB,
    WEB_ROW,
    Scene,
    from_dns,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.tables import AclKey, Bandwidth, TableChange

LIST, OTHER_LIST = 5, 6
FRAME_OCTETS = 1000
BURST_S = 30


def listed(*networks: str, row: int = LIST) -> dict[AclKey, bool]:
    return {AclKey(row, IPv4Network(network)): True for network in networks}


def with_fields(kind: str, **fields: Any) -> TableChange:
    """Both listeners, as pairs or as weighted ones, with these fields."""
    if kind == "weighted":
        return Crowd(web=fields, dns=fields).tables()
    tables = Scene().tables()
    entries = {row: entry and replace(entry, **fields) for row, entry in tables.listeners.items()}
    return replace(tables, listeners=entries)


def put(balancer: Balancer, kind: str, acls: dict[AclKey, bool], **fields: Any) -> Balancer:
    if kind == "weighted":
        Crowd().put(balancer)
    balancer.datapath.apply(replace(with_fields(kind, **fields), acls=acls))
    return balancer


def passes(balancer: Balancer, address: str, sent: Packet) -> bool:
    return balancer.run(replace(sent, source=Endpoint(IPv4Address(address), 4000))).exit in {
        "forward",
        "forward_new",
    }


@pytest.fixture(params=["pair", "weighted"])
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


# -- access control --------------------------------------------------------------------------------

NETWORKS = ("198.51.100.0/24", "192.0.2.128/25", "203.0.113.77/32", "100.64.0.0/10")
INSIDE = ("198.51.100.0", "198.51.100.255", "192.0.2.128", "203.0.113.77", "100.127.255.255")
OUTSIDE = ("198.51.101.0", "198.51.99.255", "192.0.2.127", "203.0.113.76", "100.128.0.0", "8.8.8.8")


@pytest.mark.parametrize("sent", [to_web(flags=SYN), to_dns()])
@pytest.mark.parametrize("is_white", [True, False])
def test_lists(balancer: Balancer, kind: str, is_white: bool, sent: Packet) -> None:
    put(balancer, kind, listed(*NETWORKS), acl=LIST, acl_is_white=is_white)
    for address in INSIDE:
        assert passes(balancer, address, sent) is is_white, address
    for address in OUTSIDE:
        assert passes(balancer, address, sent) is not is_white, address


@pytest.mark.parametrize("sent", [to_web(flags=SYN), to_web(), to_dns()])
def test_who_may_not_come(balancer: Balancer, kind: str, sent: Packet) -> None:
    put(balancer, kind, listed(f"{CLIENT.address}/32"), acl=LIST)
    assert balancer.run(sent) == refused(sent, "acl")
    assert balancer.flows.count() == 0


def test_an_empty_white_list_lets_nobody_in(balancer: Balancer, kind: str) -> None:
    put(balancer, kind, {}, acl=LIST, acl_is_white=True)
    assert balancer.run(to_web(flags=SYN)) == refused(to_web(), "acl")


def test_an_empty_black_list_lets_all_in(balancer: Balancer, kind: str) -> None:
    put(balancer, kind, {}, acl=LIST)
    assert balancer.run(to_web(flags=SYN)).exit == "forward_new"


@pytest.mark.parametrize("is_white", [True, False])
def test_a_list_of_everybody(balancer: Balancer, kind: str, is_white: bool) -> None:
    put(balancer, kind, listed("0.0.0.0/0"), acl=LIST, acl_is_white=is_white)
    assert passes(balancer, "8.8.8.8", to_dns()) is is_white


def test_lists_are_told_apart(balancer: Balancer, kind: str) -> None:
    acls = listed("0.0.0.0/0", row=OTHER_LIST) | listed("8.8.8.8/32")
    put(balancer, kind, acls, acl=LIST)
    assert passes(balancer, "8.8.4.4", to_dns())
    assert not passes(balancer, "8.8.8.8", to_dns())


def test_lists_bind_known_flows_at_once(balancer: Balancer, kind: str) -> None:
    """And let them go on when they are changed back."""
    put(balancer, kind, {})
    for sent in (to_web(flags=SYN), to_web(), to_dns()):
        balancer.run(sent)
    put_back = with_fields(kind)
    balancer.datapath.apply(replace(with_fields(kind, acl=LIST), acls=listed("198.51.100.0/24")))
    for sent in (to_web(), to_dns()):
        assert balancer.run(sent) == refused(sent, "acl")
    balancer.datapath.apply(put_back)
    for sent in (to_web(), to_dns()):
        assert balancer.run(sent).exit == "forward"


def test_one_listeners_list_is_not_the_others(balancer: Balancer) -> None:
    tables = Scene().tables()
    entry = tables.listeners[DNS_ROW]
    assert entry is not None
    listeners = {**tables.listeners, DNS_ROW: replace(entry, acl=LIST, acl_is_white=True)}
    balancer.datapath.apply(replace(tables, listeners=listeners))
    assert balancer.run(to_dns()) == refused(to_dns(), "acl")
    assert balancer.run(to_web(flags=SYN)).exit == "forward_new"


def test_errors_of_who_may_not_come(balancer: Balancer, kind: str) -> None:
    """About a flow of theirs, whoever says so."""
    put(balancer, kind, {})
    balancer.run(to_web(flags=SYN))
    error = Icmp(
        hop=FROM_CLIENT,
        source=Endpoint(IPv4Address("192.0.2.1")),
        dest=WEB,
        kind=UNREACHABLE,
        code=FRAGMENTATION_NEEDED,
        rest=1400,
        body=from_web(source=WEB, payload=bytes(40)).quote(28),
    )
    assert balancer.run(error).exit == "icmp_to_server"
    balancer.datapath.apply(
        replace(with_fields(kind, acl=LIST), acls=listed(f"{CLIENT.address}/32"))
    )
    assert balancer.run(error) == dropped("acl")


def test_a_ping_is_the_vips(balancer: Balancer, kind: str) -> None:
    """Lists are those of listeners."""
    put(balancer, kind, {}, acl=LIST, acl_is_white=True)
    ping = Icmp(hop=FROM_CLIENT, source=CLIENT, dest=Endpoint(VIP), kind=ECHO, body=bytes(8))
    assert balancer.run(ping).exit == "icmp_echo"


# -- bandwidth -------------------------------------------------------------------------------------


def of_size(sent: Packet, octets: int = FRAME_OCTETS) -> Packet:
    return replace(sent, payload=bytes(octets - len(replace(sent, payload=b"").frame())))  # type: ignore[call-arg]


def answer_of(kind: str, sent: Packet) -> Packet:
    """What the server says that would get the packet."""
    if kind == "pair":
        return from_web() if sent.protocol == TCP else from_dns()
    return from_member(21) if sent.protocol == TCP else datagram_from(24)


def set_level(balancer: Balancer, row: int, direction: int, full_in_s: float) -> None:
    """The bucket will be full again then; limits are in CLOCK_MONOTONIC."""
    full_at_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) + int(full_in_s * 1e9)
    balancer.maps.limits["full_at_ns"][row, direction] = full_at_ns


@pytest.fixture
def narrow(balancer: Balancer, kind: str) -> Balancer:
    """Both listeners at 1 Mbit/s and half a minute at once, with a flow of the client's each."""
    put(balancer, kind, {})
    for sent in (to_web(flags=SYN), to_web(), to_dns()):
        balancer.run(sent)
    balancer.datapath.apply(with_fields(kind, bandwidth=Bandwidth(1, burst_ms=1000 * BURST_S)))
    return balancer


@pytest.fixture
def slow(narrow: Balancer) -> Balancer:
    """An octet takes a millisecond, so that it does not matter how long a test does."""
    for row in (WEB_ROW, DNS_ROW):
        narrow.maps.limits["ps_per_byte"][row] = 10**9
    return narrow


@pytest.mark.parametrize("sent", [to_web(), to_dns()])
def test_a_burst_and_no_more(slow: Balancer, kind: str, sent: Packet) -> None:
    """30,000 octets at once, of frames."""
    packet = of_size(sent)
    burst = BURST_S * 1000 // FRAME_OCTETS
    exits = [slow.run(packet) for _ in range(burst + 3)]
    passed = [out.exit == "forward" for out in exits]
    assert passed == [True] * burst + [False] * 3
    assert exits[burst] == refused(packet, "bandwidth")


@pytest.mark.parametrize("sent", [to_web(), to_dns()])
def test_directions_are_each_their_own(slow: Balancer, kind: str, sent: Packet) -> None:
    row = WEB_ROW if sent.protocol == TCP else DNS_ROW
    answer = of_size(answer_of(kind, sent))
    set_level(slow, row, 0, 1000)
    assert slow.run(sent) == refused(sent, "bandwidth")
    assert slow.run(answer).exit == "reply"
    set_level(slow, row, 0, 0)
    set_level(slow, row, 1, 1000)
    assert slow.run(sent).exit == "forward"
    assert slow.run(answer) == refused(answer, "bandwidth")
    other = to_dns() if row == WEB_ROW else to_web()
    assert slow.run(other).exit == "forward", "limits are each listener's own"


@pytest.mark.parametrize("direction", [0, 1])
def test_what_a_frame_costs(narrow: Balancer, kind: str, direction: int) -> None:
    """The bucket is full again so much later: 8 µs an octet."""
    packet = of_size(to_dns() if direction == 0 else answer_of(kind, to_dns()))
    set_level(narrow, DNS_ROW, direction, BURST_S / 2)
    before = narrow.maps.limits["full_at_ns"][DNS_ROW].copy()
    assert narrow.run(packet).exit in {"forward", "reply"}
    after = narrow.maps.limits["full_at_ns"][DNS_ROW]
    cost = [0, 0]
    cost[direction] = FRAME_OCTETS * 8000
    assert (after - before).tolist() == cost


def test_a_full_bucket_is_no_fuller(narrow: Balancer, kind: str) -> None:
    """However long nothing came."""
    narrow.maps.limits["full_at_ns"][DNS_ROW] = 0
    packet = of_size(to_dns())
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    narrow.run(packet)
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    full_at = int(narrow.maps.limits["full_at_ns"][DNS_ROW, 0])
    assert before <= full_at - FRAME_OCTETS * 8000 <= after


@pytest.mark.parametrize(("octets", "is_free"), [(500, True), (1500, False)])
def test_the_last_of_a_burst(slow: Balancer, kind: str, octets: int, is_free: bool) -> None:
    """Room for 600 octets is left."""
    set_level(slow, DNS_ROW, 0, BURST_S - 0.6)
    before = int(slow.maps.limits["full_at_ns"][DNS_ROW, 0])
    out = slow.run(of_size(to_dns(), octets))
    assert (out.exit == "forward") is is_free
    cost = int(slow.maps.limits["full_at_ns"][DNS_ROW, 0]) - before
    assert cost == (octets * 1_000_000 if is_free else 0)


def test_what_is_dropped_costs_nothing(slow: Balancer, kind: str) -> None:
    set_level(slow, DNS_ROW, 0, 1000)
    before = int(slow.maps.limits["full_at_ns"][DNS_ROW, 0])
    slow.run(of_size(to_dns()))
    assert int(slow.maps.limits["full_at_ns"][DNS_ROW, 0]) == before


def test_it_comes_back_with_time(slow: Balancer, kind: str) -> None:
    set_level(slow, DNS_ROW, 0, BURST_S + 0.3)
    packet = of_size(to_dns(), 100)
    deadline = time.monotonic() + 10
    assert slow.run(packet).exit == "drop_bandwidth"
    while slow.run(packet).exit != "forward":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_may_not_come_costs_nothing(balancer: Balancer, kind: str) -> None:
    put(balancer, kind, listed("0.0.0.0/0"), acl=LIST, bandwidth=Bandwidth(1))
    before = balancer.maps.limits["full_at_ns"].copy()
    assert balancer.run(to_dns()) == refused(to_dns(), "acl")
    assert (balancer.maps.limits["full_at_ns"] == before).all()


def test_fast_lanes_are_wide(balancer: Balancer, kind: str) -> None:
    """5,120 Mbit/s, the most there is: 64 MB at once."""
    put(balancer, kind, {}, bandwidth=Bandwidth(5120))
    for _ in range(300):
        assert balancer.run(of_size(to_dns(), 1500)).exit in {"forward", "forward_new"}
