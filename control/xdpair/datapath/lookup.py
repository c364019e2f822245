# SPDX-License-Identifier: Apache-2.0
"""The keys of ``lookup``, written one word at a time into the places that the core found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xdpair.core.lookup_table import EMPTY, Geometry, LookupTable, Plan
from xdpair.core.tables import LookupKey
from xdpair.datapath.constants import ABI
from xdpair.datapath.maps import Array, Maps
from xdpair.datapath.words import TOMBSTONE, lookup_word


@dataclass(frozen=True, slots=True)
class LookupPlan:
    """What is to be written: values by key word, and where the keys go."""

    values: Mapping[int, int]
    places: Plan


class LookupKeys:
    """Writes keys. Nobody else does: what the kernel has is read once."""

    def __init__(self, maps: Maps) -> None:
        keys = maps.lookup["keys"]
        self._kinds: Array = keys["kind"]
        self._values: Array = maps.lookup["values"]
        self._words: Array = np.ndarray(keys.shape, np.uint64, maps.lookup, 0, keys.strides[:2])
        self._table = self._read()

    def listener_rows(self) -> list[int]:
        """Rows of ``listeners`` that keys lead to."""
        rows: list[int] = self._values[self._kinds == ABI["KIND_LISTENER"]].tolist()
        return rows

    def plan(self, change: Mapping[LookupKey, int | None], *, whole: bool) -> LookupPlan:
        """Find places; writes nothing.

        Raises:
            LimitExceeded: the table is too full.
        """
        words = {lookup_word(key): value for key, value in change.items()}
        values = {word: value for word, value in words.items() if value is not None}
        removed = self._table.places.keys() if whole else words.keys()
        return LookupPlan(values, self._table.plan(values, removed - values.keys()))

    def write(self, plan: LookupPlan) -> None:
        """Carry it out; nothing was written since it was made."""
        for place in plan.places.freed.values():
            self._words[place] = TOMBSTONE
        for word, value in plan.values.items():
            place = plan.places.added.get(word) or self._table.places[word]
            if self._values[place] != value:
                self._values[place] = value
        for word, place in plan.places.added.items():
            self._words[place] = word
        for place in plan.places.cleared:
            self._words[place] = EMPTY
        self._table.commit(plan.places)

    def _read(self) -> LookupTable:
        used = self._words != EMPTY
        buckets, ways = np.nonzero(used)
        places = {}
        tombstones = []
        found = zip(buckets.tolist(), ways.tolist(), self._words[used].tolist(), strict=True)
        for bucket, way, word in found:
            if word == TOMBSTONE:
                tombstones.append((bucket, way))
            else:
                places[word] = (bucket, way)
        geometry = Geometry(len(self._words), ABI["LOOKUP_WAYS"], ABI["LOOKUP_MAX_BUCKETS"])
        return LookupTable(geometry, places, tombstones)
