# SPDX-License-Identifier: Apache-2.0
"""One SQLite file, owned by this process: opening, transactions, and what its errors mean."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from xdpair.core import errors
from xdpair.store import schema

#: How long to wait for another program that has the file open, such as a backup.
BUSY_TIMEOUT_S = 5.0


class Database:
    """Open until ``close``. Any thread may use it; one transaction runs at a time.

    A lock file beside it (``flock``) keeps a second controller out. The kernel drops the lock when
    the process ends, however it ends; a child made by ``fork`` without ``exec`` would share it.

    Args:
        path: the file; it is created if it is not there, and so is its directory (mode 0700).

    Raises:
        StoreError: another controller has it, it is no store of ours, it is damaged, or the
            operating system refused. Nothing was changed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        with contextlib.ExitStack() as undo, self._explained():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_fd = _lock(path.with_name(path.name + ".lock"))
            undo.callback(os.close, self._lock_fd)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            undo.callback(self._connection.close)
            _prepare(self._connection)
            undo.pop_all()

    def close(self) -> None:
        """Write everything back into the one file and let the next controller in."""
        with self._mutex:
            self._connection.close()
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
                self._lock_fd = -1

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that happens inside is on disk when the block has ended, or none of it happened.

        Raises:
            StoreError: none of it happened.
        """
        with self._mutex, self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # SQLite rolls back by itself when it must
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except errors.StoreError as error:
            raise errors.StoreError(f"{self._path}: {error}", **error.metadata) from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", type(error).__name__)
            raise errors.StoreError(
                f"{self._path}: {error} ({code})", path=self._path, code=code
            ) from error
        except OSError as error:
            raise errors.StoreError(
                f"{error.filename or self._path}: {error.strerror}", path=self._path
            ) from error


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        raise errors.StoreError(
            f"another controller uses it: process {holder}", process=holder
        ) from None
    # Only the lock counts: on a full disk the number stays unknown and the controller starts.
    with contextlib.suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def _prepare(db: sqlite3.Connection) -> None:
    # Without other readers SQLite needs no shared-memory file: one thing less to make at a start on
    # a full disk, when all that is wanted is to read.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA synchronous = FULL")  # in WAL mode: each commit is flushed to the disk
    schema.check_origin(db)
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise errors.StoreError(
            f"this filesystem has no shared memory maps: journal mode is {mode}"
        )
    (damage,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if damage != "ok":
        raise errors.StoreError(f"the file is damaged: {damage}")
    schema.migrate(db)
