# SPDX-License-Identifier: Apache-2.0
"""What the controller answers when somebody asks how things are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address

from xdpair.core.failover import Cause
from xdpair.core.model import ListenerKey, Side


class HealthState(Enum):
    """The three words of the Server Load Balancer."""

    NORMAL = "normal"
    ABNORMAL = "abnormal"
    #: Not checked, or the check has not come to a verdict yet.
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """One server as one listener sees it.

    Attributes:
        side: None: its group is no pair.
        last_probe_age_ms, latency_ms: of the last probe; None if there was none yet.
        error: what the last probe said, empty if it passed.
    """

    listener: ListenerKey
    group_id: str
    side: Side | None
    server_id: str
    address: IPv4Address
    port: int
    status: HealthState
    checked: bool
    last_probe_age_ms: float | None = None
    latency_ms: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """One failover unit: a listener, or a group whose listeners move together.

    Attributes:
        serving: None: nobody, new connections are rejected.
        pinned: the side an operator holds; None: health and weights decide.
        last_change_time_s: CLOCK_REALTIME of the last change of side; 0: never.
    """

    group_id: str
    lb_id: str
    listeners: tuple[ListenerKey, ...]
    serving: Side | None
    cause: Cause
    pinned: Side | None
    epoch: int
    primary_up: bool
    last_change_time_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Counters:
    """Totals since the maps were made. ``*_packets`` are frames, ``*_bytes`` octets of Ethernet
    frame without FCS.

    Attributes:
        exits: by the name of the data plane's exit; each packet moves exactly one of them.
        servers: of pairs, by group and side.
        members: of weighted listeners, by listener and server.
    """

    exits: Mapping[str, int]
    listeners: Mapping[ListenerKey, Mapping[str, int]]
    servers: Mapping[tuple[str, Side], Mapping[str, int]]
    members: Mapping[tuple[ListenerKey, IPv4Address, int], Mapping[str, int]] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True)
class InterfaceStatus:
    """Where the program runs: ``mode`` is ``native``, ``generic`` or ``detached``."""

    name: str
    mode: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """The controller and its program."""

    version: str
    started_time_s: float
    interfaces: tuple[InterfaceStatus, ...]
    program_id: int
    abi: str
    adopted: bool
    flow_capacity: int
