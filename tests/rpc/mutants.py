# SPDX-License-Identifier: Apache-2.0
"""Messages in which one field is at an edge of what may be legal, or beyond."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

INTEGERS = (
    *(-(2**31), -2, -1, 0, 1, 2, 9, 10, 11, 99, 100, 101),
    *(5119, 5120, 5121, 65534, 65535, 65536, 2**31 - 1),
)
DURATIONS_NS = (
    *(-(10**9), -1, 0, 1, 10**6, 9 * 10**6, 10**7, 10**7 + 1, 10**7 + 5 * 10**5, 999 * 10**6),
    *(at * 10**9 for at in (1, 9, 10, 11, 50, 899, 900, 901, 3600, 3601, 86_400, 86_401)),
    *(50 * 10**9 + 10**6, 10**9 + 5 * 10**8, 86_400 * 10**9 + 1),
)
#: Alone, as a whole, and at every length that is a limit.
LETTERS = (
    "a",
    "Z",
    "0",
    "-",
    "/",
    ".",
    "_",
    " ",
    "é",
    "\n",
    "\0",
    "%",
    "?",
    "#",
    "&",
    "=",
    "@",
    "$",
)
LENGTHS = (1, 14, 15, 16, 63, 64, 79, 80, 81, 100, 101, 256, 257)
TEXTS = (
    "",
    *LETTERS,
    *(f"a{letter}" for letter in LETTERS),
    *(f"/{letter}" for letter in LETTERS),
    *("a" * length for length in LENGTHS),
    *("/" + "a" * length for length in LENGTHS),
    *("192.0.2.1", "0.0.0.0", "0.0.0.1", "127.0.0.1", "128.0.0.0", "126.255.255.255", "01.2.3.4"),
    *("223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255"),
    *("255.255.255.254", "169.254.0.1", "169.253.255.255", "169.255.0.0", "1.2.3", "1.2.3.4.5"),
    *("192.0.2.1/32", "10.0.0.0/8", "10.0.0.1/8", "0.0.0.0/0", "10.0.0.0/33", "10.0.0.0/08"),
    *("10.0.0.0/255.0.0.0", "10.0.0.0/", "/8", "2001:db8::1", "::1.2.3.4", "fe80::1%eth0", "::g"),
    *("256.0.0.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "0x1.2.3.4"),
    *("loadBalancers/lb-x", "loadBalancers/", "loadBalancers/a/b", "serverGroups/rsp-x"),
    *("serverGroups/", "accessControlLists/acl-x", "accessControlLists/a/b"),
)
TAGS = (
    *({key: ""} for key in ("a", "", "a" * 64, "a" * 65, "aliyun", "xaliyun", "acs:", "acs", "é")),
    *({key: ""} for key in ("http://", "ahttps://b", "http:/", "\n", "Aliyun", "a\naliyun")),
    *(
        {"a": value}
        for value in ("", "a" * 128, "a" * 129, "é" * 128, "aliyun", "acs:", "https://")
    ),
    {str(at): "" for at in range(20)},
    {str(at): "" for at in range(21)},
)


def mutants(base: Message) -> Iterator[tuple[str, object, Message]]:
    """Yield copies in which one field has another value, with its path and that value."""
    for path, field in paths_of(base):
        for value in values_for(field):
            mutant = type(base)()
            mutant.CopyFrom(base)
            put(mutant, path, value)
            yield ".".join(path), value, mutant


def paths_of(message: Message) -> Iterator[tuple[tuple[str, ...], FieldDescriptor]]:
    """Yield every field that users write, also those in messages that are set."""
    for field in message.DESCRIPTOR.fields:
        behaviour = set(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])
        if behaviour & {field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER}:
            continue
        if field.name == "etag":
            continue
        if field.message_type is None or is_plain(field):
            yield (field.name,), field
            continue
        value = getattr(message, field.name)
        part = value[0] if field.label == FieldDescriptor.LABEL_REPEATED else value
        for path, inner in paths_of(part):
            yield (field.name, *path), inner


def is_plain(field: FieldDescriptor) -> bool:
    return field.message_type.GetOptions().map_entry or field.message_type is Duration.DESCRIPTOR


def values_for(field: FieldDescriptor) -> tuple[object, ...]:
    if field.message_type is Duration.DESCRIPTOR:
        return tuple(map(duration, DURATIONS_NS))
    if field.message_type is not None:
        return TAGS
    if field.enum_type is not None:
        return tuple(range(-1, len(field.enum_type.values) + 1))
    return {
        FieldDescriptor.TYPE_INT32: INTEGERS,
        FieldDescriptor.TYPE_STRING: TEXTS,
        FieldDescriptor.TYPE_BYTES: tuple(b"x" * length for length in (0, 1, 500, 501)),
        FieldDescriptor.TYPE_BOOL: (False, True),
    }[field.type]


def duration(duration_ns: int) -> Duration:
    result = Duration()
    result.FromNanoseconds(duration_ns)
    return result


def put(message: Any, path: tuple[str, ...], value: Any) -> None:
    head, *rest = path
    field = message.DESCRIPTOR.fields_by_name[head]
    repeated = field.label == FieldDescriptor.LABEL_REPEATED
    if rest:
        part = getattr(message, head)
        put(part[0] if repeated else part, tuple(rest), value)
    elif isinstance(value, dict):
        getattr(message, head).update(value)
    elif isinstance(value, Duration):
        getattr(message, head).CopyFrom(value)
    elif repeated:
        del getattr(message, head)[:]
        getattr(message, head).append(value)
    else:
        setattr(message, head, value)
