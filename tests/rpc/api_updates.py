# SPDX-License-Identifier: Apache-2.0
"""What an update makes of a resource, as docs/api.md says: the second opinion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tests.rpc.api_defaults import is_said
from tests.rpc.api_plain import Plain
from xdpair.api.v1.access_control_list_pb2 import AccessControlList
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.api.v1.server_pb2 import Server

_DESCRIPTORS: Mapping[str, Descriptor] = {
    "load_balancers": LoadBalancer.DESCRIPTOR,
    "listeners": Listener.DESCRIPTOR,
    "server_groups": ServerGroup.DESCRIPTOR,
    "servers": Server.DESCRIPTOR,
    "access_control_lists": AccessControlList.DESCRIPTOR,
}
_IMMUTABLE: Mapping[str, frozenset[str]] = {
    "load_balancers": frozenset({"address"}),
    "listeners": frozenset({"protocol", "port"}),
    "server_groups": frozenset({"load_balancer", "kind"}),
    "servers": frozenset(),
    "access_control_lists": frozenset({"ip_version"}),
}
_IGNORED = frozenset(
    {"name", "etag", "create_time", "state", "slots", "warnings", "related_listeners"}
)
#: Messages into which paths lead.
_PARTS = frozenset({"health_check", "traffic_policy", "failover_policy", "acl"})


class NoUpdate(Exception):
    """The mask is wrong, or what can not change would."""


def updated(kind: str, stored: Plain, given: Plain, mask: Iterable[str]) -> Plain:
    """Return the fields that the resource has then, those of the defaults possibly missing."""
    paths = list(mask) or list(_said_paths(given))
    if "*" in paths:
        paths = [field.name for field in _DESCRIPTORS[kind].fields]
    result = dict(stored)
    for path in paths:
        _take(kind, path, given, result)
    return result


def paths_of(kind: str) -> list[str]:
    """Return all that a mask can name."""
    paths = []
    for field in _DESCRIPTORS[kind].fields:
        paths.append(field.name)
        if field.name in _PARTS:
            paths += [f"{field.name}.{part.name}" for part in field.message_type.fields]
    return paths


def _said_paths(given: Plain) -> Iterable[str]:
    for field, value in given.items():
        if field in _PARTS:
            yield from (f"{field}.{part}" for part in value if is_said(part, value[part]))
        elif is_said(field, value):
            yield field


def _take(kind: str, path: str, given: Plain, result: Plain) -> None:
    if path not in paths_of(kind):
        raise NoUpdate
    head, _, part = path.partition(".")
    if head in _IGNORED:
        return
    if head in _IMMUTABLE[kind]:
        if is_said(head, given[head]) and given[head] != result[head]:
            raise NoUpdate
    elif part:
        result[head] = dict(result.get(head, {}))
        _copy(part, given.get(head, {}), result[head])
    else:
        _copy(head, given, result)


def _copy(field: str, source: Plain, target: Plain) -> None:
    target.pop(field, None)
    if field in source:
        target[field] = source[field]


assert all(  # or the models differ in what a path may lead into
    (field.name in _PARTS)
    == (
        field.message_type is not None
        and field.label != FieldDescriptor.LABEL_REPEATED
        and field.name != "create_time"
    )
    for descriptor in _DESCRIPTORS.values()
    for field in descriptor.fields
)
