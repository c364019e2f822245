# SPDX-License-Identifier: Apache-2.0
"""A scenario's events of all sources in one order, shown while they happen."""

from dataclasses import dataclass

from tests.lab.demo.screen import Screen


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened.

    Attributes:
        at_s: CLOCK_MONOTONIC.
        source: who tells: ``lab``, ``xdpair`` or ``client``.
        words: what.
        detail: more about it.
        style: how a terminal shows it.
    """

    at_s: float
    source: str
    words: str
    detail: str = ""
    style: str = ""


class Timeline:
    """Moments relative to one of them: the fault."""

    def __init__(self, screen: Screen, zero_s: float) -> None:
        self._screen = screen
        self._zero_s = zero_s
        self._known: set[Moment] = set()
        self._hidden: list[Moment] = []

    def add(self, moment: Moment) -> None:
        """Take it up, unless it is known."""
        if moment not in self._known:
            self._known.add(moment)
            self._hidden.append(moment)

    def show(self, before_s: float) -> None:
        """Print what is not yet shown and happened before a time: nothing earlier may follow."""
        ready = sorted((m for m in self._hidden if m.at_s < before_s), key=lambda m: m.at_s)
        for moment in ready:
            self._hidden.remove(moment)
            self._screen.event(
                self.after_fault_ms(moment.at_s),
                moment.source,
                moment.words,
                moment.detail,
                moment.style,
            )

    def moments(self) -> list[Moment]:
        """All, in the order in which they happened."""
        return sorted(self._known, key=lambda moment: moment.at_s)

    def after_fault_ms(self, at_s: float) -> float:
        """A time relative to the fault."""
        return (at_s - self._zero_s) * 1000
