# SPDX-License-Identifier: Apache-2.0
"""Where keys go in the data plane's open-addressing table (``lookup`` in bpf/tables.h searches what
is placed here).

A key may be in one of ``max_buckets`` consecutive buckets of ``ways`` ways. A bucket whose last way
is empty ends the search, so a way that is freed stays a tombstone for as long as some key lies
beyond it. Keys never move: a search that runs while the table changes finds the old content or the
new. A change costs in proportion to what it adds and removes, whatever else there is.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xdpair.core import errors

#: 2**64 divided by the golden ratio (Knuth, TAOCP 6.4); LOOKUP_MULTIPLIER of bpf/abi.h.
MULTIPLIER = 0x9E3779B97F4A7C15
EMPTY = 0

#: (bucket, way)
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


@dataclass(frozen=True, slots=True)
class Plan:
    """Writes in the order in which they are safe: ``freed`` ways first, then ``added``, then
    ``cleared``.

    Attributes:
        freed: key -> its way, which becomes a tombstone.
        added: key -> its way.
        cleared: tombstones that no search has to pass any more.
    """

    freed: Mapping[int, Place]
    added: Mapping[int, Place]
    cleared: Collection[Place]


class LookupTable:
    """What is where.

    Args:
        places: key word -> place, as the kernel has it.
        tombstones: ways that hold neither a key nor emptiness.

    Attributes:
        places: key word -> place; read only.
    """

    def __init__(
        self, geometry: Geometry, places: Mapping[int, Place], tombstones: Iterable[Place] = ()
    ) -> None:
        self._geometry = geometry
        self._places = dict(places)
        self.places: Mapping[int, Place] = MappingProxyType(self._places)
        #: By bucket, a bit for each way that holds a key.
        self._taken = bytearray(geometry.buckets)
        #: By bucket, a bit for each way that is a tombstone.
        self._tombstones = bytearray(geometry.buckets)
        #: By bucket, keys whose search goes beyond it.
        self._passing = array("I", bytes(4 * geometry.buckets))
        for bucket, way in tombstones:
            self._tombstones[bucket] |= 1 << way
        for word, (bucket, way) in self._places.items():
            self._taken[bucket] |= 1 << way
            for passed in self._passed(word, bucket):
                self._passing[passed] += 1
        #: Buckets with tombstones that somebody left behind.
        self._forgotten = {
            bucket
            for bucket, ways in enumerate(self._tombstones)
            if ways and not self._passing[bucket]
        }

    def plan(self, added: Iterable[int], removed: Iterable[int]) -> Plan:
        """Find places for ``added``; nothing changes. What is there already, or is not, is no
        error; what is in both stays.

        Raises:
            LimitExceeded: all buckets of a key's path are full.
        """
        places = self._places
        wanted = set(added)
        freed = {word: places[word] for word in set(removed) - wanted if word in places}
        taken: dict[int, int] = {}
        passing: Counter[int] = Counter()
        for word, (bucket, way) in freed.items():
            taken[bucket] = taken.get(bucket, self._taken[bucket]) & ~(1 << way)
            passing.subtract(self._passed(word, bucket))
        found: dict[int, Place] = {}
        for word in sorted(word for word in wanted if word not in places):
            bucket, way = found[word] = self._first_free(word, taken)
            taken[bucket] = taken.get(bucket, self._taken[bucket]) | 1 << way
            passing.update(self._passed(word, bucket))
        return Plan(freed, found, list(self._idle(freed, taken, passing)))

    def commit(self, plan: Plan) -> None:
        """It was written."""
        for word, (bucket, way) in plan.freed.items():
            del self._places[word]
            self._taken[bucket] &= ~(1 << way)
            self._tombstones[bucket] |= 1 << way
            for passed in self._passed(word, bucket):
                self._passing[passed] -= 1
        for word, place in plan.added.items():
            bucket, way = place
            self._places[word] = place
            self._taken[bucket] |= 1 << way
            self._tombstones[bucket] &= ~(1 << way)
            for passed in self._passed(word, bucket):
                self._passing[passed] += 1
        for bucket, way in plan.cleared:
            self._tombstones[bucket] &= ~(1 << way)
        self._forgotten = set()

    def _first_free(self, word: int, taken: Mapping[int, int]) -> Place:
        geometry = self._geometry
        full = (1 << geometry.ways) - 1
        bucket = geometry.home(word)
        for _ in range(geometry.max_buckets):
            free = ~taken.get(bucket, self._taken[bucket]) & full
            if free:
                return bucket, (free & -free).bit_length() - 1
            bucket = (bucket + 1) % geometry.buckets
        raise errors.LimitExceeded(
            f"the lookup table of {geometry.buckets} buckets is too full: raise max_listeners"
        )

    def _passed(self, word: int, bucket: int) -> Iterator[int]:
        """Buckets that a search goes beyond before it comes to ``bucket``."""
        passed, buckets = self._geometry.home(word), self._geometry.buckets
        while passed != bucket:
            yield passed
            passed = (passed + 1) % buckets

    def _idle(
        self, freed: Mapping[int, Place], taken: Mapping[int, int], passing: Counter[int]
    ) -> Iterator[Place]:
        """Tombstones that no search will have to pass."""
        tombstones: dict[int, int] = {}
        for bucket, way in freed.values():
            tombstones[bucket] = tombstones.get(bucket, 0) | 1 << way
        for bucket in sorted({*tombstones, *passing, *self._forgotten}):
            if self._passing[bucket] + passing[bucket]:
                continue
            ways = self._tombstones[bucket] | tombstones.get(bucket, 0)
            ways &= ~taken.get(bucket, self._taken[bucket])
            for way in range(self._geometry.ways):
                if ways >> way & 1:
                    yield bucket, way
