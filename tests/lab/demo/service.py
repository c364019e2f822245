# SPDX-License-Identifier: Apache-2.0
"""The controller in the lab, and the load balancer that a user would define on it."""

import platform
import time
from typing import Final

from tests.lab.daemon import Daemon
from tests.lab.demo.screen import YELLOW, Screen
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.topology import SERVICE_PORT, SIDES, VIP

#: Consecutive probes until a verdict; xdpair's defaults.
FALL: Final = 3

LISTENERS: Final = ("tcp-80", "udp-80")

_LB: Final = "lb-demo"
_GROUP: Final = "rsp-web"
_LOG_LINES: Final = 15


def start_controller(lab: Lab, screen: Screen) -> Daemon:
    """Start ``xdpair serve`` on the balancer, in native mode; its API answers when this returns.

    Raises:
        LabError: it does not start; why, and what to do about it, has been shown.
    """
    daemon = Daemon(lab, {"xdp_mode": "native"})
    start_s = time.monotonic()
    try:
        daemon.start()
    except LabError:
        show_log(daemon, screen)
        screen.line()
        screen.text("What to do:", YELLOW)
        screen.bullet("Run `make setup`: it installs bcc (python3-bpfcc) and linux-libc-dev.")
        screen.bullet(f"The kernel has to be 5.15 or newer; this one is {platform.release()}.")
        screen.bullet(
            "If the log speaks of the verifier or of compiling, please report it: with the log, "
            "the kernel's version, and what `dpkg -l python3-bpfcc libclang*` prints."
        )
        raise LabError("the controller did not start") from None
    took_s = time.monotonic() - start_s
    screen.step("2. The controller: compiles the XDP program, attaches it, serves gRPC", took_s)
    return daemon


def show_log(daemon: Daemon, screen: Screen) -> None:
    """Show the end of the controller's log."""
    lines = daemon.log_tail().splitlines()[-_LOG_LINES:]
    screen.line()
    screen.text("The end of the controller's log:", YELLOW)
    screen.block("\n".join(lines) or "(it is empty)")


def define(daemon: Daemon, lab: Lab, screen: Screen, interval_ms: int) -> None:
    """Define the load balancer by commands, each shown, and show what has become of them.

    Raises:
        LabError: a command failed.
    """
    screen.step("3. A load balancer with two listeners, defined over gRPC by the command line")
    screen.command(["export", f"XDPAIR_SOCKET=unix:{daemon.socket}"])
    for command in commands(lab, interval_ms):
        screen.command(["xdpair", *command])
        daemon.cli(*command)
    time.sleep((FALL + 1) * interval_ms / 1000)  # until the checks have come to a verdict
    screen.command(["xdpair", "status"])
    screen.block(daemon.cli("status").stdout)


def commands(lab: Lab, interval_ms: int) -> list[list[str]]:
    """What a user types, without ``xdpair``."""
    servers = dict(zip(SIDES, ("web-1", "web-2"), strict=True))
    pair = [word for side in SIDES for word in (f"--{side}", f"{servers[side]}:{SERVICE_PORT}")]
    probes = ["--interval", f"{interval_ms}ms", "--start"]
    # Only the primary is probed, and it answers with its name.
    udp_check = ["--check", "udp", "--send", "ping", "--expect", "primary ping"]
    port, group = str(SERVICE_PORT), ["--group", _GROUP]
    return [
        ["lb", "create", VIP, "--id", _LB],
        *(["server", "create", servers[side], lab.hosts[side].address] for side in SIDES),
        ["group", "create", "--id", _GROUP, "--lb", _LB, *pair],
        ["listener", "create", _LB, "tcp", port, *group, "--check", "http", *probes],
        ["listener", "create", _LB, "udp", port, *group, *udp_check, *probes],
    ]
