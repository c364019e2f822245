# SPDX-License-Identifier: Apache-2.0
"""Who of a weighted listener's servers gets new flows."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from xdpair.core.model import AllUnhealthy
from xdpair.core.pool import Fitness, serving


@dataclass(frozen=True)
class Member:
    name: str
    weight: int
    is_near: bool = True


def names(
    *members: Member, down: str = "", policy: AllUnhealthy = AllUnhealthy.REJECT
) -> tuple[str, Fitness]:
    found = serving(members, set(down), policy, lambda member: member.is_near)
    return "".join(member.name for member in found.members), found.fitness


A, B, C = Member("a", 100), Member("b", 1), Member("c", 0)
FAR = Member("f", 100, is_near=False)


@pytest.mark.parametrize(
    ("members", "down", "expected"),
    [
        ((A, B, C), "", ("ab", Fitness.SOME)),
        ((A, B, C), "a", ("b", Fitness.SOME)),
        ((A, B, C), "ab", ("", Fitness.NONE)),
        ((A, B, C), "c", ("ab", Fitness.SOME)),
        ((C,), "", ("", Fitness.WEIGHTLESS)),
        ((C,), "c", ("", Fitness.WEIGHTLESS)),
        ((), "", ("", Fitness.WEIGHTLESS)),
        ((A, FAR), "", ("a", Fitness.SOME)),
        ((A, FAR), "a", ("f", Fitness.SOME)),
        ((FAR,), "", ("f", Fitness.SOME)),
    ],
)
def test_who_is_given_new_flows(
    members: tuple[Member, ...], down: str, expected: tuple[str, Fitness]
) -> None:
    assert names(*members, down=down) == expected


def test_when_nobody_is_fit_all_may_be_tried() -> None:
    assert names(A, B, C, down="ab", policy=AllUnhealthy.FAIL_OPEN) == ("ab", Fitness.OPEN)
    assert names(A, B, C, down="a", policy=AllUnhealthy.FAIL_OPEN) == ("b", Fitness.SOME)
    assert names(C, policy=AllUnhealthy.FAIL_OPEN) == ("", Fitness.WEIGHTLESS)
