# SPDX-License-Identifier: Apache-2.0
"""Resources as short as they can be declared: without what is at its default, or output only."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from xdpair.api.v1 import (
    access_control_list_pb2,
    listener_pb2,
    load_balancer_pb2,
    server_group_pb2,
    server_pb2,
)
from xdpair.core.model import (
    AccessControlList,
    Group,
    HealthCheck,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    Server,
    default_group_id,
)
from xdpair.rpc.convert.acl import acl_to_pb
from xdpair.rpc.convert.difference import behaviour, is_said
from xdpair.rpc.convert.listener import listener_from_pb, listener_to_pb
from xdpair.rpc.convert.load_balancer import load_balancer_to_pb
from xdpair.rpc.convert.server import server_to_pb
from xdpair.rpc.convert.server_group import group_to_pb

_ANY_ADDRESS = IPv4Address("192.0.2.1")

#: What resources are like of which nothing is said but what has no default.
_LOAD_BALANCER = load_balancer_to_pb(LoadBalancer("lb-0", _ANY_ADDRESS))
_GROUP = group_to_pb(PairGroup("rsp-0", "lb-0", Member("0", 1), Member("1", 1)), ())
_SERVER = server_to_pb(Server("0", _ANY_ADDRESS))
_ACL = acl_to_pb(AccessControlList("acl-0", "0"))
#: And what stands in lists: a primary, but for its port.
_GROUP.servers[0].ClearField("port")
_ITEMS: Mapping[str, Message] = {
    message.DESCRIPTOR.full_name: message
    for message in (_GROUP.servers[0], access_control_list_pb2.AclEntry())
}
_DEFAULT_INTERVAL_MS = HealthCheck().interval_ms
_KEPT = frozenset({field_behavior_pb2.REQUIRED, field_behavior_pb2.IDENTIFIER})


def sparse_load_balancer(lb: LoadBalancer) -> load_balancer_pb2.LoadBalancer:
    message = load_balancer_to_pb(lb)
    _strip(message, _LOAD_BALANCER)
    return message


def sparse_group(group: Group) -> server_group_pb2.ServerGroup:
    message = group_to_pb(group, ())
    _strip(message, _GROUP)
    return message


def sparse_server(server: Server) -> server_pb2.Server:
    message = server_to_pb(server)
    _strip(message, _SERVER)
    return message


def sparse_acl(acl: AccessControlList) -> access_control_list_pb2.AccessControlList:
    message = acl_to_pb(acl)
    _strip(message, _ACL)
    return message


def sparse_listener(
    listener: Listener, acls: Mapping[str, AccessControlList]
) -> listener_pb2.Listener:
    """Args:
    acls: by id; the listener's must be among them.
    """
    message = listener_to_pb(listener, acls)
    if listener.group_id == default_group_id(listener.key.lb_id):
        message.ClearField("server_group")
    _strip(message, _listener(listener.key.protocol, listener.check.interval_ms))
    return message


@functools.lru_cache(maxsize=1000)
def _listener(protocol: Protocol, interval_ms: int) -> listener_pb2.Listener:
    """Return one of which nothing else is said."""
    said = listener_pb2.Listener()
    said.health_check.interval.FromMilliseconds(interval_ms)
    listener = listener_from_pb(ListenerKey("lb-0", protocol, 1), said)
    message = listener_to_pb(replace(listener, state=ListenerState.RUNNING), {})
    if interval_ms != _DEFAULT_INTERVAL_MS:
        message.health_check.ClearField("interval")
    return message


def _strip(message: Message, bare: Message) -> None:
    """Clear what nobody has to say.

    Args:
        bare: what the message would be like with nothing said.
    """
    for field, value in message.ListFields():
        is_kept = _is_kept(field.full_name, field)
        if is_kept is None:
            message.ClearField(field.name)
        elif is_kept or _is_map(field):
            continue
        elif field.label == FieldDescriptor.LABEL_REPEATED and field.message_type is not None:
            for item in value:
                _strip(item, _ITEMS[field.message_type.full_name])
        elif field.message_type is not None and not isinstance(value, Duration):
            _strip(value, getattr(bare, field.name))
            if not value.ListFields():
                message.ClearField(field.name)
        elif value == getattr(bare, field.name):
            message.ClearField(field.name)


_KEPT_FIELDS: dict[str, bool | None] = {}


def _is_kept(full_name: str, field: FieldDescriptor) -> bool | None:
    """Whether a field must be said, or stays only if it is not at its default; None: it goes."""
    try:
        return _KEPT_FIELDS[full_name]
    except KeyError:
        kept = bool(behaviour(field) & _KEPT) if is_said(field) else None
        if field_behavior_pb2.IDENTIFIER in behaviour(field):
            kept = True
        return _KEPT_FIELDS.setdefault(full_name, kept)


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)
