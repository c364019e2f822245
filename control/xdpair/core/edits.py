# SPDX-License-Identifier: Apache-2.0
"""Mappings that are copied when they are first written to, and indexes that follow them.

With these a change costs what it touches, and one copy of each mapping that it touches at all; the
rest is shared between old and new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import Any, Generic, TypeVar

K = TypeVar("K")
R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")


class CopyOnWrite(Mapping[K, V]):
    """What ``base`` says, until it is written to; ``base`` itself is never changed."""

    __slots__ = ("_base", "_current", "_own")

    def __init__(self, base: Mapping[K, V]) -> None:
        self._base = base
        self._own: dict[K, V] | None = None
        self._current = base

    def __getitem__(self, key: K) -> V:
        return self._current[key]

    def __contains__(self, key: object) -> bool:
        return key in self._current

    def __iter__(self) -> Iterator[K]:
        return iter(self._current)

    def __len__(self) -> int:
        return len(self._current)

    def _writable(self) -> dict[K, V]:
        if self._own is None:
            base = self._base
            # A proxy's own copy() is many times faster than dict(proxy).
            self._own = base.copy() if isinstance(base, MappingProxyType) else dict(base)
            self._current = self._own
        return self._own


class Index(CopyOnWrite[T, Set[K]], Generic[T, K, R]):
    """From what resources refer to, to the keys of those that do; none is kept for the rest.

    Args:
        base: such an index, which stays as it is.
        targets: what a resource refers to.
    """

    __slots__ = ("_fresh", "_targets")

    def __init__(self, base: Mapping[T, Set[K]], targets: Callable[[R], Iterable[T]]) -> None:
        super().__init__(base)
        self._targets = targets
        self._fresh: dict[T, set[K]] = {}  # the sets that are ours to write to

    def follow(self, key: K, old: R | None, new: R | None) -> None:
        """Take note that the resource of this key was made, changed or deleted."""
        before = frozenset() if old is None else frozenset(self._targets(old))
        after = frozenset() if new is None else frozenset(self._targets(new))
        for target in after - before:
            self._keys(target).add(key)
        for target in before - after:
            keys = self._keys(target)
            keys.remove(key)
            if not keys:
                del self._fresh[target], self._writable()[target]

    def _keys(self, target: T) -> set[K]:
        keys = self._fresh.get(target)
        if keys is None:
            keys = self._fresh[target] = set(self._current.get(target, ()))
            self._writable()[target] = keys
        return keys

    def finish(self) -> Mapping[T, Set[K]]:
        """The index as it is now; nothing may be written after this."""
        return self._base if self._own is None else MappingProxyType(self._own)


class Table(CopyOnWrite[K, R]):
    """Resources of one kind by their keys, and the indexes that follow them."""

    __slots__ = ("_indexes", "_touched")

    def __init__(self, base: Mapping[K, R], *indexes: Index[Any, K, R]) -> None:
        super().__init__(base)
        self._indexes = indexes
        self._touched: set[K] = set()

    def put(self, key: K, resource: R) -> None:
        old = self._current.get(key)
        self._writable()[key] = resource
        self._follow(key, old, resource)

    def remove(self, key: K) -> None:
        """Raises ``KeyError`` for one that is not there."""
        self._follow(key, self._writable().pop(key), None)

    def _follow(self, key: K, old: R | None, new: R | None) -> None:
        self._touched.add(key)
        for index in self._indexes:
            index.follow(key, old, new)

    def finish(self) -> tuple[Mapping[K, R], frozenset[K]]:
        """The resources as they are now, and the keys of those that differ from the base; nothing
        may be written after this.
        """
        now = self._current
        delta = frozenset(key for key in self._touched if self._base.get(key) != now.get(key))
        return (MappingProxyType(self._writable()) if delta else self._base), delta
