# SPDX-License-Identifier: Apache-2.0
"""``Listener`` with its health check and traffic policy."""

from __future__ import annotations

from xdpair.api.v1 import listener_pb2 as pb
from xdpair.core import errors
from xdpair.core.model import (
    CheckKind,
    FlowAction,
    HealthCheck,
    Listener,
    ListenerKey,
    Protocol,
    TrafficPolicy,
)
from xdpair.rpc import names
from xdpair.rpc.convert.scalars import (
    enum_from_pb,
    ms_from_pb,
    ms_to_pb,
    s_from_pb,
    time_to_pb,
)
from xdpair.rpc.updates import etag_of

_DEFAULT_CHECK = HealthCheck()
_DEFAULT_TYPE = {Protocol.TCP: CheckKind.TCP, Protocol.UDP: CheckKind.UDP}


def listener_key_from_pb(lb_id: str, message: pb.Listener) -> ListenerKey:
    """Return what the listener is known by. Raises ``InvalidInput``."""
    if message.protocol == pb.Listener.PROTOCOL_UNSPECIFIED:
        raise errors.MissingParameter("protocol is missing: TCP or UDP", field="protocol")
    protocol = enum_from_pb(message.protocol, pb.Listener.Protocol, Protocol, None, "protocol")
    return ListenerKey(lb_id, protocol, message.port)


def listener_from_pb(key: ListenerKey, message: pb.Listener) -> Listener:
    """Return a stopped listener. Raises ``InvalidInput``."""
    if not message.server_group:
        raise errors.MissingParameter("a listener needs a server group", field="server_group")
    return Listener(
        key=key,
        group_id=names.group_id(message.server_group, "server_group"),
        description=message.description,
        check=_check_from_pb(message.health_check, key.protocol),
        traffic=_traffic_from_pb(message.traffic_policy, key.protocol),
    )


def listener_to_pb(listener: Listener) -> pb.Listener:
    message = pb.Listener(
        name=names.listener_name(listener.key),
        protocol=listener.key.protocol.name,
        port=listener.key.port,
        server_group=names.group_name(listener.group_id),
        description=listener.description,
        health_check=_check_to_pb(listener.check),
        traffic_policy=_traffic_to_pb(listener.traffic),
        state=listener.state.name,
        create_time=time_to_pb(listener.create_time_s),
    )
    message.etag = etag_of(message)
    return message


def _check_from_pb(message: pb.HealthCheck, protocol: Protocol) -> HealthCheck:
    default = _DEFAULT_CHECK
    interval_ms = (
        ms_from_pb(message.interval, "health_check.interval")
        if message.HasField("interval")
        else default.interval_ms
    )
    return HealthCheck(
        kind=enum_from_pb(
            message.type,
            pb.HealthCheck.Type,
            CheckKind,
            _DEFAULT_TYPE[protocol],
            "health_check.type",
        ),
        enabled=message.enabled if message.HasField("enabled") else default.enabled,
        interval_ms=interval_ms,
        timeout_ms=(
            ms_from_pb(message.timeout, "health_check.timeout")
            if message.HasField("timeout")
            else interval_ms
        ),
        rise=(message.healthy_threshold if message.HasField("healthy_threshold") else default.rise),
        fall=(
            message.unhealthy_threshold if message.HasField("unhealthy_threshold") else default.fall
        ),
        port=message.port or default.port,
        http_path=message.http_path or default.http_path,
        http_host=message.http_host or default.http_host,
        http_codes=frozenset(map(int, message.http_codes)) or default.http_codes,
        udp_request=message.udp_request,
        udp_expected=message.udp_expected,
    )


def _check_to_pb(check: HealthCheck) -> pb.HealthCheck:
    return pb.HealthCheck(
        type=check.kind.name,
        enabled=check.enabled,
        interval=ms_to_pb(check.interval_ms),
        timeout=ms_to_pb(check.timeout_ms),
        healthy_threshold=check.rise,
        unhealthy_threshold=check.fall,
        port=check.port or 0,
        http_path=check.http_path,
        http_host=check.http_host,
        http_codes=[f"HTTP_{digit}XX" for digit in sorted(check.http_codes)],
        udp_request=check.udp_request,
        udp_expected=check.udp_expected,
    )


def _traffic_from_pb(message: pb.TrafficPolicy, protocol: Protocol) -> TrafficPolicy:
    default = TrafficPolicy.default_for(protocol)
    actions = pb.TrafficPolicy.FlowAction
    return TrafficPolicy(
        on_failover=enum_from_pb(
            message.on_failover,
            actions,
            FlowAction,
            default.on_failover,
            "traffic_policy.on_failover",
        ),
        on_failback=enum_from_pb(
            message.on_failback,
            actions,
            FlowAction,
            default.on_failback,
            "traffic_policy.on_failback",
        ),
        drain_timeout_s=s_from_pb(message.drain_timeout, "traffic_policy.drain_timeout"),
    )


def _traffic_to_pb(traffic: TrafficPolicy) -> pb.TrafficPolicy:
    return pb.TrafficPolicy(
        on_failover=traffic.on_failover.name,
        on_failback=traffic.on_failback.name,
        drain_timeout=ms_to_pb(traffic.drain_timeout_s * 1000),
    )
