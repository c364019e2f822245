# SPDX-License-Identifier: Apache-2.0
"""What the load clients saw, read from their result files.

All times are CLOCK_MONOTONIC seconds, which every process of the machine shares.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.topology import Side


@dataclass(frozen=True, slots=True)
class Request:
    """A connection with its HTTP request, or a datagram.

    Attributes:
        n: its number, from 0.
        due_s: when the schedule wanted it.
        start_s: when it was started.
        end_s: when the whole answer was there, or the failure was known.
        side: who answered; None if it failed.
        error: how it failed; None if it was answered.
    """

    n: int
    due_s: float
    start_s: float
    end_s: float
    side: Side | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Waiter:
    """A connection that was kept open.

    Attributes:
        n: its number, from 0.
        opened_s: when it was established; None if it never was.
        answers: when and by whom it was answered.
        ended_s: when it ended; None while it is open.
        how: why it ended: ``reset``, ``closed``, ``kept`` (by the client itself), ...
    """

    n: int
    opened_s: float | None
    answers: tuple[tuple[float, Side], ...]
    ended_s: float | None
    how: str | None


def read_requests(path: Path) -> list[Request]:
    """All requests that have ended so far, in the order of their ends."""
    return [
        Request(
            n=line["n"],
            due_s=line["due"],
            start_s=line["start"],
            end_s=line["end"],
            side=line["side"],
            error=line["error"],
        )
        for line in _lines(path)
    ]


def read_waiters(path: Path) -> list[Waiter]:
    """All connections so far, in the order of their numbers."""
    events: dict[int, list[dict[str, Any]]] = {}
    for line in _lines(path):
        events.setdefault(line["n"], []).append(line)
    return [_waiter(n, events[n]) for n in sorted(events)]


def _waiter(n: int, events: list[dict[str, Any]]) -> Waiter:
    at = {event["event"]: event for event in events}
    ended = at.get("ended", {})
    return Waiter(
        n=n,
        opened_s=at["opened"]["at"] if "opened" in at else None,
        answers=tuple((e["at"], e["side"]) for e in events if e["event"] == "answer"),
        ended_s=ended.get("at"),
        how=ended.get("how"),
    )


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        for line in file:
            if line.endswith("\n"):  # else it is still being written
                yield json.loads(line)
