# SPDX-License-Identifier: Apache-2.0
"""How two messages of one resource differ, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from xdpair.api.v1 import declaration_pb2 as pb

#: Message that stands in lists -> fields that tell one from another. The order says nothing.
_IDENTITIES: Mapping[str, tuple[str, ...]] = {
    "xdpair.api.v1.GroupServer": ("server_id", "port"),
    "xdpair.api.v1.AclEntry": ("cidr",),
}
_FIXED = frozenset({field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER})
_STATE = "xdpair.api.v1.Listener.state"


def is_said(field: FieldDescriptor) -> bool:
    """Whether a declaration says it: neither what is output only, but for a listener's state, nor
    the etag.
    """
    if field.full_name == _STATE:
        return True
    return field.name != "etag" and not _FIXED & behaviour(field)


def behaviour(field: FieldDescriptor) -> frozenset[int]:
    return frozenset(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def differences(before: Message, after: Message, path: str = "") -> Iterator[pb.FieldChange]:
    """Yield the fields that users say and that are not the same.

    Args:
        path: of the messages in their resource, ending in a dot.
    """
    for field in before.DESCRIPTOR.fields:
        if is_said(field):
            old, new = getattr(before, field.name), getattr(after, field.name)
            yield from _field_differences(field, old, new, path + field.name)


def _field_differences(
    field: FieldDescriptor, old: Any, new: Any, path: str
) -> Iterator[pb.FieldChange]:
    if field.label == FieldDescriptor.LABEL_REPEATED:
        if field.message_type is None:
            if sorted(old) != sorted(new):
                yield _change(path, _list(field, old), _list(field, new))
        elif field.message_type.GetOptions().map_entry:
            for key in sorted({*old, *new}):
                yield from _if_changed(f"{path}.{key}", old.get(key, ""), new.get(key, ""))
        else:
            yield from _item_differences(old, new, path)
    elif field.message_type is not None and not isinstance(old, Duration):
        yield from differences(old, new, f"{path}.")
    else:
        yield from _if_changed(path, text_of(field, old), text_of(field, new))


def _item_differences(
    old: Sequence[Message], new: Sequence[Message], path: str
) -> Iterator[pb.FieldChange]:
    before = {_identity(item): (index, item) for index, item in enumerate(old)}
    for index, item in enumerate(new):
        known = before.pop(_identity(item), None)
        if known is None:
            yield _change(f"{path}[{index}]", "", _brief(item))
        else:
            yield from differences(known[1], item, f"{path}[{index}].")
    for index, item in before.values():
        yield _change(f"{path}[{index}]", _brief(item), "")


def _identity(item: Message) -> tuple[object, ...]:
    return tuple(getattr(item, name) for name in _IDENTITIES[item.DESCRIPTOR.full_name])


def _if_changed(path: str, before: str, after: str) -> Iterator[pb.FieldChange]:
    if before != after:
        yield _change(path, before, after)


def _change(path: str, before: str, after: str) -> pb.FieldChange:
    return pb.FieldChange(path=path, before=before, after=after)


# -- words -----------------------------------------------------------------------------------------


def text_of(field: FieldDescriptor, value: Any) -> str:
    """Return a single value as people write it."""
    if isinstance(value, Duration):
        return _duration(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else str(known.name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _duration(duration: Duration) -> str:
    if duration.nanos == 0:
        return f"{duration.seconds}s"
    return f"{duration.seconds * 1000 + duration.nanos // 1_000_000}ms"


def _list(field: FieldDescriptor, values: Sequence[Any]) -> str:
    return ", ".join(text_of(field, value) for value in values)


def _brief(item: Message) -> str:
    """Return ``server_id: web4, port: 80``."""
    return ", ".join(f"{field.name}: {text_of(field, value)}" for field, value in item.ListFields())
