# SPDX-License-Identifier: Apache-2.0
"""How answers are shown: text for people, one JSON document for scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

Json = dict[str, Any] | list[Any] | str | int | float | bool | None

BOLD, RED, GREEN, YELLOW, DIM = "1", "31", "32", "33", "2"


class Styled(str):
    """Text with an SGR code, which only a terminal gets."""

    __slots__ = ("code",)

    def __new__(cls, text: str, code: str) -> Styled:
        styled = super().__new__(cls, text)
        styled.code = code
        return styled

    code: str


class Output:
    """Where answers go.

    Args:
        stream: usually stdout.
        as_json: print documents instead of texts.
        compact: one document a line, for streams of them.
    """

    def __init__(self, stream: TextIO, as_json: bool, compact: bool = False) -> None:
        self._stream = stream
        self._as_json = as_json
        self._compact = compact
        self._colour = stream.isatty() and "NO_COLOR" not in os.environ

    def show(self, document: Json | Message | Sequence[Message], text: str) -> None:
        """Print the document or the text, whichever is wanted, at once."""
        if self._as_json:
            text = json.dumps(_plain(document), indent=None if self._compact else 2)
        print(text, file=self._stream, flush=True)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        """Align columns. Without rows, say so."""
        cells = [list(row) for row in rows]
        if not cells:
            return "none"
        lines: list[list[str]] = [[Styled(heading, BOLD) for heading in headings], *cells]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(self._line(line, widths) for line in lines)

    def paint(self, text: str) -> str:
        """Return the text as the stream is to get it."""
        if isinstance(text, Styled) and self._colour:
            return f"\x1b[{text.code}m{text}\x1b[0m"
        return str(text)

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        padded = (
            self.paint(cell) + " " * (width - len(cell))
            for cell, width in zip(cells, widths, strict=True)
        )
        return "  ".join(padded).rstrip()


def outline(message: Message) -> str:
    """Return every field on a line of its own, parts indented."""
    return "\n".join(_outline(message_to_json(message), ""))


def _outline(document: dict[str, Any], indent: str) -> Iterable[str]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _outline(value, indent + "  ")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for item in value:
                yield f"{indent}{key}:"
                yield from _outline(item, indent + "  ")
        else:
            yield f"{indent}{key}: {_scalar(value)}".rstrip()


def _scalar(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def message_to_json(message: Message) -> dict[str, Any]:
    """Return the message under the proto's field names.

    As protobuf's own JSON, but with 64-bit numbers as numbers, which is what scripts compare.
    """
    return {
        field.name: _field_to_json(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def _field_to_json(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(sorted(value.items()))
    if field.label == FieldDescriptor.LABEL_REPEATED:
        return [_value_to_json(field, item) for item in value]
    return _value_to_json(field, value)


def _value_to_json(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        if field.message_type.full_name.startswith("google.protobuf."):
            return MessageToDict(value)  # a text for times and durations
        return message_to_json(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def _plain(document: Any) -> Any:
    if isinstance(document, Message):
        return message_to_json(document)
    if isinstance(document, list | tuple):
        return [_plain(item) for item in document]
    if isinstance(document, dict):
        return {key: _plain(value) for key, value in document.items()}
    return document
