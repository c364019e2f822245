# SPDX-License-Identifier: Apache-2.0
"""From YAML nodes to the values of messages, as their constructors take them: dictionaries, lists,
numbers and texts.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from yaml.nodes import Node

from xdpair.cli import syntax
from xdpair.cli.yaml_nodes import FileError, is_null, items, pairs, plain, text
from xdpair.cli.yaml_schema import ID, Shape, collection_of, shape_of

#: Turns a node into a value. Raises ``FileError``.
Read = Callable[[Node], Any]

_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_INT32 = range(-(2**31), 2**31)
_MAX_DURATION_S = 315_576_000_000  # what google.protobuf.Duration takes


def mapping_reader(
    shape: Shape, more: Mapping[str, Read] | None = None
) -> Callable[[Node], dict[str, Any]]:
    """Return what reads a mapping. Keys that were left without a value are None in the result.

    Args:
        more: keys that the shape does not know.
    """
    readers = {key: _reader(field) for key, field in shape.keys.items()}
    if shape.has_id:
        readers[ID] = text
    return partial(_mapping, {**readers, **(more or {})}, shape.required)


def _mapping(readers: Mapping[str, Read], required: tuple[str, ...], node: Node) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs(node):
        read = readers.get(key)
        if read is None:
            raise _unknown(key, readers, value)
        if key in values:
            raise FileError("is given twice", value).inside(key)
        try:
            values[key] = None if is_null(value) else read(value)
        except FileError as error:
            raise error.inside(key) from None
    for key in required:
        if values.get(key) is None:
            raise FileError("is missing", node).inside(key)
    return values


def _unknown(key: str, readers: Mapping[str, Read], node: Node) -> FileError:
    near = get_close_matches(key, readers, n=1)
    words = f"did you mean {near[0]}?" if near else f"there are {', '.join(readers)}"
    return FileError(f"there is no such key; {words}", node).inside(key)


def list_reader(read: Read) -> Callable[[Node], list[Any]]:
    """Return what reads a list of such."""
    return partial(_list, read)


def _list(read: Read, node: Node) -> list[Any]:
    values: list[Any] = []
    for item in items(node):
        try:
            values.append(read(item))
        except FileError as error:
            raise error.inside(f"[{len(values)}]") from None
    return values


def _reader(field: FieldDescriptor) -> Read:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _texts
    read = _single_reader(field)
    return list_reader(read) if field.label == FieldDescriptor.LABEL_REPEATED else read


def _single_reader(field: FieldDescriptor) -> Read:
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Duration":
            return _duration
        return mapping_reader(shape_of(field.message_type))
    if field.enum_type is not None:
        return _enum_reader(field.enum_type)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return _payload
        collection = collection_of(field)
        return partial(_name, collection) if collection else text
    return {FieldDescriptor.CPPTYPE_INT32: _number, FieldDescriptor.CPPTYPE_BOOL: _boolean}[
        field.cpp_type
    ]


def _texts(node: Node) -> dict[str, str]:
    values: dict[str, str] = {}
    for key, value in pairs(node):
        if key in values:
            raise FileError("is given twice", value).inside(key)
        try:
            values[key] = "" if is_null(value) else text(value)
        except FileError as error:
            raise error.inside(key) from None
    return values


def _name(collection: str, node: Node) -> str:
    """Read an id, or the whole name."""
    value = text(node)
    return value if value.startswith(collection) else collection + value


def _number(node: Node) -> int:
    value = plain(node)
    if not _WHOLE_NUMBER.fullmatch(value) or int(value) not in _INT32:
        raise FileError(f"must be a whole number, not {value!r}", node)
    return int(value)


def _boolean(node: Node) -> bool:
    value = plain(node)
    if value not in ("true", "false"):
        raise FileError(f"must be true or false, not {value!r}", node)
    return value == "true"


def _enum_reader(enum: EnumDescriptor) -> Read:
    numbers = {value.name: value.number for value in enum.values if value.number != 0}
    return partial(_enum, numbers)


def _enum(numbers: Mapping[str, int], node: Node) -> int:
    value = text(node)
    number = numbers.get(value)
    if number is None:
        number = numbers.get(value.upper())
    if number is None:
        raise FileError(f"must be one of {', '.join(numbers)}, not {value!r}", node)
    return number


def _duration(node: Node) -> dict[str, int]:
    value = text(node)
    try:
        duration = syntax.duration(value)
    except (ArgumentTypeError, ValueError) as error:
        raise FileError(str(error), node) from None
    if duration.seconds > _MAX_DURATION_S:
        raise FileError(f"{value} is too long", node)
    return {"seconds": duration.seconds, "nanos": duration.nanos}


def _payload(node: Node) -> bytes:
    try:
        return syntax.payload(text(node))
    except ArgumentTypeError as error:
        raise FileError(str(error), node) from None
