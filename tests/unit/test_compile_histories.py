# SPDX-License-Identifier: Apache-2.0
"""Any sequence of changes leads to the same maps as a compile from scratch, and these say what was
asked for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.compile_kit import HOP, LIMITS, OWN, Around, Maps, World, endpoint
from tests.unit.desired_histories import STEPS, full_world, take
from xdpair.core.compile import Compiler
from xdpair.core.desired import Desired
from xdpair.core.indexes import (
    Rows,
    acl_name,
    listener_name,
    server_name,
    slot_name,
    unit_of,
    weighted_server_name,
)
from xdpair.core.model import (
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancerStatus,
    PairGroup,
    Side,
)
from xdpair.core.tables import Kind, LookupKey

ADDRESSES = [IPv4Address(0x0A000000 + number) for number in range(1, 14)]
#: Changes of resources, of the network, of time, and restarts.
EVENTS = st.one_of(
    st.tuples(st.just("wish"), st.lists(STEPS, min_size=1, max_size=4)),
    st.tuples(st.just("wish"), st.lists(STEPS, min_size=1, max_size=4)),
    st.tuples(st.just("wish"), st.lists(STEPS, min_size=1, max_size=4)),
    st.tuples(st.just("hops"), st.sets(st.sampled_from(ADDRESSES))),
    st.tuples(st.just("local"), st.sets(st.sampled_from([OWN, *ADDRESSES[:2]]))),
    st.tuples(st.just("wait"), st.sampled_from((1, 9, 20))),
    st.tuples(st.just("drain"), st.tuples(st.integers(0, 5), st.sampled_from(Side))),
    st.tuples(st.just("restart"), st.none()),
)


def draining_world() -> Desired:
    """Servers that leave may keep their flows for a while."""
    desired = full_world()
    for listener in desired.listeners.values():
        traffic = replace(listener.traffic, connection_drain_s=20)
        desired = desired.update_listener(replace(listener, traffic=traffic))
    return desired


def live(world: World, event: tuple[str, Any]) -> None:
    kind, argument = event
    if kind == "wish":
        world.change(lambda draft: take(draft, argument))
    elif kind == "hops":
        world.around.hops = dict.fromkeys(argument, HOP)
        world.maps.apply(world.compiler.follow_network(ADDRESSES))
    elif kind == "local":
        world.around.local = frozenset(argument)
        world.maps.apply(world.compiler.follow_network([]))
    elif kind == "wait":
        world.now_s += argument
        world.redo(over=[n for n, each in world.departures.items() if each.until_s <= world.now_s])
    elif kind == "drain":
        number, side = argument
        keys = sorted(world.desired.listeners)
        if keys:
            key = keys[number % len(keys)]
            world.drained ^= {(key, side)}
            world.redo(key)
    elif kind == "restart":
        world.compiler = Compiler(Rows(world.stored, LIMITS), world.around)
        world.watched = set()
        world.start(world.desired)


@given(events=st.lists(EVENTS, max_size=12))
def test_a_sequence_of_changes_equals_a_compile_from_scratch(
    events: list[tuple[str, Any]],
) -> None:
    world = World(Around(dict.fromkeys(ADDRESSES[:7], HOP)), desired=draining_world())
    for event in events:
        before = dict(world.stored)
        rows = {key: world.desired.listeners[key] for key in world.desired.listeners}
        live(world, event)
        require_rows_stay(before, rows, world)
        assert world.maps == from_scratch(world)
        require_what_was_asked(world)


def from_scratch(world: World) -> Maps:
    """Rows are those that were given away, of which none may be missing or left over."""
    compiler, maps = Compiler(Rows(world.stored, LIMITS), world.around), Maps()
    plan = compiler.plan_all(
        world.desired, now_s=world.now_s, departures=world.departures, drained=world.drained
    )
    assert not plan.departures
    assert not plan.rows.added
    assert not plan.rows.removed
    assert plan.watch_added == world.watched
    compiler.commit(plan)
    maps.apply(plan.change)
    return maps


def require_rows_stay(
    before: dict[str, int], listeners: dict[ListenerKey, Listener], world: World
) -> None:
    """A row moves only where a listener changes from a pair to many servers, or back."""
    for name, row in before.items():
        now = world.stored.get(name, row)
        if now != row and not name.startswith("cursor:"):
            keys = {listener_name(key): key for key in listeners}
            assert listeners[keys[name]].group_id != world.desired.listeners[keys[name]].group_id


def require_what_was_asked(world: World) -> None:
    desired, maps = world.desired, world.maps
    forwarding = [each for each in desired.listeners.values() if forwards(desired, each)]
    assert set(maps.listeners) == {world.row(listener_name(each.key)) for each in forwarding}
    assert endpoints_of(maps) == wanted_endpoints(world, forwarding)
    assert {key for key in maps.lookup if key.kind is Kind.VIP} == {
        LookupKey(Kind.VIP, lb.address)
        for lb in desired.load_balancers.values()
        if lb.status is LoadBalancerStatus.ACTIVE
    }
    draining = {row for row, entry in maps.servers.items() if entry.draining}
    assert draining == {world.row(name) for name in world.departures}
    for server in maps.servers.values():
        assert server.hop == world.around.hops.get(server.address)
    for listener in forwarding:
        entry = maps.listeners[world.row(listener_name(listener.key))]
        acl = listener.acl
        assert entry.acl == (world.row(acl_name(acl.acl_ids)) if acl else 0)
        group = desired.group(listener.group_id)
        if isinstance(group, PairGroup):
            assert entry.slot == world.row(slot_name(unit_of(listener, group)))
    names = set(world.stored) - {name for name in world.stored if name.startswith("cursor:")}
    assert names == wanted_names(desired) | set(world.departures)


def forwards(desired: Desired, listener: Listener) -> bool:
    lb = desired.load_balancer(listener.key.lb_id)
    return listener.state is ListenerState.RUNNING and lb.status is LoadBalancerStatus.ACTIVE


def endpoints_of(maps: Maps) -> dict[LookupKey, tuple[int, bool]]:
    return {
        key: (value >> 2, bool(value & 1))
        for key, value in maps.lookup.items()
        if key.kind is Kind.ENDPOINT
    }


def wanted_endpoints(world: World, forwarding: list[Listener]) -> dict[LookupKey, tuple[int, bool]]:
    """The first listener that uses each, and whether others do or a server there has departed."""
    users: dict[LookupKey, set[int]] = defaultdict(set)
    for listener in forwarding:
        row = world.row(listener_name(listener.key))
        for member in world.desired.group(listener.group_id).members:
            address = world.desired.address_of(member)
            users[endpoint(address, listener.port_of(member), listener.key.protocol)].add(row)
    left: dict[LookupKey, set[int]] = defaultdict(set)
    for departure in world.departures.values():
        for key in departure.listeners:
            row = world.row(listener_name(key))
            left[endpoint(departure.address, departure.port, key.protocol)].add(row)
    return {
        key: (min(users[key] or left[key]), len(users[key]) + len(left[key]) > 1 or bool(left[key]))
        for key in users.keys() | left.keys()
    }


def wanted_names(desired: Desired) -> set[str]:
    names = set()
    for group in desired.groups.values():
        if isinstance(group, PairGroup):
            for side in Side:
                names.add(server_name(group, side, desired.address_of(group.member(side))))
    for listener in desired.listeners.values():
        names.add(listener_name(listener.key))
        if listener.acl:
            names.add(acl_name(listener.acl.acl_ids))
        group = desired.group(listener.group_id)
        if isinstance(group, PairGroup):
            names.add(slot_name(unit_of(listener, group)))
            continue
        for member in group.members:
            address, port = desired.address_of(member), listener.port_of(member)
            names.add(weighted_server_name(listener.key, address, port))
    return names
