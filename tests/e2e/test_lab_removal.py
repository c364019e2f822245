# SPDX-License-Identifier: Apache-2.0
"""Whatever ends a lab, nothing of it remains."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import processes, removal
from tests.lab.errors import LabError
from tests.lab.host import REPOSITORY
from tests.lab.lab import Lab
from tests.lab.naming import LabName
from tests.lab.topology import ROLES, LabOptions

#: Makes a lab with everything in it that could be left behind, says its name, and waits.
OWNER = """
import subprocess, time
from tests.lab.lab import Lab

with Lab() as lab:
    lab.traffic.udp(10, address=lab.primary.address)
    lab.traffic.waiting(2, address=lab.primary.address)
    lab.balancer.popen(["sh", "-c", "sleep 100 & sleep 100"])
    lab.faults.cut("secondary")
    (lab.pin_path / "maps").mkdir()
    print(lab.name, flush=True)
    time.sleep(60)
"""


def leftovers(name: LabName) -> list[str]:
    """Everything on this machine that belongs to a lab."""
    paths = [name.netns_path(role) for role in ROLES] + [name.pin_path, name.directory]
    found = [str(path) for path in paths if path.exists()]
    found += [f"process {pid}" for pid in processes.marked(str(name))]
    return found + [line for line in mounts() if str(name) in line]


def mounts() -> list[str]:
    return Path("/proc/self/mounts").read_text().splitlines()


def own_links() -> str:
    command = ["ip", "-o", "link"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def owner() -> Iterator[tuple[subprocess.Popen[str], LabName]]:
    """Another process with a lab."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as process:
        try:
            assert process.stdout is not None
            name = LabName.found_in(process.stdout.readline())
            assert name is not None, "the other process has made no lab"
            yield process, name
        finally:
            process.kill()


def test_nothing_is_left_and_the_machine_is_untouched() -> None:
    before = own_links()
    with Lab() as lab:
        lab.traffic.tcp(50, address=lab.primary.address)
        assert len(leftovers(lab.name)) >= len(ROLES) + 2 + 3  # servers and client are processes
        assert own_links() == before
    assert leftovers(lab.name) == []
    assert own_links() == before


def test_nothing_is_left_after_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), Lab() as lab:
        raise ZeroDivisionError
    assert leftovers(lab.name) == []


def test_nothing_is_left_of_a_lab_that_could_not_be_made() -> None:
    lab = Lab(LabOptions(mtu=10))
    with pytest.raises(LabError, match="making namespaces and links"):
        lab.__enter__()
    assert leftovers(lab.name) == []


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGINT, -signal.SIGINT)],
)
def test_nothing_is_left_after_a_signal(number: signal.Signals, status: int) -> None:
    with owner() as (process, name):
        process.send_signal(number)
        assert process.wait(10) == status
        assert leftovers(name) == []


def test_what_a_killed_process_left_is_reaped() -> None:
    with owner() as (process, name):
        process.kill()
        process.wait()
        assert len(leftovers(name)) >= len(ROLES) + 2 + 6  # its processes go on
        assert name in removal.reap()
        assert leftovers(name) == []


def test_starting_a_lab_reaps_but_leaves_live_labs_alone() -> None:
    with owner() as (live, live_name), owner() as (killed, killed_name):
        killed.kill()  # not waited for: a zombie is dead, too
        processes.await_state(killed.pid, "Z", timeout_s=5)
        before = leftovers(live_name)
        with Lab(LabOptions(servers=False)):
            assert leftovers(killed_name) == []
        assert leftovers(live_name) == before
        assert live.poll() is None


def test_a_pid_that_was_reused_does_not_keep_a_lab() -> None:
    mine = LabName.new()
    earlier = LabName(mine.token, mine.owner_pid, mine.owner_start_ticks - 1)
    assert mine.owner_is_alive()
    assert not earlier.owner_is_alive()
    earlier.directory.mkdir()
    assert earlier in removal.reap()
    assert not earlier.directory.exists()


def test_a_forked_child_does_not_remove_its_parents_lab() -> None:
    with Lab(LabOptions(servers=False)) as lab:
        child = os.fork()
        if child == 0:
            lab.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert len(leftovers(lab.name)) >= len(ROLES) + 2


def test_names_are_told_from_others() -> None:
    name = LabName("00af", 17, 4711)
    assert LabName.found_in(name.netns("balancer")) == name
    assert LabName.found_in("xdpair") is None
    assert LabName.found_in("xdpair-lab-notes") is None
