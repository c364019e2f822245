# SPDX-License-Identifier: Apache-2.0
"""The tables, and how a file of an older version becomes one of this version.

A resource is a key and a JSON document. What foreign keys need is generated from the document, so
nothing is written twice; they are checked at commit, so the order inside a transaction is free. A
step also leads the documents on: what reads them knows the last version only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from xdpair.core import errors

#: "xdpr": tells a store from any other SQLite file.
APPLICATION_ID = 0x78647072

#: Step n leads from version n to n + 1. Steps are never changed after a release, only added.
MIGRATIONS: Sequence[Sequence[str]] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """
        CREATE TABLE load_balancers (
            key TEXT PRIMARY KEY,
            document TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE server_groups (
            key TEXT PRIMARY KEY,
            document TEXT NOT NULL,
            load_balancer TEXT NOT NULL AS (json_extract(document, '$.lb_id'))
                REFERENCES load_balancers DEFERRABLE INITIALLY DEFERRED
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE listeners (
            key TEXT PRIMARY KEY,
            document TEXT NOT NULL,
            load_balancer TEXT NOT NULL AS (json_extract(document, '$.key.lb_id'))
                REFERENCES load_balancers DEFERRABLE INITIALLY DEFERRED,
            server_group TEXT NOT NULL AS (json_extract(document, '$.group_id'))
                REFERENCES server_groups DEFERRABLE INITIALLY DEFERRED
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX server_groups_by_load_balancer ON server_groups (load_balancer)",
        "CREATE INDEX listeners_by_load_balancer ON listeners (load_balancer)",
        "CREATE INDEX listeners_by_server_group ON listeners (server_group)",
        """
        CREATE TABLE servers (
            key TEXT PRIMARY KEY,
            document TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE slots (
            unit TEXT PRIMARY KEY,
            document TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE map_indexes (
            name TEXT PRIMARY KEY,
            value INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE events (
            seq INTEGER PRIMARY KEY,
            document TEXT NOT NULL
        ) STRICT
        """,
    ),
    (
        """
        UPDATE load_balancers
        SET document = json_set(document, '$.status', 'active', '$.tags', json('{}'))
        """,
        "UPDATE servers SET document = json_set(document, '$.tags', json('{}'))",
        """
        UPDATE server_groups
        SET document = json_set(document, '$.kind', 'pair', '$.tags', json('{}'))
        """,
        """
        INSERT INTO server_groups (key, document)
        SELECT
            'rsp-default-' || substr(key, length('lb-') + 1),
            json_object(
                'kind', 'default',
                'lb_id', key,
                'members', json('[]'),
                'create_time_s', json_extract(document, '$.create_time_s'),
                'tags', json('{}')
            )
        FROM load_balancers
        """,
        """
        UPDATE listeners
        SET document = json_set(
            document,
            '$.server_port', NULL,
            '$.acl', NULL,
            '$.tags', json('{}'),
            '$.traffic.scheduler', 'wrr',
            '$.traffic.persistence_timeout_s', 0,
            '$.traffic.established_timeout_s', 900,
            '$.traffic.connection_drain_s', 0,
            '$.traffic.bandwidth_mbps', -1,
            '$.traffic.all_unhealthy', 'reject'
        )
        """,
        """
        CREATE TABLE access_control_lists (
            key TEXT PRIMARY KEY,
            document TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "ALTER TABLE map_indexes RENAME TO map_rows",
        """
        CREATE TABLE pools (
            listener TEXT PRIMARY KEY,
            document TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE departures (
            name TEXT PRIMARY KEY,
            document TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE requests (
            seq INTEGER PRIMARY KEY,
            request_id TEXT NOT NULL UNIQUE,
            digest TEXT NOT NULL,
            resource TEXT NOT NULL,
            time_s REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX requests_by_time ON requests (time_s)",
    ),
)


def check_origin(db: sqlite3.Connection, steps: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Make sure, reading only, that ``migrate`` may be let loose on this file.

    Raises:
        StoreError: another program's file, or a newer xdpair's.
    """
    (application_id,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application_id != APPLICATION_ID and (application_id or tables):
        raise errors.StoreError("this is a SQLite database, but not one of xdpair")
    version = version_of(db)
    if version > len(steps):
        raise errors.StoreError(
            f"a newer xdpair has written this: its schema is version {version}, "
            f"this xdpair knows no later than {len(steps)}",
            version=version,
        )


def migrate(db: sqlite3.Connection, steps: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Lead the file from its version to the last one, each step in a transaction of its own.

    Raises:
        sqlite3.Error: a step failed; the file is of the version before it.
    """
    for version in range(version_of(db), len(steps)):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in steps[version]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def version_of(db: sqlite3.Connection) -> int:
    """The version that the file has reached; 0: nothing is in it yet."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)
