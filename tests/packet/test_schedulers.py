# SPDX-License-Identifier: Apache-2.0
"""Who of many gets a new flow. Consistent hashing itself is the controller's: here an entry of the
wheel stays the client's as long as nobody touches it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tests.bench.replay import Replayer, Stream
from tests.packet.balancer import Balancer
from tests.packet.frames import RST, SYN, Endpoint
from tests.packet.members import (
    DNS_MEMBERS,
    WEB_MEMBERS,
    Crowd,
    given_to,
    loads,
    set_wheel,
)
from tests.packet.world import CLIENT, DNS_ROW, WEB, WEB_ROW, to_dns, to_web
from xdpair.core.model import Protocol
from xdpair.core.tables import Kind, LookupKey, Schedule

FIRST, SECOND, THIRD = WEB_MEMBERS
#: LEAST_LOOKS of bpf/wheel.h.
LEAST_LOOKS = 64
#: As many servers as fit the tests' tables.
MANY = tuple(range(30, 230))


def ends(count: int, start: int = 1) -> list[Endpoint]:
    """Clients of many addresses, each with one port."""
    return [Endpoint(CLIENT.address + n, 1000) for n in range(start, start + count)]


def ports(count: int, start: int = 1) -> list[Endpoint]:
    return [Endpoint(CLIENT.address, port) for port in range(start, start + count)]


def choices(balancer: Balancer, clients: Sequence[Endpoint]) -> list[int]:
    """Rows of the servers that these clients' new connections are given to."""
    found = []
    for client in clients:
        _, frame = balancer.verdict(to_web(source=client, flags=SYN))
        found.append(given_to(frame))
    return found


def prepare(
    balancer: Balancer,
    schedule: Schedule,
    wheel: Sequence[int],
    weights: Mapping[int, int] | None = None,
) -> Balancer:
    members = {Protocol.TCP: sorted(set(wheel)), Protocol.UDP: DNS_MEMBERS}
    servers = {row: {"weight": weight} for row, weight in (weights or {}).items()}
    Crowd(web={"schedule": schedule}, members=members, servers=servers).put(balancer)
    set_wheel(balancer, wheel)
    return balancer


def share(found: Sequence[int]) -> dict[int, float]:
    return {row: count / len(found) for row, count in Counter(found).items()}


@pytest.fixture
def replayer() -> Iterator[Replayer]:
    with Replayer() as replayer:
        yield replayer


# -- in turn ---------------------------------------------------------------------------------------


def test_in_turn(balancer: Balancer) -> None:
    wheel = [FIRST, SECOND, FIRST, THIRD, SECOND]
    prepare(balancer, Schedule.IN_TURN, wheel)
    assert choices(balancer, ports(17)) == (wheel * 4)[:17]


def test_turns_are_each_listeners_own(balancer: Balancer) -> None:
    prepare(balancer, Schedule.IN_TURN, WEB_MEMBERS)
    for number, client in enumerate(ports(7)):
        assert choices(balancer, [client]) == [WEB_MEMBERS[number % 3]]
        _, frame = balancer.verdict(to_dns(source=client))
        assert given_to(frame) == DNS_MEMBERS[number % 3]


@pytest.mark.parametrize("entries", [1, 2, 3, 4, 5, 7, 8, 97])
def test_wheels_of_any_size_at_any_place(balancer: Balancer, entries: int) -> None:
    """Entries come by fours; a wheel begins wherever there was room."""
    rng = random.Random(entries)
    prepare(balancer, Schedule.IN_TURN, WEB_MEMBERS)
    for _ in range(4):
        wheel = [rng.choice(WEB_MEMBERS) for _ in range(entries)]
        set_wheel(balancer, wheel)
        balancer.maps.cursors[WEB_ROW] = 0
        balancer.maps.flows.view("u1").fill(0)
        assert choices(balancer, ports(2 * entries)) == wheel * 2
        set_wheel(balancer, [DNS_MEMBERS[0]] * rng.randint(1, 3), DNS_ROW)


def test_turns_go_on_when_the_count_overflows(balancer: Balancer) -> None:
    prepare(balancer, Schedule.IN_TURN, WEB_MEMBERS)
    balancer.maps.cursors[WEB_ROW] = 2**64 - 1
    assert choices(balancer, ports(3))[1:] == [FIRST, SECOND]


