# SPDX-License-Identifier: Apache-2.0
"""A store in a file of its own, for every test that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from xdpair.store.database import Database
from xdpair.store.sqlite import SqliteStore


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
