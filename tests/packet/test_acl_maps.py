# SPDX-License-Identifier: Apache-2.0
"""Access control lists in the kernel's trie: what a change adds and removes, whoever wrote it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.packet.balancer import Balancer
from tests.packet.farm import ROWS, farm
from tests.packet.frames import SYN, Endpoint
from tests.packet.world import WEB_ROW, to_web
from xdpair.core.errors import LimitExceeded
from xdpair.core.tables import AclKey, TableChange
from xdpair.datapath.adapter import Datapath
from xdpair.datapath.pins import Sizes

SIZES = Sizes(max_listeners=16, max_servers=64, flow_buckets=16, max_acl_entries=8)

#: Few networks, of all lengths, in each other.
NETWORKS = st.integers(0, 32).flatmap(
    lambda bits: st.sampled_from(["10.1.2.3", "10.1.2.4", "10.1.130.3", "11.1.2.3"]).map(
        lambda address: IPv4Network(f"{address}/{bits}", strict=False)
    )
)
KEYS = st.builds(AclKey, st.integers(1, 3), NETWORKS)
CHANGES = st.lists(
    st.tuples(st.dictionaries(KEYS, st.booleans(), max_size=6), st.booleans()), max_size=8
)


@pytest.fixture
def weighted(balancer: Balancer) -> Balancer:
    _set_up(balancer, acl=1, acl_is_white=True)
    return balancer


@pytest.fixture(scope="module")
def tiny(pin_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    balancer = Balancer(pin_path, tmp_path_factory.mktemp("state"), SIZES)
    yield balancer
    balancer.close()


def _set_up(balancer: Balancer, **fields: Any) -> None:
    balancer.datapath.apply(farm((), **fields))
    balancer.datapath.apply(farm(**fields))
    balancer.datapath.write_wheel(WEB_ROW, ROWS, dict.fromkeys(ROWS, True))


def keys(*networks: str, acl: int = 1) -> list[AclKey]:
    return [AclKey(acl, IPv4Network(network)) for network in networks]


def packed(key: AclKey) -> bytes:
    network = key.network
    return struct.pack("=II", 32 + network.prefixlen, key.acl) + network.network_address.packed


def may_come(balancer: Balancer, client: str) -> bool:
    sent = to_web(source=Endpoint(IPv4Address(client), 1000), flags=SYN)
    return balancer.run(sent).exit != "drop_acl"


def change(datapath: Datapath, there: list[AclKey], gone: list[AclKey]) -> None:
    datapath.apply(TableChange(acls=dict.fromkeys(there, True) | dict.fromkeys(gone, False)))


def test_entries_come_and_go(weighted: Balancer) -> None:
    wide, narrow = keys("10.1.0.0/16", "10.1.2.3/32")
    assert not may_come(weighted, "10.1.2.3")
    change(weighted.datapath, [wide, narrow], [])
    assert may_come(weighted, "10.1.2.3")
    assert may_come(weighted, "10.1.200.1")
    assert not may_come(weighted, "10.2.2.3")
    change(weighted.datapath, [narrow], [wide])
    assert may_come(weighted, "10.1.2.3")
    assert not may_come(weighted, "10.1.200.1")
    change(weighted.datapath, [], [wide, narrow])
    assert not may_come(weighted, "10.1.2.3")


def test_lists_are_apart(weighted: Balancer) -> None:
    change(weighted.datapath, keys("10.0.0.0/8", acl=2), [])
    assert not may_come(weighted, "10.1.2.3")
    change(weighted.datapath, keys("0.0.0.0/0", acl=1), [])
    assert may_come(weighted, "10.1.2.3")
    assert may_come(weighted, "1.1.1.1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=CHANGES)
def test_after_any_history_the_kernel_has_what_was_wanted(
    balancer: Balancer, changes: list[tuple[dict[AclKey, bool], bool]]
) -> None:
    """Told by a successor, who reads it from the kernel."""
    balancer.datapath.apply(TableChange(whole=True))
    wanted: set[AclKey] = set()
    for entries, is_whole in changes:
        there = {key for key, is_there in entries.items() if is_there}
        wanted = there if is_whole else (wanted | there) - (entries.keys() - there)
        balancer.datapath.apply(TableChange(acls=entries, whole=is_whole))
    successor = balancer.open_datapath()
    try:
        assert successor._lists._there == {packed(key) for key in wanted}
    finally:
        successor.close()


def test_a_successor_removes_what_is_no_longer_wanted(weighted: Balancer) -> None:
    wide, narrow = keys("10.1.0.0/16", "10.1.2.3/32")
    change(weighted.datapath, [wide, narrow], [])
    successor = weighted.open_datapath()
    try:
        change(successor, [], [wide])
        assert may_come(weighted, "10.1.2.3")
        assert not may_come(weighted, "10.1.200.1")
    finally:
        successor.close()
        weighted.datapath = weighted.open_datapath()


def test_too_many_are_refused_before_anything_is_written(tiny: Balancer) -> None:
    """What goes makes no room for what comes: it is there until the other is."""
    every = keys(*(f"10.0.{number}.0/24" for number in range(SIZES.max_acl_entries + 1)))
    _set_up(tiny, acl=1, acl_is_white=True)
    change(tiny.datapath, every[:-1], [])
    for there, gone in ((every, []), (every[-1:], every[:1])):
        too_many = TableChange(
            acls=dict.fromkeys(there, True) | dict.fromkeys(gone, False),
            servers=dict.fromkeys(ROWS),
        )
        for step in (tiny.datapath.check, tiny.datapath.apply):
            with pytest.raises(LimitExceeded):
                step(too_many)
        assert may_come(tiny, "10.0.0.1")
        assert not may_come(tiny, f"10.0.{SIZES.max_acl_entries}.1")
    change(tiny.datapath, [], every[:1])
    change(tiny.datapath, every[-1:], [])
    assert may_come(tiny, f"10.0.{SIZES.max_acl_entries}.1")
