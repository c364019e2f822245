# SPDX-License-Identifier: Apache-2.0
"""How each resource is written down: one JSON document with the field names of the model.

Written out by hand, so that renaming a field of the model does not silently change what is on disk.
``from_json`` raises ``StoreError`` for a document of another shape, and whatever the model's
constructor raises for one that breaks its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from xdpair.core.desired import Desired
from xdpair.core.model import (
    CheckKind,
    FailbackMode,
    FailoverPolicy,
    FailoverScope,
    FlowAction,
    HealthCheck,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    Server,
    ServerKind,
    TrafficPolicy,
)
from xdpair.store.document import Document, Json, name_of

K = TypeVar("K")
R = TypeVar("R")


def _load_balancer_to(lb: LoadBalancer) -> Json:
    return {
        "lb_id": lb.lb_id,
        "address": str(lb.address),
        "name": lb.name,
        "interface": lb.interface,
        "delete_protection": lb.delete_protection,
        "create_time_s": lb.create_time_s,
    }


def _load_balancer_from(value: object) -> LoadBalancer:
    with Document("load balancer", value) as fields:
        return LoadBalancer(
            lb_id=fields.text("lb_id"),
            address=fields.address("address"),
            name=fields.text("name"),
            interface=fields.text("interface"),
            delete_protection=fields.flag("delete_protection"),
            create_time_s=fields.number("create_time_s"),
        )


def _listener_to(listener: Listener) -> Json:
    return {
        "key": _listener_key_to(listener.key),
        "group_id": listener.group_id,
        "state": name_of(listener.state),
        "description": listener.description,
        "check": _check_to(listener.check),
        "traffic": _traffic_to(listener.traffic),
        "create_time_s": listener.create_time_s,
    }


def _listener_from(value: object) -> Listener:
    with Document("listener", value) as fields:
        return Listener(
            key=fields.child("key", _listener_key_from),
            group_id=fields.text("group_id"),
            state=fields.choice("state", ListenerState),
            description=fields.text("description"),
            check=fields.child("check", _check_from),
            traffic=fields.child("traffic", _traffic_from),
            create_time_s=fields.number("create_time_s"),
        )


def _listener_key_to(key: ListenerKey) -> Json:
    return {"lb_id": key.lb_id, "protocol": name_of(key.protocol), "port": key.port}


def _listener_key_from(value: object) -> ListenerKey:
    with Document("listener key", value) as fields:
        return ListenerKey(
            lb_id=fields.text("lb_id"),
            protocol=fields.choice("protocol", Protocol),
            port=fields.integer("port"),
        )


def _check_to(check: HealthCheck) -> Json:
    return {
        "kind": name_of(check.kind),
        "enabled": check.enabled,
        "interval_ms": check.interval_ms,
        "timeout_ms": check.timeout_ms,
        "rise": check.rise,
        "fall": check.fall,
        "port": check.port,
        "http_path": check.http_path,
        "http_host": check.http_host,
        "http_codes": sorted(check.http_codes),
        "udp_request": check.udp_request.hex(),
        "udp_expected": check.udp_expected.hex(),
    }


def _check_from(value: object) -> HealthCheck:
    with Document("health check", value) as fields:
        return HealthCheck(
            kind=fields.choice("kind", CheckKind),
            enabled=fields.flag("enabled"),
            interval_ms=fields.integer("interval_ms"),
            timeout_ms=fields.integer("timeout_ms"),
            rise=fields.integer("rise"),
            fall=fields.integer("fall"),
            port=fields.optional("port", fields.integer),
            http_path=fields.text("http_path"),
            http_host=fields.text("http_host"),
            http_codes=frozenset(fields.integers("http_codes")),
            udp_request=fields.octets("udp_request"),
            udp_expected=fields.octets("udp_expected"),
        )


def _traffic_to(traffic: TrafficPolicy) -> Json:
    return {
        "on_failover": name_of(traffic.on_failover),
        "on_failback": name_of(traffic.on_failback),
        "drain_timeout_s": traffic.drain_timeout_s,
    }


def _traffic_from(value: object) -> TrafficPolicy:
    with Document("traffic policy", value) as fields:
        return TrafficPolicy(
            on_failover=fields.choice("on_failover", FlowAction),
            on_failback=fields.choice("on_failback", FlowAction),
            drain_timeout_s=fields.integer("drain_timeout_s"),
        )


def _group_to(group: PairGroup) -> Json:
    return {
        "group_id": group.group_id,
        "lb_id": group.lb_id,
        "primary": _member_to(group.primary),
        "secondary": _member_to(group.secondary),
        "name": group.name,
        "failover": _failover_to(group.failover),
        "probe_secondary": group.probe_secondary,
        "create_time_s": group.create_time_s,
    }


def _group_from(value: object) -> PairGroup:
    with Document("server group", value) as fields:
        return PairGroup(
            group_id=fields.text("group_id"),
            lb_id=fields.text("lb_id"),
            primary=fields.child("primary", _member_from),
            secondary=fields.child("secondary", _member_from),
            name=fields.text("name"),
            failover=fields.child("failover", _failover_from),
            probe_secondary=fields.flag("probe_secondary"),
            create_time_s=fields.number("create_time_s"),
        )


def _member_to(member: Member) -> Json:
    return {
        "server_id": member.server_id,
        "port": member.port,
        "weight": member.weight,
        "kind": name_of(member.kind),
        "address": None if member.address is None else str(member.address),
        "description": member.description,
    }


def _member_from(value: object) -> Member:
    with Document("member", value) as fields:
        return Member(
            server_id=fields.text("server_id"),
            port=fields.integer("port"),
            weight=fields.integer("weight"),
            kind=fields.choice("kind", ServerKind),
            address=fields.optional("address", fields.address),
            description=fields.text("description"),
        )


def _failover_to(policy: FailoverPolicy) -> Json:
    return {
        "scope": name_of(policy.scope),
        "failback": name_of(policy.failback),
        "hold_down_ms": policy.hold_down_ms,
    }


def _failover_from(value: object) -> FailoverPolicy:
    with Document("failover policy", value) as fields:
        return FailoverPolicy(
            scope=fields.choice("scope", FailoverScope),
            failback=fields.choice("failback", FailbackMode),
            hold_down_ms=fields.integer("hold_down_ms"),
        )


def _server_to(server: Server) -> Json:
    return {
        "server_id": server.server_id,
        "address": str(server.address),
        "description": server.description,
    }


def _server_from(value: object) -> Server:
    with Document("server", value) as fields:
        return Server(
            server_id=fields.text("server_id"),
            address=fields.address("address"),
            description=fields.text("description"),
        )


# -- tables ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind(Generic[K, R]):
    """One kind of resource: where it is in the store, and how to get it there and back."""

    table: str
    all_of: Callable[[Desired], Mapping[K, R]]
    key_of: Callable[[R], K]
    to_json: Callable[[R], Json]
    from_json: Callable[[object], R]


LOAD_BALANCERS = Kind(
    "load_balancers",
    lambda desired: desired.load_balancers,
    lambda lb: lb.lb_id,
    _load_balancer_to,
    _load_balancer_from,
)
LISTENERS = Kind(
    "listeners",
    lambda desired: desired.listeners,
    lambda listener: listener.key,
    _listener_to,
    _listener_from,
)
GROUPS = Kind(
    "server_groups",
    lambda desired: desired.groups,
    lambda group: group.group_id,
    _group_to,
    _group_from,
)
SERVERS = Kind(
    "servers",
    lambda desired: desired.servers,
    lambda server: server.server_id,
    _server_to,
    _server_from,
)
