# SPDX-License-Identifier: Apache-2.0
"""The store of a single host: ``ports.Store`` on SQLite."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

from xdpair.core import errors
from xdpair.core.changes import Departure
from xdpair.core.desired import Desired
from xdpair.core.events import Event
from xdpair.core.indexes import RowChange
from xdpair.ports import Commit, PoolRecord, RequestRecord, SlotRecord
from xdpair.store import resources
from xdpair.store.database import Database
from xdpair.store.document import from_text, to_text
from xdpair.store.records import (
    departure_from,
    departure_to,
    event_from,
    event_to,
    pool_from,
    pool_to,
    slot_state_from,
    slot_state_to,
)
from xdpair.store.resources import K, Kind, R

#: How many events are kept.
EVENTS_KEPT = 10_000
#: How many request ids are kept, and for how long after they were used.
REQUESTS_KEPT = 10_000
REQUESTS_KEPT_S = 24 * 3600.0


class SqliteStore:
    """Durable memory in one file; each call returns when its change is on disk, or raises.

    All calls block and may come from any thread. One that writes costs one flush of the disk,
    whatever the amount: who has much to save saves it in one call.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, path: Path) -> Self:
        """The store in this file, made if it is not there. Raises what ``Database`` raises."""
        return cls(Database(path))

    def close(self) -> None:
        """Let the next controller in; this store can not be used any more."""
        self._database.close()

    # -- what users asked for ----------------------------------------------------------------------

    def load(self) -> Desired:
        """All that ``save`` wrote. Raises ``StoreError`` naming the first illegal document."""
        with self._database.transaction() as db:
            return Desired(
                load_balancers=_read_all(db, resources.LOAD_BALANCERS),
                listeners=_read_all(db, resources.LISTENERS),
                groups=_read_all(db, resources.GROUPS),
                servers=_read_all(db, resources.SERVERS),
                acls=_read_all(db, resources.ACLS),
            )

    def save(self, commit: Commit) -> None:
        """Write what its delta names, and what follows from it, in one transaction."""
        with self._database.transaction() as db:
            for kind in resources.ALL:
                _write_touched(db, kind, commit)
            if commit.rows is not None:
                _write_rows(db, commit.rows)
            db.executemany("DELETE FROM slots WHERE unit = ?", ((unit,) for unit in commit.gone))
            db.executemany("DELETE FROM pools WHERE listener = ?", ((key,) for key in commit.gone))
            _write_departures(db, commit.departures)
            if commit.request is not None:
                _write_request(db, commit.request)

    # -- what must not move or be forgotten --------------------------------------------------------

    def load_rows(self) -> dict[str, int]:
        with self._database.transaction() as db:
            return dict(db.execute("SELECT name, value FROM map_rows"))

    def load_departures(self) -> dict[str, Departure]:
        with self._database.transaction() as db:
            rows = db.execute("SELECT name, document FROM departures ORDER BY name")
            return {name: departure_from(from_text(text)) for name, text in rows}

    def load_slots(self) -> Sequence[SlotRecord]:
        with self._database.transaction() as db:
            rows = db.execute("SELECT unit, document FROM slots ORDER BY unit")
            return [SlotRecord(unit, slot_state_from(from_text(text))) for unit, text in rows]

    def save_slots(self, records: Collection[SlotRecord]) -> None:
        with self._database.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO slots (unit, document) VALUES (?, ?)",
                ((record.unit, to_text(slot_state_to(record.state))) for record in records),
            )

    def load_pools(self) -> Sequence[PoolRecord]:
        with self._database.transaction() as db:
            rows = db.execute("SELECT document FROM pools ORDER BY listener")
            return [pool_from(from_text(text)) for (text,) in rows]

    def save_pools(self, records: Collection[PoolRecord]) -> None:
        """One that says that nothing is down is not kept."""
        with self._database.transaction() as db:
            db.executemany(
                "DELETE FROM pools WHERE listener = ?", ((record.listener,) for record in records)
            )
            db.executemany(
                "INSERT INTO pools (listener, document) VALUES (?, ?)",
                ((record.listener, to_text(pool_to(record))) for record in records if record.down),
            )

    # -- what happened -----------------------------------------------------------------------------

    def load_requests(self) -> Sequence[RequestRecord]:
        """The newest ``REQUESTS_KEPT``, none older than ``REQUESTS_KEPT_S``, oldest first."""
        with self._database.transaction() as db:
            rows = db.execute(
                "SELECT request_id, digest, resource, time_s FROM requests"
                " WHERE time_s >= ? ORDER BY seq",
                (time.time() - REQUESTS_KEPT_S,),
            )
            return [RequestRecord(*row) for row in rows]

    def append_events(self, events: Collection[Event]) -> None:
        """Keep these and forget the oldest: the newest ``EVENTS_KEPT`` numbers stay.

        A number that is there already is replaced, so that trying again does no harm.

        Raises:
            ValueError: an event has no number.
        """
        if any(event.seq < 1 for event in events):
            raise ValueError("an event must be numbered before it is stored")
        with self._database.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO events (seq, document) VALUES (?, ?)",
                ((event.seq, to_text(event_to(event))) for event in events),
            )
            db.execute(
                "DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?", (EVENTS_KEPT,)
            )

    def load_events(self, limit: int) -> Sequence[Event]:
        with self._database.transaction() as db:
            rows = db.execute("SELECT document FROM events ORDER BY seq DESC LIMIT ?", (limit,))
            return [event_from(from_text(text)) for (text,) in rows][::-1]


