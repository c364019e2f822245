# SPDX-License-Identifier: Apache-2.0
"""The words of xdpair as values: frozen, and valid by construction.

A constructor raises the typed error of the first rule that is broken, so whoever holds one of these
holds a legal one. Rules between resources (does the group exist? is the port free?) are in
``core.desired``. Ranges follow the Server Load Balancer API; what goes beyond it says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.rules import (
    DESCRIPTION,
    HTTP_HOST,
    HTTP_PATH,
    NAME,
    SERVER_ID,
    require,
    require_id,
    require_match,
    require_range,
    require_unicast,
)

#: Listener ports that the Server Load Balancer keeps for itself, by protocol number.
RESERVED_UDP_PORTS = frozenset({250, 4789, 4790})
MAX_LISTENERS_PER_LOAD_BALANCER = 50


class Protocol(IntEnum):
    """IANA protocol numbers of what a listener can carry."""

    TCP = 6
    UDP = 17


class Side(IntEnum):
    """Which of the two servers; the number is the data plane's."""

    PRIMARY = 0
    SECONDARY = 1

    @property
    def other(self) -> Side:
        return Side(1 - self)


class ServerKind(Enum):
    ECS = "ecs"
    ENI = "eni"
    ECI = "eci"


class CheckKind(Enum):
    TCP = "tcp"
    HTTP = "http"
    UDP = "udp"


class FlowAction(Enum):
    """What happens to established flows of the side that stops serving.

    For UDP, ``RESET`` means that the next datagram goes to the serving side.
    """

    KEEP = "keep"
    RESET = "reset"


class FailoverScope(Enum):
    """Whether the listeners of a group fail over one by one (as in the SLB) or all together."""

    LISTENER = "listener"
    GROUP = "group"


class FailbackMode(Enum):
    AUTO = "auto"
    MANUAL = "manual"


class ListenerState(Enum):
    STOPPED = "stopped"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Server:
    """One machine of the inventory: what a server id stands for."""

    server_id: str
    address: IPv4Address
    description: str = ""

    def __post_init__(self) -> None:
        require(bool(self.server_id), errors.ServerIdEmpty, "Backend server id can not empty.")
        require_match("server id", self.server_id, SERVER_ID)
        require_match("description", self.description, DESCRIPTION)
        require_unicast("server address", self.address)


@dataclass(frozen=True, slots=True)
class Member:
    """One server of a group.

    Attributes:
        port: 1 to 65535.
        weight: 0 to 100; 0 means no new connections.
        address: given with the server, or None: the inventory knows it.
    """

    server_id: str
    port: int
    weight: int = 100
    kind: ServerKind = ServerKind.ECS
    address: IPv4Address | None = None
    description: str = ""

    def __post_init__(self) -> None:
        require(bool(self.server_id), errors.ServerIdEmpty, "Backend server id can not empty.")
        require_match("server id", self.server_id, SERVER_ID)
        require(
            self.port != 0,
            errors.ServerPortEmpty,
            "Backend server port can not empty.",
            server=self.server_id,
        )
        require(
            1 <= self.port <= 65535,
            errors.ServerPortNotSupported,
            f"Real server port not support: {self.port} is not in 1 to 65535.",
            server=self.server_id,
        )
        require(
            0 <= self.weight <= 100,
            errors.InvalidWeight,
            f"weight must be 0 to 100, not {self.weight}",
            server=self.server_id,
        )
        require_match("description", self.description, DESCRIPTION)
        if self.address is not None:
            require_unicast("server address", self.address)


@dataclass(frozen=True, slots=True)
class FailoverPolicy:
    """Who serves, and when it changes. Beyond the SLB, whose behaviour the defaults are.

    Attributes:
        hold_down_ms: how long the primary must have been healthy before traffic returns; 0 to
            86,400,000; AUTO only.
    """

    scope: FailoverScope = FailoverScope.LISTENER
    failback: FailbackMode = FailbackMode.AUTO
    hold_down_ms: int = 0

    def __post_init__(self) -> None:
        require_range("hold_down_ms", self.hold_down_ms, 0, 86_400_000)


