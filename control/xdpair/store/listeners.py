# SPDX-License-Identifier: Apache-2.0
"""How listeners are written down; see ``resources`` for the manner."""

from __future__ import annotations

from xdpair.core.model import (
    AclPolicy,
    AclType,
    AllUnhealthy,
    CheckKind,
    FlowAction,
    HealthCheck,
    Listener,
    ListenerKey,
    ListenerState,
    Protocol,
    Scheduler,
    TrafficPolicy,
)
from xdpair.store.document import Document, Json, name_of


def listener_to(listener: Listener) -> Json:
    return {
        "key": listener_key_to(listener.key),
        "group_id": listener.group_id,
        "state": name_of(listener.state),
        "description": listener.description,
        "check": _check_to(listener.check),
        "traffic": _traffic_to(listener.traffic),
        "create_time_s": listener.create_time_s,
        "server_port": listener.server_port,
        "acl": None if listener.acl is None else _acl_policy_to(listener.acl),
        "tags": dict(listener.tags),
    }


def listener_from(value: object) -> Listener:
    with Document("listener", value) as fields:
        return Listener(
            key=fields.child("key", listener_key_from),
            group_id=fields.text("group_id"),
            state=fields.choice("state", ListenerState),
            description=fields.text("description"),
            check=fields.child("check", _check_from),
            traffic=fields.child("traffic", _traffic_from),
            create_time_s=fields.number("create_time_s"),
            server_port=fields.optional("server_port", fields.integer),
            acl=fields.optional("acl", lambda present: fields.child(present, _acl_policy_from)),
            tags=fields.texts_by_name("tags"),
        )


def listener_key_to(key: ListenerKey) -> Json:
    return {"lb_id": key.lb_id, "protocol": name_of(key.protocol), "port": key.port}


def listener_key_from(value: object) -> ListenerKey:
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
        "scheduler": name_of(traffic.scheduler),
        "persistence_timeout_s": traffic.persistence_timeout_s,
        "established_timeout_s": traffic.established_timeout_s,
        "connection_drain_s": traffic.connection_drain_s,
        "bandwidth_mbps": traffic.bandwidth_mbps,
        "all_unhealthy": name_of(traffic.all_unhealthy),
    }


def _traffic_from(value: object) -> TrafficPolicy:
    with Document("traffic policy", value) as fields:
        return TrafficPolicy(
            on_failover=fields.choice("on_failover", FlowAction),
            on_failback=fields.choice("on_failback", FlowAction),
            drain_timeout_s=fields.integer("drain_timeout_s"),
            scheduler=fields.choice("scheduler", Scheduler),
            persistence_timeout_s=fields.integer("persistence_timeout_s"),
            established_timeout_s=fields.integer("established_timeout_s"),
            connection_drain_s=fields.integer("connection_drain_s"),
            bandwidth_mbps=fields.integer("bandwidth_mbps"),
            all_unhealthy=fields.choice("all_unhealthy", AllUnhealthy),
        )


def _acl_policy_to(policy: AclPolicy) -> Json:
    return {"type": name_of(policy.type), "acl_ids": list(policy.acl_ids)}


def _acl_policy_from(value: object) -> AclPolicy:
    with Document("access control policy", value) as fields:
        return AclPolicy(
            type=fields.choice("type", AclType), acl_ids=tuple(fields.texts("acl_ids"))
        )
