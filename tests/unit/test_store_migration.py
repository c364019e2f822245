# SPDX-License-Identifier: Apache-2.0
"""Files of older versions: all that was in them is there, and what was not has its default."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from tests.unit import store_version_1
from tests.unit.store_kit import commit
from tests.unit.store_version_1 import MIGRATED
from xdpair.core.errors import StoreError
from xdpair.core.model import Side
from xdpair.store import schema
from xdpair.store.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store_version_1.write(tmp_path / "xdpair.db")
    return tmp_path / "xdpair.db"


def test_version_1_is_led_to_the_last(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert schema.version_of(db) == 1
    with contextlib.closing(SqliteStore.open(path)) as store:
        assert store.load() == MIGRATED
        assert store.load_rows() == store_version_1.ROWS
        (record,) = store.load_slots()
        assert (record.unit, record.state.slot.side) == ("rsp-web", Side.SECONDARY)
        assert (record.state.slot.epoch, record.state.slot.fence) == (7, (7, 1))
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert schema.version_of(db) == len(schema.MIGRATIONS)


def test_migrated_file_can_be_changed(path: Path) -> None:
    changed = MIGRATED.delete_load_balancer("lb-idle")
    with contextlib.closing(SqliteStore.open(path)) as store:
        store.save(commit(MIGRATED, changed))
    with contextlib.closing(SqliteStore.open(path)) as store:
        assert store.load() == changed


def test_group_in_the_way_of_a_default_group_stops_the_migration(path: Path) -> None:
    """Version 1 let users take such an id. Nothing is lost, and the older xdpair can go on."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM listeners")
        db.execute("UPDATE server_groups SET key = 'rsp-default-web'")
    with pytest.raises(StoreError, match=r"UNIQUE constraint failed: server_groups\.key"):
        SqliteStore.open(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert schema.version_of(db) == 1
        (document,) = db.execute("SELECT document FROM server_groups").fetchone()
        assert json.loads(document) == store_version_1.DOCUMENTS["server_groups"]["rsp-web"]
