# SPDX-License-Identifier: Apache-2.0
"""Values drawn at random, put together from smaller ones.

Not hypothesis: of long lists of large requests it draws mostly short ones, and the same over again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, TypeVar

from tests.rpc.api_plain import Plain

_T = TypeVar("_T")
#: Draws a value.
Drawn = Callable[[Random], _T]


def pick(*values: _T) -> Drawn[_T]:
    return lambda random: random.choice(values)


def one_of(*drawn: Drawn[_T]) -> Drawn[_T]:
    return lambda random: random.choice(drawn)(random)


def mostly(good: Drawn[Any], *bad: Any) -> Drawn[Any]:
    """Draw one of the bad values now and then."""
    return lambda random: random.choice(bad) if random.random() < 0.04 else good(random)


def a_list(
    drawn: Drawn[_T], least: int, most: int, key: Callable[[_T], object] = repr
) -> Drawn[list[_T]]:
    """Draw a list of values of which no two have the same key."""

    def draw(random: Random) -> list[_T]:
        values: dict[object, _T] = {}
        size = random.randint(least, most)
        while len(values) < size:
            value = drawn(random)
            values.setdefault(key(value), value)
        return list(values.values())

    return draw


def a_dict(always: Mapping[str, Drawn[Any]], sometimes: Mapping[str, Drawn[Any]]) -> Drawn[Plain]:
    def draw(random: Random) -> Plain:
        left_out = random.choice((0.0, 0.5, 0.8, 1.0))
        here = {key: drawn for key, drawn in sometimes.items() if random.random() >= left_out}
        return {key: drawn(random) for key, drawn in {**always, **here}.items()}

    return draw


def merged(*dicts: Drawn[Plain]) -> Drawn[Plain]:
    """Draw dictionaries and lay the later ones over the earlier."""

    def draw(random: Random) -> Plain:
        result: Plain = {}
        for drawn in dicts:
            result |= drawn(random)
        return result

    return draw


def smallest(steps: Sequence[_T], fails: Callable[[Sequence[_T]], bool]) -> Sequence[_T]:
    """Return a part of the steps that still fails, and of which none can be left out."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            shorter = [*steps[:at], *steps[at + size :]]
            if fails(shorter):
                steps = shorter
            else:
                at += size
        size //= 2
    return steps
