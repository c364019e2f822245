# SPDX-License-Identifier: Apache-2.0
"""What a ``Revision`` writes into the maps, once every name has its row.

Of each map first goes what goes, then comes what comes: in a full map a row may change hands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Set
from ipaddress import IPv4Address
from typing import TypeVar

from xdpair.core import indexes
from xdpair.core.changes import Departure
from xdpair.core.departing import Move
from xdpair.core.model import ListenerKey, Side
from xdpair.core.parts import PRESENT, ListenerPart, listener_entry
from xdpair.core.revision import Revision
from xdpair.core.state import DEPARTING, value_of
from xdpair.core.tables import (
    AclKey,
    Kind,
    ListenerEntry,
    LookupKey,
    NextHop,
    ServerEntry,
    TableChange,
)

K = TypeVar("K")
V = TypeVar("V")
RowOf = Callable[[str], int]


def table_change(
    revision: Revision,
    old_row: RowOf,
    new_row: RowOf,
    drained: Set[tuple[ListenerKey, Side]],
    next_hop: Callable[[IPv4Address], NextHop | None],
) -> TableChange:
    """Complete ``revision`` with rows and entries.

    Args:
        old_row, new_row: rows by name, before the change and after it.
        drained: listeners whose flows of that side were kept for long enough.
    """
    listeners = _listeners(revision, new_row, drained)
    servers = _servers(revision, old_row, new_row, next_hop)
    lookup = {
        **_vips(revision),
        **_listener_keys(revision),
        **_endpoints(revision, old_row, new_row),
    }
    return TableChange(lookup, listeners, servers, _acls(revision, old_row, new_row))


def _changes(
    items: Iterable[tuple[tuple[K, V] | None, tuple[K, V] | None]],
) -> dict[K, V | None]:
    """From what each was and is, as (key, value) or None, to what is to be written."""
    gone: dict[K, V | None] = {}
    come: dict[K, V | None] = {}
    for old, new in items:
        if old == new:
            continue
        if old is not None:
            gone[old[0]] = None
        if new is not None:
            come[new[0]] = new[1]
    return gone | come


def _listeners(
    revision: Revision, new_row: RowOf, drained: Set[tuple[ListenerKey, Side]]
) -> dict[int, ListenerEntry | None]:
    for move in revision.moves:
        new = None
        if move.new is not None and move.new.forwards:
            row = new_row(indexes.listener_name(move.key))
            new = row, listener_entry(move.new, new_row, drained)
        revision.forwarding.put(move.key, new)
    return _changes(revision.forwarding.differences())


def _listener_keys(revision: Revision) -> dict[LookupKey, int | None]:
    return _changes(
        (_listener_item(old), _listener_item(new)) for old, new in revision.forwarding.differences()
    )


def _listener_item(found: tuple[int, ListenerEntry] | None) -> tuple[LookupKey, int] | None:
    if found is None:
        return None
    row, entry = found
    return LookupKey(Kind.LISTENER, entry.vip, entry.port, entry.protocol), row


def _vips(revision: Revision) -> dict[LookupKey, int | None]:
    return _changes(
        (None if old is None else (old, PRESENT), None if new is None else (new, PRESENT))
        for old, new in revision.vips.differences()
    )


def _endpoints(revision: Revision, old_row: RowOf, new_row: RowOf) -> dict[LookupKey, int | None]:
    gone: dict[LookupKey, set[int]] = defaultdict(set)
    come: dict[LookupKey, set[int]] = defaultdict(set)
    for move in revision.moves:
        known = _unmoved(move, old_row, new_row)
        _gather(gone, move.old, old_row, known)
        _gather(come, move.new, new_row, known)
    for old, new in revision.departures.differences():
        _gather_departing(gone, old, old_row)
        _gather_departing(come, new, new_row)
    for key in gone.keys() | come.keys():
        holders = (set(revision.state.endpoints.get(key, ())) - gone[key]) | come[key]
        revision.endpoints.put(key, tuple(sorted(holders)) or None)
    return _changes(
        (
            None if old is None else (key, value_of(old)),
            None if new is None else (key, value_of(new)),
        )
        for key, old, new in revision.endpoints.items()
    )


def _unmoved(move: Move, old_row: RowOf, new_row: RowOf) -> set[str]:
    """Servers of a listener for whose endpoints nothing changes."""
    name = indexes.listener_name(move.key)
    if move.old is None or move.new is None or not move.goes_on or old_row(name) != new_row(name):
        return set()
    old, new = ({server.name for server in part.servers} for part in (move.old, move.new))
    return old & new


def _gather(
    holders: dict[LookupKey, set[int]],
    part: ListenerPart | None,
    row_of: RowOf,
    known: Set[str],
) -> None:
    if part is None or not part.forwards:
        return
    row = row_of(indexes.listener_name(part.listener.key))
    for key, holder in part.endpoints(row, known):
        holders[key].add(holder)


def _gather_departing(
    holders: dict[LookupKey, set[int]], departure: Departure | None, row_of: RowOf
) -> None:
    if departure is None:
        return
    for key in departure.listeners:
        row = row_of(indexes.listener_name(key))
        endpoint = LookupKey(Kind.ENDPOINT, departure.address, departure.port, key.protocol)
        holders[endpoint].add(DEPARTING | row << 1)


def _servers(
    revision: Revision,
    old_row: RowOf,
    new_row: RowOf,
    next_hop: Callable[[IPv4Address], NextHop | None],
) -> dict[int, ServerEntry | None]:
    names = revision.servers.changes.keys() | revision.departures.changes.keys()
    items = []
    for name in names:
        old = new = None
        if name in revision.state.servers or name in revision.state.departures:
            row = old_row(name)
            old = row, revision.state.table[row]
        server, departure = revision.servers.get(name), revision.departures.get(name)
        there = server or departure
        if there is not None:
            new = (
                new_row(name),
                ServerEntry(
                    there.address,
                    there.port,
                    next_hop(there.address),
                    weight=server.weight if server else 0,
                    draining=departure is not None,
                ),
            )
        items.append((old, new))
    changes = _changes(items)
    for row, entry in changes.items():
        revision.table.put(row, entry)
    return changes


def _acls(revision: Revision, old_row: RowOf, new_row: RowOf) -> dict[AclKey, bool]:
    gone: dict[AclKey, bool] = {}
    come: dict[AclKey, bool] = {}
    for name, old, new in revision.acls.items():
        if old is not None and old != new:
            gone |= dict.fromkeys((AclKey(old_row(name), each) for each in old), False)
        if new is not None and old != new:
            come |= dict.fromkeys((AclKey(new_row(name), each) for each in new), True)
    kept = gone.keys() & come.keys()
    return {key: there for key, there in (gone | come).items() if key not in kept}
