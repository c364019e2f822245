# SPDX-License-Identifier: Apache-2.0
"""Part 3: from the primary's death to the secondary's first answer, as clients see it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.bench.balancers import Balancer, Haproxy, Setting, TunedHaproxy, Xdpair
from tests.bench.figures import Figure, Target
from tests.lab.analysis import failed, outage_s, percentile, started_between
from tests.lab.faults import LabEvent
from tests.lab.lab import Lab
from tests.lab.records import Request
from tests.lab.topology import ECHO_PORT, Side
from tests.lab.traffic import LoadClient

CONNECTIONS_HZ, DATAGRAMS_HZ = 500.0, 1000.0
SETTINGS = (Setting("10ms", 10), Setting("100ms", 100), Setting("default", 500))
FAULTS = ("kill", "cut")

#: Answers in a row from one side: then it serves.
_STREAK = 20
_SETTLE_S = 0.3
_SIDE_TIMEOUT_S = 40.0
_REQUEST_TIMEOUT_MS = 1000.0
#: How figures begin, by balancer and protocol.
_PREFIXES = {
    "xdpair.tcp": "failover",
    "xdpair.udp": "failover.udp",
    "haproxy.tcp": "failover.haproxy",
    "haproxy-tuned.tcp": "failover.haproxy-tuned",
}
_P99_MS = {"kill": 60.0, "cut": 120.0}


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure.

    Attributes:
        failovers: for each fault, setting and balancer; 20 at least for the figures.
    """

    failovers: int = 20
    settings: Sequence[Setting] = SETTINGS


@dataclass(slots=True)
class Outcome:
    """What clients of one protocol saw in all failovers of one kind.

    Attributes:
        outages_ms: for each failover.
        lost: requests without an answer, from the fault on until the repair.
        lost_at_failback: the same, from the repair on.
    """

    outages_ms: list[float] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    lost_at_failback: list[int] = field(default_factory=list)

    def add(self, requests: Sequence[Request], fault: LabEvent, repair: LabEvent) -> None:
        outage = outage_s(requests, fault.at_s, "secondary")
        if outage is None:
            raise RuntimeError("the secondary never answered")
        self.outages_ms.append(outage * 1000)
        # A request that was under way when the fault came can be its victim.
        from_s = fault.at_s - _REQUEST_TIMEOUT_MS / 1000
        self.lost.append(len(failed(started_between(requests, from_s, repair.at_s))))
        later = started_between(requests, repair.at_s, float("inf"))
        self.lost_at_failback.append(len(failed(later)))


def run(effort: Effort) -> Iterator[Figure]:
    """Measure everything; the figures of one setting come together."""
    for setting in effort.settings:
        balancers: list[Balancer] = [Haproxy(), Xdpair()]
        if setting is SETTINGS[0]:
            balancers.append(TunedHaproxy())
        outcomes: dict[tuple[str, str], Outcome] = {}
        for balancer in balancers:
            with Lab(balancer.options) as lab:
                balancer.start(lab, setting)
                for fault in FAULTS:
                    for protocol, outcome in _failovers(lab, balancer, setting, fault, effort):
                        outcomes[f"{balancer.name}.{protocol}", fault] = outcome
        for fault in FAULTS:
            of_fault = {name: o for (name, kind), o in outcomes.items() if kind == fault}
            yield from _figures(f"{fault}.{setting.name}", fault, setting, of_fault)


def _failovers(
    lab: Lab, balancer: Balancer, setting: Setting, fault: str, effort: Effort
) -> Iterator[tuple[str, Outcome]]:
    outcomes = {"tcp": Outcome()} | ({"udp": Outcome()} if balancer.carries_udp else {})
    for _ in range(effort.failovers):
        _one_failover(lab, setting, fault, outcomes)
    yield from outcomes.items()


def _one_failover(lab: Lab, setting: Setting, fault: str, outcomes: Mapping[str, Outcome]) -> None:
    do, undo = _fault(lab, fault)
    with ExitStack() as stack:
        clients = {protocol: stack.enter_context(_client(lab, protocol)) for protocol in outcomes}
        _await_side(clients, "primary")
        # Anywhere in the balancer's rhythm of checks, not at a moment that our own polling picks.
        time.sleep(random.uniform(0, setting.interval_ms / 1000))
        fault_event = do()
        _await_side(clients, "secondary")
        time.sleep(_SETTLE_S)
        repair_event = undo()
        _await_side(clients, "primary", since_s=repair_event.done_s)
        time.sleep(_SETTLE_S)
    for protocol, client in clients.items():
        outcomes[protocol].add(client.requests(), fault_event, repair_event)


def _fault(lab: Lab, fault: str) -> tuple[Callable[[], LabEvent], Callable[[], LabEvent]]:
    """How to make it, and how to repair it."""
    if fault == "kill":
        server = lab.servers["primary"]
        return server.kill, server.start
    return lambda: lab.faults.cut("primary"), lambda: lab.faults.restore("primary")


def _client(lab: Lab, protocol: str) -> LoadClient:
    if protocol == "tcp":
        return lab.traffic.tcp(CONNECTIONS_HZ, timeout_ms=_REQUEST_TIMEOUT_MS)
    return lab.traffic.udp(DATAGRAMS_HZ, port=ECHO_PORT, timeout_ms=_REQUEST_TIMEOUT_MS)


def _await_side(clients: Mapping[str, LoadClient], side: Side, since_s: float = 0.0) -> None:
    """Wait until every client gets its answers from one side only."""

    def served(requests: list[Request]) -> bool:
        last = [r for r in requests if r.side is not None and r.start_s >= since_s][-_STREAK:]
        return len(last) == _STREAK and all(request.side == side for request in last)

    for client in clients.values():
        client.await_requests(served, _SIDE_TIMEOUT_S)


def _figures(
    suffix: str, fault: str, setting: Setting, outcomes: Mapping[str, Outcome]
) -> Iterator[Figure]:
    haproxy = outcomes["haproxy.tcp"]
    for name, outcome in outcomes.items():
        targets = _targets(fault, setting) if name.startswith("xdpair") else {}
        for ending, (measure, unit) in _MEASURES.items():
            yield Figure(
                f"{_PREFIXES[name]}.{suffix}{ending}",
                measure(outcome),
                unit,
                f"{_PREFIXES['haproxy.tcp']}.{suffix}{ending}",
                measure(haproxy),
                targets.get(ending),
            )


def _targets(fault: str, setting: Setting) -> dict[str, Target]:
    targets = {".failback_failed": Target("value", "<=", 0.0)}
    if setting is SETTINGS[0]:
        targets[""] = Target("ratio", "<=", 1.0)
        targets[".p99"] = Target("value", "<=", _P99_MS[fault])
    return targets


def _p50(outcome: Outcome) -> float:
    return percentile(outcome.outages_ms, 50)


def _p99(outcome: Outcome) -> float:
    return percentile(outcome.outages_ms, 99)


def _lost(outcome: Outcome) -> float:
    return sum(outcome.lost) / len(outcome.lost)


def _lost_at_failback(outcome: Outcome) -> float:
    return sum(outcome.lost_at_failback) / len(outcome.lost_at_failback)


#: By the ending of the figure's name: how it comes about, and its unit.
_MEASURES: Mapping[str, tuple[Callable[[Outcome], float], str]] = {
    "": (_p50, "ms"),
    ".p99": (_p99, "ms"),
    ".failed": (_lost, "requests a failover"),
    ".failback_failed": (_lost_at_failback, "requests a failback"),
}
