# SPDX-License-Identifier: Apache-2.0
"""Reading JSON objects strictly: every key once, of the right type, and none left over."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from ipaddress import AddressValueError, IPv4Address
from types import TracebackType
from typing import NoReturn, Self, TypeGuard, TypeVar

from xdpair.core import errors

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

E = TypeVar("E", bound=Enum)
T = TypeVar("T")


def to_text(value: Json) -> str:
    """The shortest JSON text; ASCII only, so any string survives it, a lone surrogate included.

    Raises:
        ValueError: a number is not finite.
    """
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def from_text(text: str) -> object:
    """Undo ``to_text``.

    Raises:
        StoreError: this is no JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise errors.StoreError(f"not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def name_of(member: Enum) -> str:
    """How an enumeration's member is spelled in a document; ``Document.choice`` reads it."""
    return member.name.lower()


class Document:
    """One JSON object that is being read; as a context, it refuses what was not read.

    Args:
        what: the kind of resource, for messages.
        value: a parsed JSON value.

    Raises:
        StoreError: from every method: the key is missing, or its value not of the type asked for.
    """

    __slots__ = ("_rest", "_what")

    def __init__(self, what: str, value: object) -> None:
        self._what = what
        if not isinstance(value, dict):
            raise errors.StoreError(f"{what} must be a JSON object, not {value!r}")
        self._rest: dict[str, object] = dict(value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if error is None and self._rest:
            raise errors.StoreError(
                f"{self._what} has unknown keys: {', '.join(sorted(self._rest))}"
            )

    def text(self, key: str) -> str:
        value = self._take(key)
        return value if isinstance(value, str) else self._refuse(key, value, "text")

    def integer(self, key: str) -> int:
        value = self._take(key)
        return value if _is_integer(value) else self._refuse(key, value, "an integer")

    def integers(self, key: str) -> list[int]:
        values = self._take(key)
        if isinstance(values, list) and all(map(_is_integer, values)):
            return values
        return self._refuse(key, values, "a list of integers")

    def number(self, key: str) -> float:
        value = self._take(key)
        if isinstance(value, float) or _is_integer(value):
            return float(value)
        return self._refuse(key, value, "a number")

    def flag(self, key: str) -> bool:
        value = self._take(key)
        return value if isinstance(value, bool) else self._refuse(key, value, "true or false")

    def octets(self, key: str) -> bytes:
        value = self.text(key)
        try:
            return bytes.fromhex(value)
        except ValueError:
            self._refuse(key, value, "octets in hexadecimal")

    def address(self, key: str) -> IPv4Address:
        value = self.text(key)
        try:
            return IPv4Address(value)
        except AddressValueError:
            self._refuse(key, value, "an IPv4 address")

    def choice(self, key: str, among: type[E]) -> E:
        names = {name_of(member): member for member in among}
        value = self.text(key)
        return names[value] if value in names else self._refuse(key, value, " or ".join(names))

    def optional(self, key: str, read: Callable[[str], T]) -> T | None:
        """``None`` for null, else what ``read`` (a method of this document) makes of it."""
        if key in self._rest and self._rest[key] is None:
            del self._rest[key]
            return None
        return read(key)

    def child(self, key: str, read: Callable[[object], T]) -> T:
        """What ``read`` makes of the value, which is a document of its own."""
        return read(self._take(key))

    def _take(self, key: str) -> object:
        try:
            return self._rest.pop(key)
        except KeyError:
            raise errors.StoreError(f"{self._what} lacks {key}") from None

    def _refuse(self, key: str, value: object, allowed: str) -> NoReturn:
        raise errors.StoreError(f"{self._what}: {key} must be {allowed}, not {value!r}")


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
