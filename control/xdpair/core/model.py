# SPDX-License-Identifier: Apache-2.0
"""The words of xdpair as values: frozen, and valid by construction.

A constructor raises the typed error of the first rule that is broken, so whoever holds one of these
holds a legal one. Rules between resources (does the group exist? is the port free?) are in
``core.desired``. Ranges follow the Server Load Balancer API; what goes beyond it says so.

Load balancers are defined here; all other words in a module of their own each, and named here, so
that one import finds them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.acls import AccessControlList, AclEntry, AclPolicy, AclType, IpVersion
from xdpair.core.checks import CheckKind, HealthCheck
from xdpair.core.groups import (
    DefaultGroup,
    FailbackMode,
    FailoverPolicy,
    FailoverScope,
    Group,
    PairGroup,
    Side,
    WeightedGroup,
    default_group_id,
)
from xdpair.core.listeners import (
    MAX_LISTENERS_PER_LOAD_BALANCER,
    RESERVED_UDP_PORTS,
    AllUnhealthy,
    FlowAction,
    Listener,
    ListenerKey,
    ListenerState,
    Protocol,
    Scheduler,
    TrafficPolicy,
)
from xdpair.core.rules import (
    NAME,
    require,
    require_id,
    require_match,
    require_tags,
    require_unicast,
)
from xdpair.core.servers import Member, Server, ServerKind

__all__ = [
    "MAX_LISTENERS_PER_LOAD_BALANCER",
    "RESERVED_UDP_PORTS",
    "AccessControlList",
    "AclEntry",
    "AclPolicy",
    "AclType",
    "AllUnhealthy",
    "CheckKind",
    "DefaultGroup",
    "FailbackMode",
    "FailoverPolicy",
    "FailoverScope",
    "FlowAction",
    "Group",
    "HealthCheck",
    "IpVersion",
    "Listener",
    "ListenerKey",
    "ListenerState",
    "LoadBalancer",
    "LoadBalancerStatus",
    "Member",
    "PairGroup",
    "Protocol",
    "Scheduler",
    "Server",
    "ServerKind",
    "Side",
    "TrafficPolicy",
    "WeightedGroup",
    "default_group_id",
]


class LoadBalancerStatus(Enum):
    """INACTIVE: nothing is forwarded, everything stays configured."""

    ACTIVE = "active"
    INACTIVE = "inactive"


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
    status: LoadBalancerStatus = LoadBalancerStatus.ACTIVE
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_id("lb", self.lb_id)
        require_match("display_name", self.name, NAME)
        require_unicast("VIP", self.address)
        require(
            len(self.interface) <= 15,
            errors.InvalidInput,
            "an interface name has at most 15 characters",
            field="interface",
        )
        require_tags(self.tags)
