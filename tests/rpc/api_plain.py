# SPDX-License-Identifier: Apache-2.0
"""Messages as dictionaries that can be compared and taken apart, and requests as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from xdpair.api.v1 import (
    access_control_list_service_pb2,
    inventory_service_pb2,
    load_balancer_service_pb2,
    server_group_service_pb2,
)
from xdpair.cli.client import Client

#: A message: every field by its name, but for messages and optional scalars that are not set. Enums
#: are names, or numbers that have none; a Duration is nanoseconds, as is a Timestamp.
Plain = dict[str, Any]

#: Attribute of ``Client`` -> the service behind it.
_SERVICES = {
    "load_balancers": load_balancer_service_pb2.DESCRIPTOR.services_by_name["LoadBalancerService"],
    "groups": server_group_service_pb2.DESCRIPTOR.services_by_name["ServerGroupService"],
    "inventory": inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"],
    "acls": access_control_list_service_pb2.DESCRIPTOR.services_by_name["AccessControlListService"],
}
_METHODS: Mapping[str, tuple[str, MethodDescriptor]] = {
    method.name: (stub, method) for stub, service in _SERVICES.items() for method in service.methods
}
METHODS = frozenset(_METHODS)


@dataclass(frozen=True)
class Request:
    """A call to make.

    Attributes:
        fields: as a message's constructor takes them.
    """

    method: str
    fields: Plain

    def message(self) -> Message:
        _, method = _METHODS[self.method]
        return message_factory.GetMessageClass(method.input_type)(**self.fields)


def send(client: Client, method: str, message: Message) -> Plain:
    """Return the answer. Raises ``grpc.RpcError``."""
    stub, _ = _METHODS[method]
    return plain(getattr(getattr(client, stub), method)(message))


def plain(message: Message) -> Plain:
    if isinstance(message, Duration | Timestamp):
        raise TypeError("a time by itself is a number")
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.label == FieldDescriptor.LABEL_REPEATED:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            return dict(value)
        return [_single(field, item) for item in value]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, Duration | Timestamp):
        return value.seconds * 10**9 + value.nanos
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    return value
