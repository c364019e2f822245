# SPDX-License-Identifier: Apache-2.0
"""One change in the making: what it touches is made anew, all else stays. First what is wanted, by
the names of rows; what the maps then hold is in ``core.writes``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address
from typing import Any

from xdpair.core import departing, indexes
from xdpair.core.changes import Departure
from xdpair.core.departing import Move
from xdpair.core.desired import Desired
from xdpair.core.model import PairGroup
from xdpair.core.overlay import Overlay
from xdpair.core.parts import ServerPart, acl_part, listener_part, pair_part, vip_key
from xdpair.core.state import State, Touched


class Revision:
    """What ``state`` will be; it stays as it is until ``commit``.

    Attributes:
        moves: listeners that are touched, before and after.
    """

    def __init__(self, state: State, desired: Desired, touched: Touched) -> None:
        self.state = state
        self.touched = touched
        self.vips = Overlay(state.vips)
        self.pairs = Overlay(state.pairs)
        self.listeners = Overlay(state.listeners)
        self.forwarding = Overlay(state.forwarding)
        self.acls = Overlay(state.acls)
        self.held = Overlay(state.held)
        self.endpoints = Overlay(state.endpoints)
        self.servers = Overlay(state.servers)
        self.departures = Overlay(state.departures)
        self.table = Overlay(state.table)
        self._make_parts(desired)
        self.moves = [
            Move(key, state.listeners.get(key), self.listeners.get(key))
            for key in sorted(touched.listeners)
        ]
        self._find_servers()

    def _make_parts(self, desired: Desired) -> None:
        for lb_id in self.touched.load_balancers:
            self.vips.put(lb_id, vip_key(desired, lb_id))
        for group_id in self.touched.groups:
            group = desired.groups.get(group_id)
            if isinstance(group, PairGroup):
                self.pairs.put(group_id, pair_part(desired, group))
            elif group_id in self.state.pairs:
                self.pairs.put(group_id, None)
        for key in self.touched.listeners:
            listener = desired.listeners.get(key)
            part = None
            if listener is not None:
                old = self.state.listeners.get(key)
                part = listener_part(desired, listener, self.pairs.get, old)
            self.listeners.put(key, part)

    def _find_servers(self) -> None:
        """Those of pairs are there always, those of other listeners while they forward."""
        changes: list[tuple[Iterable[ServerPart], Iterable[ServerPart]]] = [
            (old or (), new or ()) for old, new in self.pairs.differences()
        ]
        changes += [
            (
                move.old.own_servers() if move.old else (),
                move.new.own_servers() if move.new else (),
            )
            for move in self.moves
        ]
        for gone, _ in changes:
            for server in gone:
                self.servers.put(server.name, None)
        for _, come in changes:
            for server in come:
                self.servers.restore(server.name, server)

    def complete(
        self, desired: Desired, going_on: Mapping[str, Departure], now_s: float
    ) -> tuple[set[str], set[str]]:
        """Add what does not follow from single resources.

        Args:
            going_on: departures that are known, without those whose time is up.
            now_s: CLOCK_REALTIME.

        Returns:
            Names of rows that are needed, and those that nobody needs any more. One that is in both
            has to be another row: what flows say of it would be misunderstood.
        """
        known = self.state.departures
        for name, departure in departing.follow(known, going_on, self.moves, now_s).items():
            self.departures.put(name, departure)
        self._count_names()
        for name in self._touched_acls(desired):
            self.acls.put(name, acl_part(desired, name) if self.held.get(name) else None)
        held = self.held.items()
        regiven = {indexes.listener_name(move.key) for move in self.moves if move.changes_kind}
        return (
            regiven | {name for name, before, now in held if now and not before},
            regiven | {name for name, before, now in self.held.items() if before and not now},
        )

    def _count_names(self) -> None:
        counts: Counter[str] = Counter()
        for move in self.moves:
            before, after = (part.names if part else () for part in (move.old, move.new))
            if before != after:
                counts.subtract(before)
                counts.update(after)
        for old, new in self.pairs.differences():
            counts.subtract(server.name for server in old or ())
            counts.update(server.name for server in new or ())
        for name, was, now in self.departures.items():
            counts[name] += (now is not None) - (was is not None)
        for name, difference in counts.items():
            if difference:
                self.held.put(name, self.state.held.get(name, 0) + difference or None)

    def _touched_acls(self, desired: Desired) -> set[str]:
        """Rows whose lists may have changed: those of all listeners count, forwarding or not."""
        parts = [part for move in self.moves for part in (move.old, move.new)]
        names = {part.acl for part in parts if part is not None and part.acl}
        for acl_id in self.touched.acls:
            for listener in desired.listeners_with_acl(acl_id):
                if listener.acl is not None:
                    names.add(indexes.acl_name(listener.acl.acl_ids))
        return names

    def may_end_flows(self) -> bool:
        """Whether a listener that goes on lost a server, or the permission to keep flows, or the
        time of a departed one is over.
        """
        if any(departure is None for departure in self.departures.changes.values()):
            return True
        for move in self.moves:
            if any(self.departures.get(server.name) is None for server in move.lost()):
                return True
            old, new = self.state.forwarding.get(move.key), self.forwarding.get(move.key)
            if move.goes_on and old and new:
                was, now = old[1], new[1]
                if was.keep_primary > now.keep_primary or was.keep_secondary > now.keep_secondary:
                    return True
        return False

    def watch(self) -> tuple[set[IPv4Address], set[IPv4Address]]:
        """Addresses of servers that are new, and those that are not needed any more."""
        counts: Counter[IPv4Address] = Counter()
        for row, entry in self.table.changes.items():
            old = self.state.table.get(row)
            if entry is not None:
                counts[entry.address] += 1
            if old is not None:
                counts[old.address] -= 1
        added, removed = set(), set()
        for address, difference in counts.items():
            before = len(self.state.rows_at.get(address, ()))
            if not before:
                added.add(address)
            elif not before + difference:
                removed.add(address)
        return added, removed

    def commit(self) -> None:
        for row, entry in self.table.changes.items():
            self.state.put_server(row, entry)
        overlays: tuple[Overlay[Any, Any], ...] = (
            self.vips,
            self.pairs,
            self.listeners,
            self.forwarding,
            self.acls,
            self.held,
            self.endpoints,
            self.servers,
            self.departures,
        )
        for overlay in overlays:
            overlay.commit()
