# SPDX-License-Identifier: Apache-2.0
"""The store's file: versions, other people's files, damage, full disks, and death in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.unit import store_writer
from tests.unit.store_kit import commit
from xdpair.core.changes import Delta
from xdpair.core.desired import Desired
from xdpair.core.errors import StoreError
from xdpair.core.events import Event, EventKind
from xdpair.core.indexes import RowChange
from xdpair.core.model import Server
from xdpair.ports import Commit
from xdpair.store import schema
from xdpair.store.database import Database
from xdpair.store.sqlite import SqliteStore

FULL = "SQLITE_FULL"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "xdpair.db"


@contextlib.contextmanager
def opened(path: Path) -> Iterator[SqliteStore]:
    with contextlib.closing(SqliteStore.open(path)) as store:
        yield store


def fill(store: SqliteStore, world: Desired, most: int) -> tuple[Desired, StoreError]:
    """Create servers until the store refuses: what it acknowledged, and why it refused."""
    for number in range(most):
        server = Server(f"s-{number}", IPv4Address("192.0.2.1"), "x" * 256)
        grown = world.create_server(server)
        try:
            store.save(commit(world, grown))
        except StoreError as error:
            return world, error
        world = grown
    raise AssertionError(f"{most} servers fitted")


# -- versions --------------------------------------------------------------------------------------


def test_new_file_is_of_the_last_version_and_durable(path: Path) -> None:
    with contextlib.closing(Database(path)) as database, database.transaction() as db:
        assert schema.version_of(db) == len(schema.MIGRATIONS)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_migration_goes_on_from_where_the_file_is(path: Path) -> None:
    steps = [["CREATE TABLE a (x)"], ["INSERT INTO a VALUES (1)"], ["UPDATE a SET x = x + 1"]]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, steps[:2])
        schema.migrate(db, steps)
        schema.migrate(db, steps)
        assert (schema.version_of(db), db.execute("SELECT x FROM a").fetchall()) == (3, [(2,)])


def test_failed_migration_leaves_the_version_before_it(path: Path) -> None:
    steps = [["CREATE TABLE a (x)"], ["INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)"]]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError, match="no such table: b"):
            schema.migrate(db, steps)
        assert (schema.version_of(db), db.execute("SELECT x FROM a").fetchall()) == (1, [])


def test_file_of_a_newer_version_is_refused_and_untouched(path: Path) -> None:
    with opened(path):
        pass
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    content = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer xdpair .* version 99, .* no later than 2"):
        SqliteStore.open(path)
    assert path.read_bytes() == content


def test_file_of_another_program_is_refused_and_untouched(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url)")
    content = path.read_bytes()
    with pytest.raises(StoreError, match="not one of xdpair"):
        SqliteStore.open(path)
    assert path.read_bytes() == content


# -- one controller --------------------------------------------------------------------------------


def test_second_controller_is_refused(path: Path) -> None:
    with opened(path), pytest.raises(StoreError, match=f"another .*: process {os.getpid()}"):
        SqliteStore.open(path)
    with opened(path):
        pass


def test_dead_controller_keeps_nobody_out(path: Path) -> None:
    with writer(path, rounds=1), pytest.raises(StoreError, match="another controller"):
        SqliteStore.open(path)
    with opened(path):
        pass


# -- damage ----------------------------------------------------------------------------------------


def test_garbage_is_refused(path: Path) -> None:
    path.write_bytes(b"\0" * 8192)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore.open(path)


def test_damaged_page_is_noticed_at_the_start(path: Path) -> None:
    with opened(path) as store:
        store.append_events([Event(EventKind.WARNING, seq=n) for n in range(1, 500)])
    content = bytearray(path.read_bytes())
    content[-4096:] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        SqliteStore.open(path)


def test_truncated_file_is_noticed_at_the_start(path: Path) -> None:
    with opened(path) as store:
        store.append_events([Event(EventKind.WARNING, seq=n) for n in range(1, 500)])
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        SqliteStore.open(path)


def test_directory_in_the_way_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreError, match="unable to open"):
        SqliteStore.open(path)
    with pytest.raises(StoreError, match=r"xdpair\.db\.lock.*: Not a directory|File exists"):
        SqliteStore.open(Path(f"{path}.lock") / "xdpair.db")


# -- no room ---------------------------------------------------------------------------------------


def test_file_that_may_not_grow_refuses_and_keeps_what_it_has(path: Path) -> None:
    with contextlib.closing(Database(path)) as database:
        store = SqliteStore(database)
        with database.transaction() as db:
            (pages,) = db.execute("PRAGMA page_count").fetchone()
            db.execute(f"PRAGMA max_page_count = {pages + 5}")
        kept, refusal = fill(store, Desired(), 1000)
        assert refusal.metadata["code"] == FULL
        assert kept.servers
        assert store.load() == kept
        smaller = kept.delete_server("s-0")
        store.save(commit(kept, smaller))
        assert store.load() == smaller


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", mount], check=True)
    yield mount
    subprocess.run(["umount", mount], check=True)


@pytest.mark.root
def test_full_disk_refuses_and_keeps_what_it_has(small_disk: Path) -> None:
    with opened(small_disk / "xdpair.db") as store:
        kept, refusal = fill(store, Desired(), 5000)
        assert refusal.metadata["code"] == FULL
        assert store.load() == kept
        with pytest.raises(StoreError):
            store.save(Commit(kept, Delta(), RowChange({f"slot:{n}": n for n in range(20_000)})))
        assert store.load_rows() == {}
        subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
        grown = kept.create_server(Server("late", IPv4Address("192.0.2.1")))
        store.save(commit(kept, grown))
    with opened(small_disk / "xdpair.db") as store:
        assert store.load() == grown


def use_up(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))


@pytest.mark.root
def test_controller_killed_on_a_full_disk_starts_again(small_disk: Path) -> None:
    with writer(small_disk / "xdpair.db", rounds=20) as acknowledged:
        pass
    use_up(small_disk)
    assert_nothing_lost(small_disk / "xdpair.db", acknowledged[-1])


@pytest.mark.root
def test_controller_stopped_on_a_full_disk_starts_again(small_disk: Path) -> None:
    world = Desired().create_server(Server("a", IPv4Address("192.0.2.1")))
    with opened(small_disk / "xdpair.db") as store:
        store.save(commit(Desired(), world))
    use_up(small_disk)
    with opened(small_disk / "xdpair.db") as store:
        assert store.load() == world
        with pytest.raises(StoreError):
            store.save(commit(world, Desired()))


@pytest.mark.root
def test_read_only_disk_is_refused(small_disk: Path) -> None:
    with opened(small_disk / "xdpair.db"):
        pass
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreError, match="Read-only file system"):
        SqliteStore.open(small_disk / "xdpair.db")


# -- death -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def writer(path: Path, rounds: int) -> Iterator[list[int]]:
    """Another process that writes, and has done ``rounds`` at least; killed at the end.

    Yields:
        The rounds it acknowledged, complete after the end.
    """
    command = [sys.executable, store_writer.__file__, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        acknowledged: list[int] = []
        for line in process.stdout:
            acknowledged.append(int(line))
            if acknowledged[-1] == rounds:
                break
        yield acknowledged
        process.send_signal(signal.SIGKILL)
        acknowledged.extend(int(line) for line in process.stdout if line.endswith("\n"))


def assert_nothing_lost(path: Path, last: int) -> None:
    """All that round ``last`` wrote is there, and of the round after it no more than it began."""
    with opened(path) as store:
        servers = store.load().servers
        assert set(servers) == {f"s-{number}" for number in range(1, len(servers) + 1)}
        (slot,) = store.load_slots()
        steps = [
            len(servers),
            slot.state.slot.epoch,
            store.load_rows()["server"],
            store.load_events(1)[0].seq,
        ]
    assert steps == sorted(steps, reverse=True)
    assert set(steps) <= {last, last + 1}


@pytest.mark.parametrize("rounds", [1, 2, 9, 30, 75, 150])
def test_what_was_acknowledged_survives_kill_9(path: Path, rounds: int) -> None:
    with writer(path, rounds) as acknowledged:
        pass
    assert_nothing_lost(path, acknowledged[-1])
