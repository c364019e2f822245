# SPDX-License-Identifier: Apache-2.0
"""What failovers are measured with: xdpair and HAProxy, in the lab's place for a balancer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.duration_pb2 import Duration

from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.topology import ECHO_PORT, SERVICE_PORT, VIP, LabOptions
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.load_balancer_service_pb2 import (
    CreateListenerRequest,
    CreateLoadBalancerRequest,
    StartListenerRequest,
)
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup
from xdpair.api.v1.server_group_service_pb2 import CreateServerGroupRequest
from xdpair.cli.client import Client

RISE, FALL = 2, 3
_UP_TIMEOUT_S = 10.0
_PROBE = b"bench"


@dataclass(frozen=True, slots=True)
class Setting:
    """How servers are checked: the timeout is the interval, three failures are too many.

    Attributes:
        name: as figures have it.
    """

    name: str
    interval_ms: int


class Balancer(Protocol):
    """One that can be measured.

    Attributes:
        options: the lab it needs.
        carries_udp: whether datagrams get through it at all.
    """

    name: str
    options: LabOptions
    carries_udp: bool

    def start(self, lab: Lab, setting: Setting) -> None:
        """Start it on the lab's balancer; it ends with the lab."""
        ...


class Xdpair:
    """One load balancer, a TCP listener checked by TCP and a UDP listener checked by its echo."""

    name = "xdpair"
    options = LabOptions(icmp_unlimited=True)
    carries_udp = True

    def start(self, lab: Lab, setting: Setting) -> None:
        daemon = Daemon(lab)
        daemon.start()
        with Client(str(daemon.socket)) as client:
            add_load_balancer(client, "lb-bench", VIP)
            add_pair(client, lab, Pair("lb-bench", Listener.TCP, SERVICE_PORT), setting)
            add_pair(client, lab, Pair("lb-bench", Listener.UDP, ECHO_PORT), setting)


@dataclass(frozen=True, slots=True)
class Pair:
    """A listener with a group of its own: the lab's two servers.

    Attributes:
        check_port: where its servers are checked, if not at ``port``.
    """

    lb_id: str
    protocol: Listener.Protocol
    port: int
    check_port: int = 0


def add_load_balancer(client: Client, lb_id: str, address: str) -> None:
    client.load_balancers.CreateLoadBalancer(
        CreateLoadBalancerRequest(
            load_balancer_id=lb_id, load_balancer=LoadBalancer(address=address)
        )
    )


def add_pair(client: Client, lab: Lab, pair: Pair, setting: Setting) -> None:
    """Create the group and the listener, and start it."""
    add_group(client, lab, pair)
    add_listener(client, pair, setting)


def add_group(client: Client, lab: Lab, pair: Pair) -> None:
    servers = [
        GroupServer(server_id=host.role, address=host.address, port=pair.port, role=role)
        for host, role in (
            (lab.primary, GroupServer.PRIMARY),
            (lab.secondary, GroupServer.SECONDARY),
        )
    ]
    client.groups.CreateServerGroup(
        CreateServerGroupRequest(
            server_group_id=_group_id(pair),
            server_group=ServerGroup(load_balancer=f"loadBalancers/{pair.lb_id}", servers=servers),
        )
    )


def add_listener(client: Client, pair: Pair, setting: Setting) -> None:
    listener = Listener(
        protocol=pair.protocol,
        port=pair.port,
        server_group=f"serverGroups/{_group_id(pair)}",
        health_check=_health_check(pair, setting),
    )
    created = client.load_balancers.CreateListener(
        CreateListenerRequest(parent=f"loadBalancers/{pair.lb_id}", listener=listener)
    )
    client.load_balancers.StartListener(StartListenerRequest(name=created.name))


def _group_id(pair: Pair) -> str:
    return f"rsp-{pair.lb_id.removeprefix('lb-')}-{pair.port}"


def _health_check(pair: Pair, setting: Setting) -> HealthCheck:
    period = Duration()
    period.FromMilliseconds(setting.interval_ms)
    check = HealthCheck(
        type=HealthCheck.TCP,
        interval=period,
        timeout=period,
        healthy_threshold=RISE,
        unhealthy_threshold=FALL,
        port=pair.check_port,
    )
    if pair.protocol == Listener.UDP:
        check.type = HealthCheck.UDP
        check.udp_request = _PROBE
        check.udp_expected = b"primary " + _PROBE
    return check


class Haproxy:
    """A TCP proxy with a primary and a backup server; what is not said is HAProxy's default."""

    name = "haproxy"
    options = LabOptions(vip_on_balancer=True)
    carries_udp = False

    #: Options of every server, and lines that go with them.
    server_options = ""
    lines = ""

    def start(self, lab: Lab, setting: Setting) -> None:
        config = lab.directory / "haproxy.cfg"
        config.write_text(self._config(lab, setting))
        log = (lab.directory / "haproxy.log").open("ab")
        with log:
            lab.balancer.popen(["haproxy", "-db", "-f", config], stdout=log, stderr=log)
        _await_listening(lab)

    def _config(self, lab: Lab, setting: Setting) -> str:
        check = f"check inter {setting.interval_ms}ms fall {FALL} rise {RISE}"
        servers = "".join(
            f"    server {host.role} {host.address}:{SERVICE_PORT} {check}{more}"
            f"{self.server_options}\n"
            for host, more in ((lab.primary, ""), (lab.secondary, " backup"))
        )
        return (
            "global\n"
            "    maxconn 5000\n"
            "defaults\n"
            "    mode tcp\n"
            "    timeout connect 5s\n"
            "    timeout client 30s\n"
            "    timeout server 30s\n"
            f"    timeout check {setting.interval_ms}ms\n"
            f"{self.lines}"
            "listen bench\n"
            f"    bind {VIP}:{SERVICE_PORT}\n"
            f"{servers}"
        )


class TunedHaproxy(Haproxy):
    """HAProxy as an expert sets it up: real connections count as checks, failed ones move on."""

    name = "haproxy-tuned"
    server_options = (
        " observe layer4 error-limit 1 on-error mark-down on-marked-down shutdown-sessions"
    )
    lines = "    option redispatch 1\n    retries 3\n"


def _await_listening(lab: Lab) -> None:
    deadline_s = time.monotonic() + _UP_TIMEOUT_S
    while not lab.balancer.run(["ss", "-Htln", f"sport = :{SERVICE_PORT}"]).stdout.strip():
        if time.monotonic() > deadline_s:
            log = (lab.directory / "haproxy.log").read_text(errors="replace")
            raise RuntimeError(f"HAProxy does not listen: {log[-2000:]}")
        time.sleep(0.02)
