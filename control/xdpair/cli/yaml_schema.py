# SPDX-License-Identifier: Apache-2.0
"""What a declaration file may say: the fields of the API's resources that users set, under their
names there. So a new field needs no line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.api import field_behavior_pb2, resource_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from xdpair.api.v1.access_control_list_pb2 import AccessControlList
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.api.v1.server_pb2 import Server

#: The key that stands for ``name``.
ID = "id"

_FIXED = frozenset({field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER})
#: Fields that the file has no key for: what they would say follows from the place.
_LEFT_OUT = frozenset({"etag", "xdpair.api.v1.ServerGroup.load_balancer"})
#: And one that it has although the API's resource only shows it.
_LET_IN = frozenset({"xdpair.api.v1.Listener.state"})

#: Type of a resource -> what the names of such begin with. In the file that is left out.
COLLECTIONS = {
    resource.DESCRIPTOR.GetOptions().Extensions[resource_pb2.resource].type: f"{collection}/"
    for resource, collection in (
        (LoadBalancer, "loadBalancers"),
        (ServerGroup, "serverGroups"),
        (Server, "servers"),
        (AccessControlList, "accessControlLists"),
    )
}


@dataclass(frozen=True, slots=True)
class Shape:
    """What the file may say of one kind of message, or of a part of it.

    Attributes:
        keys: the fields, by their keys in the file, in the order of the proto.
        required: keys that must be there.
        has_id: whether there is ``id`` among them.
    """

    keys: dict[str, FieldDescriptor]
    required: tuple[str, ...]
    has_id: bool = False


def shape_of(descriptor: Descriptor, *, has_id: bool = False) -> Shape:
    """Return the shape of a message.

    Args:
        has_id: it is a resource whose id the user chooses.
    """
    keys = {field.name: field for field in descriptor.fields if _is_said(field)}
    required = [
        name for name, field in keys.items() if field_behavior_pb2.REQUIRED in _behaviour(field)
    ]
    return Shape(keys, ((ID,) if has_id else ()) + tuple(required), has_id)


def _is_said(field: FieldDescriptor) -> bool:
    if field.full_name in _LET_IN:
        return True
    left_out = {field.name, field.full_name} & _LEFT_OUT
    return not left_out and not _behaviour(field) & _FIXED


def _behaviour(field: FieldDescriptor) -> set[int]:
    return set(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def collection_of(field: FieldDescriptor) -> str:
    """Return what the names in a field begin with; empty: it does not name resources."""
    options: Any = field.GetOptions()
    return COLLECTIONS.get(options.Extensions[resource_pb2.resource_reference].type, "")


LOAD_BALANCER = shape_of(LoadBalancer.DESCRIPTOR, has_id=True)
LISTENER = shape_of(Listener.DESCRIPTOR)
SERVER_GROUP = shape_of(ServerGroup.DESCRIPTOR, has_id=True)
SERVER = shape_of(Server.DESCRIPTOR, has_id=True)
ACCESS_CONTROL_LIST = shape_of(AccessControlList.DESCRIPTOR, has_id=True)
#: A default group is nothing but its servers and tags.
DEFAULT_GROUP = Shape({key: SERVER_GROUP.keys[key] for key in ("servers", "tags")}, ())
