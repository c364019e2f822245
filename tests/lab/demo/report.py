# SPDX-License-Identifier: Apache-2.0
"""The end of the demo: figures side by side, counters, the verdict; and the same as JSON."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from tests.lab.demo.clients import Protocol
from tests.lab.demo.expectations import Expectation
from tests.lab.demo.figures import LATE_MS, Decision, Figures
from tests.lab.demo.run import Record
from tests.lab.demo.screen import GREEN, RED, Screen
from tests.lab.demo.service import LISTENERS
from tests.lab.host import REPOSITORY

_ABI: Final = REPOSITORY / "bpf" / "abi.h"
_NOTHING: Final = "–"

#: A line of the table: its label, and its cell of a scenario.
Row: TypeAlias = tuple[str, Callable[[Figures], str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scenario with everything that follows from it."""

    record: Record
    figures: Figures
    expectations: list[Expectation]


def summary(figures: Figures) -> str:
    """A scenario in a sentence."""
    outages = ", ".join(
        f"{protocol} clients {_ms(traffic.outage_ms)}"
        for protocol, traffic in figures.traffic.items()
    )
    lost = sum(traffic.failed_back for traffic in figures.traffic.values())
    return f"Without service: {outages}. Lost on the way back: {lost or 'nothing'}."


def show(outcomes: Sequence[Outcome], screen: Screen) -> None:
    """Print the tables."""
    titles = [outcome.record.scenario.short for outcome in outcomes]
    columns = [outcome.figures for outcome in outcomes]
    screen.heading("In figures")
    screen.table(
        ["", *titles], [[label, *(cell(column) for column in columns)] for label, cell in _rows()]
    )
    if any(column.traffic["TCP"].late for column in columns):
        screen.line()
        screen.text(
            "Late: their first packet was lost on the dead link. TCP repeats it after 1 s, and "
            "the secondary answers."
        )
    screen.line()
    meaning = meanings(_ABI)
    screen.table(
        ["packets, by exit", *titles],
        [
            [name, *(f"{column.counters.get(name, 0):,}" for column in columns), words]
            for name, words in meaning.items()
            if any(name in column.counters for column in columns)
        ],
    )


def _rows() -> Iterator[Row]:
    yield from _traffic_rows("TCP", "HTTP requests sent", "failed")
    yield f"  answered late (> {LATE_MS:.0f} ms)", lambda f: f"{f.traffic['TCP'].late:,}"
    yield from _traffic_rows("UDP", "UDP datagrams sent", "lost or refused")
    for listener in LISTENERS:
        yield _decision_row(listener, f"{listener}: failover after", lambda d: d.after_ms)
        yield _decision_row(listener, "  since the first failed probe", lambda d: d.first_probe_ms)
    yield "connections that only wait", lambda f: f"{f.waiting.opened:,}"
    yield "  closed by the primary's kernel", lambda f: f"{f.waiting.how.get('closed', 0):,}"
    yield "  reset by xdpair", lambda f: f"{f.waiting.how.get('reset', 0):,}"
    yield "  the slowest after", lambda f: _ms(f.waiting.slowest_ms)


def _traffic_rows(protocol: Protocol, sent: str, failed: str) -> Iterator[Row]:
    yield sent, lambda f: f"{f.traffic[protocol].sent:,}"
    yield "  outage seen by the client", lambda f: _ms(f.traffic[protocol].outage_ms)
    yield f"  {failed}", lambda f: f"{f.traffic[protocol].failed:,}"
    yield f"  {failed} on the way back", lambda f: f"{f.traffic[protocol].failed_back:,}"


def _decision_row(listener: str, label: str, value: Callable[[Decision], float | None]) -> Row:
    def cell(figures: Figures) -> str:
        decision = figures.failovers.get(listener)
        return _NOTHING if decision is None else _ms(value(decision))

    return label, cell


def _ms(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:,.1f} ms"


def meanings(header: Path) -> dict[str, str]:
    """What each exit counter means, from the comments of ``struct exits`` in bpf/abi.h."""
    body = re.search(r"struct exits \{(.*?)\n\};", header.read_text(), re.DOTALL)
    return dict(re.findall(r"__u64 (\w+);\s*/\* (.*?) \*/", body[1])) if body else {}


def show_expectations(
    parts: Sequence[tuple[str, Sequence[Expectation]]], screen: Screen, took_s: float
) -> int:
    """Print what was expected, by part, and whether it came true; return how much did not."""
    screen.heading("Expected, and found")
    for title, expectations in parts:
        screen.text(title)
        for expectation in expectations:
            screen.verdict(expectation.holds, expectation.words, expectation.found)
    missed = sum(not expectation.holds for _, expectations in parts for expectation in expectations)
    screen.line()
    if missed:
        screen.text(f"Expectations that were not met: {missed}. The run took {took_s:.0f} s.", RED)
    else:
        screen.text(f"All of it came true, in {took_s:.0f} s.", GREEN)
    return missed


def document(outcome: Outcome) -> dict[str, object]:
    """A scenario for scripts. Names carry their units; times count from the fault."""
    record = outcome.record
    return {
        "name": record.scenario.name,
        "title": record.scenario.title,
        **asdict(outcome.figures),
        "timeline": [
            {
                "at_ms": round((moment.at_s - record.fault.at_s) * 1000, 3),
                "source": moment.source,
                "event": moment.words,
                "detail": moment.detail,
            }
            for moment in record.moments
        ],
        "expectations": [asdict(expectation) for expectation in outcome.expectations],
    }
