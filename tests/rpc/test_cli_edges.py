# SPDX-License-Identifier: Apache-2.0
"""The `xdpair` command when something is wrong: what it says, and its exit status."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rpc.controller import Controller
from tests.rpc.shell import Shell
from xdpair.core.events import Event, EventKind


@pytest.mark.parametrize(
    ("words", "status", "reason"),
    [
        ("lb get lb-none", 4, "InvalidLoadBalancerId.NotFound"),
        ("group get rsp-none", 4, "InvalidParameter"),
        ("listener start lb-web/tcp-81", 4, "ListenerNotFound"),
        ("watch rsp-none", 4, "InvalidParameter"),
        ("group delete rsp-web", 5, "RspoolVipExist"),
        ("lb create 192.0.2.10", 1, "OperationFailed.AddressInUse"),
        ("lb create 127.0.0.1", 1, "InvalidParameter"),
        (
            "group create --lb lb-web --primary 10.0.0.1:0 --secondary 10.0.0.2:80",
            1,
            "BACKEND_SERVER_PORT_CAN_NOT_EMPTY",
        ),
        (
            "listener create lb-web udp 4789 --group rsp-web",
            1,
            "UnsupportedOperationonfixedprotocalport",
        ),
    ],
)
def test_errors_have_an_exit_status_and_a_reason(
    ready: Shell, words: str, status: int, reason: str
) -> None:
    run = ready(words)
    assert run.status == status
    assert run.out == ""
    assert run.err.startswith("xdpair: ")
    assert run.err.rstrip().endswith(f"[{reason}]")


@pytest.mark.parametrize(
    "words",
    [
        "",
        "nonsense",
        "lb create",
        "listener get lb-web tcp",
        "listener get lb-web/80",
        "listener create lb-web tcp 80 --group rsp-web --interval 100",
        "listener create lb-web tcp 80 --group rsp-web --codes 2",
        "listener create lb-web tcp 80 --group rsp-web --send hex:0",
        "group create --lb lb-web --primary 10.0.0.1 --secondary 10.0.0.2:80",
        "group create --lb lb-web --primary a@b:80 --secondary 10.0.0.2:80",
        "switchover rsp-web --to nobody",
        "lb list -o yaml",
    ],
)
def test_a_wrong_command_line(sh: Shell, words: str) -> None:
    run = sh(words)
    assert (run.status, run.out) == (2, "")
    assert "usage: xdpair" in run.err


def test_nobody_there(sh: Shell, tmp_path: Path) -> None:
    run = sh(f"--socket unix:{tmp_path}/none.sock status")
    assert run.status == 3
    assert "no such socket; is `xdpair serve` running?" in run.err
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    run = sh(f"lb list --socket {tmp_path}/dead.sock")
    assert run.status == 3
    assert "nobody listens" in run.err


@pytest.mark.parametrize("command", ["", "lb", "lb create", "listener create", "status", "serve"])
def test_help(sh: Shell, command: str) -> None:
    run = sh(f"{command} --help")
    assert run.status == 0
    assert "usage: xdpair" in run.out


def test_help_tells_the_exit_statuses(sh: Shell) -> None:
    out = sh("--help").out
    assert "3  the controller can not be reached" in out


def test_serve_says_what_is_wrong_with_its_configuration(sh: Shell, tmp_path: Path) -> None:
    run = sh(["serve", "--config", str(tmp_path / "none.toml")])
    assert run.status == 1
    assert "none.toml" in run.err


def test_watch_goes_on_when_the_controller_restarts(tmp_path: Path) -> None:
    with Controller(tmp_path) as first:
        say(first, "one")
        watch = subprocess.Popen(
            [sys.executable, "-m", "xdpair", "-o", "json", "watch", "--since", "0"],
            env=os.environ | {"XDPAIR_SOCKET": first.address},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert watch.stdout is not None
        assert json.loads(watch.stdout.readline())["message"] == "one"
    with Controller(tmp_path) as second:
        say(second, "one, as it was stored")
        say(second, "two")
        assert json.loads(watch.stdout.readline())["message"] == "two"
        watch.send_signal(signal.SIGINT)
        out, err = watch.communicate(timeout=10)
    assert (watch.returncode, out) == (0, "")
    assert err == "xdpair: the controller is gone; waiting for it …\n"


def test_a_reader_that_has_enough_is_no_error(controller: Controller) -> None:
    for number in range(2000):
        say(controller, str(number))
    command = f"{sys.executable} -m xdpair -o json events -n 2000 | head -n 1"
    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=os.environ | {"XDPAIR_SOCKET": controller.address},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "[\n", "")


def say(controller: Controller, message: str) -> None:
    event = Event(EventKind.WARNING, message=message)
    controller.call(lambda: controller.app.events.append(event))
