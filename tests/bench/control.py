# SPDX-License-Identifier: Apache-2.0
"""Part 4: the controller: how fast it starts, what a thousand groups cost, how fast they move."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np

from tests.bench.balancers import (
    Pair,
    Setting,
    add_group,
    add_listener,
    add_load_balancer,
    add_pair,
)
from tests.bench.figures import Figure, Target
from tests.bench.programs import set_xdp
from tests.lab.analysis import answered_by
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.namespace import inside
from tests.lab.topology import SERVICE_PORT, VIP
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.cli.client import Client
from xdpair.datapath.maps import Array, map_array
from xdpair.datapath.syscalls import obj_get

_SLOT_ROWS = 16_384  # of a controller that was not told otherwise
_PER_LOAD_BALANCER = 50  # listeners
_DEFAULT_CHECKS = Setting("default", 500)
#: Every group has a server port of its own, and is checked at the one that is open.
_FIRST_PORT = 10_000

_START_RATE_HZ = 200.0
_START_TIMEOUT_S = 10.0
_HEALTHY_S = 2.5
_CPU_WINDOW_S = 3.0
_FAILOVER_TIMEOUT_S = 10.0
_POLL_S = 0.001


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: starts, and groups of the big installation (a multiple of 50)."""

    starts: int = 5
    groups: int = 1000


def run(effort: Effort) -> Iterator[Figure]:
    """Measure everything."""
    with Lab() as lab:
        yield from _starts(lab, effort.starts)
    with Lab() as lab:
        yield from _many_groups(lab, effort.groups)


# -- starting ------------------------------------------------------------------------------------


def _starts(lab: Lab, count: int) -> Iterator[Figure]:
    daemon = Daemon(lab)
    daemon.start()
    with Client(str(daemon.socket)) as client:
        add_load_balancer(client, "lb-bench", VIP)
        add_pair(client, lab, Pair("lb-bench", Listener.TCP, SERVICE_PORT), _DEFAULT_CHECKS)
    first_answers, restarts = [], []
    for _ in range(count):
        _await_loaded(lab)
        daemon.stop()
        event = daemon.start()
        restarts.append((event.done_s - event.at_s) * 1000)
        daemon.stop()
        _forget_program(lab)
        first_answers.append(_start_to_first_answer_s(lab, daemon) * 1000)
    yield Figure(
        "control.start", statistics.median(first_answers), "ms", target=Target("value", "<=", 1500)
    )
    yield Figure("control.restart", statistics.median(restarts), "ms")


def _await_loaded(lab: Lab) -> None:
    """Until all programs are there: those that pairs do not need come after the first packet."""
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not list(lab.pin_path.glob("abi-*/sweep-*")):
        if time.monotonic() > deadline_s:
            raise RuntimeError("the programs are not loaded")
        time.sleep(_POLL_S)


def _forget_program(lab: Lab) -> None:
    """As a reboot does; what users defined stays."""
    for name in lab.balancer.interfaces:
        inside(lab.balancer.netns_path, partial(set_xdp, name, None))
    for directory in lab.pin_path.iterdir():
        shutil.rmtree(directory)


def _start_to_first_answer_s(lab: Lab, daemon: Daemon) -> float:
    with lab.traffic.tcp(_START_RATE_HZ) as client:
        event = daemon.start()
        client.await_requests(
            lambda requests: bool(answered_by(requests, "primary")), _START_TIMEOUT_S
        )
    return min(r.end_s for r in answered_by(client.requests(), "primary")) - event.at_s


# -- a thousand groups ---------------------------------------------------------------------------


def _many_groups(lab: Lab, count: int) -> Iterator[Figure]:
    daemon = Daemon(lab)
    daemon.start()
    yield Figure("control.rss.empty", rss_mib(daemon.pid), "MiB")
    pairs = [
        Pair(f"lb-bench{number // _PER_LOAD_BALANCER}", Listener.TCP, port, SERVICE_PORT)
        for number, port in enumerate(range(_FIRST_PORT, _FIRST_PORT + count))
    ]
    with Client(str(daemon.socket)) as client:
        for number, lb_id in enumerate(dict.fromkeys(pair.lb_id for pair in pairs)):
            add_load_balancer(client, lb_id, str(IPv4Address(VIP) + 1 + number))
        start_s = time.monotonic()
        for pair in pairs:
            add_group(client, lab, pair)
        grouped_s = time.monotonic()
        for pair in pairs:
            add_listener(client, pair, _DEFAULT_CHECKS)
        listening_s = time.monotonic()
    yield Figure(f"control.create.groups.{count}", grouped_s - start_s, "s")
    yield Figure(f"control.create.listeners.{count}", listening_s - grouped_s, "s")
    time.sleep(_HEALTHY_S)
    yield Figure(f"control.cpu.{count}", cpu_percent(daemon.pid), "% of a core")
    yield Figure(f"control.rss.{count}", rss_mib(daemon.pid), "MiB")
    first_s, last_s = _fail_all(lab, count)
    yield Figure(f"control.failover.{count}.first", first_s * 1000, "ms")
    yield Figure(f"control.failover.{count}.last", last_s * 1000, "ms")


def _fail_all(lab: Lab, count: int) -> tuple[float, float]:
    """Kill the primary and watch the map until all slots have been written.

    Returns:
        From the kill to the first and to the last write, in seconds.
    """
    slots = _slot_words(lab.pin_path)
    before = slots.copy()
    killed_s = lab.servers["primary"].kill().at_s
    first_s = 0.0
    while (now_s := time.monotonic()) - killed_s < _FAILOVER_TIMEOUT_S:
        written = int(np.count_nonzero(slots != before))
        first_s = first_s or (now_s if written else 0.0)
        if written == count:
            return first_s - killed_s, now_s - killed_s
        time.sleep(_POLL_S)
    raise RuntimeError(f"{written} of {count} groups have failed over")


def _slot_words(pin_path: Path) -> Array:
    """The map of slots, as the data plane reads it."""
    (pin,) = pin_path.glob("abi-*/slots")
    fd = obj_get(pin)
    try:
        return map_array(fd, np.dtype(np.uint64), _SLOT_ROWS)
    finally:
        os.close(fd)


def rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory")


def cpu_percent(pid: int) -> float:
    """Share of one core over a few seconds."""
    before, start_s = _cpu_s(pid), time.monotonic()
    time.sleep(_CPU_WINDOW_S)
    return (_cpu_s(pid) - before) / (time.monotonic() - start_s) * 100


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime
