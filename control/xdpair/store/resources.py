# SPDX-License-Identifier: Apache-2.0
"""Which kinds of resources there are, and how they are written down: each as a JSON document with
the field names of the model, each kind in a table of its own.

Documents are written out by hand, kind by kind, so that renaming a field of the model does not
silently change what is on disk. Reading one raises ``StoreError`` for another shape, and whatever
the model's constructor raises for one that breaks its rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from xdpair.core.changes import Delta
from xdpair.core.desired import Desired
from xdpair.core.model import (
    AccessControlList,
    Group,
    Listener,
    ListenerKey,
    LoadBalancer,
    Server,
)
from xdpair.store.acls import acl_from, acl_to
from xdpair.store.document import Json
from xdpair.store.groups import group_from, group_to
from xdpair.store.listeners import listener_from, listener_to
from xdpair.store.load_balancers import load_balancer_from, load_balancer_to
from xdpair.store.servers import server_from, server_to

K = TypeVar("K")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Kind(Generic[K, R]):
    """One kind of resource: where it is in the store, and how to get it there and back."""

    table: str
    all_of: Callable[[Desired], Mapping[K, R]]
    touched_by: Callable[[Delta], Collection[K]]
    key_of: Callable[[R], K]
    to_json: Callable[[R], Json]
    from_json: Callable[[object], R]


LOAD_BALANCERS: Kind[str, LoadBalancer] = Kind(
    table="load_balancers",
    all_of=lambda desired: desired.load_balancers,
    touched_by=lambda delta: delta.load_balancers,
    key_of=lambda lb: lb.lb_id,
    to_json=load_balancer_to,
    from_json=load_balancer_from,
)
LISTENERS: Kind[ListenerKey, Listener] = Kind(
    table="listeners",
    all_of=lambda desired: desired.listeners,
    touched_by=lambda delta: delta.listeners,
    key_of=lambda listener: listener.key,
    to_json=listener_to,
    from_json=listener_from,
)
GROUPS: Kind[str, Group] = Kind(
    table="server_groups",
    all_of=lambda desired: desired.groups,
    touched_by=lambda delta: delta.groups,
    key_of=lambda group: group.group_id,
    to_json=group_to,
    from_json=group_from,
)
SERVERS: Kind[str, Server] = Kind(
    table="servers",
    all_of=lambda desired: desired.servers,
    touched_by=lambda delta: delta.servers,
    key_of=lambda server: server.server_id,
    to_json=server_to,
    from_json=server_from,
)
ACLS: Kind[str, AccessControlList] = Kind(
    table="access_control_lists",
    all_of=lambda desired: desired.acls,
    touched_by=lambda delta: delta.acls,
    key_of=lambda acl: acl.acl_id,
    to_json=acl_to,
    from_json=acl_from,
)

ALL: Sequence[Kind[Any, Any]] = (LOAD_BALANCERS, LISTENERS, GROUPS, SERVERS, ACLS)
