# SPDX-License-Identifier: Apache-2.0
"""The SQLite store beside the resources: rows, states, departures, requests and events."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest

from tests.unit.store_kit import rows_changed
from xdpair.core.changes import Delta, Departure
from xdpair.core.desired import Desired
from xdpair.core.errors import StoreError
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import Slot, SlotState
from xdpair.core.indexes import RowChange
from xdpair.core.model import (
    Listener,
    ListenerKey,
    Protocol,
    Side,
)
from xdpair.ports import Commit, PoolRecord, RequestRecord, SlotRecord
from xdpair.store.database import Database
from xdpair.store.sqlite import EVENTS_KEPT, REQUESTS_KEPT, REQUESTS_KEPT_S, SqliteStore

A, B = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")


def save(store: SqliteStore, **what: Any) -> None:
    """Save this and no resource."""
    store.save(Commit(Desired(), Delta(), **what))


def test_rows_are_given_and_freed(
    database: Database, store: SqliteStore, reopened: Callable[[], SqliteStore]
) -> None:
    save(store, rows=RowChange({"slot:a": 1, "slot:b": 2, "server:x": 1, "cursor:slot": 2}))
    before = rows_changed(database)
    added = {"slot:b": 3, "server:y": 2, "cursor:slot": 3}
    save(store, rows=RowChange(added, frozenset({"server:x", "server:never-was"})))
    assert rows_changed(database) - before == 4
    save(store, rows=None)
    assert reopened().load_rows() == {"slot:a": 1, **added}


def test_row_that_is_freed_and_given_again_is_given(store: SqliteStore) -> None:
    save(store, rows=RowChange({"slot:a": 1}))
    save(store, rows=RowChange({"slot:a": 2}, frozenset({"slot:a"})))
    assert store.load_rows() == {"slot:a": 2}


def test_slots_survive_a_restart(store: SqliteStore, reopened: Callable[[], SqliteStore]) -> None:
    held = SlotState(slot=Slot(Side.SECONDARY, 7, (7, 1), (True, False)), pinned=Side.SECONDARY)
    store.save_slots([SlotRecord("lb-1/tcp-80", SlotState())])
    store.save_slots([SlotRecord("lb-1/tcp-80", held), SlotRecord("rsp-1", SlotState())])
    store.save_slots([SlotRecord("rsp-gone", held)])
    save(store, gone=["rsp-gone", "rsp-never-was"])
    assert list(reopened().load_slots()) == [
        SlotRecord("lb-1/tcp-80", held),
        SlotRecord("rsp-1", SlotState()),
    ]


def test_pools_survive_a_restart(store: SqliteStore, reopened: Callable[[], SqliteStore]) -> None:
    draining = PoolRecord("lb-1/tcp-80", frozenset({"server:x"}), {"server:x": 1_000.5})
    store.save_pools([PoolRecord("lb-1/tcp-80", frozenset(), {})])
    store.save_pools([draining, PoolRecord("lb-1/udp-53", frozenset({"server:y"}), {})])
    store.save_pools([PoolRecord(f"lb-{n}/tcp-80", frozenset({"server:z"}), {}) for n in (2, 3)])
    store.save_pools([PoolRecord("lb-3/tcp-80", frozenset(), {})])
    save(store, gone=["lb-2/tcp-80", "lb-9/tcp-80"])
    assert list(reopened().load_pools()) == [
        draining,
        PoolRecord("lb-1/udp-53", frozenset({"server:y"}), {}),
    ]


def departure(name: str, until_s: float = 7.0) -> Departure:
    return Departure(name, (ListenerKey("lb-1", Protocol.TCP, 80),), A, 8080, until_s)


def test_departures_survive_a_restart_until_they_are_over(
    store: SqliteStore, reopened: Callable[[], SqliteStore]
) -> None:
    save(store, departures={name: departure(name) for name in ("x", "y", "z")})
    save(store, departures={"x": None, "y": departure("y", 8.0), "never-was": None})
    save(store)
    assert reopened().load_departures() == {"y": departure("y", 8.0), "z": departure("z")}


def request(number: int, time_s: float) -> RequestRecord:
    return RequestRecord(f"id-{number}", "digest", f"servers/{number}", time_s)


def test_requests_survive_a_restart(
    store: SqliteStore, reopened: Callable[[], SqliteStore]
) -> None:
    now = time.time()
    save(store, request=request(1, now))
    save(store, request=request(2, now))
    save(store)
    assert list(reopened().load_requests()) == [request(1, now), request(2, now)]


def test_request_id_can_be_used_again(store: SqliteStore) -> None:
    now = time.time()
    for number, time_s in ((1, now - 60), (2, now), (1, now)):
        save(store, request=request(number, time_s))
    assert list(store.load_requests()) == [request(2, now), request(1, now)]


def test_old_requests_are_forgotten(database: Database, store: SqliteStore) -> None:
    now = time.time()
    aged = request(1, now - REQUESTS_KEPT_S - 60)
    save(store, request=aged)
    assert list(store.load_requests()) == []
    young = request(2, now - REQUESTS_KEPT_S + 60)
    save(store, request=young)
    assert list(store.load_requests()) == [young]
    save(store, request=request(3, now + 120))
    with database.transaction() as db:
        assert db.execute("SELECT request_id FROM requests").fetchall() == [("id-3",)]


def test_so_many_requests_are_kept_and_no_more(database: Database, store: SqliteStore) -> None:
    now = time.time()
    with database.transaction() as db:
        db.executemany(
            "INSERT INTO requests (request_id, digest, resource, time_s) VALUES (?, '', '', ?)",
            ((f"id-{number}", now) for number in range(REQUESTS_KEPT)),
        )
    save(store, request=request(REQUESTS_KEPT, now))
    kept = store.load_requests()
    assert len(kept) == REQUESTS_KEPT
    assert (kept[0].request_id, kept[-1]) == ("id-1", request(REQUESTS_KEPT, now))


def test_refused_commit_leaves_nothing_behind(store: SqliteStore) -> None:
    save(store, rows=RowChange({"slot:a": 1}))
    loose = Listener(ListenerKey("lb-9", Protocol.TCP, 80), "rsp-9")
    refused = Commit(
        Desired(listeners={loose.key: loose}),
        Delta(listeners=frozenset({loose.key})),
        RowChange({"slot:a": 2}),
        departures={"x": departure("x")},
        request=request(1, time.time()),
    )
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.save(refused)
    assert store.load() == Desired()
    assert store.load_rows() == {"slot:a": 1}
    assert store.load_departures() == {}
    assert list(store.load_requests()) == []


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
