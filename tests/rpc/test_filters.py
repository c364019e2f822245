# SPDX-License-Identifier: Apache-2.0
"""Filters: how they are read, and whom they let through."""

from dataclasses import dataclass, field

import pytest

from xdpair.core.errors import InvalidInput
from xdpair.rpc import filters


@dataclass(frozen=True)
class Thing:
    id: str
    colour: str = ""
    tags: dict[str, str] = field(default_factory=dict)


FIELDS: filters.Fields[Thing] = {"id": lambda thing: thing.id, "colour": lambda thing: thing.colour}
THINGS = [
    Thing("a", "red", {"team": "db", "two words": 'say "x"'}),
    Thing("b", "Dark Red", {"team": "web", "empty": ""}),
    Thing("c", "", {"k8s.io/app": "x*y"}),
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", "abc"),
        ("  ", "abc"),
        ("id = a", "a"),
        ("id=a", "a"),
        ("id != a", "bc"),
        ('colour = "Dark Red"', "b"),
        ("colour = dark", ""),
        ("colour : RED", "ab"),
        ('colour : "k r"', "b"),
        ("colour : *", "ab"),
        ('colour = ""', "c"),
        ("colour : red AND id != b", "a"),
        ("id != a AND id != b AND id != c", ""),
        ("tags.team = db", "a"),
        ("tags.team != db", "bc"),
        ("tags.team : *", "ab"),
        ("tags.team : W", "b"),
        ("tags : team", "ab"),
        ("tags : empty", "b"),
        ('tags.empty = ""', "b"),
        ('tags.empty : ""', "b"),
        ('tags."two words" : say', "a"),
        (r'tags."two words" = "say \"x\""', "a"),
        ("tags.k8s.io/app : *", "c"),
        ('tags."k8s.io/app" = "x*y"', "c"),
        ('tags.team : "*"', ""),
    ],
)
def test_whom_it_lets_through(text: str, ids: str) -> None:
    found = filters.tagged(text, FIELDS).among(THINGS)
    assert "".join(thing.id for thing in found) == ids


@pytest.mark.parametrize(
    "text",
    [
        *("id", "id =", "= a", "id a", "id = a id = b", "id = a AND", "AND id = a", "id == a"),
        *("id = a OR id = b", "NOT id = a", "(id = a)", "id > a", "id = a, b", 'id = "a'),
        *("shape = round", "id.x = a", "tags = a", "tags. = a", "tags.a", 'id "x" = a', '"id" = a'),
    ],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        filters.tagged(text, FIELDS)
    assert caught.value.metadata == {"field": "filter"}


def test_what_has_no_tags_can_not_be_asked_for_them() -> None:
    with pytest.raises(InvalidInput, match=r"only colour, id$"):
        filters.untagged("tags.a = b", FIELDS)
