# SPDX-License-Identifier: Apache-2.0
"""What a scenario came to, in figures. Pure functions of its record."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.lab import analysis
from tests.lab.demo.clients import PROTOCOLS, STILL_OPEN, Protocol
from tests.lab.demo.feed import ControllerEvent
from tests.lab.demo.run import Record
from tests.lab.records import Request, Waiter

#: From when on an answer counts as late: TCP has repeated something meanwhile.
LATE_MS: Final = 500.0


@dataclass(frozen=True, slots=True)
class Decision:
    """A failover or failback of one listener.

    Attributes:
        after_ms: since the fault, or since the primary's return.
        first_probe_ms: since the start of the first probe that spoke for it, as the controller
            says; None if no probe did.
    """

    listener: str
    after_ms: float
    first_probe_ms: float | None
    cause: str
    check: str
    error: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of one protocol; failed means lost, too.

    Attributes:
        errors: how many failed how.
        late: answered, but only after ``LATE_MS``.
        outage_ms: from the fault to the secondary's first answer; None if there was none.
        ended_before, failed_before: before the fault.
        sent_back, failed_back: of those sent since the primary's return.
        returned: whether the primary answered again.
    """

    sent: int
    failed: int
    errors: dict[str, int]
    late: int
    outage_ms: float | None
    ended_before: int
    failed_before: int
    sent_back: int
    failed_back: int
    returned: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """Connections that only wait.

    Attributes:
        how: how many ended how.
        slowest_ms: when the last of them ended, since the fault; None if none did.
    """

    opened: int
    how: dict[str, int]
    slowest_ms: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one scenario.

    Attributes:
        failovers, failbacks: by listener, the first of each.
        moves: how often each listener's traffic went from one side to the other.
        counters: packets by the exit of the program that they took.
    """

    failovers: dict[str, Decision]
    failbacks: dict[str, Decision]
    moves: dict[str, int]
    traffic: dict[Protocol, Traffic]
    waiting: Waiting
    counters: dict[str, int]


def figures_of(record: Record) -> Figures:
    """Count and measure."""
    failovers, failbacks = record.events_of("failover"), record.events_of("failback")
    return Figures(
        failovers=_decisions(failovers, record.fault.at_s),
        failbacks=_decisions(failbacks, record.mended.at_s),
        moves=dict(Counter(event.listener for event in [*failovers, *failbacks])),
        traffic={
            protocol: _traffic(record.seen.requests[protocol], record) for protocol in PROTOCOLS
        },
        waiting=_waiting(record.seen.waiters, record.fault.at_s),
        counters=record.counters,
    )


def _decisions(events: Sequence[ControllerEvent], since_s: float) -> dict[str, Decision]:
    """The first one of each listener."""
    decisions: dict[str, Decision] = {}
    for event in sorted(events, key=lambda event: event.listener):
        decision = Decision(
            listener=event.listener,
            after_ms=(event.at_s - since_s) * 1000,
            first_probe_ms=event.decided_after_ms,
            cause=event.cause,
            check=event.check,
            error=event.error,
        )
        decisions.setdefault(event.listener, decision)
    return decisions


def _traffic(requests: list[Request], record: Record) -> Traffic:
    fault_s, return_s = record.fault.at_s, record.mended.at_s
    before = [request for request in requests if request.end_s < fault_s]
    back = analysis.started_between(requests, return_s, float("inf"))
    outage_s = analysis.outage_s(requests, fault_s, "secondary")
    failed = analysis.failed(requests)
    return Traffic(
        sent=len(requests),
        failed=len(failed),
        errors=dict(analysis.count_errors(requests)),
        late=sum(r.side is not None and (r.end_s - r.start_s) * 1000 > LATE_MS for r in requests),
        outage_ms=None if outage_s is None else outage_s * 1000,
        ended_before=len(before),
        failed_before=len(analysis.failed(before)),
        sent_back=len(back),
        failed_back=len(analysis.failed(back)),
        returned=bool(analysis.answered_by(back, "primary")),
    )


def _waiting(waiters: list[Waiter], fault_s: float) -> Waiting:
    ended = [waiter for waiter in waiters if waiter.how not in {None, STILL_OPEN}]
    ends = [waiter.ended_s for waiter in ended if waiter.ended_s is not None]
    return Waiting(
        opened=sum(waiter.opened_s is not None for waiter in waiters),
        how=dict(Counter(waiter.how for waiter in waiters if waiter.how is not None)),
        slowest_ms=(max(ends) - fault_s) * 1000 if ends else None,
    )
