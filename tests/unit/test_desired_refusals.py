# SPDX-License-Identifier: Apache-2.0
"""Rules between resources: what does not keep them is refused and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.desired_world import (
    GROUP,
    KEY,
    LB_1,
    LISTENER,
    MISSING,
    OFFICE,
    PLAIN,
    TURN,
    WEIGHTED,
    A,
    B,
    C,
    guarded,
    member,
    world,
)
from xdpair.core import errors
from xdpair.core.desired import Desired
from xdpair.core.model import (
    AccessControlList,
    DefaultGroup,
    IpVersion,
    Listener,
    ListenerState,
    LoadBalancer,
    Member,
    Server,
)

Change = Callable[[Desired], Any]

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
    "listener with the default group, but no port": (
        lambda w: w.create_listener(Listener(MISSING, "rsp-default-1")),
        errors.MissingParameter,
    ),
    "listener loses the port of the default group": (
        lambda w: w.update_listener(replace(PLAIN, server_port=None)),
        errors.MissingParameter,
    ),
    "listener with a port for a primary/secondary group": (
        lambda w: w.create_listener(Listener(MISSING, "rsp-1", server_port=80)),
        errors.InvalidInput,
    ),
    "listener with a port for a weighted group": (
        lambda w: w.update_listener(replace(TURN, server_port=80)),
        errors.InvalidInput,
    ),
    "listener with another's default group": (
        lambda w: w.create_listener(Listener(MISSING, "rsp-default-2", server_port=80)),
        errors.GroupNotForListener,
    ),
    "listener with an unknown access control list": (
        lambda w: w.create_listener(guarded(Listener(MISSING, "rsp-1"), "acl-1", "acl-9")),
        errors.AclNotFound,
    ),
    "listener gets an unknown access control list": (
        lambda w: w.update_listener(guarded(LISTENER, "acl-9")),
        errors.AclNotFound,
    ),
    "IPv4 listener with an IPv6 list": (
        lambda w: w.update_listener(guarded(LISTENER, "acl-1", "acl-6")),
        errors.AclEntryIllegal,
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
    "weighted group with an unknown server": (
        lambda w: w.create_group(replace(WEIGHTED, group_id="rsp-3", members=(member("nobody"),))),
        errors.ServerNotFound,
    ),
    "default group gets an unknown server": (
        lambda w: w.update_group(DefaultGroup("lb-1", (Member("nobody", None),))),
        errors.ServerNotFound,
    ),
    "pair becomes a weighted group": (
        lambda w: w.update_group(replace(WEIGHTED, group_id="rsp-1")),
        errors.InvalidInput,
    ),
    "weighted group becomes a pair": (
        lambda w: w.update_group(replace(GROUP, group_id="rsp-w")),
        errors.InvalidInput,
    ),
    "default group made by hand": (
        lambda w: w.create_group(DefaultGroup("lb-1")),
        errors.InvalidInput,
    ),
    "default group of an unknown load balancer": (
        lambda w: w.update_group(DefaultGroup("lb-9")),
        errors.GroupNotFound,
    ),
    "delete of a default group": (
        lambda w: w.delete_group("rsp-default-2"),
        errors.FailedPrecondition,
    ),
    "delete of a weighted group in use": (lambda w: w.delete_group("rsp-w"), errors.GroupInUse),
    "pair's command for a weighted group": (
        lambda w: w.pair_group("rsp-w"),
        errors.NotSupported,
    ),
    "pair's command for a default group": (
        lambda w: w.pair_group("rsp-default-1"),
        errors.NotSupported,
    ),
    "pair's command for no group": (lambda w: w.pair_group("rsp-9"), errors.GroupNotFound),
    "weighted group's command for a pair": (
        lambda w: w.weighted_group("rsp-1"),
        errors.NotSupported,
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
    "delete of a server that only a default group uses": (
        lambda w: (
            w.update_group(DefaultGroup("lb-2", (Member("idle", None),))).delete_server("idle")
        ),
        errors.ServerInUse,
    ),
    # -- access control lists
    "unknown access control list": (lambda w: w.acl("acl-9"), errors.AclNotFound),
    "access control list twice": (
        lambda w: w.create_acl(replace(OFFICE, name="other")),
        errors.AclAlreadyExists,
    ),
    "name of an access control list twice": (
        lambda w: w.create_acl(replace(OFFICE, acl_id="acl-2")),
        errors.AclAlreadyExists,
    ),
    "access control list takes another's name": (
        lambda w: w.update_acl(replace(OFFICE, name="six")),
        errors.AclAlreadyExists,
    ),
    "access control list becomes one of IPv6": (
        lambda w: w.update_acl(replace(OFFICE, ip_version=IpVersion.IPV6)),
        errors.InvalidInput,
    ),
    "update of an unknown access control list": (
        lambda w: w.update_acl(AccessControlList("acl-9", "nine")),
        errors.AclNotFound,
    ),
    "delete of an unknown access control list": (
        lambda w: w.delete_acl("acl-9"),
        errors.AclNotFound,
    ),
    "delete of an access control list in use": (
        lambda w: w.update_listener(guarded(TURN, "acl-1")).delete_acl("acl-1"),
        errors.AclInUse,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_change_is_refused_and_changes_nothing(case: str) -> None:
    change, error = REFUSALS[case]
    before = world()
    with pytest.raises(error) as caught:
        change(before)
    assert type(caught.value) is error
    assert before == world()
