# SPDX-License-Identifier: Apache-2.0
"""Part 5: a large installation: ten thousand listeners made by one ``apply``, and one change among
them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from google.protobuf.field_mask_pb2 import FieldMask

from tests.bench.control import cpu_percent, rss_mib
from tests.bench.figures import Figure, Target
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.topology import SERVICE_PORT
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.cli.client import Client

_PER_LOAD_BALANCER = 50  # listeners
_FIRST_VIP = IPv4Address("172.16.0.1")
_FIRST_PORT = 10_000
#: All servers are behind one router: the lab's primary, which answers for all of them.
_SERVERS = "10.0.0.0/8"
_FIRST_SERVER = IPv4Address("10.0.0.1")
#: The interval that the Server Load Balancer checks at by default is 2 s.
_CHECK = "{interval: 5s, timeout: 5s}"

_APPLY_TIMEOUT_S = 120.0
_SETTLE_S = 10.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure: listeners (a multiple of 50), each with a pair of its own, and changes
    among them.
    """

    listeners: int = 10_000
    changes: int = 50


def run(effort: Effort) -> Iterator[Figure]:
    """Measure everything."""
    with Lab() as lab:
        router = str(lab.hosts["primary"].address)
        lab.balancer.run(["ip", "route", "add", _SERVERS, "via", router])
        lab.hosts["primary"].run(["ip", "route", "add", "local", _SERVERS, "dev", "lo"])
        daemon = Daemon(lab, {"max_listeners": 16_384, "max_servers": 32_768})
        daemon.start()
        yield from _apply(lab, daemon, effort)


def _apply(lab: Lab, daemon: Daemon, effort: Effort) -> Iterator[Figure]:
    count = effort.listeners
    file = lab.directory / "installation.yaml"
    file.write_text("\n".join(_declaration(count)), encoding="utf-8")
    start_s = time.monotonic()
    daemon.cli("apply", "-f", str(file), timeout_s=_APPLY_TIMEOUT_S)
    applied_s = time.monotonic() - start_s
    yield Figure(f"scale.apply.{count}", applied_s, "s", target=Target("value", "<=", 30))
    start_s = time.monotonic()
    daemon.cli("apply", "-f", str(file), timeout_s=_APPLY_TIMEOUT_S)
    yield Figure(f"scale.apply_again.{count}", time.monotonic() - start_s, "s")
    time.sleep(_SETTLE_S)
    took_ms = sorted(_changes(daemon, effort))
    target = Target("value", "<=", 50)
    yield Figure(f"scale.change.{count}", statistics.median(took_ms), "ms", target=target)
    yield Figure(f"scale.change.{count}.max", took_ms[-1], "ms")
    yield Figure(f"scale.cpu.{count}", cpu_percent(daemon.pid), "% of a core")
    target = Target("value", "<=", 400)
    yield Figure(f"scale.rss.{count}", rss_mib(daemon.pid), "MiB", target=target)
    event = daemon.restart()
    yield Figure(f"scale.restart.{count}", event.done_s - event.at_s, "s")


def _changes(daemon: Daemon, effort: Effort) -> Iterator[float]:
    """Milliseconds that each took, as its caller sees it."""
    with Client(str(daemon.socket)) as client:
        for number in range(effort.changes):
            name = f"serverGroups/rsp-{number * effort.listeners // effort.changes}"
            group = client.groups.GetServerGroup(group_pb.GetServerGroupRequest(name=name))
            for server in group.servers:
                server.weight = 50
            request = group_pb.UpdateServerGroupRequest(
                server_group=ServerGroup(name=name, servers=group.servers),
                update_mask=FieldMask(paths=["servers"]),
            )
            start_s = time.monotonic()
            client.groups.UpdateServerGroup(request)
            yield (time.monotonic() - start_s) * 1000


def _declaration(count: int) -> Iterator[str]:
    """As many listeners, each with a pair of two servers of the inventory."""
    yield "load_balancers:"
    for first in range(0, count, _PER_LOAD_BALANCER):
        number = first // _PER_LOAD_BALANCER
        yield f"  - id: lb-{number}"
        yield f"    address: {_FIRST_VIP + number}"
        yield "    interface: front"
        yield "    server_groups:"
        for index in range(first, first + _PER_LOAD_BALANCER):
            yield f"      - id: rsp-{index}"
            yield "        servers:"
            yield f"          - {{server_id: a{index}, port: {SERVICE_PORT}}}"
            yield f"          - {{server_id: b{index}, port: {SERVICE_PORT}, role: SECONDARY}}"
        yield "    listeners:"
        for index in range(first, first + _PER_LOAD_BALANCER):
            port = _FIRST_PORT + index % _PER_LOAD_BALANCER
            group = f"server_group: rsp-{index}"
            yield f"      - {{protocol: TCP, port: {port}, {group}, health_check: {_CHECK}}}"
    yield "servers:"
    for index in range(count):
        yield f"  - {{id: a{index}, address: {_FIRST_SERVER + 2 * index}}}"
        yield f"  - {{id: b{index}, address: {_FIRST_SERVER + 2 * index + 1}}}"
