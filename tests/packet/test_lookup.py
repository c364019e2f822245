# SPDX-License-Identifier: Apache-2.0
"""The controller's placement against the program's search: after each change, every key is found.

``lookup_table.plan`` decides where keys go; the compiled search looks for them in the live map.
"""

from __future__ import annotations

import random
import sys
from ipaddress import IPv4Address

import pytest

from tests.packet.balancer import PASS, SIZES, Balancer
from tests.packet.frames import Endpoint
from tests.packet.world import LINKS, PRIMARY_HOP, VIP, to_dns
from xdpair.core.errors import LimitExceeded
from xdpair.core.failover import Slot
from xdpair.core.lookup_table import Geometry
from xdpair.core.model import Protocol
from xdpair.core.tables import (
    Kind,
    ListenerEntry,
    LookupKey,
    ServerEntry,
    TableChange,
    endpoint_value,
)

GEOMETRY = Geometry(SIZES.lookup_buckets)
#: Listeners that keys lead to, told apart by the port of their server.
ROWS = (1, 2, 3)


def word(key: LookupKey) -> int:
    octets = key.address.packed + key.port.to_bytes(2, "big") + bytes((key.protocol, key.kind))
    return int.from_bytes(octets, sys.byteorder)


def listener_key(end: Endpoint) -> LookupKey:
    return LookupKey(Kind.LISTENER, *end, Protocol.UDP)


def ends_at(buckets: set[int], count: int) -> list[Endpoint]:
    """Addresses that listeners may have, whose search begins in these buckets."""
    found = []
    for number in range(1, 1 << 20):
        end = Endpoint(IPv4Address(int(VIP) + number % 7), 1 + number % 65_535)
        if GEOMETRY.home(word(listener_key(end))) in buckets:
            found.append(end)
        if len(found) == count:
            return found
    raise AssertionError("too few")


def tables(rows: dict[Endpoint, int]) -> TableChange:
    lookup = {listener_key(end): row for end, row in rows.items()}
    listeners = {
        row: ListenerEntry(VIP, 1, Protocol.UDP, row, (20 + row, 30 + row), False, False)
        for row in ROWS
    }
    servers = {
        base + row: ServerEntry(IPv4Address("10.0.0.9"), base + row, PRIMARY_HOP)
        for row in ROWS
        for base in (20, 30)
    }
    return TableChange(lookup, listeners, servers, links=LINKS, whole=True)


def row_found(balancer: Balancer, end: Endpoint) -> int | None:
    action, frame = balancer.verdict(to_dns(dest=end))
    return None if action == PASS else int.from_bytes(frame[36:38], "big") - 20


@pytest.fixture
def empty(balancer: Balancer) -> Balancer:
    balancer.datapath.apply(TableChange(whole=True))
    for row in ROWS:
        balancer.datapath.write_slot(row, Slot())
    return balancer


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("buckets", "keys"),
    [
        pytest.param(set(range(SIZES.lookup_buckets)), 500, id="everywhere"),
        pytest.param(set(range(8, 13)), 16, id="crowded"),
        pytest.param({254, 255, 0}, 16, id="around the end"),
        pytest.param({77}, 16, id="one search only"),
    ],
)
def test_every_key_is_found_after_every_change(
    empty: Balancer, seed: int, buckets: set[int], keys: int
) -> None:
    rng = random.Random(seed)
    ends = ends_at(buckets, keys + keys // 2)
    wanted: dict[Endpoint, int] = {}
    for _ in range(12):
        for end in rng.sample(sorted(wanted), len(wanted) // 2):
            del wanted[end]
        for end in rng.sample(ends, rng.randint(0, keys - len(wanted))):
            wanted[end] = rng.choice(ROWS)
        empty.datapath.apply(tables(wanted))
        assert {end: row_found(empty, end) for end in ends} == {
            end: wanted.get(end) for end in ends
        }


def test_a_full_path_is_refused_and_changes_nothing(empty: Balancer) -> None:
    ends = ends_at({40}, 17)
    before = dict.fromkeys(ends[:16], 1)
    empty.datapath.apply(tables(before))
    with pytest.raises(LimitExceeded):
        empty.datapath.apply(tables(dict.fromkeys(ends, 2)))
    assert [row_found(empty, end) for end in ends] == [1] * 16 + [None]


def test_keys_of_one_address_differ_by_kind_and_protocol(balancer: Balancer) -> None:
    """An endpoint or a VIP is no listener, and a TCP listener is none for UDP."""
    end = Endpoint(VIP, 4000)
    content = {
        LookupKey(Kind.ENDPOINT, *end, Protocol.UDP): endpoint_value(1, 0, shared=False),
        LookupKey(Kind.VIP, VIP): 1,
        LookupKey(Kind.LOCAL, VIP): 1,
        LookupKey(Kind.LISTENER, *end, Protocol.TCP): 1,
    }
    balancer.datapath.apply(TableChange(content, links=LINKS, whole=True))
    assert balancer.run(to_dns(dest=end)).exit == "pass_no_listener"
