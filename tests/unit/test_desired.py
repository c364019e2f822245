# SPDX-License-Identifier: Apache-2.0
"""Rules between resources: a change leads to a new world, or is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest

from xdpair.core import errors
from xdpair.core.desired import Desired
from xdpair.core.model import (
    MAX_LISTENERS_PER_LOAD_BALANCER,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    Server,
)

A, B, C = (IPv4Address(f"192.0.2.{number}") for number in (1, 2, 3))
LB_1 = LoadBalancer("lb-1", IPv4Address("198.51.100.1"))
LB_2 = LoadBalancer("lb-2", IPv4Address("198.51.100.2"))
#: One member known to the inventory, one that brings its address along.
GROUP = PairGroup("rsp-1", "lb-1", Member("a", 80), Member("b", 80, address=B))
GROUP_2 = PairGroup("rsp-2", "lb-2", Member("x", 80, address=A), Member("y", 80, address=B))
KEY = ListenerKey("lb-1", Protocol.TCP, 80)
LISTENER = Listener(KEY, "rsp-1")
MISSING = ListenerKey("lb-1", Protocol.UDP, 80)

Change = Callable[[Desired], Any]


def world() -> Desired:
    return (
        Desired()
        .create_server(Server("a", A))
        .create_server(Server("idle", C))
        .create_load_balancer(LB_1)
        .create_load_balancer(LB_2)
        .create_group(GROUP)
        .create_group(GROUP_2)
        .create_listener(LISTENER)
    )


def member(server_id: str, port: int = 80, address: IPv4Address | None = None) -> Member:
    return Member(server_id, port, address=address)


REFUSALS: dict[str, tuple[Change, type[errors.XdpairError]]] = {
    # -- load balancers
    "unknown load balancer": (
        lambda w: w.load_balancer("lb-9"),
        errors.LoadBalancerNotFound,
    ),
    "load balancer twice": (
        lambda w: w.create_load_balancer(replace(LB_1, address=C)),
        errors.LoadBalancerAlreadyExists,
    ),
    "VIP twice": (
        lambda w: w.create_load_balancer(replace(LB_1, lb_id="lb-3")),
        errors.AddressInUse,
    ),
    "VIP moves": (
        lambda w: w.update_load_balancer(replace(LB_1, address=C)),
        errors.InvalidInput,
    ),
    "update of an unknown load balancer": (
        lambda w: w.update_load_balancer(LoadBalancer("lb-9", C)),
        errors.LoadBalancerNotFound,
    ),
    "delete of an unknown load balancer": (
        lambda w: w.delete_load_balancer("lb-9"),
        errors.LoadBalancerNotFound,
    ),
    "delete of a protected load balancer": (
        lambda w: w.update_load_balancer(
            replace(LB_1, delete_protection=True)
        ).delete_load_balancer("lb-1"),
        errors.DeleteProtected,
    ),
    # -- listeners
    "unknown listener": (lambda w: w.listener(MISSING), errors.ListenerNotFound),
    "listener of an unknown load balancer": (
        lambda w: w.listener(replace(KEY, lb_id="lb-9")),
        errors.LoadBalancerNotFound,
    ),
    "new listener of an unknown load balancer": (
        lambda w: w.create_listener(replace(LISTENER, key=replace(KEY, lb_id="lb-9"))),
        errors.LoadBalancerNotFound,
    ),
    "listener twice": (
        lambda w: w.create_listener(replace(LISTENER, description="again")),
        errors.ListenerAlreadyExists,
    ),
    "listener of an unknown group": (
        lambda w: w.create_listener(Listener(MISSING, "rsp-9")),
        errors.GroupNotFound,
    ),
    "listener of another's group": (
        lambda w: w.create_listener(Listener(MISSING, "rsp-2")),
        errors.GroupNotForListener,
    ),
    "listener moves to an unknown group": (
        lambda w: w.update_listener(replace(LISTENER, group_id="rsp-9")),
        errors.GroupNotFound,
    ),
    "listener moves to another's group": (
        lambda w: w.update_listener(replace(LISTENER, group_id="rsp-2")),
        errors.GroupNotForListener,
    ),
    "update of an unknown listener": (
        lambda w: w.update_listener(Listener(MISSING, "rsp-1")),
        errors.ListenerNotFound,
    ),
    "start of an unknown listener": (
        lambda w: w.set_listener_state(MISSING, ListenerState.RUNNING),
        errors.ListenerNotFound,
    ),
    "delete of an unknown listener": (
        lambda w: w.delete_listener(MISSING),
        errors.ListenerNotFound,
    ),
    # -- groups
    "unknown group": (lambda w: w.group("rsp-9"), errors.GroupNotFound),
    "group of an unknown load balancer": (
        lambda w: w.create_group(replace(GROUP, group_id="rsp-3", lb_id="lb-9")),
        errors.LoadBalancerNotFound,
    ),
    "group twice": (lambda w: w.create_group(GROUP), errors.GroupAlreadyExists),
    "group with an unknown server": (
        lambda w: w.create_group(replace(GROUP, group_id="rsp-3", primary=member("nobody"))),
        errors.ServerNotFound,
    ),
    "group of one server under two names": (
        lambda w: w.create_group(
            replace(GROUP, group_id="rsp-3", secondary=member("alias", address=A))
        ),
        errors.SameServerAndPort,
    ),
    "update of an unknown group": (
        lambda w: w.update_group(replace(GROUP, group_id="rsp-9")),
        errors.GroupNotFound,
    ),
    "group moves": (lambda w: w.update_group(replace(GROUP, lb_id="lb-2")), errors.InvalidInput),
    "group gets an unknown server": (
        lambda w: w.update_group(replace(GROUP, secondary=member("nobody"))),
        errors.ServerNotFound,
    ),
    "group gets one server twice": (
        lambda w: w.update_group(replace(GROUP, secondary=member("alias", address=A))),
        errors.SameServerAndPort,
    ),
    "delete of an unknown group": (lambda w: w.delete_group("rsp-9"), errors.GroupNotFound),
    "delete of a group in use": (lambda w: w.delete_group("rsp-1"), errors.GroupInUse),
    # -- inventory
    "unknown server": (lambda w: w.server("nobody"), errors.ServerNotFound),
    "server twice": (lambda w: w.create_server(Server("a", C)), errors.ServerAlreadyExists),
    "update of an unknown server": (
        lambda w: w.update_server(Server("nobody", C)),
        errors.ServerNotFound,
    ),
    "server becomes its partner": (
        lambda w: w.update_server(Server("a", B)),
        errors.SameServerAndPort,
    ),
    "delete of an unknown server": (lambda w: w.delete_server("nobody"), errors.ServerNotFound),
    "delete of a server in use": (lambda w: w.delete_server("a"), errors.ServerInUse),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_change_is_refused_and_changes_nothing(case: str) -> None:
    change, error = REFUSALS[case]
    before = world()
    with pytest.raises(error) as caught:
        change(before)
    assert type(caught.value) is error
    assert before == world()


def test_load_balancer_has_so_many_listeners_and_no_more() -> None:
    full = world()
    for port in range(1000, 1000 + MAX_LISTENERS_PER_LOAD_BALANCER - 1):
        full = full.create_listener(Listener(replace(KEY, port=port), "rsp-1"))
    with pytest.raises(errors.TooManyListeners):
        full.create_listener(Listener(MISSING, "rsp-1"))
    other = Listener(ListenerKey("lb-2", Protocol.TCP, 80), "rsp-2")
    assert full.create_listener(other).listener(other.key) == other
    assert (
        len(full.delete_listener(KEY).create_listener(Listener(MISSING, "rsp-1")).listeners) == 50
    )


@pytest.mark.parametrize(
    ("change", "look", "found"),
    [
        pytest.param(
            lambda w: w.update_load_balancer(replace(LB_1, name="one")),
            lambda w: w.load_balancer("lb-1").name,
            "one",
            id="load balancer renamed",
        ),
        pytest.param(
            lambda w: w.update_listener(replace(LISTENER, description="web")),
            lambda w: w.listener(KEY).description,
            "web",
            id="listener described",
        ),
        pytest.param(
            lambda w: w.set_listener_state(KEY, ListenerState.RUNNING),
            lambda w: w.listener(KEY).state,
            ListenerState.RUNNING,
            id="listener started",
        ),
        pytest.param(
            lambda w: w.create_listener(Listener(MISSING, "rsp-1")),
            lambda w: [u.key for u in w.listeners_using("rsp-1")],
            [KEY, MISSING],
            id="TCP and UDP on one port",
        ),
        pytest.param(
            lambda w: w.update_group(replace(GROUP, secondary=member("b", 81, A))),
            lambda w: w.group("rsp-1").secondary.port,
            81,
            id="one address, two ports",
        ),
        pytest.param(
            lambda w: w.delete_listener(KEY).delete_group("rsp-1").delete_server("a"),
            lambda w: (list(w.groups), list(w.servers)),
            (["rsp-2"], ["idle"]),
            id="taken down piece by piece",
        ),
        pytest.param(
            lambda w: w.create_server(Server("b", C)).delete_server("b"),
            lambda w: "b" in w.servers,
            False,
            id="server whose member has an address of its own",
        ),
        pytest.param(
            lambda w: w.update_server(Server("a", C)),
            lambda w: w.address_of(w.group("rsp-1").primary),
            C,
            id="server moved",
        ),
    ],
)
def test_change_is_made_in_the_new_world_only(
    change: Callable[[Desired], Desired], look: Callable[[Desired], object], found: object
) -> None:
    before = world()
    assert look(change(before)) == found
    assert before == world()


def test_load_balancer_goes_with_all_it_has() -> None:
    left = world().delete_load_balancer("lb-1")
    assert (list(left.load_balancers), list(left.groups), list(left.listeners)) == (
        ["lb-2"],
        ["rsp-2"],
        [],
    )
    assert left.servers == world().servers
    assert left.create_load_balancer(LB_1).load_balancer("lb-1") == LB_1


def test_starting_twice_is_no_error() -> None:
    once = world().set_listener_state(KEY, ListenerState.RUNNING)
    assert once.set_listener_state(KEY, ListenerState.RUNNING) == once


def test_listeners_are_told_in_order() -> None:
    grown = world()
    for port in (443, 22, 8080):
        grown = grown.create_listener(Listener(replace(KEY, port=port), "rsp-1"))
    assert [listener.key.port for listener in grown.listeners_of("lb-1")] == [22, 80, 443, 8080]
    assert grown.listeners_of("lb-2") == []


def test_address_of_a_member_is_its_own_or_the_inventorys() -> None:
    assert world().address_of(GROUP.primary) == A
    assert world().address_of(GROUP.secondary) == B
    assert world().address_of(member("a", address=C)) == C


def test_nobody_can_reach_into_a_world() -> None:
    given = {"a": Server("a", A)}
    made = Desired(servers=given)
    given["b"] = Server("b", B)
    assert list(made.servers) == ["a"]
    with pytest.raises(TypeError):
        made.servers["c"] = Server("c", C)  # type: ignore[index]