def _read_all(db: sqlite3.Connection, kind: Kind[K, R]) -> dict[K, R]:
    rows = db.execute(f"SELECT key, document FROM {kind.table} ORDER BY key")
    return dict(_read_one(kind, key, text) for key, text in rows)


def _read_one(kind: Kind[K, R], key: str, text: str) -> tuple[K, R]:
    try:
        resource = kind.from_json(from_text(text))
    except errors.XdpairError as error:
        raise errors.StoreError(
            f"{kind.table} {key}: {error}", table=kind.table, key=key
        ) from error
    if str(kind.key_of(resource)) != key:
        raise errors.StoreError(
            f"{kind.table} {key}: the document says {kind.key_of(resource)}",
            table=kind.table,
            key=key,
        )
    return kind.key_of(resource), resource


def _write_touched(db: sqlite3.Connection, kind: Kind[K, R], commit: Commit) -> None:
    wanted, touched = kind.all_of(commit.new), kind.touched_by(commit.delta)
    db.executemany(
        f"DELETE FROM {kind.table} WHERE key = ?",
        ((str(key),) for key in touched if key not in wanted),
    )
    db.executemany(
        f"INSERT INTO {kind.table} (key, document) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET document = excluded.document",
        ((str(key), to_text(kind.to_json(wanted[key]))) for key in touched if key in wanted),
    )


def _write_rows(db: sqlite3.Connection, change: RowChange) -> None:
    db.executemany("DELETE FROM map_rows WHERE name = ?", ((name,) for name in change.removed))
    db.executemany(
        "INSERT OR REPLACE INTO map_rows (name, value) VALUES (?, ?)", change.added.items()
    )


def _write_departures(db: sqlite3.Connection, departures: Mapping[str, Departure | None]) -> None:
    db.executemany(
        "DELETE FROM departures WHERE name = ?",
        ((name,) for name, departure in departures.items() if departure is None),
    )
    db.executemany(
        "INSERT OR REPLACE INTO departures (name, document) VALUES (?, ?)",
        (
            (name, to_text(departure_to(departure)))
            for name, departure in departures.items()
            if departure is not None
        ),
    )


def _write_request(db: sqlite3.Connection, request: RequestRecord) -> None:
    """Keep it, and forget the oldest: this is the newest there is."""
    db.execute(
        "INSERT OR REPLACE INTO requests (request_id, digest, resource, time_s)"
        " VALUES (?, ?, ?, ?)",
        (request.request_id, request.digest, request.resource, request.time_s),
    )
    db.execute("DELETE FROM requests WHERE time_s < ?", (request.time_s - REQUESTS_KEPT_S,))
    db.execute(
        "DELETE FROM requests WHERE seq <= (SELECT max(seq) FROM requests) - ?", (REQUESTS_KEPT,)
    )
