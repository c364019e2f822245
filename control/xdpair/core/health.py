# SPDX-License-Identifier: Apache-2.0
"""Rise and fall: how single probes become a verdict. Knows no protocol, no clock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict on one server by one check.

    Attributes:
        up: the present verdict; a server counts as fit until proved otherwise.
        known: False until the first verdict was reached by probes.
        streak: consecutive probes that spoke for ``up`` (positive) or against it (negative).
    """

    up: bool = True
    known: bool = False
    streak: int = 0


def observe(health: Health, passed: bool, rise: int, fall: int) -> Health:
    """Count one probe. Any probe to the contrary starts the count anew: only consecutive ones
    decide.
    """
    streak = max(health.streak, 0) + 1 if passed else min(health.streak, 0) - 1
    if health.up:
        if -streak >= fall:
            return Health(up=False, known=True, streak=-fall)
        return Health(up=True, known=health.known or streak >= rise, streak=min(streak, rise))
    if streak >= rise:
        return Health(up=True, known=True, streak=rise)
    return Health(up=False, known=True, streak=max(streak, -fall))
