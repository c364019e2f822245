# SPDX-License-Identifier: Apache-2.0
"""``Listener`` with its health check; its traffic policy is in ``convert.traffic``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xdpair.api.v1 import listener_pb2 as pb
from xdpair.core import errors
from xdpair.core.model import (
    AccessControlList,
    AclType,
    CheckKind,
    HealthCheck,
    Listener,
    ListenerKey,
    Protocol,
    default_group_id,
)
from xdpair.rpc import names
from xdpair.rpc.convert.acl import policy_from_pb, policy_to_pb
from xdpair.rpc.convert.scalars import (
    enum_from_pb,
    ms_from_pb,
    ms_to_pb,
    time_to_pb,
)
from xdpair.rpc.convert.traffic import traffic_from_pb, traffic_to_pb
from xdpair.rpc.updates import etag_of

_DEFAULT_CHECK = HealthCheck()
_DEFAULT_TYPE = {Protocol.TCP: CheckKind.TCP, Protocol.UDP: CheckKind.UDP}
_LAYER_7 = (pb.Listener.HTTP, pb.Listener.HTTPS)


def listener_key_from_pb(lb_id: str, message: pb.Listener) -> ListenerKey:
    """Return what the listener is known by. Raises ``InvalidInput``, or ``NotSupported`` for what
    is carried above layer 4.
    """
    if message.protocol in _LAYER_7:
        raise errors.NotSupported(
            "The loadbalancer does not support such action: its listeners are of layer 4",
            field="protocol",
        )
    if message.protocol == pb.Listener.PROTOCOL_UNSPECIFIED:
        raise errors.MissingParameter("protocol is missing: TCP or UDP", field="protocol")
    protocol = enum_from_pb(message.protocol, pb.Listener.Protocol, Protocol, None, "protocol")
    return ListenerKey(lb_id, protocol, message.port)


def listener_from_pb(key: ListenerKey, message: pb.Listener) -> Listener:
    """Return a stopped listener. Raises ``InvalidInput`` or ``NotSupported``."""
    if message.proxy_protocol_v2_enabled:
        raise errors.NotSupported(
            "The loadbalancer does not support such action: servers see the client's address as "
            "it is, without a PROXY header",
            field="proxy_protocol_v2_enabled",
        )
    return Listener(
        key=key,
        group_id=(
            names.group_id(message.server_group, "server_group")
            if message.server_group
            else default_group_id(key.lb_id)
        ),
        description=message.description,
        check=_check_from_pb(message.health_check, key.protocol),
        traffic=traffic_from_pb(message.traffic_policy, key.protocol),
        server_port=message.server_port or None,
        acl=policy_from_pb(message.acl) if message.HasField("acl") else None,
        tags=dict(message.tags),
    )


def listener_to_pb(listener: Listener, acls: Mapping[str, AccessControlList]) -> pb.Listener:
    """Args:
    acls: by id; the listener's must be among them.
    """
    message = pb.Listener(
        name=names.listener_name(listener.key),
        protocol=listener.key.protocol.name,
        port=listener.key.port,
        server_group=names.group_name(listener.group_id),
        description=listener.description,
        health_check=_check_to_pb(listener.check),
        traffic_policy=traffic_to_pb(listener.traffic),
        state=listener.state.name,
        create_time=time_to_pb(listener.create_time_s),
        server_port=listener.server_port or 0,
        acl=policy_to_pb(listener.acl),
        tags=listener.tags,
    )
    message.etag = etag_of(message)
    message.warnings.extend(_warnings(listener, acls))
    return message


def _warnings(listener: Listener, acls: Mapping[str, AccessControlList]) -> Iterator[str]:
    policy = listener.acl
    if policy is None or policy.type is not AclType.WHITE:
        return
    if not any(acls[acl_id].entries for acl_id in policy.acl_ids):
        yield f"nobody may come: white and empty: {', '.join(policy.acl_ids)}"


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
