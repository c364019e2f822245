# SPDX-License-Identifier: Apache-2.0
"""Reading JSON objects strictly: every key once, of the right type, and none left over."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Network, ip_network
from types import TracebackType
from typing import NoReturn, Self, TypeGuard, TypeVar

from xdpair.core import errors

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def to_text(value: Json) -> str:
    """The shortest JSON text; ASCII only, so any string survives it, a lone surrogate included.

    Raises:
        ValueError: a number is not finite.
    """
    return _ENCODER.encode(value)


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

    def texts(self, key: str) -> list[str]:
        values = self._take(key)
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return values
        return self._refuse(key, values, "a list of texts")

    def texts_by_name(self, key: str) -> dict[str, str]:
        values = self._take(key)
        if isinstance(values, dict) and all(isinstance(text, str) for text in values.values()):
            return values
        return self._refuse(key, values, "an object of texts")

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
        return float(value) if _is_number(value) else self._refuse(key, value, "a number")

    def numbers_by_name(self, key: str) -> dict[str, float]:
        values = self._take(key)
        if isinstance(values, dict) and all(map(_is_number, values.values())):
            return {name: float(value) for name, value in values.items()}
        return self._refuse(key, values, "an object of numbers")

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

    def network(self, key: str) -> IPv4Network | IPv6Network:
        value = self.text(key)
        try:
            return ip_network(value)
        except ValueError:
            self._refuse(key, value, "a network")

    def choice(self, key: str, among: type[E]) -> E:
        value = self.text(key)
        member = among.__members__.get(value.upper())
        if member is None or name_of(member) != value:
            self._refuse(key, value, " or ".join(map(name_of, among)))
        return member

    def variant(self, key: str, among: Mapping[str, T]) -> T:
        """What ``among`` has under the name that is the value."""
        value = self.text(key)
        return among[value] if value in among else self._refuse(key, value, " or ".join(among))

    def optional(self, key: str, read: Callable[[str], T]) -> T | None:
        """``None`` for null, else what ``read`` (a method of this document) makes of it."""
        if key in self._rest and self._rest[key] is None:
            del self._rest[key]
            return None
        return read(key)

    def child(self, key: str, read: Callable[[object], T]) -> T:
        """What ``read`` makes of the value, which is a document of its own."""
        return read(self._take(key))

    def children(self, key: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """What ``read`` makes of each of a list of documents."""
        values = self._take(key)
        if not isinstance(values, list):
            self._refuse(key, values, "a list")
        return tuple(read(value) for value in values)

    def _take(self, key: str) -> object:
        try:
            return self._rest.pop(key)
        except KeyError:
            raise errors.StoreError(f"{self._what} lacks {key}") from None

    def _refuse(self, key: str, value: object, allowed: str) -> NoReturn:
        raise errors.StoreError(f"{self._what}: {key} must be {allowed}, not {value!r}")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, float) or _is_integer(value)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
