# SPDX-License-Identifier: Apache-2.0
"""Who of a weighted listener's servers gets new flows: a pure function of weights and verdicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from xdpair.core.listeners import AllUnhealthy


class Weighed(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def weight(self) -> int: ...


M = TypeVar("M", bound=Weighed)


class Fitness(Enum):
    """Of all servers together.

    SOME: at least one with a weight is fit. NONE: none is, new flows are rejected. OPEN: none is,
    so all that have a weight get them. WEIGHTLESS: no server has a weight, or there is none at all.
    """

    SOME = "some"
    NONE = "none"
    OPEN = "open"
    WEIGHTLESS = "weightless"


@dataclass(frozen=True, slots=True)
class Serving(Generic[M]):
    """Who gets new flows, and what that says of all servers."""

    members: tuple[M, ...]
    fitness: Fitness


def serving(
    members: Iterable[M],
    down: Collection[str],
    policy: AllUnhealthy,
    is_reachable: Callable[[M], bool],
) -> Serving[M]:
    """Who gets new flows.

    Args:
        down: names of those whose check fails.
        is_reachable: whether the way to a server is known. One to whom it is not is passed over as
            long as there are others: its clients would wait until they send again.
    """
    able = tuple(member for member in members if member.weight > 0)
    fit = tuple(member for member in able if member.name not in down)
    if fit:
        near = tuple(member for member in fit if is_reachable(member))
        return Serving(near or fit, Fitness.SOME)
    if not able:
        return Serving((), Fitness.WEIGHTLESS)
    if policy is AllUnhealthy.FAIL_OPEN:
        return Serving(able, Fitness.OPEN)
    return Serving((), Fitness.NONE)