def test_shares_of_many_flows(balancer: Balancer, replayer: Replayer) -> None:
    """Weights 5:3:2, 100,000 new flows: within 1 % of 50/30/20."""
    wheel = [FIRST, SECOND, FIRST, THIRD, FIRST, SECOND, FIRST, THIRD, FIRST, SECOND]
    prepare(balancer, Schedule.IN_TURN, wheel)
    before = {row: balancer.maps.counters("server_counters", row) for row in WEB_MEMBERS}
    stream = Stream(to_web(flags=SYN, payload=bytes(10)).frame(), 100_000)
    replayer.run(balancer.datapath.program.fd, stream, stream.flows)
    got = {
        row: balancer.maps.counters("server_counters", row)["flows_new"] - before[row]["flows_new"]
        for row in WEB_MEMBERS
    }
    assert sum(got.values()) == stream.flows
    for row, percent in ((FIRST, 50), (SECOND, 30), (THIRD, 20)):
        assert abs(got[row] / stream.flows * 100 - percent) <= 1, got


# -- by hashes -------------------------------------------------------------------------------------


def test_by_the_clients_address(balancer: Balancer) -> None:
    prepare(balancer, Schedule.SOURCE, MANY)
    for client in ends(20):
        same = [Endpoint(client.address, port) for port in (1, 2, 1024, 65535)]
        assert len(set(choices(balancer, same))) == 1
    assert len(set(choices(balancer, ends(200)))) > 100


def test_by_both_addresses_and_ports(balancer: Balancer) -> None:
    prepare(balancer, Schedule.TUPLE, MANY)
    assert len(set(choices(balancer, ports(200)))) > 100
    found = choices(balancer, ports(50))
    balancer.maps.flows.view("u1").fill(0)
    assert choices(balancer, ports(50)) == found


def test_by_the_listeners_address_and_port_too(balancer: Balancer) -> None:
    """The same client ports, asking elsewhere."""
    prepare(balancer, Schedule.TUPLE, MANY)
    here = choices(balancer, ports(50))
    other = Endpoint(WEB.address, 81)
    tables = Crowd(
        web={"schedule": Schedule.TUPLE, "port": 81},
        members={Protocol.TCP: MANY, Protocol.UDP: DNS_MEMBERS},
    ).tables()
    lookup = {key: row for key, row in tables.lookup.items() if key.kind is not Kind.LISTENER}
    lookup[LookupKey(Kind.LISTENER, *other, Protocol.TCP)] = WEB_ROW
    balancer.datapath.apply(replace(tables, lookup=lookup))
    set_wheel(balancer, MANY)
    balancer.maps.flows.view("u1").fill(0)
    sent = [to_web(source=client, dest=other, flags=SYN) for client in ports(50)]
    assert [given_to(balancer.verdict(each)[1]) for each in sent] != here


@pytest.mark.parametrize("schedule", [Schedule.SOURCE, Schedule.TUPLE])
def test_hashes_spread_evenly(balancer: Balancer, schedule: Schedule) -> None:
    """Chi squared of 2,000 neighbouring clients over 10 entries, below what one in 100,000 fair
    draws exceeds.
    """
    wheel = range(30, 40)
    prepare(balancer, schedule, wheel)
    clients = [Endpoint(IPv4Address("198.51.0.0") + n, 1024 + n % 7) for n in range(1, 2001)]
    counts = Counter(choices(balancer, clients))
    expected = len(clients) / len(wheel)
    assert sum((counts[row] - expected) ** 2 / expected for row in wheel) < 39.3


@pytest.mark.parametrize("schedule", [Schedule.SOURCE, Schedule.TUPLE])
def test_an_entry_that_changes_moves_its_clients_only(
    balancer: Balancer, schedule: Schedule
) -> None:
    prepare(balancer, schedule, MANY)
    clients = ends(300)
    before = choices(balancer, clients)
    wheel = list(MANY)
    gone = before[0]
    wheel[wheel.index(gone)] = before[1]
    set_wheel(balancer, wheel)
    balancer.maps.flows.view("u1").fill(0)
    after = choices(balancer, clients)
    assert after == [before[1] if row == gone else row for row in before]


def test_hashes_take_no_turns(balancer: Balancer) -> None:
    prepare(balancer, Schedule.SOURCE, WEB_MEMBERS)
    choices(balancer, ends(5))
    assert balancer.maps.cursors[WEB_ROW] == 0


