# SPDX-License-Identifier: Apache-2.0
"""One world with something of each kind, for tests of the rules between resources."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Network

from xdpair.core.desired import Desired
from xdpair.core.model import (
    AccessControlList,
    AclEntry,
    AclPolicy,
    AclType,
    DefaultGroup,
    IpVersion,
    Listener,
    ListenerKey,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    Scheduler,
    Server,
    TrafficPolicy,
    WeightedGroup,
)

A, B, C = (IPv4Address(f"192.0.2.{number}") for number in (1, 2, 3))
LB_1 = LoadBalancer("lb-1", IPv4Address("198.51.100.1"))
LB_2 = LoadBalancer("lb-2", IPv4Address("198.51.100.2"))
#: One member known to the inventory, one that brings its address along.
GROUP = PairGroup("rsp-1", "lb-1", Member("a", 80), Member("b", 80, address=B))
GROUP_2 = PairGroup("rsp-2", "lb-2", Member("x", 80, address=A), Member("y", 80, address=B))
WEIGHTED = WeightedGroup("rsp-w", "lb-1", (Member("a", 80), Member("a", 81, address=B)))
DEFAULT = DefaultGroup("lb-1", (Member("a", None),))
KEY = ListenerKey("lb-1", Protocol.TCP, 80)
LISTENER = Listener(KEY, "rsp-1")
MISSING = ListenerKey("lb-1", Protocol.UDP, 80)
#: Listeners with a weighted group, one that goes in turn and one that hashes, and one with the
#: default group.
TURN = Listener(replace(KEY, port=81), "rsp-w")
HASH = Listener(replace(KEY, port=82), "rsp-w", traffic=TrafficPolicy(scheduler=Scheduler.SCH))
PLAIN = Listener(replace(KEY, port=83), "rsp-default-1", server_port=8080)
OFFICE = AccessControlList("acl-1", "office")
IPV6 = AccessControlList("acl-6", "six", IpVersion.IPV6, (AclEntry(IPv6Network("2001:db8::/32")),))


def world() -> Desired:
    return (
        Desired()
        .create_server(Server("a", A))
        .create_server(Server("idle", C))
        .create_load_balancer(LB_1)
        .create_load_balancer(LB_2)
        .create_group(GROUP)
        .create_group(GROUP_2)
        .create_group(WEIGHTED)
        .update_group(DEFAULT)
        .create_acl(OFFICE)
        .create_acl(IPV6)
        .create_listener(LISTENER)
        .create_listener(TURN)
        .create_listener(HASH)
        .create_listener(PLAIN)
    )


def scheduled(listener: Listener, scheduler: Scheduler) -> Listener:
    return replace(listener, traffic=replace(listener.traffic, scheduler=scheduler))


def guarded(listener: Listener, *acl_ids: str) -> Listener:
    return replace(listener, acl=AclPolicy(AclType.WHITE, acl_ids))


def member(server_id: str, port: int = 80, address: IPv4Address | None = None) -> Member:
    return Member(server_id, port, address=address)
