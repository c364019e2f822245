# SPDX-License-Identifier: Apache-2.0
"""Listeners: what is carried, how it is checked, and what becomes of its flows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from xdpair.core import errors
from xdpair.core.acls import AclPolicy
from xdpair.core.checks import CheckKind, HealthCheck
from xdpair.core.rules import DESCRIPTION, require, require_match, require_range, require_tags
from xdpair.core.servers import Member

#: Listener ports that the Server Load Balancer keeps for itself, by protocol number.
RESERVED_UDP_PORTS = frozenset({250, 4789, 4790})
MAX_LISTENERS_PER_LOAD_BALANCER = 50


class Protocol(IntEnum):
    """IANA protocol numbers of what a listener can carry."""

    TCP = 6
    UDP = 17


class ListenerState(Enum):
    STOPPED = "stopped"
    RUNNING = "running"


class FlowAction(Enum):
    """What happens to established flows of the side that stops serving.

    For UDP, ``RESET`` means that the next datagram goes to the serving side.
    """

    KEEP = "keep"
    RESET = "reset"


class Scheduler(Enum):
    """Who of a weighted or default group gets a new flow; the names are the SLB's.

    WRR: in turn, in proportion to weight. RR: in turn. WLC: fewest flows in proportion to weight.
    SCH, TCH, QCH: consistent hash of the client's address, of both addresses and ports, of the
    QUIC connection id.
    """

    WRR = "wrr"
    RR = "rr"
    WLC = "wlc"
    SCH = "sch"
    TCH = "tch"
    QCH = "qch"

    @property
    def is_hash(self) -> bool:
        return self in {Scheduler.SCH, Scheduler.TCH, Scheduler.QCH}


class AllUnhealthy(Enum):
    """What a weighted group does while none of its servers is fit."""

    REJECT = "reject"
    FAIL_OPEN = "fail_open"


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """How new flows are given away, and how long flows may go on.

    Attributes:
        on_failover: flows of a failed primary; beyond the SLB.
        on_failback: flows of the secondary when the primary is back; beyond the SLB.
        drain_timeout_s: with ``on_failback`` KEEP, how long these flows may go on; 0: until they
            end; else 1 to 86,400.
        scheduler: weighted and default groups; without effect on a primary/secondary group.
        persistence_timeout_s: clients by address stay with their server for so long after their
            last packet; 0: off, else 1 to 3600. TCP; weighted and default groups.
        established_timeout_s: a TCP flow that is silent for so long is reset; 10 to 900.
        connection_drain_s: flows of a server that is removed or fails go on for so long and are
            then reset; 0: at once, else 10 to 900.
        bandwidth_mbps: 10**6 bits of frames a second, each direction by itself; -1: no limit,
            else 1 to 5120.
        all_unhealthy: weighted and default groups.
    """

    on_failover: FlowAction = FlowAction.RESET
    on_failback: FlowAction = FlowAction.KEEP
    drain_timeout_s: int = 0
    scheduler: Scheduler = Scheduler.WRR
    persistence_timeout_s: int = 0
    established_timeout_s: int = 900
    connection_drain_s: int = 0
    bandwidth_mbps: int = -1
    all_unhealthy: AllUnhealthy = AllUnhealthy.REJECT

    def __post_init__(self) -> None:
        require_range("drain_timeout_s", self.drain_timeout_s, 0, 86_400)
        require_range("persistence_timeout_s", self.persistence_timeout_s, 0, 3600)
        require_range("established_timeout_s", self.established_timeout_s, 10, 900)
        if self.connection_drain_s:
            require_range("connection_drain_s", self.connection_drain_s, 10, 900)
        if self.bandwidth_mbps != -1:
            require_range("bandwidth_mbps", self.bandwidth_mbps, 1, 5120)

    @classmethod
    def default_for(cls, protocol: Protocol) -> TrafficPolicy:
        """TCP connections run out on the secondary; datagrams follow at once, else a steady sender
        never returns.
        """
        return cls(on_failback=FlowAction.KEEP if protocol is Protocol.TCP else FlowAction.RESET)


@dataclass(frozen=True, slots=True, order=True)
class ListenerKey:
    """What names a listener."""

    lb_id: str
    protocol: Protocol
    port: int

    def __str__(self) -> str:
        return f"{self.lb_id}/{self.protocol.name.lower()}-{self.port}"


@dataclass(frozen=True, slots=True)
class Listener:
    """(load balancer, TCP or UDP, port) with its group, health check and traffic policy.

    Attributes:
        group_id: exactly one group; that of the load balancer's default group for "none".
        server_port: where servers of the default group are reached, 1 to 65535; None with any
            other group.
        acl: None: everybody may come.
    """

    key: ListenerKey
    group_id: str
    state: ListenerState = ListenerState.STOPPED
    description: str = ""
    check: HealthCheck = field(default_factory=HealthCheck)
    traffic: TrafficPolicy = field(default_factory=TrafficPolicy)
    create_time_s: float = 0.0
    server_port: int | None = None
    acl: AclPolicy | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_range("listener port", self.key.port, 1, 65535)
        require(
            self.key.protocol is not Protocol.UDP or self.key.port not in RESERVED_UDP_PORTS,
            errors.ReservedPort,
            f"UDP ports {sorted(RESERVED_UDP_PORTS)} are reserved",
            port=self.key.port,
        )
        require_match("description", self.description, DESCRIPTION)
        require(
            bool(self.group_id),
            errors.MissingParameter,
            "a listener needs a server group",
            field="server_group",
        )
        self._require_fitting_protocol()
        if self.server_port is not None:
            require_range("server_port", self.server_port, 1, 65535)
        require_tags(self.tags)

    def port_of(self, member: Member) -> int:
        """Where a server of the listener's group is reached.

        Raises:
            MissingParameter: nobody has said; ``core.draft`` lets no such listener in.
        """
        port = member.port or self.server_port
        if port is None:
            raise errors.MissingParameter(
                f"listener {self.key} uses the default group: it has to say the servers' port",
                field="server_port",
            )
        return port

    def _require_fitting_protocol(self) -> None:
        is_udp = self.key.protocol is Protocol.UDP
        require(
            not self.check.enabled or self.check.kind is not CheckKind.UDP or is_udp,
            errors.InvalidInput,
            "a TCP listener is checked by TCP or HTTP",
            field="health_check.kind",
        )
        require(
            self.traffic.scheduler is not Scheduler.QCH or is_udp,
            errors.InvalidInput,
            "QUIC is carried by UDP: qch is for UDP listeners",
            field="traffic_policy.scheduler",
        )
        require(
            not self.traffic.persistence_timeout_s or not is_udp,
            errors.InvalidInput,
            "session persistence is for TCP listeners",
            field="traffic_policy.persistence_timeout",
        )
