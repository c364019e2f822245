# SPDX-License-Identifier: Apache-2.0
"""The end of the demo: figures side by side, counters, the verdict; and the same as JSON."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.lab.demo.clients import Protocol
from tests.lab.demo.expectations import Expectation
from tests.lab.demo.figures import LATE_MS, Decision, Figures
from tests.lab.demo.run import Record
from tests.lab.demo.screen import GREEN, RED, Screen
from tests.lab.demo.service import LISTENERS
from tests.lab.host import REPOSITORY

_ABI: Final = REPOSITORY / "bpf" / "abi.h"
_NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scenario with everything that follows from it."""

    record: Record
    figures: Figures
    expectations: list[Expectation]


def show(outcomes: Sequence[Outcome], screen: Screen) -> None:
    """Print the tables."""
    titles = [outcome.record.scenario.short for outcome in outcomes]
    all_figures = [outcome.figures for outcome in outcomes]
    screen.heading("In figures")
    screen.table(
        ["ms are counted from the fault", *titles],
        [
            [label, *(cell(figures) for figures in all_figures)]
            for label, cell in _rows()
        ],
    )
    screen.line()
    meaning = meanings(_ABI)
    names = sorted({name for figures in all_figures for name in figures.counters})
    screen.table(
        ["packets by exit of the program", *titles],
        [
            [name, *(f"{f.counters.get(name, 0):,}" for f in all_figures), meaning.get(name, "")]
            for name in names
        ],
    )


Row = tuple[str, Callable[[Figures], str]]


def _rows() -> Iterator[Row]:
    yield from _traffic_rows("TCP", "HTTP requests", "failed")
    yield from _traffic_rows("UDP", "UDP datagrams", "lost or refused")
    for listener in LISTENERS:
        yield _decision_row(listener, "failover decided after", lambda d: d.after_ms)
        yield _decision_row("", "since its first failed probe", lambda d: d.first_probe_ms)
    yield "waiting connections", lambda f: f"{f.waiting.opened:,}"
    yield "  reset by xdpair", lambda f: f"{f.waiting.how.get('reset', 0):,}"
    yield "  closed by the primary's kernel", lambda f: f"{f.waiting.how.get('closed', 0):,}"
    yield "  the slowest of them", lambda f: _ms(f.waiting.slowest_ms)


def _traffic_rows(protocol: Protocol, requests: str, failed: str) -> Iterator[Row]:
    yield f"{requests} sent", lambda f: f"{f.traffic[protocol].sent:,}"
    yield f"  {failed}", lambda f: f"{f.traffic[protocol].failed:,}"
    if protocol == "TCP":
        late = f"  late (answered after > {LATE_MS:.0f} ms)"
        yield late, lambda f: f"{f.traffic[protocol].late:,}"
    yield f"  {failed} on the way back", lambda f: f"{f.traffic[protocol].back[1]:,}"
    yield "  outage seen by clients", lambda f: _ms(f.traffic[protocol].outage_ms)


def _decision_row(listener: str, words: str, value: Callable[[Decision], float | None]) -> Row:
    def cell(figures: Figures) -> str:
        decision = figures.failovers.get(listener)
        return _NOTHING if decision is None else _ms(value(decision))

    return f"{listener}: {words}", cell


def _ms(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:,.1f} ms"


def meanings(header: Path) -> dict[str, str]:
    """What each exit counter means, from the comments of ``struct exits`` in bpf/abi.h."""
    body = re.search(r"struct exits \{(.*?)\n\};", header.read_text(), re.DOTALL)
    return dict(re.findall(r"__u64 (\w+);\s*/\* (.*?) \*/", body[1])) if body else {}


def judge(
    setup: Sequence[Expectation],
    outcomes: Sequence[Outcome],
    cleanup: Sequence[Expectation],
    screen: Screen,
    took_s: float,
) -> bool:
    """Print what was expected and whether it came true; return whether all of it did."""
    screen.heading("What was expected")
    for expectation in setup:
        screen.verdict(expectation.holds, expectation.words, expectation.found)
    for outcome in outcomes:
        screen.text(f"{outcome.record.scenario.short}:")
        for expectation in outcome.expectations:
            screen.verdict(expectation.holds, expectation.words, expectation.found)
    for expectation in cleanup:
        screen.verdict(expectation.holds, expectation.words, expectation.found)
    everything = [*setup, *(e for o in outcomes for e in o.expectations), *cleanup]
    missed = sum(not expectation.holds for expectation in everything)
    screen.line()
    if missed:
        screen.line(f"{missed} of {len(everything)} expectations were not met.", RED)
    else:
        screen.line(f"All {len(everything)} expectations were met, in {took_s:.0f} s.", GREEN)
    return missed == 0


def as_json(
    options: dict[str, object],
    setup: Sequence[Expectation],
    outcomes: Sequence[Outcome],
    cleanup: Sequence[Expectation],
    took_s: float,
) -> str:
    """The same figures for scripts. Names carry their units; times count from the fault."""
    everything = [*setup, *(e for o in outcomes for e in o.expectations), *cleanup]
    document = {
        "passed": all(expectation.holds for expectation in everything),
        "took_s": round(took_s, 1),
        "options": options,
        "expectations": [asdict(e) for e in [*setup, *cleanup]],
        "scenarios": [_scenario(outcome) for outcome in outcomes],
    }
    return json.dumps(document, indent=2) + "\n"


def _scenario(outcome: Outcome) -> dict[str, object]:
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
