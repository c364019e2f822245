# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.lab.demo``: two failures of a primary, with real traffic, in half a minute."""

import argparse
import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Final

import grpc

from tests.lab import removal
from tests.lab.demo import report
from tests.lab.demo.clients import HTTP_HZ, UDP_HZ
from tests.lab.demo.expectations import Expectation, expectations_of
from tests.lab.demo.feed import EventFeed, system_status
from tests.lab.demo.figures import figures_of
from tests.lab.demo.report import Outcome
from tests.lab.demo.run import Stage, perform
from tests.lab.demo.scenario import NORMAL, QUICK, SCENARIOS
from tests.lab.demo.screen import Screen
from tests.lab.demo.service import FALL, await_verdicts, define, show_log, start_controller
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from xdpair.api.v1.system_service_pb2 import InterfaceStatus
from xdpair.cli.client import Client, explain

_EXIT_FAILED: Final = 1
_EXIT_INTERRUPTED: Final = 130

_PICTURE: Final = """\
                                                  ┌── primary    203.0.113.10
client ──── balancer (XDP), VIP 198.51.100.100 ───┤
                                                  └── secondary  203.0.113.74"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="make demo, or python -m tests.lab.demo",
        description="Two servers, real clients; the primary fails twice. Needs root.",
        epilog="exit status: 0 everything happened as expected, 1 something did not",
    )
    parser.add_argument(
        "--interval",
        type=_interval_ms,
        default=100,
        metavar="MS",
        help="between two probes, and their timeout: 10ms to 500ms; default: 100ms",
    )
    parser.add_argument("--quick", action="store_true", help="watch for a shorter time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--stay", action="store_true", help="keep the lab until ctrl-C, to look around")
    return parser.parse_args(arguments)


def _interval_ms(text: str) -> int:
    match = re.fullmatch(r"(\d+)(?:ms)?", text)
    if match is None or not 10 <= int(match[1]) <= 500:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 10ms and 500ms")
    return int(match[1])


class Demo:
    """One run."""

    def __init__(self, options: argparse.Namespace, screen: Screen) -> None:
        self._interval_ms: int = options.interval
        self._quick: bool = options.quick
        self._stay: bool = options.stay
        self._json: Path | None = options.json
        self._screen = screen
        self._setup: list[Expectation] = []
        self._outcomes: list[Outcome] = []

    def run(self) -> bool:
        """Do everything; return whether it went as expected.

        Raises:
            LabError: there was no way to find out.
        """
        start_s = time.monotonic()
        self._introduce()
        lab = Lab()
        with lab:
            self._screen.step("1. The lab: four network namespaces, veth links, real servers", time.monotonic() - start_s)
            self._play(lab)
            report.show(self._outcomes, self._screen)
            if self._stay:
                self._wait_for_ctrl_c()
        cleanup = [
            Expectation("nothing is left of the lab", lab.name not in removal.labs(), "indeed")
        ]
        took_s = time.monotonic() - start_s
        ...