@dataclass(frozen=True, slots=True)
class PairGroup:
    """A primary/secondary group: exactly two servers, of which one serves."""

    group_id: str
    lb_id: str
    primary: Member
    secondary: Member
    name: str = ""
    failover: FailoverPolicy = field(default_factory=FailoverPolicy)
    probe_secondary: bool = False
    create_time_s: float = 0.0

    def __post_init__(self) -> None:
        require_id("rsp", self.group_id)
        require_match("name", self.name, NAME)
        require(
            (self.primary.server_id, self.primary.port)
            != (self.secondary.server_id, self.secondary.port),
            errors.SameServerAndPort,
            "Backend servers have same port and serverId.",
            server=self.primary.server_id,
            port=self.primary.port,
        )

    def member(self, side: Side) -> Member:
        return self.primary if side is Side.PRIMARY else self.secondary


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a listener finds out whether a server is fit.

    Attributes:
        enabled: False: the primary always serves, failover can only be done by hand.
        interval_ms: probes start every so often; 10 to 50,000.
        timeout_ms: how long an answer may take; 10 to 50,000; longer than the interval, it
            stretches it.
        rise, fall: consecutive probes that change the verdict; 1 to 10.
        port: 1 to 65535, or None: the server's own.
        http_path, http_host: request line and Host header; an empty host means the server's
            address.
        http_codes: first digits of the status codes that count as fit, of 1 to 5.
        udp_request: sent as the datagram's payload, at most 500 octets.
        udp_expected: the only answer that counts, at most 500 octets; empty: silence is success.
    """

    kind: CheckKind = CheckKind.TCP
    enabled: bool = True
    interval_ms: int = 500
    timeout_ms: int = 500
    rise: int = 3
    fall: int = 3
    port: int | None = None
    http_path: str = "/"
    http_host: str = ""
    http_codes: frozenset[int] = frozenset({2})
    udp_request: bytes = b""
    udp_expected: bytes = b""

    def __post_init__(self) -> None:
        require_range("interval_ms", self.interval_ms, 10, 50_000)
        require_range("timeout_ms", self.timeout_ms, 10, 50_000)
        require_range("rise", self.rise, 1, 10)
        require_range("fall", self.fall, 1, 10)
        if self.port is not None:
            require_range("health check port", self.port, 1, 65535)
        require_match("http_path", self.http_path, HTTP_PATH)
        require_match("http_host", self.http_host, HTTP_HOST)
        require(
            bool(self.http_codes) and self.http_codes <= {1, 2, 3, 4, 5},
            errors.InvalidInput,
            "http_codes must name one or more of http_1xx to http_5xx",
            field="http_codes",
        )
        require(
            len(self.udp_request) <= 500,
            errors.CheckRequestTooLong,
            "udp_request is longer than 500 octets",
        )
        require(
            len(self.udp_expected) <= 500,
            errors.CheckExpectationTooLong,
            "udp_expected is longer than 500 octets",
        )


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """What a change of side does to established flows of a listener. Beyond the SLB, which leaves
    it open.

    Attributes:
        on_failover: flows of the failed primary.
        on_failback: flows of the secondary when the primary is back.
        drain_timeout_s: with ``on_failback`` KEEP, how long these flows may go on; 0: until they
            end; else 1 to 86,400.
    """

    on_failover: FlowAction = FlowAction.RESET
    on_failback: FlowAction = FlowAction.KEEP
    drain_timeout_s: int = 0

    def __post_init__(self) -> None:
        require_range("drain_timeout_s", self.drain_timeout_s, 0, 86_400)

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
    """(load balancer, TCP or UDP, port) with its group, health check and traffic policy."""

    key: ListenerKey
    group_id: str
    state: ListenerState = ListenerState.STOPPED
    description: str = ""
    check: HealthCheck = field(default_factory=HealthCheck)
    traffic: TrafficPolicy = field(default_factory=TrafficPolicy)
    create_time_s: float = 0.0

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
        require(
            not self.check.enabled
            or self.check.kind is not CheckKind.UDP
            or self.key.protocol is Protocol.UDP,
            errors.InvalidInput,
            "a TCP listener is checked by TCP or HTTP",
            field="health_check.kind",
        )


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """One virtual address with its listeners.

    Attributes:
        address: the VIP, unique on this host.
        interface: where the VIP is announced; empty: the interface whose subnet holds it.
    """

    lb_id: str
    address: IPv4Address
    name: str = ""
    interface: str = ""
    delete_protection: bool = False
    create_time_s: float = 0.0

    def __post_init__(self) -> None:
        require_id("lb", self.lb_id)
        require_match("name", self.name, NAME)
        require_unicast("VIP", self.address)
        require(
            len(self.interface) <= 15,
            errors.InvalidInput,
            "an interface name has at most 15 characters",
        )
