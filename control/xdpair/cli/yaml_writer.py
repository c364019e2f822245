# SPDX-License-Identifier: Apache-2.0
"""Writes a declaration as a file that reads back as the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from xdpair.api.v1.declaration_pb2 import Declaration
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.cli import yaml_schema as schema

#: What is written: texts are ready for the file.
_Value: TypeAlias = "str | list[_Value] | dict[str, _Value]"

#: A value that fits is written on one line.
_WIDTH = 100

#: What stands for itself without quotes, to any reader of YAML.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?")
_WORDS_OF_YAML = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def write(declaration: Declaration) -> Iterator[str]:
    """Yield the lines, without their ends. What is not set is left out."""
    content = _content(declaration)
    if not content:
        yield "{}"
    for key, resources in content.items():
        yield f"{key}:"
        for resource in resources:
            yield from _item(resource, indent=2)


# -- from messages ---------------------------------------------------------------------------------


def _content(declaration: Declaration) -> dict[str, list[_Value]]:
    groups: dict[str, list[_Value]] = {}
    default_groups: dict[str, _Value] = {}
    for group in declaration.server_groups:
        if group.kind == ServerGroup.DEFAULT:
            default_groups[group.load_balancer] = _mapping(group, schema.DEFAULT_GROUP)
        else:
            groups.setdefault(group.load_balancer, []).append(_mapping(group, schema.SERVER_GROUP))
    listeners: dict[str, list[_Value]] = {}
    for listener in declaration.listeners:
        lb = listener.name.partition("/listeners/")[0]
        listeners.setdefault(lb, []).append(_mapping(listener, schema.LISTENER))
    lbs: list[_Value] = []
    for message in declaration.load_balancers:
        lb_values = _mapping(message, schema.LOAD_BALANCER)
        parts = {
            "default_group": default_groups.get(message.name),
            "server_groups": groups.get(message.name),
            "listeners": listeners.get(message.name),
        }
        lbs.append(lb_values | {key: part for key, part in parts.items() if part is not None})
    content: dict[str, list[_Value]] = {
        "load_balancers": lbs,
        "servers": [_mapping(server, schema.SERVER) for server in declaration.servers],
        "access_control_lists": [
            _mapping(acl, schema.ACCESS_CONTROL_LIST) for acl in declaration.access_control_lists
        ],
    }
    return {key: resources for key, resources in content.items() if resources}


def _mapping(message: Message, shape: schema.Shape) -> dict[str, _Value]:
    values: dict[str, _Value] = {}
    if shape.has_id:
        values[schema.ID] = quoted(message.name.partition("/")[2])  # type: ignore[attr-defined]
    for field, value in message.ListFields():
        if field.name in shape.keys:
            values[field.name] = _value(field, value)
    return values


def _value(field: FieldDescriptor, value: Any) -> _Value:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return {quoted(key): quoted(value[key]) for key in sorted(value)}
    if field.label == FieldDescriptor.LABEL_REPEATED:
        return [_single(field, item) for item in value]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> _Value:
    if isinstance(value, Duration):
        return _duration(value)
    if field.message_type is not None:
        return _mapping(value, _shape_of(field))
    if field.enum_type is not None:
        return str(field.enum_type.values_by_number[value].name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return quoted(_payload(value))
    if isinstance(value, str):
        return quoted(value.removeprefix(schema.collection_of(field)))
    return str(value)


_SHAPES: dict[str, schema.Shape] = {}


def _shape_of(field: FieldDescriptor) -> schema.Shape:
    descriptor = field.message_type
    assert descriptor is not None
    shape = _SHAPES.get(descriptor.full_name)
    if shape is None:
        shape = _SHAPES[descriptor.full_name] = schema.shape_of(descriptor)
    return shape


def _duration(duration: Duration) -> str:
    if duration.nanos == 0:
        return f"{duration.seconds}s"
    ms, ns = divmod(duration.seconds * 1_000_000_000 + duration.nanos, 1_000_000)
    return f"{ms}.{ns:06d}ms" if ns else f"{ms}ms"


def _payload(payload: bytes) -> str:
    """As ``syntax.payload`` reads it."""
    if payload.isascii() and not payload.startswith(b"hex:"):
        text = payload.decode("ascii")
        if text.isprintable():
            return text
    return f"hex:{payload.hex()}"


def quoted(text: str) -> str:
    """Return a text as YAML, in quotes if it takes them."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


# -- to lines --------------------------------------------------------------------------------------


def _item(value: _Value, indent: int) -> Iterator[str]:
    """Write one item of a list."""
    start = " " * indent + "- "
    line = f"{start}{_on_one_line(value)}"
    if isinstance(value, dict) and not _is_short(line, value):
        lines = _lines(value, indent + 2)
        yield start + next(lines).lstrip()
        yield from lines
    else:
        yield line


def _lines(mapping: dict[str, _Value], indent: int) -> Iterator[str]:
    space = " " * indent
    for key, value in mapping.items():
        line = f"{space}{key}: {_on_one_line(value)}"
        if isinstance(value, str) or _is_short(line, value):
            yield line
            continue
        yield f"{space}{key}:"
        if isinstance(value, dict):
            yield from _lines(value, indent + 2)
        else:
            for item in value:
                yield from _item(item, indent + 2)


def _is_short(line: str, value: _Value) -> bool:
    """Whether to leave a value on one line: it fits, and does not hold several of a kind."""
    return len(line) <= _WIDTH and not _holds_resources(value)


def _holds_resources(value: _Value) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_resources, value.values()))
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def _on_one_line(value: _Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_on_one_line, value))}]"
    return "{" + ", ".join(f"{key}: {_on_one_line(part)}" for key, part in value.items()) + "}"