# -- the least loaded ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flows", "weights", "least"),
    [
        ((5, 4, 6), (100, 100, 100), SECOND),
        ((5, 4, 6), (100, 50, 100), FIRST),
        ((10, 10, 10), (10, 20, 40), THIRD),
        ((0, 1, 1), (1, 100, 100), FIRST),
        ((7, 3, 1), (100, 1, 1), FIRST),
        ((-3, 1, 1), (1, 100, 100), FIRST),
        ((1_000_000, 999_999, 1_000_001), (100, 100, 100), SECOND),
    ],
)
def test_the_least_in_proportion_to_weight(
    balancer: Balancer, flows: tuple[int, ...], weights: tuple[int, ...], least: int
) -> None:
    """Wherever it begins to look. Below 0 is none: the count is behind."""
    given = dict(zip(WEB_MEMBERS, weights, strict=True))
    prepare(balancer, Schedule.LEAST, WEB_MEMBERS, given)
    for client in ports(6):
        for row, count in zip(WEB_MEMBERS, flows, strict=True):
            balancer.maps.loads[row] = count % 2**64
        assert choices(balancer, [client]) == [least]


def test_equals_take_turns(balancer: Balancer) -> None:
    prepare(balancer, Schedule.LEAST, WEB_MEMBERS)
    assert Counter(choices(balancer, ports(30))) == dict.fromkeys(WEB_MEMBERS, 10)
    assert loads(balancer) == [10, 10, 10]


def test_counts_below_0_are_0(balancer: Balancer) -> None:
    """However far below: all of these have nothing to do."""
    prepare(balancer, Schedule.LEAST, WEB_MEMBERS)
    found = set()
    for client in ports(6):
        for row, count in zip(WEB_MEMBERS, (-5, 0, -1), strict=True):
            balancer.maps.loads[row] = count % 2**64
        found |= set(choices(balancer, [client]))
    assert found == set(WEB_MEMBERS)


def test_shares_by_weight(balancer: Balancer) -> None:
    weights = {FIRST: 50, SECOND: 30, THIRD: 20}
    prepare(balancer, Schedule.LEAST, WEB_MEMBERS, weights)
    found = share(choices(balancer, ports(1000)))
    for row, weight in weights.items():
        assert abs(found[row] * 100 - weight) <= 1, found


def test_who_comes_free_is_next(balancer: Balancer) -> None:
    prepare(balancer, Schedule.LEAST, WEB_MEMBERS)
    clients = ports(9)
    found = choices(balancer, clients)
    ended = [client for client, row in zip(clients, found, strict=True) if row == SECOND]
    for client in ended:
        balancer.run(to_web(source=client, flags=RST))
    assert choices(balancer, ports(3, start=100)) == [SECOND] * 3


def test_of_many_some_are_looked_at(balancer: Balancer) -> None:
    """From another one each time: the one that is free is found in the end, nobody is left out."""
    prepare(balancer, Schedule.LEAST, MANY)
    free = MANY[150]
    balancer.maps.loads[list(MANY)] = 1000
    balancer.maps.loads[free] = 0
    found = choices(balancer, ports(len(MANY)))
    assert found.count(free) == LEAST_LOOKS
    balancer.maps.loads[list(MANY)] = 0
    found = choices(balancer, ports(len(MANY), start=1000))
    assert len(set(found)) > len(MANY) / 2


def test_the_least_of_one(balancer: Balancer) -> None:
    prepare(balancer, Schedule.LEAST, [SECOND])
    assert choices(balancer, ports(3)) == [SECOND] * 3


def test_no_choice_is_left_behind(balancer: Balancer) -> None:
    """What was looked for one packet is never used for another one."""
    prepare(balancer, Schedule.LEAST, WEB_MEMBERS)
    for number, client in enumerate(ports(30)):
        balancer.maps.loads[list(WEB_MEMBERS)] = 10
        balancer.maps.loads[WEB_MEMBERS[number % 3]] = 1
        assert choices(balancer, [client]) == [WEB_MEMBERS[number % 3]]
        set_wheel(balancer, (), WEB_ROW)
        assert balancer.run(to_web(source=CLIENT, flags=SYN)).exit == "reject_tcp"
        set_wheel(balancer, WEB_MEMBERS)
