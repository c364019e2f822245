# SPDX-License-Identifier: Apache-2.0
"""What has to happen in a scenario, and whether it did."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.lab.demo.figures import Decision, Figures
from tests.lab.demo.run import Record
from tests.lab.demo.service import FALL, LISTENERS

#: What a busy machine may add to the controller's arithmetic.
_TOLERANCE_MS: Final = 100.0
#: How long after the failover a client may wait for its reset.
_RESET_WITHIN_MS: Final = 1000.0
#: Late words of a failed server, and what clients say to the question whether their RST arrived.
_WANTED_DROPS: Final = {"drop_ended", "drop_fenced"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that has to be, and what was found."""

    words: str
    holds: bool
    found: str


def expectations_of(record: Record, figures: Figures, interval_ms: int) -> Iterator[Expectation]:
    """Compare a scenario with what was promised."""
    limit_ms = record.scenario.promise_ms(interval_ms, timeout_ms=interval_ms, fall=FALL)
    yield _before(figures)
    yield _failover(figures, limit_ms)
    yield _takeover(figures)
    yield _waiting(figures, must_be_reset=record.scenario.silent)
    yield _failback(figures)
    yield _moves(figures)
    yield _way_back(figures)
    yield _drops(figures)


def _before(figures: Figures) -> Expectation:
    traffic = figures.traffic.items()
    return Expectation(
        "before the fault nothing fails",
        all(t.ended_before > 0 and t.failed_before == 0 for _, t in traffic),
        _list(f"{name} {t.failed_before:,} of {t.ended_before:,}" for name, t in traffic),
    )


def _failover(figures: Figures, limit_ms: float) -> Expectation:
    decisions = figures.failovers.values()
    return Expectation(
        f"failover at most {limit_ms:.0f} ms after the fault, tolerance {_TOLERANCE_MS:.0f} ms",
        set(figures.failovers) == set(LISTENERS)
        and all(d.cause == "health" and d.error for d in decisions)
        and all(d.after_ms <= limit_ms + _TOLERANCE_MS for d in decisions),
        _list(map(_when, decisions)),
    )


def _takeover(figures: Figures) -> Expectation:
    outages = {name: traffic.outage_ms for name, traffic in figures.traffic.items()}
    return Expectation(
        "the secondary answers",
        None not in outages.values(),
        _list(f"{name} after {ms:.1f} ms" for name, ms in outages.items() if ms is not None),
    )


def _waiting(figures: Figures, *, must_be_reset: bool) -> Expectation:
    waiting = figures.waiting
    limit_ms = max((d.after_ms for d in figures.failovers.values()), default=0) + _RESET_WITHIN_MS
    # The kernel of a killed process closes its connections before anybody has to reset them.
    allowed = {"reset"} if must_be_reset else {"reset", "closed"}
    ended = sum(waiting.how.get(how, 0) for how in allowed)
    slowest_ms = waiting.slowest_ms
    last = "" if slowest_ms is None else f", the last after {slowest_ms:.1f} ms"
    return Expectation(
        f"waiting connections are {'reset' if must_be_reset else 'ended'} within 1 s of it",
        ended == waiting.opened > 0 and slowest_ms is not None and slowest_ms <= limit_ms,
        f"{ended} of {waiting.opened}{last}",
    )


def _failback(figures: Figures) -> Expectation:
    return Expectation(
        "failback after the primary's return",
        set(figures.failbacks) == set(LISTENERS),
        _list(map(_when, figures.failbacks.values())),
    )


def _moves(figures: Figures) -> Expectation:
    """Probes that time out on a busy machine are seen here."""
    return Expectation(
        "each listener moves twice, there and back",
        figures.moves == dict.fromkeys(LISTENERS, 2),
        _list(f"{listener} {count}" for listener, count in sorted(figures.moves.items())),
    )


def _way_back(figures: Figures) -> Expectation:
    traffic = figures.traffic.items()
    return Expectation(
        "on the way back nothing fails and nothing is lost",
        all(t.returned and t.failed_back == 0 for _, t in traffic),
        _list(f"{name} {t.failed_back:,} of {t.sent_back:,}" for name, t in traffic),
    )


def _drops(figures: Figures) -> Expectation:
    drops = {
        name: packets
        for name, packets in figures.counters.items()
        if name.startswith("drop_") and name not in _WANTED_DROPS
    }
    return Expectation(
        "the program drops nothing but what is said of ended connections",
        not drops,
        _list(f"{name} {packets:,}" for name, packets in drops.items()) or "nothing else",
    )


def _when(decision: Decision) -> str:
    return f"{decision.listener} after {decision.after_ms:.1f} ms"


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
