# SPDX-License-Identifier: Apache-2.0
"""Plans, what they cost, and what the network says meanwhile."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tests.unit.compile_kit import (
    HOP,
    OWN,
    PRIMARY_ADDRESS,
    SECONDARY_ADDRESS,
    World,
    endpoint,
    world,
)
from tests.unit.desired_kit import PRIMARY, SECONDARY, Wishes, key
from xdpair.core.changes import Delta
from xdpair.core.compile import Compiler
from xdpair.core.desired import Desired
from xdpair.core.errors import LimitExceeded
from xdpair.core.indexes import Limits, Rows, listener_name, slot_name
from xdpair.core.model import Member, Server
from xdpair.core.tables import Kind, LookupKey, TableChange

# -- network ---------------------------------------------------------------------------------------


def test_the_network_moves_rows_of_its_addresses_only() -> None:
    made = world(Wishes().lb().group().group("rsp-2").listener(80))
    made.around.hops = {SECONDARY_ADDRESS: HOP}
    made.around.asked = 0
    change = made.compiler.follow_network({SECONDARY_ADDRESS, IPv4Address("10.9.9.9")})
    assert made.around.asked == 2
    assert {entry and entry.address for entry in change.servers.values()} == {SECONDARY_ADDRESS}
    assert len(change.servers) == 2
    assert change == TableChange(servers=change.servers)
    made.maps.apply(change)
    assert made.compiler.follow_network(None).servers.keys() == {
        row for row, each in made.maps.servers.items() if each.address == PRIMARY_ADDRESS
    }
    assert made.compiler.is_reachable(SECONDARY_ADDRESS)
    assert not made.compiler.is_reachable(PRIMARY_ADDRESS)
    assert made.compiler.is_used(PRIMARY_ADDRESS)
    assert not made.compiler.is_used(OWN)


def test_the_host_moves() -> None:
    made = world(Wishes().lb())
    assert made.compiler.follow_network(()) == TableChange()
    other = IPv4Address("203.0.113.2")
    made.around.local, made.around.seen_links = frozenset({other}), ()
    assert made.compiler.follow_network(()) == TableChange(
        lookup={LookupKey(Kind.LOCAL, OWN): None, LookupKey(Kind.LOCAL, other): 1}, links=()
    )


@pytest.mark.parametrize("whole", [True, False])
def test_what_the_network_said_meanwhile_counts(whole: bool) -> None:
    """While a plan is made durable, time goes by."""
    made = world(Wishes())
    desired = Wishes().lb().group().listener(80).desired
    delta = Delta(frozenset({"lb-1"}), frozenset({key(80)}), frozenset(desired.groups))
    plan = made.plan_all(desired) if whole else made.plan_of(desired, delta)
    made.around.hops = {PRIMARY_ADDRESS: HOP, SECONDARY_ADDRESS: HOP}
    made.around.local = frozenset()
    made.maps.apply(made.compiler.follow_network(made.around.hops))
    made.compiler.commit(plan)
    made.maps.apply(plan.change)
    assert [entry.hop for entry in made.maps.servers.values()] == [HOP, HOP]
    assert LookupKey(Kind.LOCAL, OWN) not in made.maps.lookup
    assert made.compiler.follow_network(None) == TableChange()


# -- plans -----------------------------------------------------------------------------------------


def test_a_plan_changes_nothing() -> None:
    made = world(Wishes().lb().group().listener(80))
    desired, delta = made.desired.change(lambda draft: draft.delete_listener(key(80)))
    one, other = made.plan_of(desired, delta), made.plan_of(desired, delta)
    assert (one.change, one.rows) == (other.change, other.rows)
    assert made.row(listener_name(key(80)))
    assert made.compiler.follow_network(None) == TableChange()


def test_a_full_map_is_refused() -> None:
    made = world(Wishes().lb().group().listener(80), Limits(listeners=2, servers=8))
    listener = replace(made.desired.listener(key(80)), key=key(81))
    with pytest.raises(LimitExceeded):
        made.change(lambda draft: draft.create_listener(listener))
    made.change(lambda draft: draft.delete_listener(key(80)))
    made.change(lambda draft: draft.create_listener(listener))
    assert made.row(listener_name(key(81))) == 1


def test_in_a_full_map_rows_change_hands_at_once() -> None:
    made = world(Wishes().lb().group().listener(80), Limits(listeners=2, servers=3))
    desired = Wishes().lb().group("rsp-2", primary=replace(PRIMARY, port=1)).desired
    desired = Wishes(desired).listener(81, group_id="rsp-2").desired
    made.become(desired)
    assert made.row(listener_name(key(81))) == 1
    scratch = World(made.around, made.limits, dict(made.stored), desired=desired)
    assert made.maps == scratch.maps


def test_one_change_among_many_touches_little() -> None:
    wishes, members = Wishes().lb(), []
    for number in range(50):
        pair = [replace(each, port=1000 + number) for each in (PRIMARY, SECONDARY)]
        wishes.group(f"rsp-{number}", primary=pair[0], secondary=pair[1])
        wishes.listener(80 + number, group_id=f"rsp-{number}")
        members.append(pair)
    made = world(wishes)
    made.around.asked = 0
    group = made.desired.pair_group("rsp-7")
    moved = replace(group, primary=replace(group.primary, port=9999))
    plan = made.change(lambda draft: draft.update_group(moved))
    assert plan.listeners == {key(87)}
    assert made.around.asked < 10
    sizes = [len(each) for each in (plan.change.lookup, plan.change.listeners, plan.change.servers)]
    assert sizes == [2, 1, 2]
    assert plan.may_end_flows


def test_a_machine_of_the_inventory_moves() -> None:
    """Wherever it is a member."""
    wishes = Wishes(Desired(servers={"s-7": Server("s-7", PRIMARY_ADDRESS)})).lb()
    wishes.group("rsp-1", primary=Member("s-7", 8080)).weighted("rsp-w", Member("s-7", 81))
    made = world(wishes.listener(80).listener(81, group_id="rsp-w"))
    moved = IPv4Address("10.0.0.99")
    plan = made.change(lambda draft: draft.update_server(Server("s-7", moved)))
    assert plan.listeners == {key(80), key(81)}
    assert (plan.watch_added, plan.watch_removed) == ({moved}, {PRIMARY_ADDRESS})
    assert {endpoint(moved, 8080), endpoint(moved, 81)} <= made.maps.lookup.keys()
    assert endpoint(PRIMARY_ADDRESS, 8080) not in made.maps.lookup


def test_smaller_maps() -> None:
    """Someone lowers a limit: what no longer fits gets another row, what is gone is forgotten."""
    wishes = Wishes().lb().group().listener(80).listener(81).listener(82)
    made = world(wishes)
    assert made.row(listener_name(key(82))) == 3
    fewer = wishes.desired.delete_listener(key(80))
    rows = Rows(made.stored, Limits(listeners=3))
    plan = Compiler(rows, made.around).plan_all(fewer, now_s=0, departures={}, drained=frozenset())
    assert plan.rows.added[listener_name(key(82))] == 1
    assert listener_name(key(81)) not in plan.rows.added
    assert plan.rows.removed == {listener_name(key(80)), slot_name(str(key(80)))}
