# SPDX-License-Identifier: Apache-2.0
"""What the maps hold, part by part, and why."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from xdpair.core.changes import Delta, Departure
from xdpair.core.desired import Desired
from xdpair.core.model import ListenerKey
from xdpair.core.parts import ListenerPart, PairPart, ServerPart
from xdpair.core.tables import ListenerEntry, LookupKey, ServerEntry, endpoint_value

#: Listeners behind one endpoint: row << 1 | side of each, in order, and this bit where nothing is
#: left but flows of a server that departed.
Holders = tuple[int, ...]
DEPARTING = 1 << 31


@dataclass(frozen=True, slots=True)
class State:
    """Attributes:
    vips: by load balancer.
    pairs: by group.
    forwarding: row and entry of listeners that forward.
    acls: by name of the row.
    held: by name of the row, how many want it.
    servers: by name of the row; those that departed are not among them.
    departures: by name of the row.
    table: rows of ``servers``.
    rows_at: the same, by address.
    """

    vips: dict[str, LookupKey] = field(default_factory=dict)
    pairs: dict[str, PairPart] = field(default_factory=dict)
    listeners: dict[ListenerKey, ListenerPart] = field(default_factory=dict)
    forwarding: dict[ListenerKey, tuple[int, ListenerEntry]] = field(default_factory=dict)
    acls: dict[str, frozenset[IPv4Network]] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    endpoints: dict[LookupKey, Holders] = field(default_factory=dict)
    servers: dict[str, ServerPart] = field(default_factory=dict)
    departures: dict[str, Departure] = field(default_factory=dict)
    table: dict[int, ServerEntry] = field(default_factory=dict)
    rows_at: dict[IPv4Address, set[int]] = field(default_factory=dict)

    def put_server(self, row: int, entry: ServerEntry | None) -> None:
        old = self.table.pop(row, None)
        if old is not None:
            rows = self.rows_at[old.address]
            rows.discard(row)
            if not rows:
                del self.rows_at[old.address]
        if entry is not None:
            self.table[row] = entry
            self.rows_at.setdefault(entry.address, set()).add(row)


def value_of(holders: Holders) -> int:
    """What ``lookup`` says of an endpoint: the first of its listeners, and whether only the flow
    tells whose an answer is.
    """
    first = holders[0]
    shared = len(holders) > 1 or first >= DEPARTING
    return endpoint_value((first & ~DEPARTING) >> 1, first & 1, shared=shared)


@dataclass(frozen=True, slots=True)
class Touched:
    """Keys of what has to be compiled anew."""

    load_balancers: Set[str]
    groups: Set[str]
    listeners: Set[ListenerKey]
    acls: Set[str]

    @classmethod
    def by(cls, delta: Delta, desired: Desired) -> Touched:
        """What changed, and what refers to it."""
        groups = set(delta.groups)
        for server_id in delta.servers:
            groups.update(group.group_id for group in desired.groups_naming(server_id))
        listeners = set(delta.listeners)
        for group_id in groups:
            listeners.update(each.key for each in desired.listeners_using(group_id))
        for lb_id in delta.load_balancers:
            listeners.update(each.key for each in desired.listeners_of(lb_id))
        return cls(delta.load_balancers, groups, listeners, delta.acls)

    @classmethod
    def everything(cls, desired: Desired) -> Touched:
        return cls(
            desired.load_balancers.keys(),
            desired.groups.keys(),
            desired.listeners.keys(),
            desired.acls.keys(),
        )
