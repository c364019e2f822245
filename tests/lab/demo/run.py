# SPDX-License-Identifier: Apache-2.0
"""Does what a scenario says, and watches."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.lab.demo import clients as client_view
from tests.lab.demo.clients import PROTOCOLS, Clients, Seen
from tests.lab.demo.feed import ControllerEvent, EventFeed, exit_counters, moved
from tests.lab.demo.scenario import Pace, Scenario
from tests.lab.demo.screen import BOLD, GREEN, YELLOW, Screen
from tests.lab.demo.service import LISTENERS
from tests.lab.demo.timeline import Moment, Timeline
from tests.lab.faults import LabEvent
from tests.lab.lab import Lab
from xdpair.cli.client import Client

_POLL_S: Final = 0.1
#: Clients write what they saw within 0.1 s, and it is read within another.
_HINDSIGHT_S: Final = 0.3
#: Says what a failover or failback of the same listener says.
_LEFT_OUT: Final = {"health_changed"}
_STYLES: Final = {"failover": YELLOW, "failback": GREEN}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where scenarios are played."""

    lab: Lab
    client: Client
    feed: EventFeed
    screen: Screen
    pace: Pace


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that is known of a scenario after its end."""

    scenario: Scenario
    fault: LabEvent
    mended: LabEvent
    events: list[ControllerEvent]
    seen: Seen
    counters: dict[str, int]
    moments: list[Moment]

    def events_of(self, kind: str) -> list[ControllerEvent]:
        """Those of a kind since the fault."""
        return [e for e in self.events if e.kind == kind and e.at_s >= self.fault.at_s]


class _Watch:
    """A scenario from its fault on: collects from all sources, shows what has settled."""

    def __init__(self, stage: Stage, clients: Clients, known_events: int, fault_s: float) -> None:
        self._feed = stage.feed
        self._clients = clients
        self._known_events = known_events
        self._fault_s = fault_s
        self.return_s: float | None = None
        self.timeline = Timeline(stage.screen, fault_s)
        self.seen = clients.seen()

    def events(self) -> list[ControllerEvent]:
        return self._feed.events()[self._known_events :]

    def until(self, done: Callable[[], bool], patience_s: float) -> None:
        """Watch until it is done, or for too long: then the expectations will tell."""
        deadline_s = time.monotonic() + patience_s
        while not done() and time.monotonic() < deadline_s:
            self.look()
            time.sleep(_POLL_S)

    def go_on(self, duration_s: float) -> None:
        self.until(lambda: False, duration_s)

    def look(self, hindsight_s: float = _HINDSIGHT_S) -> None:
        now_s = time.monotonic()
        self.seen = self._clients.seen()
        for event in self.events():
            if event.kind not in _LEFT_OUT:
                self.timeline.add(_moment_of(event))
        for moment in client_view.moments(self.seen, self._fault_s, self.return_s):
            self.timeline.add(moment)
        self.timeline.show(now_s - hindsight_s)

    def failed_over(self) -> bool:
        return (
            self._told("failover")
            and self._answered_by_secondary()
            and all(waiter.ended_s is not None for waiter in self.seen.waiters)
        )

    def failed_back(self) -> bool:
        return self._told("failback")

    def _told(self, kind: str) -> bool:
        return {e.listener for e in self.events() if e.kind == kind} >= set(LISTENERS)

    def _answered_by_secondary(self) -> bool:
        return all(
            client_view.first_end_s(self.seen.requests[protocol], "secondary", self._fault_s)
            for protocol in PROTOCOLS
        )


def perform(scenario: Scenario, stage: Stage) -> Record:
    """Play one scenario from beginning to end.

    Raises:
        LabError: the lab failed; a load balancer that does is no error here.
        grpc.RpcError: the controller does not answer.
    """
    pace = stage.pace
    stage.screen.heading(scenario.title)
    stage.screen.text(scenario.why)
    stage.screen.line()
    known_events, counters = len(stage.feed.events()), exit_counters(stage.client)
    with Clients(stage.lab.traffic, pace.waiting) as clients:
        begun_s = time.monotonic()
        time.sleep(pace.before_s)
        fault = scenario.fail(stage.lab)
        watch = _Watch(stage, clients, known_events, fault.at_s)
        watch.timeline.add(Moment(begun_s, "client", "traffic runs, the primary answers"))
        watch.timeline.add(Moment(fault.at_s, "lab", scenario.failed, style=BOLD))
        watch.until(watch.failed_over, pace.patience_s)
        watch.go_on(pace.on_secondary_s)
        mended = scenario.mend(stage.lab)
        watch.return_s = mended.at_s
        watch.timeline.add(Moment(mended.done_s, "lab", scenario.mended, style=BOLD))
        watch.until(watch.failed_back, pace.patience_s)
        watch.go_on(pace.after_s)
        clients.stop()
        watch.look(hindsight_s=0.0)
    return Record(
        scenario=scenario,
        fault=fault,
        mended=mended,
        events=watch.events(),
        seen=watch.seen,
        counters=moved(counters, exit_counters(stage.client)),
        moments=watch.timeline.moments(),
    )


def _moment_of(event: ControllerEvent) -> Moment:
    about = f" of {event.listener}" if event.listener else ""
    towards = f" to the {event.to_side}" if event.to_side else ""
    told = f": {event.message}" if event.message else ""
    words = f"{event.kind.replace('_', ' ')}{about}{towards}{told}"
    details = [
        f"{event.check}: {event.error}" if event.error else event.check,
        "" if event.decided_after_ms is None else f"decided after {event.decided_after_ms:.1f} ms",
    ]
    detail = ", ".join(filter(None, details))
    return Moment(event.at_s, "xdpair", words, detail, _STYLES.get(event.kind, ""))
