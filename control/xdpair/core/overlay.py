# SPDX-License-Identifier: Apache-2.0
"""Changes to a dictionary that are planned and not made yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Overlay(Generic[K, V]):
    """What ``base`` will be.

    Attributes:
        base: stays as it is until ``commit``.
        changes: None: the key is to go.
    """

    __slots__ = ("base", "changes")

    def __init__(self, base: dict[K, V]) -> None:
        self.base = base
        self.changes: dict[K, V | None] = {}

    def get(self, key: K) -> V | None:
        return self.changes[key] if key in self.changes else self.base.get(key)

    def put(self, key: K, value: V | None) -> None:
        self.changes[key] = value

    def restore(self, key: K, value: V) -> None:
        """The same, but what is in ``base`` anyway is no change."""
        if self.base.get(key) is value:
            self.changes.pop(key, None)
        else:
            self.changes[key] = value

    def items(self) -> Iterator[tuple[K, V | None, V | None]]:
        """Each key that may differ, with what it is and what it will be."""
        for key, new in self.changes.items():
            yield key, self.base.get(key), new

    def differences(self) -> Iterator[tuple[V | None, V | None]]:
        for _, old, new in self.items():
            yield old, new

    def commit(self) -> None:
        for key, value in self.changes.items():
            if value is None:
                self.base.pop(key, None)
            else:
                self.base[key] = value
