# SPDX-License-Identifier: Apache-2.0
"""The store of a single host: ``ports.Store`` on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

from xdpair.core import errors
from xdpair.core.desired import Desired
from xdpair.core.events import Event
from xdpair.ports import SlotRecord
from xdpair.store import resources
from xdpair.store.database import Database
from xdpair.store.document import from_text, to_text
from xdpair.store.records import event_from, event_to, slot_state_from, slot_state_to
from xdpair.store.resources import K, Kind, R

#: How many events are kept.
EVENTS_KEPT = 10_000


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
            )

    def save(
        self,
        old: Desired,
        new: Desired,
        indexes: Mapping[str, int] | None = None,
        gone: Collection[str] = (),
    ) -> None:
        """Write what differs between the two, and what follows from it, in one transaction.

        Args:
            old: what the store holds now.
            new: what it is to hold.
            indexes: all there are from now on, only what differs is written; None: as before.
            gone: units whose slots are to be forgotten; unknown ones are no error.
        """
        with self._database.transaction() as db:
            _write_difference(db, resources.LOAD_BALANCERS, old, new)
            _write_difference(db, resources.LISTENERS, old, new)
            _write_difference(db, resources.GROUPS, old, new)
            _write_difference(db, resources.SERVERS, old, new)
            if indexes is not None:
                _write_indexes(db, indexes)
            db.executemany("DELETE FROM slots WHERE unit = ?", ((unit,) for unit in gone))

    # -- what must not move or be forgotten --------------------------------------------------------

    def load_indexes(self) -> dict[str, int]:
        with self._database.transaction() as db:
            return dict(db.execute("SELECT name, value FROM map_indexes"))

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

    # -- what happened -----------------------------------------------------------------------------

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


def _write_difference(db: sqlite3.Connection, kind: Kind[K, R], old: Desired, new: Desired) -> None:
    before, after = kind.all_of(old), kind.all_of(new)
    db.executemany(
        f"DELETE FROM {kind.table} WHERE key = ?",
        ((str(key),) for key in before if key not in after),
    )
    db.executemany(
        f"INSERT INTO {kind.table} (key, document) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET document = excluded.document",
        (
            (str(key), to_text(kind.to_json(resource)))
            for key, resource in after.items()
            if before.get(key) is not resource and before.get(key) != resource
        ),
    )


def _write_indexes(db: sqlite3.Connection, indexes: Mapping[str, int]) -> None:
    stored = set(db.execute("SELECT name, value FROM map_indexes"))
    wanted = set(indexes.items())
    db.executemany(
        "DELETE FROM map_indexes WHERE name = ?", ((name,) for name, _ in stored - wanted)
    )
    db.executemany("INSERT INTO map_indexes (name, value) VALUES (?, ?)", wanted - stored)
