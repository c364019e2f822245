# SPDX-License-Identifier: Apache-2.0
"""The whole demo, from an empty machine to an empty machine."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import grpc

from tests.lab import passing, removal
from tests.lab.daemon import Daemon
from tests.lab.demo import report
from tests.lab.demo.clients import HTTP_HZ, UDP_HZ
from tests.lab.demo.expectations import Expectation, expectations_of
from tests.lab.demo.feed import EventFeed, native_interfaces
from tests.lab.demo.figures import figures_of
from tests.lab.demo.report import Outcome
from tests.lab.demo.run import Stage, perform
from tests.lab.demo.scenario import NORMAL, QUICK, SCENARIOS
from tests.lab.demo.screen import BOLD, Screen
from tests.lab.demo.service import FALL, define, show_log, start_controller
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from xdpair.cli.client import Client, explain

_FAST_MS: Final = 10

_PICTURE: Final = """\
                                                     ┌── primary    203.0.113.10
client ──── balancer (XDP), VIP 198.51.100.100 ──────┤
                                                     └── secondary  203.0.113.74"""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes.

    Attributes:
        interval_ms: between two probes, and how long each waits for its answer.
        quick: watch for a shorter time.
        stay: keep the lab up until ctrl-C.
        json: where the figures go.
    """

    interval_ms: int = 100
    quick: bool = False
    stay: bool = False
    json: Path | None = None


class Demo:
    """One run of the demo."""

    def __init__(self, options: Options, screen: Screen) -> None:
        self._options = options
        self._screen = screen
        self._pace = QUICK if options.quick else NORMAL
        self._before: list[Expectation] = []
        self._afterwards: list[Expectation] = []
        self._outcomes: list[Outcome] = []

    def run(self) -> bool:
        """Do everything; return whether it went as expected.

        Raises:
            LabError: it could not be done.
        """
        start_s = time.monotonic()
        self._introduce()
        lab = Lab()
        with lab:
            passing.attach_to_peers(lab)
            took_s = time.monotonic() - start_s
            self._screen.step("1. The lab: four network namespaces, real servers in two", took_s)
            daemon = start_controller(lab, self._screen)
            with self._explained(daemon):
                define(daemon, lab, self._screen, self._options.interval_ms)
                with Client(f"unix:{daemon.socket}") as client:
                    self._play(lab, client)
            report.show(self._outcomes, self._screen)
            if self._options.stay:
                self._wait_for_ctrl_c(daemon)
        left = lab.name in removal.labs()
        found = "something is" if left else "no process, namespace, pin or file"
        self._afterwards.append(Expectation("nothing is left of the lab", not left, found))
        return self._judge(time.monotonic() - start_s)

    def _introduce(self) -> None:
        self._screen.line(
            "xdpair: a primary fails, its clients reach the secondary, and return when it is back",
            BOLD,
        )
        self._screen.line()
        self._screen.block(_PICTURE)
        self._screen.line()

    def _play(self, lab: Lab, client: Client) -> None:
        native = native_interfaces(client)
        self._before.append(
            Expectation(
                "the program runs in native mode on every interface",
                set(native) == set(lab.balancer.interfaces),
                ", ".join(native) or "on none",
            )
        )
        interval_ms, pace = self._options.interval_ms, self._pace
        self._screen.line()
        self._screen.text(
            f"A probe every {interval_ms} ms, {FALL} failures in a row decide: a refused port is "
            f"known after at most {interval_ms * FALL} ms, a silent host after at most "
            f"{interval_ms * (FALL + 1)} ms. Clients send {HTTP_HZ} HTTP requests and {UDP_HZ} "
            f"datagrams a second, and {pace.waiting} connections only wait for an answer. Times "
            "count from the fault."
        )
        with EventFeed(client) as feed:
            stage = Stage(lab, client, feed, self._screen, pace)
            for scenario in SCENARIOS:
                record = perform(scenario, stage)
                figures = figures_of(record)
                expectations = list(expectations_of(record, figures, interval_ms))
                self._outcomes.append(Outcome(record, figures, expectations))
                self._screen.line()
                self._screen.text(report.summary(figures), BOLD)

    @contextmanager
    def _explained(self, daemon: Daemon) -> Iterator[None]:
        """If something fails meanwhile, show what the controller says."""
        try:
            yield
        except LabError:
            show_log(daemon, self._screen)
            raise
        except grpc.RpcError as error:
            show_log(daemon, self._screen)
            _, words = explain(error, f"unix:{daemon.socket}")
            raise LabError(words) from error

    def _wait_for_ctrl_c(self, daemon: Daemon) -> None:
        self._screen.heading("The lab stays up")
        self._screen.text("In another terminal; ctrl-C here ends it:")
        self._screen.command(["export", f"XDPAIR_SOCKET=unix:{daemon.socket}"])
        self._screen.command([".venv/bin/xdpair", "status"])
        with suppress(KeyboardInterrupt):
            signal.pause()

    def _judge(self, took_s: float) -> bool:
        parts = [
            ("Beforehand", self._before),
            *((o.record.scenario.title, o.expectations) for o in self._outcomes),
            ("Afterwards", self._afterwards),
        ]
        missed = report.show_expectations(parts, self._screen, took_s)
        if self._options.interval_ms > _FAST_MS:
            self._screen.text(f"With faster probes: make demo DEMO_ARGS=--interval={_FAST_MS}ms")
        if self._options.json is not None:
            options = {
                "interval_ms": self._options.interval_ms,
                "timeout_ms": self._options.interval_ms,
                "fall": FALL,
                "http_requests_per_s": HTTP_HZ,
                "udp_datagrams_per_s": UDP_HZ,
                "waiting_connections": self._pace.waiting,
            }
            document = {
                "passed": not missed,
                "took_s": round(took_s, 1),
                "options": options,
                "expectations": [asdict(found) for found in [*self._before, *self._afterwards]],
                "scenarios": [report.document(outcome) for outcome in self._outcomes],
            }
            self._options.json.write_text(json.dumps(document, indent=2) + "\n")
        return not missed
