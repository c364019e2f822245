# SPDX-License-Identifier: Apache-2.0
"""Which row of which map belongs to what. Rows must not move under live flows, so the assignment is
kept for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.desired import Desired
from xdpair.core.model import FailoverScope, Listener, ListenerKey, PairGroup, Side


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows per map, of which row 0 is never used; ``acls`` are sets of access control lists."""

    listeners: int = 16_384
    servers: int = 32_768
    acls: int = 4096


@dataclass(frozen=True, slots=True)
class RowChange:
    """Rows that are given away and names that lose theirs.

    Attributes:
        added: name -> row; of ``cursor:…``, which are no rows, the new values.
    """

    added: Mapping[str, int] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()


def unit_of(listener: Listener, group: PairGroup) -> str:
    """The failover unit that a listener belongs to: it alone, or its group."""
    return group.group_id if group.failover.scope is FailoverScope.GROUP else str(listener.key)


def units_of(desired: Desired) -> set[str]:
    """All failover units."""
    return {
        unit_of(listener, group)
        for listener in desired.listeners.values()
        if isinstance(group := desired.group(listener.group_id), PairGroup)
    }


def listener_name(key: ListenerKey) -> str:
    return f"listener:{key}"


def slot_name(unit: str) -> str:
    return f"slot:{unit}"


def server_name(group: PairGroup, side: Side, address: IPv4Address) -> str:
    """The address is part of the name: a server that moves is another one, and the old one's flows
    end.
    """
    port = group.member(side).port
    return f"server:{group.group_id}/{side.name.lower()}/{int(address):08x}:{port}"


def weighted_server_name(key: ListenerKey, address: IPv4Address, port: int) -> str:
    """A server of one weighted listener: its health, and so its row, are the listener's own."""
    return f"server:{key}/{int(address):08x}:{port}"


def acl_name(acl_ids: Iterable[str]) -> str:
    """The union of these lists."""
    return "acl:" + "+".join(sorted(acl_ids))


class Rows:
    """All rows by name. A change costs in proportion to what it changes.

    Args:
        stored: from the store; what does not fit the maps, since they became smaller, is forgotten
            until ``plan`` gives it another row, or the store is told that it is gone.
    """

    def __init__(self, stored: Mapping[str, int], limits: Limits) -> None:
        self._rows: dict[str, int] = {}
        self._misfits: set[str] = set()
        self._kinds = {
            "listener": _Kind(limits.listeners),
            "slot": _Kind(limits.listeners),
            "server": _Kind(limits.servers),
            "acl": _Kind(limits.acls),
        }
        for name, row in stored.items():
            kind, _, rest = name.partition(":")
            if kind == "cursor":
                self._kinds[rest].cursor = row
            elif self._kinds[kind].fits(row):
                self._rows[name] = row
                self._kinds[kind].used[row] = True
            else:
                self._misfits.add(name)

    def __getitem__(self, name: str) -> int:
        return self._rows[name]

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        """All names, those included that do not fit."""
        yield from self._rows
        yield from self._misfits

    def plan(self, wanted: Iterable[str], gone: Iterable[str]) -> RowChange:
        """Give rows to those wanted that have none, and take them from those gone; nothing changes.

        A name that is in both is given another row. A freed row is taken again as late as possible,
        so that flows which still name it have long ended.

        Raises:
            LimitExceeded: a map is full.
        """
        wanted = set(wanted)
        removed = frozenset(name for name in gone if name in self._rows or name in self._misfits)
        new = sorted(name for name in wanted if name not in self._rows or name in removed)
        kinds: dict[str, _Kind] = {}
        for name in (*removed, *new):
            kind = name.partition(":")[0]
            if kind not in kinds:
                kinds[kind] = self._kinds[kind].copy()
            if name in removed and name in self._rows:
                kinds[kind].used[self._rows[name]] = False
        added: dict[str, int] = {}
        for name in new:
            kind = name.partition(":")[0]
            added[name] = added[f"cursor:{kind}"] = kinds[kind].take(kind)
        return RowChange(added, removed - wanted)

    def commit(self, change: RowChange) -> None:
        """It is durable."""
        given = {name: row for name, row in change.added.items() if not name.startswith("cursor:")}
        for name in (*change.removed, *given):
            row = self._rows.pop(name, None)
            if row is not None:
                self._kinds[name.partition(":")[0]].used[row] = False
        for name, row in given.items():
            kind = self._kinds[name.partition(":")[0]]
            self._rows[name] = row
            kind.used[row] = True
        for name, kind in self._kinds.items():
            kind.cursor = change.added.get(f"cursor:{name}", kind.cursor)
        self._misfits -= {*change.removed, *given}


@dataclass(slots=True)
class _Kind:
    """Rows of one map.

    Attributes:
        cursor: the row that was given away last.
        used: by row, whether it is taken; row 0 always is.
    """

    capacity: int
    cursor: int = 0
    used: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        if not self.used:
            self.used = bytearray(self.capacity)
            self.used[0] = True

    def copy(self) -> _Kind:
        return _Kind(self.capacity, self.cursor, self.used[:])

    def fits(self, row: int) -> bool:
        return 0 < row < self.capacity and not self.used[row]

    def take(self, kind: str) -> int:
        """The first free row after the cursor, else from the start.

        Raises:
            LimitExceeded: there is none.
        """
        row = self.used.find(0, self.cursor + 1)
        if row < 0:
            row = self.used.find(0)
        if row < 0:
            raise errors.LimitExceeded(
                f"no more than {self.capacity - 1} {kind} rows fit the data plane's maps", kind=kind
            )
        self.used[row] = True
        self.cursor = row
        return row
