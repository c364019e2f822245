# SPDX-License-Identifier: Apache-2.0
"""What tests of the store have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from xdpair.core.changes import Delta
from xdpair.core.desired import Desired
from xdpair.ports import Commit
from xdpair.store.database import Database


def commit(old: Desired, new: Desired, **more: Any) -> Commit:
    """What leads from one to the other, and whatever else is to be saved with it."""
    return Commit(new, delta(old, new), **more)


def delta(old: Desired, new: Desired) -> Delta:
    """Where they differ, found by looking at everything."""
    return Delta(
        **{
            kind.name: _differing(getattr(old, kind.name), getattr(new, kind.name))
            for kind in fields(Delta)
        }
    )


def _differing(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> frozenset[Any]:
    return frozenset(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))


def rows_changed(database: Database) -> int:
    with database.transaction() as db:
        return db.total_changes
