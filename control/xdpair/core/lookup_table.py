# SPDX-License-Identifier: Apache-2.0
"""Where keys go in the data plane's open-addressing table (``lookup`` in bpf/tables.h searches what
is placed here).

A key may be in one of ``max_buckets`` consecutive buckets of ``ways`` ways. A bucket whose last way
is empty ends the search, so a way that is freed stays a tombstone for as long as some key lies
beyond it. Keys never
move: a search that runs while the table changes finds the old content or the new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xdpair.core import errors

#: 2**64 divided by the golden ratio (Knuth, TAOCP 6.4); LOOKUP_MULTIPLIER of bpf/abi.h.
MULTIPLIER = 0x9E3779B97F4A7C15
EMPTY = 0

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shape of the table; ``buckets`` is a power of two."""

    buckets: int
    ways: int = 4
    max_buckets: int = 4

    def home(self, word: int) -> int:
        """The first bucket of a key's search."""
        bits = self.buckets.bit_length() - 1
        return (word * MULTIPLIER & 0xFFFF_FFFF_FFFF_FFFF) >> (64 - bits)

    def path(self, word: int) -> list[int]:
        return [(self.home(word) + step) % self.buckets for step in range(self.max_buckets)]


@dataclass(frozen=True, slots=True)
class Plan:
    """Writes in the order in which they are safe: ``freed`` ways first, then ``added``, then
    ``cleared``.

    Attributes:
        placed: where every wanted key is afterwards.
        freed: ways whose keys go: they become tombstones.
        added: way -> key.
        cleared: tombstones that no search has to pass any more.
    """

    placed: dict[int, Place]
    freed: list[Place]
    added: dict[Place, int]
    cleared: list[Place]


def plan(
    geometry: Geometry, current: Mapping[int, Place], tombstones: set[Place], wanted: set[int]
) -> Plan:
    """Place all wanted keys, leaving those that are placed already.

    Args:
        current: key word -> place, as the kernel has it.
        tombstones: ways that hold neither a key nor emptiness.

    Raises:
        LimitExceeded: all buckets of a key's path are full.
    """
    freed = [place for word, place in current.items() if word not in wanted]
    placed = {word: place for word, place in current.items() if word in wanted}
    taken = set(placed.values())
    added: dict[Place, int] = {}
    for word in sorted(wanted - placed.keys()):
        place = _first_free(geometry, word, taken)
        taken.add(place)
        placed[word], added[place] = place, word
    passed = _passed_buckets(geometry, placed)
    idle = (tombstones | set(freed)) - taken
    return Plan(placed, freed, added, sorted(place for place in idle if place[0] not in passed))


def _first_free(geometry: Geometry, word: int, taken: set[Place]) -> Place:
    for bucket in geometry.path(word):
        for way in range(geometry.ways):
            if (bucket, way) not in taken:
                return bucket, way
    raise errors.LimitExceeded(
        f"the lookup table of {geometry.buckets} buckets is too full: raise max_listeners"
    )


def _passed_buckets(geometry: Geometry, placed: Mapping[int, Place]) -> set[int]:
    return {
        (geometry.home(word) + step) % geometry.buckets
        for word, (bucket, _) in placed.items()
        for step in range((bucket - geometry.home(word)) % geometry.buckets)
    }
