# SPDX-License-Identifier: Apache-2.0
"""From what users asked for and what the kernel says to the content of the maps.

A change is compiled from what it touches, in proportion to that; the result is the same as if all
were compiled anew. Nothing here knows the clock or waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Protocol

from xdpair.core.changes import Delta, Departure
from xdpair.core.desired import Desired
from xdpair.core.indexes import RowChange, Rows
from xdpair.core.model import ListenerKey, Member, Side
from xdpair.core.parts import PRESENT
from xdpair.core.revision import Revision
from xdpair.core.state import State, Touched
from xdpair.core.tables import Kind, Link, LookupKey, NextHop, TableChange
from xdpair.core.writes import table_change


class Facts(Protocol):
    """What the kernel says about the network around this host; answers come at once."""

    def next_hop(self, address: IPv4Address) -> NextHop | None: ...

    def local_addresses(self) -> frozenset[IPv4Address]: ...

    def links(self) -> tuple[Link, ...]: ...


@dataclass(frozen=True, slots=True)
class WeightedMember:
    """One server of a weighted listener.

    Attributes:
        name: of its row.
        weight: 0 to 100.
        member: of several that are reached at the same address and port, the first.
    """

    name: str
    row: int
    address: IPv4Address
    port: int
    weight: int
    member: Member


@dataclass(slots=True)
class Plan:
    """All that follows from one change.

    Attributes:
        rows: for the store.
        change: for the maps; ``commit`` brings it up to date with the network.
        departures: by name of the row, for the store and for timers; None: over.
        listeners: all that may be affected.
        gone: units and listeners whose states may be forgotten.
        watch_added, watch_removed: addresses of servers.
        may_end_flows: a listener that goes on lost a server or the permission to keep flows, or the
            time of a departed server is over.
        revision: for ``commit``.
    """

    rows: RowChange
    change: TableChange
    departures: Mapping[str, Departure | None]
    listeners: frozenset[ListenerKey]
    gone: frozenset[str]
    watch_added: Set[IPv4Address]
    watch_removed: Set[IPv4Address]
    may_end_flows: bool
    revision: Revision


class Compiler:
    """Keeps what the maps hold, part by part. Not for more than one thread at a time."""

    def __init__(self, rows: Rows, facts: Facts) -> None:
        self._rows = rows
        self._facts = facts
        self._state = State()
        self._local: frozenset[IPv4Address] = frozenset()
        self._links: tuple[Link, ...] = ()

    # -- changes -----------------------------------------------------------------------------------

    def plan(
        self,
        desired: Desired,
        delta: Delta,
        *,
        now_s: float,
        departures: Mapping[str, Departure],
        drained: Set[tuple[ListenerKey, Side]],
    ) -> Plan:
        """What has to be done about ``delta``; nothing changes.

        Args:
            now_s: CLOCK_REALTIME.
            departures: those that go on; what is known beyond them is over.
            drained: listeners whose flows of that side were kept for long enough; those for which
                this changed have to be in ``delta``.

        Raises:
            LimitExceeded: a map has no more rows.
        """
        revision = Revision(self._state, desired, Touched.by(delta, desired))
        wanted, gone = revision.complete(desired, departures, now_s)
        return self._plan(revision, self._rows.plan(wanted, gone), drained)

    def plan_all(
        self,
        desired: Desired,
        *,
        now_s: float,
        departures: Mapping[str, Departure],
        drained: Set[tuple[ListenerKey, Side]],
    ) -> Plan:
        """The same from scratch, whatever was committed before: the change is whole.

        Args:
            departures: of those, what makes no sense any more is over.
        """
        revision = Revision(State(), desired, Touched.everything(desired))
        going_on = {
            name: departure
            for name, departure in departures.items()
            if name in self._rows
            and departure.until_s > now_s
            and set(departure.listeners) <= desired.listeners.keys()
        }
        wanted, _ = revision.complete(desired, going_on, now_s)
        plan = self._plan(revision, self._rows.plan(wanted, set(self._rows) - wanted), drained)
        plan.watch_removed = self._state.rows_at.keys() - plan.watch_added
        plan.departures = {
            name: now
            for name, before in departures.items()
            if (now := revision.departures.get(name)) != before
        }
        plan.change = self._with_network(replace(plan.change, whole=True))
        return plan

    def _plan(
        self, revision: Revision, rows: RowChange, drained: Set[tuple[ListenerKey, Side]]
    ) -> Plan:
        old_row = self._rows.__getitem__

        def new_row(name: str) -> int:
            return rows.added.get(name) or old_row(name)

        change = table_change(revision, old_row, new_row, drained, self._facts.next_hop)
        watch_added, watch_removed = revision.watch()
        return Plan(
            rows=rows,
            change=change,
            departures=dict(revision.departures.changes),
            listeners=frozenset(move.key for move in revision.moves),
            gone=frozenset(_without_states(rows)),
            watch_added=watch_added,
            watch_removed=watch_removed,
            may_end_flows=revision.may_end_flows(),
            revision=revision,
        )

    def commit(self, plan: Plan) -> None:
        """It is durable: go on from it. No other plan may have been committed since it was made."""
        self._rows.commit(plan.rows)
        plan.revision.commit()
        self._state = plan.revision.state
        plan.change = self._with_network(plan.change)
        for row, entry in plan.change.servers.items():
            if entry is not None:
                self._state.table[row] = entry
        if plan.change.whole:
            self._local, self._links = self._facts.local_addresses(), self._facts.links()

    # -- network -----------------------------------------------------------------------------------

    def follow_network(self, addresses: Collection[IPv4Address] | None) -> TableChange:
        """What has to be written since the network changed; it is taken as written.

        Args:
            addresses: of servers whose next hop may be another one; None: of all.
        """
        servers = {}
        for address in self._state.rows_at if addresses is None else addresses:
            hop = self._facts.next_hop(address)
            for row in self._state.rows_at.get(address, ()):
                if self._state.table[row].hop != hop:
                    servers[row] = replace(self._state.table[row], hop=hop)
        self._state.table.update(servers)
        local, links = self._facts.local_addresses(), self._facts.links()
        lookup: dict[LookupKey, int | None] = {
            LookupKey(Kind.LOCAL, address): PRESENT if address in local else None
            for address in local ^ self._local
        }
        is_same = links == self._links
        self._local, self._links = local, links
        return TableChange(lookup, servers=servers, links=None if is_same else links)

    def _with_network(self, change: TableChange) -> TableChange:
        """The change as the network is now, which it may not have been when it was planned."""
        facts = self._facts
        servers = dict(change.servers)
        for row, entry in change.servers.items():
            hop = facts.next_hop(entry.address) if entry is not None else None
            if entry is not None and entry.hop != hop:
                servers[row] = replace(entry, hop=hop)
        if not change.whole:
            return replace(change, servers=servers)
        local = {LookupKey(Kind.LOCAL, address): PRESENT for address in facts.local_addresses()}
        wishes = {key: value for key, value in change.lookup.items() if key & 0xFF != Kind.LOCAL}
        return replace(change, lookup=wishes | local, servers=servers, links=facts.links())

    # -- answers -----------------------------------------------------------------------------------

    def row(self, name: str) -> int:
        """Raises ``KeyError`` for a name that was not committed."""
        return self._rows[name]

    def listener_at(self, row: int) -> ListenerKey | None:
        """The one that forwards by this row of ``listeners``; a walk over all of them."""
        found = self._state.forwarding.items()
        return next((key for key, (held, _) in found if held == row), None)

    def is_used(self, address: IPv4Address) -> bool:
        """Whether a server is there."""
        return address in self._state.rows_at

    def is_reachable(self, address: IPv4Address) -> bool:
        """Whether a server is there, and the way to it known."""
        rows = self._state.rows_at.get(address, ())
        return any(self._state.table[row].hop is not None for row in rows)

    def weighted_members(self, key: ListenerKey) -> tuple[WeightedMember, ...]:
        """Servers of a listener that forwards; none of a pair or of any other."""
        part = self._state.listeners.get(key)
        if part is None or part.is_pair or not part.forwards:
            return ()
        return tuple(
            WeightedMember(
                server.name,
                self._rows[server.name],
                server.address,
                server.port,
                server.weight,
                server.member,
            )
            for server in part.servers
        )


def _without_states(rows: RowChange) -> Iterator[str]:
    """Units and listeners whose rows went."""
    for name in rows.removed:
        kind, _, rest = name.partition(":")
        if kind in {"slot", "listener"}:
            yield rest
