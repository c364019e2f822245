# SPDX-License-Identifier: Apache-2.0
"""Filters of List methods: the part of AIP-160 that is described in docs/api.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from xdpair.core import errors


class _Tagged(Protocol):
    @property
    def tags(self) -> Mapping[str, str]: ...


_T = TypeVar("_T")
_R = TypeVar("_R", bound=_Tagged)

#: What a filter may speak of: its name, and how it is read. An enum is its name in the API.
Fields = Mapping[str, Callable[[_T], str]]

_TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<operator>!=|=|:)|(?P<word>[^\s"=:!()<>,]+))'
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
#: As the protos say.
MAX_FILTER_CHARACTERS = 2000
#: Stands for any value but the empty one, after ``:``.
_ANY = "*"
_TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Restriction:
    """One ``field operator value``.

    Attributes:
        tag: key of the tag that is meant; empty: not of one tag.
        quoted: the value was, so that a ``*`` is just that.
    """

    field: str
    tag: str
    operator: str
    value: str
    quoted: bool


class Filter(Generic[_T]):
    """Says of resources whether they are wanted."""

    def __init__(
        self,
        restrictions: Iterable[Restriction],
        fields: Fields[_T],
        tags: Callable[[_T], Mapping[str, str]] | None,
    ) -> None:
        self._tests = [_test_for(each, fields, tags) for each in restrictions]

    def __call__(self, resource: _T) -> bool:
        return all(test(resource) for test in self._tests)

    def among(self, resources: Iterable[_T]) -> list[_T]:
        return list(filter(self, resources)) if self._tests else list(resources)


def tagged(text: str, fields: Fields[_R]) -> Filter[_R]:
    """Read a filter of resources that have tags.

    Raises:
        InvalidInput: it is none, or speaks of a field that is not there.
    """
    return Filter(parse(text), fields, lambda resource: resource.tags)


def untagged(text: str, fields: Fields[_T]) -> Filter[_T]:
    """Read a filter of what has no tags. Raises ``InvalidInput`` likewise."""
    return Filter(parse(text), fields, None)


# -- reading ---------------------------------------------------------------------------------------


def parse(text: str) -> list[Restriction]:
    """Raises ``InvalidInput`` unless it is restrictions with ``AND`` between them, or nothing."""
    if len(text) > MAX_FILTER_CHARACTERS:  # before it costs time: reading takes its square
        raise errors.InvalidInput(
            f"filter: must be at most {MAX_FILTER_CHARACTERS} characters", field="filter"
        )
    tokens = _Tokens(text)
    found: list[Restriction] = []
    while not tokens.at_end():
        if found:
            tokens.take_and()
        found.append(tokens.take_restriction())
    return found


class _Tokens:
    """A cursor over the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def at_end(self) -> bool:
        return not self._text[self._at :].strip()

    def take_and(self) -> None:
        match = self._next()
        if match["word"] != "AND":
            raise self._wrong(f"AND is expected before {match[0].strip()!r}")

    def take_restriction(self) -> Restriction:
        field, tag = self._take_field()
        operator = self._next()["operator"]
        if operator is None:
            raise self._wrong(f"=, != or : is expected after {field}")
        value = self._next()
        if value["operator"]:
            raise self._wrong(f"a value is expected after {operator}")
        quoted = value["quoted"] is not None
        word = _unquoted(value["quoted"]) if quoted else value["word"]
        return Restriction(field, tag, operator, word, quoted)

    def _take_field(self) -> tuple[str, str]:
        match = self._next()
        if match["word"] is None:
            raise self._wrong(f"a field is expected, not {match[0].strip()!r}")
        field, dot, tag = match["word"].partition(".")
        if dot and not tag:  # tags."some key"
            quoted = self._next()["quoted"]
            if quoted is None:
                raise self._wrong(f"a key is expected after {field}.")
            tag = _unquoted(quoted)
        return field, tag

    def _next(self) -> re.Match[str]:
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            rest = self._text[self._at :].strip()
            raise self._wrong(f"not understood: {rest!r}" if rest else "it ends too early")
        self._at = match.end()
        return match

    def _wrong(self, words: str) -> errors.InvalidInput:
        return errors.InvalidInput(f"filter: {words}", field="filter")


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text[1:-1])


# -- testing ---------------------------------------------------------------------------------------


def _test_for(
    restriction: Restriction,
    fields: Fields[_T],
    tags: Callable[[_T], Mapping[str, str]] | None,
) -> Callable[[_T], bool]:
    field, value = restriction.field, restriction.value
    if field == _TAGS and tags is not None:
        return _test_of_tags(restriction, tags)
    read = fields.get(field) if not restriction.tag else None
    if read is None:
        known = ", ".join([*sorted(fields), *(["tags.KEY"] if tags else [])])
        raise errors.InvalidInput(
            f"filter: there is no field {field!r}, only {known}", field="filter"
        )
    if restriction.operator == "=":
        return lambda resource: read(resource) == value
    if restriction.operator == "!=":
        return lambda resource: read(resource) != value
    if value == _ANY and not restriction.quoted:
        return lambda resource: read(resource) != ""
    part = value.casefold()
    return lambda resource: part in read(resource).casefold()


def _test_of_tags(
    restriction: Restriction, tags: Callable[[_T], Mapping[str, str]]
) -> Callable[[_T], bool]:
    key, operator, value = restriction.tag, restriction.operator, restriction.value
    if not key:
        if operator != ":":
            raise errors.InvalidInput(
                f"filter: write tags:KEY or tags.KEY {operator} VALUE", field="filter"
            )
        return lambda resource: value in tags(resource)
    if operator == "=":
        return lambda resource: tags(resource).get(key) == value
    if operator == "!=":
        return lambda resource: tags(resource).get(key) != value
    if value == _ANY and not restriction.quoted:
        return lambda resource: key in tags(resource)
    part = value.casefold()
    return lambda resource: key in tags(resource) and part in tags(resource)[key].casefold()
