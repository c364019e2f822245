# SPDX-License-Identifier: Apache-2.0
"""What has to happen in a scenario, and whether it did."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.lab.demo.clients import PROTOCOLS
from tests.lab.demo.figures import Decision, Figures
from tests.lab.demo.run import Record
from tests.lab.demo.service import FALL, LISTENERS

#: What a busy machine may add to the controller's arithmetic.
SLACK_MS: Final = 50.0
#: How long after the failover a client may wait for its reset.
_RESET_WITHIN_MS: Final = 1000.0
#: Late words of a failed server: dropping them is the point.
_WANTED_DROPS: Final = {"drop_fenced"}


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
    yield _way_back(figures)
    yield _drops(figures)


def _before(figures: Figures) -> Expectation:
    counts = {protocol: figures.traffic[protocol].before for protocol in PROTOCOLS}
    return Expectation(
        "before the fault every request is answered",
        all(sent > 0 and failed == 0 for sent, failed in counts.values()),
        _list(f"{protocol} {sent - bad:,} of {sent:,}" for protocol, (sent, bad) in counts.items()),
    )


def _failover(figures: Figures, limit_ms: float) -> Expectation:
    decisions = figures.failovers
    return Expectation(
        f"both listeners fail over within {limit_ms:.0f} ms (+ {SLACK_MS:.0f} of tolerance)",
        set(decisions) == set(LISTENERS)
        and all(d.cause == "health" and d.error for d in decisions.values())
        and all(d.after_ms <= limit_ms + SLACK_MS for d in decisions.values()),
        _list(f"{_when(d)}, {d.error}" for d in decisions.values()),
    )


def _takeover(figures: Figures) -> Expectation:
    outages = {protocol: figures.traffic[protocol].outage_ms for protocol in PROTOCOLS}
    return Expectation(
        "the secondary answers",
        None not in outages.values(),
        _list(f"{name} after {ms:.1f} ms" for name, ms in outages.items() if ms is not None),
    )


def _waiting(figures: Figures, *, must_be_reset: bool) -> Expectation:
    waiting = figures.waiting
    limit_ms = max((d.after_ms for d in figures.failovers.values()), default=0) + _RESET_WITHIN_MS
    allowed = {"reset"} if must_be_reset else {"reset", "closed"}
    ended = sum(waiting.how.get(how, 0) for how in allowed)
    slowest_ms = waiting.slowest_ms
    return Expectation(
        "connections that only wait end, at most 1 s after the failover",
        ended == waiting.opened > 0 and slowest_ms is not None and slowest_ms <= limit_ms,
        f"{ended} of {waiting.opened}"
        + (f", the last after {slowest_ms:.1f} ms" if slowest_ms is not None else ""),
    )


def _failback(figures: Figures) -> Expectation:
    decisions = figures.failbacks
    return Expectation(
        "both listeners fail back",
        set(decisions) == set(LISTENERS),
        _list(f"{_when(d)} of the primary's return" for d in decisions.values()),
    )


def _way_back(figures: Figures) -> Expectation:
    traffic = figures.traffic
    return Expectation(
        "on the way back nothing fails and nothing is lost",
        all(t.returned and t.back[0] > 0 and t.back[1] == 0 for t in traffic.values()),
        _list(f"{p} {traffic[p].back[1]:,} of {traffic[p].back[0]:,}" for p in PROTOCOLS),
    )


def _drops(figures: Figures) -> Expectation:
    drops = {
        name: packets
        for name, packets in figures.counters.items()
        if name.startswith("drop_") and name not in _WANTED_DROPS
    }
    return Expectation(
        "the program drops nothing, but for late words of the failed primary",
        not drops,
        _list(f"{name} {packets:,}" for name, packets in drops.items()) or "indeed",
    )


def _when(decision: Decision) -> str:
    return f"{decision.listener} after {decision.after_ms:.1f} ms"


def _list(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"
