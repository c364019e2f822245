# SPDX-License-Identifier: Apache-2.0
"""Placement in the lookup table, against the program's search, after every single write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpair.core.errors import LimitExceeded
from xdpair.core.lookup_table import EMPTY, Geometry, LookupTable, Place

TOMBSTONE = -1
#: So few places that searches collide, pass buckets and go around the end.
SMALL = Geometry(buckets=8, ways=2, max_buckets=3)
ALL_WORDS = [number * 0x0123_4567_89AB_CDEF % 2**64 for number in range(1, 41)]
WORDS = st.sampled_from(ALL_WORDS)
WISHES = st.lists(st.sets(WORDS, max_size=14), min_size=1, max_size=12)


class Table:
    """The table as the kernel has it, and the search of bpf/tables.h.

    Args:
        restarts: the placement is made anew from what the kernel has before each change.
    """

    def __init__(self, geometry: Geometry, *, restarts: bool = False) -> None:
        self.geometry = geometry
        self.ways: dict[Place, int] = {}
        self.restarts = restarts
        self.placement = LookupTable(geometry, {})

    @property
    def places(self) -> dict[int, Place]:
        return {word: at for at, word in self.ways.items() if word not in {EMPTY, TOMBSTONE}}

    @property
    def tombstones(self) -> set[Place]:
        return {place for place, word in self.ways.items() if word == TOMBSTONE}

    def find(self, word: int) -> Place | None:
        """Up to ``max_buckets``, each in full, but none behind one whose last way is empty."""
        bucket = self.geometry.home(word)
        for _ in range(self.geometry.max_buckets):
            for way in range(self.geometry.ways):
                if self.ways.get((bucket, way), EMPTY) == word:
                    return bucket, way
            if self.ways.get((bucket, self.geometry.ways - 1), EMPTY) == EMPTY:
                return None
            bucket = (bucket + 1) % self.geometry.buckets
        return None

    def become(self, wanted: set[int]) -> Iterator[None]:
        return self.change(wanted - self.places.keys(), self.places.keys() - wanted)

    def change(self, added: set[int], removed: set[int]) -> Iterator[None]:
        """Write as the adapter does, pausing after each write."""
        if self.restarts:
            self.placement = LookupTable(self.geometry, self.places, self.tombstones)
        todo = self.placement.plan(added, removed)
        assert self.placement.plan(added, removed) == todo, "a plan changes nothing"
        for word, place in todo.freed.items():
            assert self.ways[place] == word
            self.ways[place] = TOMBSTONE
            yield
        for word, place in todo.added.items():
            assert self.ways.get(place, EMPTY) in {EMPTY, TOMBSTONE}, "a key was overwritten"
            self.ways[place] = word
            yield
        for place in todo.cleared:
            assert self.ways[place] == TOMBSTONE, "a key was cleared"
            self.ways[place] = EMPTY
            yield
        self.placement.commit(todo)
        assert self.placement.places == self.places


def write(table: Table, wanted: set[int]) -> None:
    for _ in table.become(wanted):
        pass


@given(wishes=WISHES, restarts=st.booleans())
def test_every_key_is_found_at_every_moment(wishes: list[set[int]], restarts: bool) -> None:
    table = Table(SMALL, restarts=restarts)
    present: set[int] = set()
    for wanted in wishes:
        before = table.places
        try:
            for _ in table.become(wanted):
                for word in present & wanted:
                    assert table.find(word) == before[word], "a key that stays moved or was lost"
        except LimitExceeded:
            assert table.places == before
            continue
        present = wanted
        places = table.places
        assert places.keys() == wanted
        for word in ALL_WORDS:
            assert table.find(word) == places.get(word)


@given(wishes=WISHES, restarts=st.booleans())
def test_nothing_is_left_behind(wishes: list[set[int]], restarts: bool) -> None:
    """Tombstones stay only where a search has to pass them."""
    table = Table(SMALL, restarts=restarts)
    for wanted in [*wishes, set()]:
        try:
            write(table, wanted)
        except LimitExceeded:
            continue
        passed = {
            (SMALL.home(word) + step) % SMALL.buckets
            for word, (bucket, _) in table.places.items()
            for step in range((bucket - SMALL.home(word)) % SMALL.buckets)
        }
        assert {bucket for bucket, _ in table.tombstones} <= passed
    assert set(table.ways.values()) <= {EMPTY}


@given(wanted=st.sets(WORDS, max_size=14))
def test_the_same_again_writes_nothing(wanted: set[int]) -> None:
    table = Table(SMALL)
    try:
        write(table, wanted)
    except LimitExceeded:
        return
    assert list(table.change(wanted, set())) == []
    assert list(table.change(wanted, wanted)) == [], "what is added and removed stays"
    assert list(table.change(set(), set(ALL_WORDS) - wanted)) == []


def words_at(geometry: Geometry, bucket: int, count: int) -> list[int]:
    found = (word for word in range(1, 1 << 20) if geometry.home(word) == bucket)
    return [next(found) for _ in range(count)]


def test_a_full_bucket_sends_keys_on() -> None:
    geometry = Geometry(buckets=16)
    words = words_at(geometry, 15, 6)
    todo = LookupTable(geometry, {}).plan(words, ())
    assert [todo.added[word] for word in words] == [(15, way) for way in range(4)] + [
        (0, 0),
        (0, 1),
    ]


def test_a_full_path_is_refused() -> None:
    geometry = Geometry(buckets=16)
    words = words_at(geometry, 3, 17)
    table = LookupTable(geometry, {})
    table.commit(table.plan(words[:16], ()))
    with pytest.raises(LimitExceeded):
        table.plan(words[16:], ())
    assert len(table.plan(words[16:], words[:1]).added) == 1


def test_a_tombstone_is_used_again() -> None:
    geometry = Geometry(buckets=16)
    words = words_at(geometry, 3, 6)
    table = Table(geometry)
    write(table, set(words[:5]))
    write(table, set(words[1:5]))
    assert table.tombstones == {(3, 0)}
    write(table, set(words[1:]))
    assert table.places[words[5]] == (3, 0)
    assert not table.tombstones


def test_tombstones_that_a_crash_left_are_cleared() -> None:
    """By the next change, whatever it is."""
    geometry = Geometry(buckets=16)
    word = words_at(geometry, 3, 1)[0]
    table = LookupTable(geometry, {word: (3, 0)}, [(3, 1), (9, 2)])
    todo = table.plan((), ())
    assert set(todo.cleared) == {(3, 1), (9, 2)}
    table.commit(todo)
    assert table.plan((), ()).cleared == []


@pytest.mark.parametrize(
    ("buckets", "word", "home"),
    [
        (64, 1, 0x9E3779B97F4A7C15 >> 58),
        (64, 0, 0),
        (16384, 2**64 - 1, (2**64 - 0x9E3779B97F4A7C15) >> 50),
    ],
)
def test_home(buckets: int, word: int, home: int) -> None:
    """The high bits of the product, as in the program."""
    assert Geometry(buckets).home(word) == home
