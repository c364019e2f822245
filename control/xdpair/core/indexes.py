# SPDX-License-Identifier: Apache-2.0
"""Which row of which map belongs to what. Rows must not move under live flows, so the assignment is
kept for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.desired import Desired
from xdpair.core.model import FailoverScope, Listener, ListenerKey, PairGroup, Side


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows per map, of which row 0 is never used."""

    listeners: int = 4096
    servers: int = 8192


def unit_of(listener: Listener, group: PairGroup) -> str:
    """The failover unit that a listener belongs to: it alone, or its group."""
    return group.group_id if group.failover.scope is FailoverScope.GROUP else str(listener.key)


def units_of(desired: Desired) -> set[str]:
    """All failover units."""
    return {unit_of(each, desired.group(each.group_id)) for each in desired.listeners.values()}


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


def allocate(current: Mapping[str, int], desired: Desired, limits: Limits) -> dict[str, int]:
    """Assign a row to everything desired: what has one keeps it, unless the map became smaller than
    that; what is gone frees it.

    A freed row is taken again as late as possible, so that flows which still name it have long
    ended.

    Raises:
        LimitExceeded: a map is full.
    """
    rows: dict[str, int] = {}
    wanted = set(_names(desired))
    for kind, capacity in (
        ("listener", limits.listeners),
        ("slot", limits.listeners),
        ("server", limits.servers),
    ):
        names = [name for name in wanted if name.startswith(f"{kind}:")]
        kept = {name: current[name] for name in names if 0 < current.get(name, 0) < capacity}
        cursor_name = f"cursor:{kind}"
        free = _free_rows(set(kept.values()), current.get(cursor_name, 0), capacity)
        rows |= kept
        for name in sorted(set(names) - set(kept)):
            try:
                rows[name] = rows[cursor_name] = next(free)
            except StopIteration:
                raise errors.LimitExceeded(
                    f"no more than {capacity - 1} {kind} rows fit the data plane's maps", kind=kind
                ) from None
        rows.setdefault(cursor_name, current.get(cursor_name, 0))
    return rows


def _free_rows(used: set[int], cursor: int, capacity: int) -> Iterator[int]:
    order: Iterable[int] = (*range(cursor + 1, capacity), *range(1, min(cursor + 1, capacity)))
    return (row for row in order if row not in used)


def _names(desired: Desired) -> Iterator[str]:
    for listener in desired.listeners.values():
        yield listener_name(listener.key)
        yield slot_name(unit_of(listener, desired.group(listener.group_id)))
    for group in desired.groups.values():
        for side in Side:
            yield server_name(group, side, desired.address_of(group.member(side)))
