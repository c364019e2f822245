# SPDX-License-Identifier: Apache-2.0
"""Servers that leave while their flows may go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tests.unit.compile_kit import HOP, LIMITS, Around, World, endpoint
from tests.unit.desired_kit import LB, PRIMARY, SECONDARY, Wishes, key
from xdpair.core.changes import Departure
from xdpair.core.compile import Compiler
from xdpair.core.draft import Draft
from xdpair.core.indexes import Rows, listener_name
from xdpair.core.model import (
    ListenerState,
    LoadBalancerStatus,
    Member,
    Protocol,
    TrafficPolicy,
)
from xdpair.core.tables import ServerEntry

OLD, NEW = IPv4Address("10.0.0.11"), IPv4Address("10.0.0.99")
MOVED = replace(PRIMARY, address=NEW)
PAIR_NAME = "server:rsp-1/primary/0a00000b:8080"
MANY_NAME = "server:lb-1/tcp-80/0a00000b:8080"
DRAIN = TrafficPolicy(connection_drain_s=30)


def pair(*drains_s: int, protocol: Protocol = Protocol.TCP) -> World:
    """Listeners 80, 81 and so on with one pair, which drain for so long."""
    wishes = Wishes().lb().group()
    for number, drain_s in enumerate(drains_s):
        policy = TrafficPolicy(connection_drain_s=drain_s)
        wishes.listener(80 + number, traffic=policy, protocol=protocol)
    return World(Around({OLD: HOP, NEW: HOP}), desired=wishes.desired)


def many() -> World:
    wishes = Wishes().lb().weighted("rsp-w", PRIMARY, SECONDARY)
    wishes.listener(80, group_id="rsp-w", traffic=DRAIN)
    return World(Around({OLD: HOP, NEW: HOP}), desired=wishes.desired)


def set_primary(member: Member) -> Callable[[Draft], None]:
    def step(draft: Draft) -> None:
        draft.update_group(replace(draft.pair_group("rsp-1"), primary=member))

    return step


def set_members(*members: Member) -> Callable[[Draft], None]:
    def step(draft: Draft) -> None:
        draft.update_group(replace(draft.weighted_group("rsp-w"), members=members))

    return step


def create_other(draft: Draft) -> None:
    draft.create_group(replace(draft.pair_group("rsp-1"), group_id="rsp-2", primary=MOVED))


def test_the_flows_of_a_replaced_primary_go_on() -> None:
    made = pair(30)
    old, row = made.row(PAIR_NAME), made.row(listener_name(key(80)))
    plan = made.change(set_primary(MOVED))
    departure = Departure(PAIR_NAME, (key(80),), OLD, 8080, made.now_s + 30)
    assert plan.departures == {PAIR_NAME: departure}
    assert not plan.may_end_flows
    assert (plan.watch_added, plan.watch_removed) == ({NEW}, frozenset())
    assert made.row(PAIR_NAME) == old
    assert made.maps.servers[old] == ServerEntry(OLD, 8080, HOP, draining=True)
    assert made.maps.lookup[endpoint(OLD, 8080)] == row << 2 | 1
    assert made.maps.lookup[endpoint(NEW, 8080)] == row << 2
    assert old not in made.entry(key(80)).servers


def test_those_of_many_servers_too() -> None:
    made = many()
    old, row = made.row(MANY_NAME), made.row(listener_name(key(80)))
    plan = made.change(set_members(SECONDARY))
    assert plan.departures[MANY_NAME] == Departure(MANY_NAME, (key(80),), OLD, 8080, 1030.0)
    assert not plan.may_end_flows
    assert made.maps.servers[old] == ServerEntry(OLD, 8080, HOP, weight=0, draining=True)
    assert made.maps.lookup[endpoint(OLD, 8080)] == row << 2 | 1
    assert [each.name for each in made.compiler.weighted_members(key(80))] != [MANY_NAME]


def test_without_a_drain_they_end_at_once() -> None:
    made = pair(0)
    plan = made.change(set_primary(MOVED))
    assert not plan.departures
    assert plan.may_end_flows
    assert plan.rows.removed == {PAIR_NAME}
    assert endpoint(OLD, 8080) not in made.maps.lookup
    assert plan.watch_removed == {OLD}


def test_when_the_time_is_up_they_end() -> None:
    made = pair(30)
    old = made.row(PAIR_NAME)
    made.change(set_primary(MOVED))
    plan = made.redo(over=[PAIR_NAME])
    assert plan.departures == {PAIR_NAME: None}
    assert plan.may_end_flows
    assert plan.rows.removed == {PAIR_NAME}
    assert old not in made.maps.servers
    assert endpoint(OLD, 8080) not in made.maps.lookup
    assert plan.watch_removed == {OLD}


@pytest.mark.parametrize("make", [pair, many])
def test_a_server_that_comes_back_never_left(make: Callable[..., World]) -> None:
    made = make(30) if make is pair else make()
    maps, stored = made.maps, dict(made.stored)
    name = PAIR_NAME if make is pair else MANY_NAME
    before = maps.servers[made.row(name)]
    leave, back = (
        (set_primary(MOVED), set_primary(PRIMARY))
        if make is pair
        else (set_members(SECONDARY), set_members(PRIMARY, SECONDARY))
    )
    made.change(leave)
    plan = made.change(back)
    assert plan.departures[name] is None
    assert made.row(name) == stored[name]
    assert made.maps.servers[stored[name]] == before
    assert made.maps.lookup[endpoint(OLD, 8080)] == made.row(listener_name(key(80))) << 2


def test_the_longest_of_all_drains_counts() -> None:
    """Even for a listener without one: that it is drained is said of the server."""
    made = pair(30, 0, 60)
    plan = made.change(set_primary(MOVED))
    departure = plan.departures[PAIR_NAME]
    assert departure == Departure(PAIR_NAME, (key(80), key(82)), OLD, 8080, made.now_s + 60)
    assert not plan.may_end_flows


def test_a_later_departure_does_not_shorten_an_earlier_one() -> None:
    made = pair(60, 30)
    first, second = (made.desired.listener(key(port)) for port in (80, 81))
    made.change(create_other)
    made.change(lambda draft: draft.update_listener(replace(first, group_id="rsp-2")))
    made.now_s += 10
    made.change(lambda draft: draft.update_listener(replace(second, group_id="rsp-2")))
    departure = made.departures[PAIR_NAME]
    assert departure.listeners == (key(80), key(81))
    assert departure.until_s == 1060.0


def test_a_listener_may_leave_a_group_that_stays() -> None:
    """The way of the SLB to change a pair: make another, take it, delete the first. The same row is
    a server of the one and a departed one of the other.
    """
    made = pair(30, 30)
    row = made.row(PAIR_NAME)
    listener = made.desired.listener(key(80))
    made.change(create_other)
    plan = made.change(lambda draft: draft.update_listener(replace(listener, group_id="rsp-2")))
    assert set(plan.departures) == {PAIR_NAME, "server:rsp-1/secondary/0a00000c:9090"}
    assert made.maps.servers[row].draining
    assert row in made.entry(key(81)).servers
    second = made.row(listener_name(key(81)))
    assert made.maps.lookup[endpoint(OLD, 8080)] == second << 2 | 1
    made.change(lambda draft: draft.delete_listener(key(81)))
    made.change(lambda draft: draft.delete_group("rsp-1"))
    assert made.row(PAIR_NAME) == row
    assert made.maps.servers[row].draining
    made.redo(over=list(made.departures))
    assert PAIR_NAME not in made.stored


def stop(draft: Draft) -> None:
    draft.set_listener_state(key(80), ListenerState.STOPPED)


def delete(draft: Draft) -> None:
    draft.delete_listener(key(80))


def deactivate(draft: Draft) -> None:
    draft.update_load_balancer(replace(LB, status=LoadBalancerStatus.INACTIVE))


@pytest.mark.parametrize("end", [stop, delete, deactivate])
def test_a_listener_that_ends_ends_its_departures(end: Callable[[Draft], None]) -> None:
    made = pair(30)
    made.change(set_primary(MOVED))
    plan = made.change(end)
    assert plan.departures == {PAIR_NAME: None}
    assert PAIR_NAME not in made.stored


def test_only_the_last_listener_ends_a_departure() -> None:
    made = pair(30, 60)
    made.change(set_primary(MOVED))
    plan = made.change(stop)
    assert plan.departures[PAIR_NAME] == Departure(PAIR_NAME, (key(81),), OLD, 8080, 1060.0)
    assert not plan.may_end_flows
    second = made.row(listener_name(key(81)))
    assert made.maps.lookup[endpoint(OLD, 8080)] == second << 2 | 1


def test_between_pairs_and_many_nothing_drains() -> None:
    """What a flow says of its server means something else in the other kind."""
    made = pair(30)
    made.change(lambda draft: draft.create_group(WEIGHTED))
    listener = made.desired.listener(key(80))
    plan = made.change(lambda draft: draft.update_listener(replace(listener, group_id="rsp-w")))
    assert not plan.departures


WEIGHTED = Wishes().lb().weighted("rsp-w", SECONDARY).desired.group("rsp-w")


def test_both_protocols_may_share_a_departed_server() -> None:
    made = pair(30)
    udp = replace(made.desired.listener(key(80)), key=key(80, Protocol.UDP))
    made.change(lambda draft: draft.create_listener(udp))
    made.change(set_primary(MOVED))
    for protocol in Protocol:
        row = made.row(listener_name(key(80, protocol)))
        assert made.maps.lookup[endpoint(OLD, 8080, protocol)] == row << 2 | 1


def test_a_restart_goes_on_with_departures() -> None:
    made = pair(30)
    made.change(set_primary(MOVED))
    again = World(
        made.around,
        stored=dict(made.stored),
        departures=dict(made.departures),
        desired=made.desired,
    )
    assert again.maps == made.maps
    assert not again.plan.departures


@pytest.mark.parametrize("case", ["late", "listener gone", "row gone"])
def test_a_restart_forgets_departures_that_are_over(case: str) -> None:
    made = pair(30)
    made.change(set_primary(MOVED))
    desired, rows, now_s = made.desired, dict(made.stored), made.now_s
    if case == "late":
        now_s += 31
    elif case == "row gone":
        del rows[PAIR_NAME]
    else:
        desired = desired.delete_listener(key(80))
    plan = Compiler(Rows(rows, LIMITS), made.around).plan_all(
        desired, now_s=now_s, departures=made.departures, drained=frozenset()
    )
    assert plan.departures == {PAIR_NAME: None}
    assert OLD not in {entry.address for entry in plan.change.servers.values() if entry}


def test_permission_to_keep_flows_may_end_them() -> None:
    made = pair(30)
    listener = made.desired.listener(key(80))
    policy = replace(listener.traffic, connection_drain_s=0)
    calm = made.change(lambda draft: draft.update_listener(replace(listener, description="x")))
    assert not calm.may_end_flows
    plan = made.change(lambda draft: draft.update_listener(replace(listener, traffic=policy)))
    assert plan.may_end_flows
    back = made.change(lambda draft: draft.update_listener(listener))
    assert not back.may_end_flows
