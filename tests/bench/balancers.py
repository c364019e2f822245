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
            client.load_balancers.CreateLoadBalancer(
                CreateLoadBalancerRequest(
                    load_balancer_id="lb-bench", load_balancer=LoadBalancer(address=VIP)
                )
            )
            for protocol, port in ((Listener.TCP, SERVICE_PORT), (Listener.UDP, ECHO_PORT)):
                _add_listener(client, lab, setting, protocol, port)


def _add_listener(
    client: Client, lab: Lab, setting: Setting, protocol: Listener.Protocol, port: int
) -> None:
    group_id = f"rsp-bench-{port}"
    client.groups.CreateServerGroup(
        CreateServerGroupRequest(
            server_group_id=group_id,
            server_group=ServerGroup(
                load_balancer="loadBalancers/lb-bench",
                servers=[
                    GroupServer(
                        server_id=host.role, address=host.address, port=port, role=role
                    )
                    for host, role in (
                        (lab.primary, GroupServer.PRIMARY),
                        (lab.secondary, GroupServer.SECONDARY),
                    )
                ],
            ),
        )
    )
    listener = client.load_balancers.CreateListener(
        CreateListenerRequest(
            parent="loadBalancers/lb-bench",
            listener=Listener(
                protocol=protocol,
                port=port,
                server_group=f"serverGroups/{group_id}",
                health_check=_health_check(setting, protocol),
            ),
        )
    )
    client.load_balancers.StartListener(StartListenerRequest(name=listener.name))


def _health_check(setting: Setting, protocol: Listener.Protocol) -> HealthCheck:
    period = Duration()
    period.FromMilliseconds(setting.interval_ms)
    check = HealthCheck(
        type=HealthCheck.TCP,
        interval=period,
        timeout=period,
        healthy_threshold=RISE,
        unhealthy_threshold=FALL,
    )
    if protocol == Listener.UDP:
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
            lab.balancer.popen(
                ["haproxy", "-db", "-f", config], stdout=log, stderr=log
            )
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
    server_options = " observe layer4 error-limit 1 on-error mark-down on-marked-down shutdown-sessions"
    lines = "    option redispatch 1\n    retries 3\n"


def _await_listening(lab: Lab) -> None:
    deadline_s = time.monotonic() + _UP_TIMEOUT_S
    while not lab.balancer.run(["ss", "-Htln", f"sport = :{SERVICE_PORT}"]).stdout.strip():
        if time.monotonic() > deadline_s:
            log = (lab.directory / "haproxy.log").read_text(errors="replace")
            raise RuntimeError(f"HAProxy does not listen: {log[-2000:]}")
        time.sleep(0.02)
