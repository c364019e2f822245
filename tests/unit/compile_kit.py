# SPDX-License-Identifier: Apache-2.0
"""A network that answers what it is told, maps in dictionaries, and a compiler between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from tests.unit.desired_kit import Wishes
from xdpair.core.changes import Delta, Departure
from xdpair.core.compile import Compiler, Plan
from xdpair.core.desired import Desired
from xdpair.core.draft import Draft
from xdpair.core.indexes import Limits, RowChange, Rows
from xdpair.core.model import ListenerKey, Protocol, Side
from xdpair.core.tables import (
    AclKey,
    Kind,
    Link,
    ListenerEntry,
    LookupKey,
    NextHop,
    ServerEntry,
    TableChange,
    in_steps,
)

OWN = IPv4Address("203.0.113.1")
HOP = NextHop(2, "eth1", b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", 1500, IPv4Address("10.0.0.1"))
LINKS = (Link(2, "eth1", b"\2\0\0\0\0\1", 1500),)
PRIMARY_ADDRESS, SECONDARY_ADDRESS = IPv4Address("10.0.0.11"), IPv4Address("10.0.0.12")
LIMITS = Limits(listeners=64, servers=128, acls=16)


@dataclass
class Around:
    """Facts; ``asked`` counts questions about next hops."""

    hops: dict[IPv4Address, NextHop] = field(default_factory=dict)
    local: frozenset[IPv4Address] = frozenset({OWN})
    seen_links: tuple[Link, ...] = LINKS
    asked: int = 0

    def next_hop(self, address: IPv4Address) -> NextHop | None:
        self.asked += 1
        return self.hops.get(address)

    def local_addresses(self) -> frozenset[IPv4Address]:
        return self.local

    def links(self) -> tuple[Link, ...]:
        return self.seen_links


@dataclass
class Maps:
    """What the data plane would hold."""

    lookup: dict[LookupKey, int] = field(default_factory=dict)
    listeners: dict[int, ListenerEntry] = field(default_factory=dict)
    servers: dict[int, ServerEntry] = field(default_factory=dict)
    acls: dict[AclKey, bool] = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    def apply(self, change: TableChange) -> None:
        for name in ("lookup", "listeners", "servers", "acls"):
            there = getattr(self, name)
            if change.whole:
                there.clear()
            _write(there, getattr(change, name))
        if change.links is not None:
            self.links = change.links

    def require_way(self) -> None:
        """Whatever a packet is led to is there."""
        for key, value in self.lookup.items():
            if key.kind is Kind.LISTENER:
                assert value in self.listeners
            elif key.kind is Kind.ENDPOINT:
                assert value >> 2 in self.listeners
        for entry in self.listeners.values():
            assert entry.servers == (0, 0) or set(entry.servers) <= self.servers.keys()


def _write(there: dict[Any, Any], change: Mapping[Any, Any]) -> None:
    for key, value in change.items():
        if value is None or value is False:
            assert key in there, f"{key} was not there"
            del there[key]
        else:
            there[key] = value


@dataclass
class World:
    """Everything between wishes and maps; each change goes all the way."""

    around: Around = field(default_factory=Around)
    limits: Limits = LIMITS
    stored: dict[str, int] = field(default_factory=dict)
    departures: dict[str, Departure] = field(default_factory=dict)
    desired: Desired = field(default_factory=Desired)
    drained: frozenset[tuple[ListenerKey, Side]] = frozenset()
    now_s: float = 1000.0
    maps: Maps = field(default_factory=Maps)
    watched: set[IPv4Address] = field(default_factory=set)
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        self.compiler = Compiler(Rows(self.stored, self.limits), self.around)
        self.start(self.desired)

    def start(self, desired: Desired) -> World:
        self._follow(desired, self.plan_all(desired))
        return self

    def plan_all(self, desired: Desired) -> Plan:
        return self.compiler.plan_all(
            desired, now_s=self.now_s, departures=self.departures, drained=self.drained
        )

    def change(self, steps: Callable[[Draft], object]) -> Plan:
        return self.follow(*self.desired.change(steps))

    def become(self, desired: Desired) -> Plan:
        """Go to any other state; what differs is found by comparing."""
        delta = Delta(**{kind: _differing(self.desired, desired, kind) for kind in KINDS})
        return self.follow(desired, delta)

    def follow(self, desired: Desired, delta: Delta, over: Iterable[str] = ()) -> Plan:
        return self._follow(desired, self.plan_of(desired, delta, over))

    def plan_of(self, desired: Desired, delta: Delta, over: Iterable[str] = ()) -> Plan:
        going_on = {name: each for name, each in self.departures.items() if name not in over}
        return self.compiler.plan(
            desired, delta, now_s=self.now_s, departures=going_on, drained=self.drained
        )

    def redo(self, *keys: ListenerKey, over: Iterable[str] = ()) -> Plan:
        return self.follow(self.desired, Delta(listeners=frozenset(keys)), over)

    def _follow(self, desired: Desired, plan: Plan) -> Plan:
        self.compiler.commit(plan)
        self.desired, self.plan = desired, plan
        store(self.stored, plan.rows)
        _write(self.departures, plan.departures)
        assert not self.watched & plan.watch_added or plan.change.whole
        self.watched = (self.watched | plan.watch_added) - plan.watch_removed
        for step in in_steps(plan.change, 1):
            self.maps.apply(step)
            self.maps.require_way()
        return plan

    def row(self, name: str) -> int:
        return self.compiler.row(name)

    def entry(self, key: ListenerKey) -> ListenerEntry:
        return self.maps.listeners[self.row(f"listener:{key}")]


def world(wishes: Wishes, limits: Limits = LIMITS) -> World:
    """The way to the primary is known, that to the secondary is not."""
    return World(Around({PRIMARY_ADDRESS: HOP}), limits, desired=wishes.desired)


KINDS = ("load_balancers", "listeners", "groups", "servers", "acls")


def _differing(old: Desired, new: Desired, kind: str) -> frozenset[Any]:
    before, after = getattr(old, kind), getattr(new, kind)
    return frozenset(
        key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
    )


def store(stored: dict[str, int], change: RowChange) -> None:
    """As the store does."""
    for name in change.removed:
        del stored[name]
    stored.update(change.added)


def endpoint(address: IPv4Address, port: int, protocol: Protocol = Protocol.TCP) -> LookupKey:
    return LookupKey(Kind.ENDPOINT, address, port, protocol)
