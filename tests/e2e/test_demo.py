# SPDX-License-Identifier: Apache-2.0
"""The demo, as a new user runs it: what it shows, what it exits with, what it leaves."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab import removal
from tests.lab.demo.screen import WIDTH, command_lines
from tests.lab.host import REPOSITORY

COMMAND = [sys.executable, "-m", "tests.lab.demo", "--quick"]
TIMEOUT_S = 50.0


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        start_new_session=True,
    )


def labs_of(process: subprocess.Popen[str]) -> list[str]:
    return [str(name) for name in removal.labs() if name.owner_pid == process.pid]


def test_everything_happens_and_is_told(tmp_path: Path) -> None:
    file = tmp_path / "new" / "demo.json"
    process = start("--json", str(file))
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, out + err
    assert err == ""
    assert labs_of(process) == []
    assert "✗" not in out
    assert "\x1b" not in out  # no terminal, no colours
    assert max(map(len, out.splitlines())) <= WIDTH
    assert "xdpair listener create lb-demo tcp 80 --group rsp-web --check http" in out
    document = json.loads(file.read_text())
    assert document["passed"] is True
    assert [scenario["name"] for scenario in document["scenarios"]] == ["kill", "cut"]
    for scenario in document["scenarios"]:
        check_scenario(scenario, document["options"]["waiting_connections"])


def check_scenario(scenario: dict[str, Any], waiting: int) -> None:
    for listener in ("tcp-80", "udp-80"):
        failover = scenario["failovers"][listener]
        assert 0 < failover["after_ms"] < 500
        assert failover["first_probe_ms"] > 0
        assert failover["error"]
        assert scenario["failbacks"][listener]["after_ms"] > 0
    for traffic in scenario["traffic"].values():
        assert traffic["sent"] > 100
        assert 0 < traffic["outage_ms"] < 1000
        assert traffic["failed_before"] == traffic["failed_back"] == 0
        assert sum(traffic["errors"].values()) == traffic["failed"]
    how = {"kill": "closed", "cut": "reset"}[scenario["name"]]
    assert scenario["waiting"]["how"] == {how: waiting}
    assert scenario["counters"]["forward"] > scenario["traffic"]["TCP"]["sent"]
    times_ms = [moment["at_ms"] for moment in scenario["timeline"]]
    assert times_ms == sorted(times_ms)
    assert all(expectation["holds"] for expectation in scenario["expectations"])


def test_ctrl_c_leaves_nothing() -> None:
    process = start()
    assert process.stdout is not None
    for line in process.stdout:
        if "the primary's process is killed (SIGKILL)" in line:
            break
    assert labs_of(process) != []
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    assert err == "\ndemo: interrupted; the lab and everything in it is removed\n"
    assert labs_of(process) == []


def test_a_reader_that_goes_away_leaves_nothing() -> None:
    process = start()
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("2. The controller"):
            break
    process.stdout.close()
    assert process.wait(TIMEOUT_S) == 1
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert labs_of(process) == []


def test_a_controller_that_does_not_start_is_explained(tmp_path: Path) -> None:
    (tmp_path / "bcc.py").write_text('raise ImportError("this bcc is broken")\n')
    process = start(PYTHONPATH=str(tmp_path))
    out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert "this bcc is broken" in out
    assert "What to do" in out
    assert err == "demo: the controller did not start\n"
    assert labs_of(process) == []


@pytest.mark.parametrize("interval", ["5ms", "1s", "fast"])
def test_an_interval_out_of_range_is_refused(interval: str) -> None:
    process = start("--interval", interval)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 2
    assert "not between 10ms and 500ms" in err


def test_long_commands_are_broken_so_that_they_can_be_copied() -> None:
    words = ["xdpair", "group", "create", "--name", "two words", "--lb", "lb-1"]
    assert command_lines(words, 100) == ["xdpair group create --name 'two words' --lb lb-1"]
    assert command_lines(words, 38) == [
        "xdpair group create \\",
        "    --name 'two words' --lb lb-1",
    ]
