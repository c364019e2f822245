# SPDX-License-Identifier: Apache-2.0
"""The SQLite store: what was acknowledged is there, what was refused is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit import strategies
from tests.unit.desired_histories import STEPS, Step, full_world, take
from tests.unit.store_kit import commit, rows_changed
from xdpair.core.desired import Desired
from xdpair.core.errors import StoreError
from xdpair.core.failover import SlotState
from xdpair.core.model import (
    Listener,
    ListenerKey,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    Server,
)
from xdpair.ports import Commit, SlotRecord, Store
from xdpair.store.database import Database
from xdpair.store.sqlite import SqliteStore

A, B = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")


def world_of(pairs: int) -> Desired:
    """That many load balancers, each with a group and a listener."""
    world = Desired(servers={"a": Server("a", A)})
    for number in range(pairs):
        lb_id, group_id = f"lb-{number}", f"rsp-{number}"
        world = world.create_load_balancer(LoadBalancer(lb_id, IPv4Address(0x0A000001 + number)))
        pair = PairGroup(group_id, lb_id, Member("a", 80), Member("b", 80, address=B))
        world = world.create_group(pair)
        world = world.create_listener(Listener(ListenerKey(lb_id, Protocol.TCP, 80), group_id))
    return world


def test_it_is_the_store_that_the_controller_wants(store: SqliteStore) -> None:
    port: Store = store
    assert port.load() == Desired()
    assert port.load_rows() == {}
    assert port.load_departures() == {}
    assert list(port.load_requests()) == []
    assert list(port.load_slots()) == []
    assert list(port.load_pools()) == []
    assert list(port.load_events(10)) == []


@settings(
    derandomize=True,
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(worlds=st.lists(strategies.desired(), min_size=1, max_size=4))
def test_any_change_leads_to_the_new_world(store: SqliteStore, worlds: list[Desired]) -> None:
    old = store.load()
    for new in worlds:
        store.save(commit(old, new))
        assert store.load() == new
        old = new


@settings(
    derandomize=True,
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, max_size=10))
def test_delta_of_a_change_says_all_that_is_to_be_written(
    store: SqliteStore, steps: list[Step]
) -> None:
    world = full_world()
    store.save(commit(store.load(), world))
    changed, delta = world.change(lambda draft: take(draft, steps))
    store.save(Commit(changed, delta))
    assert store.load() == changed
    assert store.load().indexes == changed.indexes


def test_world_survives_a_restart(store: SqliteStore, reopened: Callable[[], SqliteStore]) -> None:
    world = world_of(3)
    store.save(commit(Desired(), world))
    assert reopened().load() == world


def test_only_the_difference_is_written(database: Database, store: SqliteStore) -> None:
    world = world_of(20)
    store.save(commit(Desired(), world))
    renamed = world.update_load_balancer(replace(world.load_balancer("lb-7"), name="seven"))
    for old, new, rows in (
        (world, renamed, 1),
        (renamed, renamed, 0),
        (renamed, renamed.delete_load_balancer("lb-3"), 4),
    ):
        before = rows_changed(database)
        store.save(commit(old, new))
        assert rows_changed(database) - before == rows


def test_world_with_a_loose_end_is_refused_as_a_whole(store: SqliteStore) -> None:
    world = world_of(1)
    store.save(commit(Desired(), world))
    loose = replace(world_of(2), groups=world.groups)  # lb-1 has a listener, but no group
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.save(commit(world, loose))
    assert store.load() == world


def test_document_that_breaks_a_rule_is_named(database: Database, store: SqliteStore) -> None:
    store.save(commit(Desired(), world_of(1)))
    with database.transaction() as db:
        db.execute("UPDATE servers SET document = json_set(document, '$.address', '0.0.0.0')")
    with pytest.raises(StoreError, match=r"servers a: .*0\.0\.0\.0 is not a unicast address"):
        store.load()


def test_document_under_the_wrong_key_is_named(database: Database, store: SqliteStore) -> None:
    store.save(commit(Desired(), world_of(1)))
    with database.transaction() as db:
        db.execute("UPDATE servers SET key = 'c'")
    with pytest.raises(StoreError, match="servers c: the document says a"):
        store.load()


def test_many_threads_share_one_store(store: SqliteStore) -> None:
    def write(thread: int) -> None:
        for number in range(20):
            store.save_slots([SlotRecord(f"{thread}/{number}", SlotState())])
            store.load_slots()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.load_slots()) == 80


def test_closed_store_says_so(store: SqliteStore) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed database"):
        store.load()
    store.close()
