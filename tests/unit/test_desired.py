# SPDX-License-Identifier: Apache-2.0
"""Rules between resources: a change leads to a new world and leaves the old one alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from tests.unit.desired_world import (
    DEFAULT,
    GROUP,
    KEY,
    LB_1,
    LISTENER,
    MISSING,
    OFFICE,
    PLAIN,
    WEIGHTED,
    A,
    B,
    C,
    guarded,
    member,
    world,
)
from xdpair.core import errors
from xdpair.core.acls import MAX_LISTENERS_PER_ACL
from xdpair.core.desired import Desired
from xdpair.core.model import (
    MAX_LISTENERS_PER_LOAD_BALANCER,
    AclEntry,
    DefaultGroup,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancerStatus,
    Member,
    Protocol,
    Server,
)


def test_load_balancer_has_so_many_listeners_and_no_more() -> None:
    full = world()
    for port in range(1000, 1000 + MAX_LISTENERS_PER_LOAD_BALANCER - len(full.listeners)):
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
            lambda w: (
                w.delete_listener(KEY)
                .delete_group("rsp-1")
                .update_group(replace(WEIGHTED, members=()))
                .update_group(replace(DEFAULT, members=()))
                .delete_server("a")
            ),
            lambda w: ("rsp-1" in w.groups, list(w.servers)),
            (False, ["idle"]),
            id="taken down piece by piece",
        ),
        pytest.param(
            lambda w: w.update_load_balancer(replace(LB_1, status=LoadBalancerStatus.INACTIVE)),
            lambda w: w.load_balancer("lb-1").status,
            LoadBalancerStatus.INACTIVE,
            id="load balancer made inactive",
        ),
        pytest.param(
            lambda w: w.update_listener(replace(PLAIN, group_id="rsp-w", server_port=None)),
            lambda w: [u.key.port for u in w.listeners_using("rsp-w")],
            [81, 82, 83],
            id="listener moves from the default to a weighted group",
        ),
        pytest.param(
            lambda w: w.update_listener(replace(LISTENER, group_id="rsp-default-1", server_port=1)),
            lambda w: [u.key.port for u in w.listeners_using("rsp-default-1")],
            [80, 83],
            id="listener moves from a pair to the default group",
        ),
        pytest.param(
            lambda w: w.update_group(replace(WEIGHTED, members=())),
            lambda w: w.weighted_group("rsp-w").members,
            (),
            id="weighted group emptied",
        ),
        pytest.param(
            lambda w: w.update_group(
                replace(WEIGHTED, members=(Member("a", 80), Member("alias", 80, address=A)))
            ),
            lambda w: [w.address_of(m) for m in w.weighted_group("rsp-w").members],
            [A, A],
            id="one server under two names in a weighted group",
        ),
        pytest.param(
            lambda w: w.update_group(replace(DEFAULT, members=(Member("idle", None, weight=3),))),
            lambda w: w.weighted_group("rsp-default-1").members[0].weight,
            3,
            id="default group of others",
        ),
        pytest.param(
            lambda w: w.update_listener(guarded(LISTENER, "acl-1")),
            lambda w: [u.key for u in w.listeners_with_acl("acl-1")],
            [KEY],
            id="listener guarded",
        ),
        pytest.param(
            lambda w: w.update_acl(replace(OFFICE, name="home")).create_acl(
                replace(OFFICE, acl_id="acl-2")
            ),
            lambda w: sorted(w.acls),
            ["acl-1", "acl-2", "acl-6"],
            id="name given up and taken",
        ),
        pytest.param(
            lambda w: w.update_acl(replace(OFFICE, entries=(AclEntry(IPv4Network("10.0.0.0/8")),))),
            lambda w: [str(entry.network) for entry in w.acl("acl-1").entries],
            ["10.0.0.0/8"],
            id="access control list extended",
        ),
        pytest.param(
            lambda w: w.delete_acl("acl-1").delete_acl("acl-6"),
            lambda w: dict(w.acls),
            {},
            id="access control lists deleted",
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
    assert (list(left.load_balancers), sorted(left.groups), list(left.listeners)) == (
        ["lb-2"],
        ["rsp-2", "rsp-default-2"],
        [],
    )
    assert left.servers == world().servers
    assert left.create_load_balancer(LB_1).load_balancer("lb-1") == LB_1
    assert left.delete_load_balancer("lb-2").delete_server("a").groups == {}


def test_load_balancer_comes_with_an_empty_default_group() -> None:
    made = Desired().create_load_balancer(replace(LB_1, create_time_s=7.0))
    assert made.groups == {"rsp-default-1": DefaultGroup("lb-1", create_time_s=7.0)}
    renamed = world().update_load_balancer(replace(LB_1, name="one"))
    assert renamed.group("rsp-default-1") == DEFAULT


def test_access_control_list_has_so_many_listeners_and_no_more() -> None:
    full = world()
    for number in range(MAX_LISTENERS_PER_ACL):
        lb_id = f"lb-{1 + number % 2}"
        key = ListenerKey(lb_id, Protocol.TCP, 1000 + number)
        full = full.create_listener(guarded(Listener(key, f"rsp-{1 + number % 2}"), "acl-1"))
    with pytest.raises(errors.LimitExceeded, match="acl-1 is used by 50 listeners"):
        full.update_listener(guarded(LISTENER, "acl-1"))
    user = full.listeners_with_acl("acl-1")[0]
    full = full.update_listener(replace(user, description="again")).delete_listener(user.key)
    assert LISTENER.key in {
        each.key
        for each in full.update_listener(guarded(LISTENER, "acl-1")).listeners_with_acl("acl-1")
    }


def test_who_is_in_the_way_is_named() -> None:
    with pytest.raises(errors.GroupInUse, match="lb-1/tcp-81, lb-1/tcp-82"):
        world().delete_group("rsp-w")
    with pytest.raises(errors.AclInUse, match="lb-1/tcp-80"):
        world().update_listener(guarded(LISTENER, "acl-1")).delete_acl("acl-1")
    with pytest.raises(errors.ServerInUse, match="rsp-1, rsp-default-1, rsp-w"):
        world().delete_server("a")
    with pytest.raises(errors.MissingParameter) as caught:
        world().update_listener(replace(PLAIN, server_port=None))
    assert caught.value.metadata["field"] == "server_port"


def test_starting_twice_is_no_error() -> None:
    once = world().set_listener_state(KEY, ListenerState.RUNNING)
    assert once.set_listener_state(KEY, ListenerState.RUNNING) == once


def test_listeners_are_told_in_order() -> None:
    grown = world()
    for port in (443, 22, 8080):
        grown = grown.create_listener(Listener(replace(KEY, port=port), "rsp-1"))
    assert [listener.key.port for listener in grown.listeners_of("lb-1")] == [
        22, 80, 81, 82, 83, 443, 8080,
    ]  # fmt: skip
    assert grown.listeners_of("lb-2") == []


def test_groups_are_told_in_order() -> None:
    ids = [group.group_id for group in world().groups_of("lb-1")]
    assert ids == ["rsp-1", "rsp-default-1", "rsp-w"]
    assert world().groups_of("lb-9") == []


def test_groups_name_the_servers_whose_address_they_do_not_have() -> None:
    ids = [group.group_id for group in world().groups_naming("a")]
    assert ids == ["rsp-1", "rsp-default-1", "rsp-w"]
    own = replace(WEIGHTED, members=(Member("a", 80, address=B),))
    renamed = world().update_group(own)
    assert [group.group_id for group in renamed.groups_naming("a")] == ["rsp-1", "rsp-default-1"]
    assert world().groups_naming("idle") == []


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
