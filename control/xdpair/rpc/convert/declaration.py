# SPDX-License-Identifier: Apache-2.0
"""``Declaration`` and ``Change``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from google.protobuf.message import Message

from xdpair.api.v1 import declaration_pb2 as pb
from xdpair.api.v1 import declaration_service_pb2 as service_pb
from xdpair.api.v1 import listener_pb2, load_balancer_pb2, server_group_pb2, server_pb2
from xdpair.api.v1.access_control_list_pb2 import AccessControlList as AclMessage
from xdpair.core import errors
from xdpair.core.declaration import Declaration
from xdpair.core.desired import Desired
from xdpair.core.model import (
    AccessControlList,
    DefaultGroup,
    Group,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Server,
)
from xdpair.core.rules import require
from xdpair.core.steps import Resource, Step
from xdpair.rpc import names
from xdpair.rpc.convert.acl import acl_from_pb, acl_to_pb
from xdpair.rpc.convert.difference import differences
from xdpair.rpc.convert.listener import listener_from_pb, listener_key_from_pb, listener_to_pb
from xdpair.rpc.convert.load_balancer import load_balancer_from_pb, load_balancer_to_pb
from xdpair.rpc.convert.scalars import enum_from_pb
from xdpair.rpc.convert.server import server_from_pb, server_to_pb
from xdpair.rpc.convert.server_group import group_from_pb, group_to_pb
from xdpair.rpc.convert.sparse import (
    sparse_acl,
    sparse_group,
    sparse_listener,
    sparse_load_balancer,
    sparse_server,
)
from xdpair.rpc.slices import in_slices

_M = TypeVar("_M", bound=Message)
_K = TypeVar("_K")
_R = TypeVar("_R", bound=Resource)


# -- taking in -------------------------------------------------------------------------------------


async def declaration_from_pb(message: pb.Declaration) -> Declaration:
    """Read it in slices, since it may be long.

    Raises:
        XdpairError: a resource breaks a rule; ``place`` in the metadata says which.
    """
    return Declaration(
        load_balancers=await _declared("load_balancers", message.load_balancers, _load_balancer),
        listeners=await _declared("listeners", message.listeners, _listener),
        groups=await _declared("server_groups", message.server_groups, _group),
        servers=await _declared("servers", message.servers, _server),
        acls=await _declared("access_control_lists", message.access_control_lists, _acl),
    )


async def _declared(
    field: str, messages: Sequence[_M], read: Callable[[_M], tuple[_K, _R]]
) -> dict[_K, _R]:
    declared: dict[_K, _R] = {}

    def take(message: _M) -> None:
        try:
            key, resource = read(message)
            if key in declared:
                raise errors.InvalidInput(f"{key} is declared twice", field="name")
        except errors.XdpairError as error:
            raise placed(error, f"{field}[{len(declared)}]") from None
        declared[key] = resource

    await in_slices(take, messages)
    return declared


def _load_balancer(message: load_balancer_pb2.LoadBalancer) -> tuple[str, LoadBalancer]:
    lb_id = names.load_balancer_id(message.name)
    return lb_id, load_balancer_from_pb(lb_id, message)


def _listener(message: listener_pb2.Listener) -> tuple[ListenerKey, Listener]:
    key = names.listener_key(message.name)
    require(
        listener_key_from_pb(key.lb_id, message) == key,
        errors.InvalidInput,
        f"{message.name} has another protocol or port than its name says",
        field="name",
    )
    listener = listener_from_pb(key, message)
    state = enum_from_pb(
        message.state,
        listener_pb2.Listener.State,
        ListenerState,
        ListenerState.RUNNING,
        "state",
    )
    return key, replace(listener, state=state)


def _group(message: server_group_pb2.ServerGroup) -> tuple[str, Group]:
    group_id = names.group_id(message.name)
    group = group_from_pb(group_id, message)
    require(
        group.group_id == group_id,
        errors.InvalidInput,
        f"the default group of {group.lb_id} is {group.group_id}",
        field="name",
    )
    return group_id, group


def _server(message: server_pb2.Server) -> tuple[str, Server]:
    server_id = names.server_id(message.name)
    return server_id, server_from_pb(server_id, message)


def _acl(message: AclMessage) -> tuple[str, AccessControlList]:
    acl_id = names.acl_id(message.name)
    return acl_id, acl_from_pb(acl_id, message)


def placed(error: errors.XdpairError, place: str) -> errors.XdpairError:
    """Return the error with the place in the declaration that it is about.

    Args:
        place: such as ``listeners[17]``.
    """
    known = type(error)(f"{place}: {error}", **error.metadata)
    known.metadata["place"] = place
    return known


def place_of(resource: Resource, declaration: Declaration) -> str:
    """Return the place of a declared resource, such as ``listeners[17]``."""
    for field, declared in (
        ("load_balancers", declaration.load_balancers),
        ("listeners", declaration.listeners),
        ("server_groups", declaration.groups),
        ("servers", declaration.servers),
        ("access_control_lists", declaration.acls),
    ):
        for index, other in enumerate(declared.values()):
            if other is resource:
                return f"{field}[{index}]"
    return name_of(resource)  # deleted, or emptied, because it is not declared


# -- giving out ------------------------------------------------------------------------------------


async def declare(desired: Desired, into: pb.Declaration) -> None:
    """Say all that there is, as shortly as it can be said; in slices, since it may be long."""

    def add_listener(listener: Listener) -> None:
        into.listeners.append(sparse_listener(listener, desired.acls))

    def add_group(group: Group) -> None:
        if not isinstance(group, DefaultGroup) or group.members or group.tags:
            into.server_groups.append(sparse_group(group))

    lbs = _in_order(desired.load_balancers)
    into.load_balancers.extend(await in_slices(sparse_load_balancer, lbs))
    await in_slices(add_listener, _in_order(desired.listeners))
    await in_slices(add_group, _in_order(desired.groups))
    into.servers.extend(await in_slices(sparse_server, _in_order(desired.servers)))
    into.access_control_lists.extend(await in_slices(sparse_acl, _in_order(desired.acls)))


def _in_order(resources: Mapping[Any, _R]) -> list[_R]:
    return [resource for _, resource in sorted(resources.items())]


def changes_to_pb(steps: Iterable[Step], acls: Mapping[str, AccessControlList]) -> list[pb.Change]:
    """Args:
    acls: by id; all that listeners have or had must be among them.
    """
    return [
        pb.Change(
            action=step.action.name,
            name=name_of(step.resource),
            fields=_differences(step, acls),
        )
        for step in steps
    ]


def etag_of(changes: Sequence[pb.Change]) -> str:
    """Return a hash of the changes."""
    content = service_pb.ApplyResponse(changes=changes).SerializeToString(deterministic=True)
    return hashlib.sha256(content).hexdigest()[:16]


def _differences(step: Step, acls: Mapping[str, AccessControlList]) -> Iterable[pb.FieldChange]:
    if step.before is None or step.after is None:
        return ()
    return differences(_to_pb(step.before, acls), _to_pb(step.after, acls))


def _to_pb(resource: Resource, acls: Mapping[str, AccessControlList]) -> Message:
    match resource:
        case LoadBalancer():
            return load_balancer_to_pb(resource)
        case Listener():
            return listener_to_pb(resource, acls)
        case Server():
            return server_to_pb(resource)
        case AccessControlList():
            return acl_to_pb(resource)
    return group_to_pb(resource, ())


def name_of(resource: Resource) -> str:
    """Return its name in the API."""
    match resource:
        case LoadBalancer():
            return names.load_balancer_name(resource.lb_id)
        case Listener():
            return names.listener_name(resource.key)
        case Server():
            return names.server_name(resource.server_id)
        case AccessControlList():
            return names.acl_name(resource.acl_id)
    return names.group_name(resource.group_id)
