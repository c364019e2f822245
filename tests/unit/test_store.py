# SPDX-License-Identifier: Apache-2.0
"""The SQLite store: what was acknowledged is there, what was refused is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit import strategies
from xdpair.core.desired import Desired
from xdpair.core.errors import StoreError
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import Slot, SlotState
from xdpair.core.model import (
    Listener,
    ListenerKey,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    Server,
    Side,
)
from xdpair.ports import SlotRecord, Store
from xdpair.store.database import Database
from xdpair.store.sqlite import EVENTS_KEPT, SqliteStore

A, B = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "state" / "xdpair.db")
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> SqliteStore:
    return SqliteStore(database)


@pytest.fixture
def reopened(tmp_path: Path, store: SqliteStore) -> Iterator[Callable[[], SqliteStore]]:
    """The same file as the next controller finds it."""
    opened = [store]

    def reopen() -> SqliteStore:
        opened[-1].close()
        opened.append(SqliteStore.open(tmp_path / "state" / "xdpair.db"))
        return opened[-1]

    yield reopen
    opened[-1].close()


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


def rows_changed(database: Database) -> int:
    with database.transaction() as db:
        return db.total_changes


def test_it_is_the_store_that_the_controller_wants(store: SqliteStore) -> None:
    port: Store = store
    assert port.load() == Desired()
    assert port.load_indexes() == {}
    assert list(port.load_slots()) == []
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
        store.save(old, new)
        assert store.load() == new
        old = new


def test_world_survives_a_restart(store: SqliteStore, reopened: Callable[[], SqliteStore]) -> None:
    world = world_of(3)
    store.save(Desired(), world)
    assert reopened().load() == world


def test_only_the_difference_is_written(database: Database, store: SqliteStore) -> None:
    world = world_of(20)
    store.save(Desired(), world)
    renamed = world.update_load_balancer(replace(world.load_balancer("lb-7"), name="seven"))
    for old, new, rows in (
        (world, renamed, 1),
        (renamed, renamed, 0),
        (renamed, renamed.delete_load_balancer("lb-3"), 3),
    ):
        before = rows_changed(database)
        store.save(old, new)
        assert rows_changed(database) - before == rows


def test_world_with_a_loose_end_is_refused_as_a_whole(store: SqliteStore) -> None:
    world = world_of(1)
    store.save(Desired(), world)
    loose = replace(world_of(2), groups=world.groups)  # lb-1 has a listener, but no group
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.save(world, loose)
    assert store.load() == world


def test_document_that_breaks_a_rule_is_named(database: Database, store: SqliteStore) -> None:
    store.save(Desired(), world_of(1))
    with database.transaction() as db:
        db.execute("UPDATE servers SET document = json_set(document, '$.address', '0.0.0.0')")
    with pytest.raises(StoreError, match=r"servers a: .*0\.0\.0\.0 is not a unicast address"):
        store.load()


def test_document_under_the_wrong_key_is_named(database: Database, store: SqliteStore) -> None:
    store.save(Desired(), world_of(1))
    with database.transaction() as db:
        db.execute("UPDATE servers SET key = 'c'")
    with pytest.raises(StoreError, match="servers c: the document says a"):
        store.load()


def test_indexes_are_replaced_as_a_whole(
    database: Database, store: SqliteStore, reopened: Callable[[], SqliteStore]
) -> None:
    store.save(Desired(), Desired(), {"slot:a": 1, "slot:b": 2, "server:x": 1})
    before = rows_changed(database)
    store.save(Desired(), Desired(), {"slot:a": 1, "slot:b": 3, "server:y": 2})
    assert rows_changed(database) - before == 4  # b and x out, b and y in
    assert reopened().load_indexes() == {"slot:a": 1, "slot:b": 3, "server:y": 2}


def test_slots_survive_a_restart(store: SqliteStore, reopened: Callable[[], SqliteStore]) -> None:
    held = SlotState(slot=Slot(Side.SECONDARY, 7, (7, 1), (True, False)), pinned=Side.SECONDARY)
    store.save_slots([SlotRecord("lb-1/tcp-80", SlotState())])
    store.save_slots([SlotRecord("lb-1/tcp-80", held), SlotRecord("rsp-1", SlotState())])
    store.save_slots([SlotRecord("rsp-gone", held)])
    store.save(Desired(), Desired(), gone=["rsp-gone", "rsp-never-was"])
    assert list(reopened().load_slots()) == [
        SlotRecord("lb-1/tcp-80", held),
        SlotRecord("rsp-1", SlotState()),
    ]


def test_newest_events_come_oldest_first(
    store: SqliteStore, reopened: Callable[[], SqliteStore]
) -> None:
    events = [Event(EventKind.FAILOVER, seq=number, error="refused") for number in range(1, 8)]
    store.append_events(events[:5])
    store.append_events(events[5:])
    assert list(reopened().load_events(3)) == events[-3:]


def test_oldest_events_are_forgotten(database: Database, store: SqliteStore) -> None:
    store.append_events([Event(EventKind.WARNING, seq=n) for n in range(1, EVENTS_KEPT + 3)])
    store.append_events([Event(EventKind.WARNING, seq=EVENTS_KEPT + 3)])
    with database.transaction() as db:
        assert db.execute("SELECT min(seq), max(seq), count(*) FROM events").fetchone() == (
            4,
            EVENTS_KEPT + 3,
            EVENTS_KEPT,
        )


def test_events_can_be_stored_again(store: SqliteStore) -> None:
    first, second = (Event(EventKind.STARTED, seq=number) for number in (1, 2))
    store.append_events([first])
    store.append_events([first, second])
    assert list(store.load_events(10)) == [first, second]


def test_events_must_be_numbered(store: SqliteStore) -> None:
    with pytest.raises(ValueError, match="must be numbered"):
        store.append_events([Event(EventKind.STARTED, seq=1), Event(EventKind.STOPPED)])
    assert list(store.load_events(10)) == []


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
