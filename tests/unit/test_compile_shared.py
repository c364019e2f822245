# SPDX-License-Identifier: Apache-2.0
"""What several listeners share: access control lists, and servers' addresses and ports."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from tests.unit.compile_kit import PRIMARY_ADDRESS, SECONDARY_ADDRESS, World, endpoint, world
from tests.unit.desired_kit import PRIMARY, SECONDARY, Wishes, key
from xdpair.core.indexes import listener_name
from xdpair.core.model import AclEntry, AclPolicy, AclType, LoadBalancer
from xdpair.core.tables import AclKey, TableChange

#: Another address than LB's, for a second load balancer.
OTHER_LB = LoadBalancer("lb-2", IPv4Address("203.0.113.11"))


# -- access control --------------------------------------------------------------------------------


def networks(made: World, row: int) -> set[IPv4Network]:
    return {key.network for key in made.maps.acls if key.acl == row}


def test_lists_of_one_listener_are_united() -> None:
    wishes = Wishes().lb().group().acl("acl-1", "10.0.0.0/8").acl("acl-2", "10.0.0.0/8", "9.9.9.9")
    wishes.listener(80, acl=AclPolicy(AclType.WHITE, ("acl-2", "acl-1")))
    wishes.listener(81, acl=AclPolicy(AclType.BLACK, ("acl-1", "acl-2")))
    wishes.listener(82, acl=AclPolicy(AclType.BLACK, ("acl-1",)))
    made = world(wishes)
    white, black, other = (made.entry(key(port)) for port in (80, 81, 82))
    assert white.acl == black.acl == made.row("acl:acl-1+acl-2")
    assert (white.acl_is_white, black.acl_is_white) == (True, False)
    assert networks(made, white.acl) == {IPv4Network("10.0.0.0/8"), IPv4Network("9.9.9.9")}
    assert networks(made, other.acl) == {IPv4Network("10.0.0.0/8")}


def test_a_list_is_changed_live() -> None:
    wishes = Wishes().lb().group().acl("acl-1", "10.0.0.0/8", "9.9.9.9")
    made = world(wishes.listener(80, acl=AclPolicy(AclType.WHITE, ("acl-1",))))
    row = made.row("acl:acl-1")
    entries = tuple(AclEntry(IPv4Network(each)) for each in ("9.9.9.9", "8.8.8.8"))
    acl = made.desired.acl("acl-1")
    plan = made.change(lambda draft: draft.update_acl(replace(acl, entries=entries)))
    assert plan.change == TableChange(
        acls={
            AclKey(row, IPv4Network("10.0.0.0/8")): False,
            AclKey(row, IPv4Network("8.8.8.8")): True,
        }
    )
    made.change(lambda draft: draft.update_acl(replace(acl, entries=())))
    assert made.maps.acls == {}
    assert made.entry(key(80)).acl == row


def test_a_list_goes_with_its_last_listener() -> None:
    wishes = Wishes().lb().group().acl("acl-1", "10.0.0.0/8")
    policy = AclPolicy(AclType.BLACK, ("acl-1",))
    made = world(wishes.listener(80, acl=policy).listener(81, acl=policy))
    made.change(lambda draft: draft.delete_listener(key(80)))
    assert made.maps.acls
    listener = made.desired.listener(key(81))
    made.change(lambda draft: draft.update_listener(replace(listener, acl=None)))
    assert made.maps.acls == {}
    assert "acl:acl-1" not in made.stored
    assert made.entry(key(81)).acl == 0


# -- endpoints that several listeners use ----------------------------------------------------------


def test_the_first_of_several_listeners_is_named() -> None:
    """Over groups and load balancers, primary of one, secondary of another."""
    wishes = Wishes().lb().lb(OTHER_LB).group()
    wishes.group("rsp-2", primary=SECONDARY, secondary=PRIMARY)
    wishes.group("rsp-3", lb_id="lb-2", secondary=replace(SECONDARY, port=1))
    wishes.listener(80).listener(81, group_id="rsp-2")
    wishes.listener(80, lb_id="lb-2", group_id="rsp-3")
    made = world(wishes)
    first, second = made.row(listener_name(key(80))), made.row(listener_name(key(81)))
    third = made.row(listener_name(key(80, lb_id="lb-2")))
    assert made.maps.lookup[endpoint(PRIMARY_ADDRESS, 8080)] == first << 2 | 1
    assert made.maps.lookup[endpoint(SECONDARY_ADDRESS, 9090)] == first << 2 | 1 << 1 | 1
    assert made.maps.lookup[endpoint(SECONDARY_ADDRESS, 1)] == third << 2 | 1 << 1
    made.change(lambda draft: draft.delete_listener(key(80)))
    assert made.maps.lookup[endpoint(PRIMARY_ADDRESS, 8080)] == second << 2 | 1 << 1 | 1
    assert made.maps.lookup[endpoint(SECONDARY_ADDRESS, 9090)] == second << 2
