# SPDX-License-Identifier: Apache-2.0
"""Update masks (AIP-134, 161) and etags (AIP-154), for any resource of the API.

Which fields can change is read from the proto's ``google.api.field_behavior``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from xdpair.api.v1.access_control_list_pb2 import AccessControlList
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.api.v1.server_pb2 import Server
from xdpair.core import errors

_Resource = TypeVar("_Resource", LoadBalancer, Listener, ServerGroup, Server, AccessControlList)

_READ_ONLY = frozenset({field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER})


def etag_of(message: Message) -> str:
    """Return a hash of the content, which must not hold what changes by itself."""
    content = message.SerializeToString(deterministic=True)
    return hashlib.sha256(content).hexdigest()[:16]


def require_etag(current: str, given: str) -> None:
    """Compare, unless the caller gave none.

    Raises:
        StaleEtag: the resource changed since.
    """
    if given and given != current:
        raise errors.StaleEtag(
            f"the resource has changed: its etag is {current}, not {given}", etag=current
        )


def updated(stored: _Resource, given: _Resource, mask: FieldMask) -> _Resource:
    """Return a copy of ``stored`` in which the fields of the mask are those of ``given``.

    Args:
        stored: the resource as it is, with its ``etag``.
        given: from the request; its ``etag`` is compared if there is one.
        mask: ``*`` stands for all fields, an empty mask for those that are set in ``given``.
            Output-only fields, the name and the etag are ignored.

    Raises:
        InvalidInput: a path names no field, or a field that can not change would.
        StaleEtag: the resource changed since the caller read it.
    """
    require_etag(stored.etag, given.etag)
    result = type(stored)()
    result.CopyFrom(stored)
    for path in _paths(given, mask):
        _take(path, path.split("."), given, result)
    return result


def _paths(given: Message, mask: FieldMask) -> Iterable[str]:
    if "*" in mask.paths:
        return [field.name for field in given.DESCRIPTOR.fields]
    return mask.paths or list(_populated(given))


def _populated(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        if _has_parts(field):
            yield from (f"{field.name}.{part}" for part in _populated(value))
        else:
            yield field.name


def _has_parts(field: FieldDescriptor) -> bool:
    """Whether a path may lead into the field: a single message, and not a well-known one."""
    return (
        field.message_type is not None
        and field.label != FieldDescriptor.LABEL_REPEATED
        and not field.message_type.full_name.startswith("google.protobuf.")
    )


def _take(path: str, parts: list[str], source: Message, target: Message) -> None:
    field = _field(path, parts[0], source.DESCRIPTOR)
    behaviour = set(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])
    if len(parts) > 1 and not _has_parts(field):
        raise _unknown(path)
    if behaviour & _READ_ONLY or path == "etag":
        return
    if len(parts) > 1:
        _take(path, parts[1:], getattr(source, field.name), getattr(target, field.name))
    elif field_behavior_pb2.IMMUTABLE in behaviour:
        _require_same(path, getattr(source, field.name), getattr(target, field.name))
    else:
        _copy(field, source, target)


def _field(path: str, name: str, descriptor: Descriptor) -> FieldDescriptor:
    field: FieldDescriptor | None = descriptor.fields_by_name.get(name)
    if field is None:
        raise _unknown(path)
    return field


def _unknown(path: str) -> errors.InvalidInput:
    return errors.InvalidInput(f"update_mask: there is no field {path!r}", field=path)


def _require_same(path: str, given: object, stored: object) -> None:
    if given and given != stored:
        raise errors.InvalidInput(f"{path} can not change", field=path)


def _copy(field: FieldDescriptor, source: Message, target: Message) -> None:
    target.ClearField(field.name)
    if field.label == FieldDescriptor.LABEL_REPEATED or field.message_type is not None:
        if field.label == FieldDescriptor.LABEL_REPEATED or source.HasField(field.name):
            getattr(target, field.name).MergeFrom(getattr(source, field.name))
    elif not field.has_presence or source.HasField(field.name):
        setattr(target, field.name, getattr(source, field.name))
