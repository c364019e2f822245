# SPDX-License-Identifier: Apache-2.0
"""Server groups: two servers of which one serves, or many that share by weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from xdpair.core import errors
from xdpair.core.rules import NAME, require, require_id, require_match, require_range, require_tags
from xdpair.core.servers import Member

MAX_MEMBERS = 2000

#: Ids under this prefix are those of default groups.
DEFAULT_GROUP_PREFIX = "rsp-default-"


class Side(IntEnum):
    """Which of the two servers; the number is the data plane's."""

    PRIMARY = 0
    SECONDARY = 1

    @property
    def other(self) -> Side:
        return Side(1 - self)


class FailoverScope(Enum):
    """Whether the listeners of a group fail over one by one (as in the SLB) or all together."""

    LISTENER = "listener"
    GROUP = "group"


class FailbackMode(Enum):
    AUTO = "auto"
    MANUAL = "manual"


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
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_group_id(self.group_id)
        require_match("display_name", self.name, NAME)
        require_ports(self.members)
        require(
            (self.primary.server_id, self.primary.port)
            != (self.secondary.server_id, self.secondary.port),
            errors.SameServerAndPort,
            "Backend servers have same port and serverId.",
            server=self.primary.server_id,
            port=self.primary.port,
        )
        require_tags(self.tags)

    @property
    def members(self) -> tuple[Member, ...]:
        """Both, by side."""
        return self.primary, self.secondary

    def member(self, side: Side) -> Member:
        return self.primary if side is Side.PRIMARY else self.secondary


@dataclass(frozen=True, slots=True)
class WeightedGroup:
    """Any number of servers that share new connections, as the listener's scheduler says."""

    group_id: str
    lb_id: str
    members: tuple[Member, ...] = ()
    name: str = ""
    create_time_s: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_group_id(self.group_id)
        require_match("display_name", self.name, NAME)
        require_ports(self.members)
        require_distinct(self.members)
        require_tags(self.tags)


@dataclass(frozen=True, slots=True)
class DefaultGroup:
    """The group that every load balancer has; its listeners say the port."""

    lb_id: str
    members: tuple[Member, ...] = ()
    create_time_s: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for member in self.members:
            require(
                member.port is None,
                errors.InvalidInput,
                "a server of the default group has no port: each listener says it",
                field="servers.port",
            )
        require_distinct(self.members)
        require_tags(self.tags)

    @property
    def group_id(self) -> str:
        return default_group_id(self.lb_id)

    @property
    def name(self) -> str:
        return ""


Group = PairGroup | WeightedGroup | DefaultGroup


def default_group_id(lb_id: str) -> str:
    """``lb-web`` -> ``rsp-default-web``."""
    return DEFAULT_GROUP_PREFIX + lb_id.removeprefix("lb-")


def require_group_id(group_id: str) -> None:
    """Raise ``InvalidInput`` for what users may not call a group."""
    require_id("rsp", group_id)
    require(
        not group_id.startswith(DEFAULT_GROUP_PREFIX),
        errors.InvalidInput,
        f"ids under {DEFAULT_GROUP_PREFIX} are those of default groups",
        field="server_group_id",
    )


def require_ports(members: tuple[Member, ...]) -> None:
    for member in members:
        require(
            member.port is not None,
            errors.ServerPortEmpty,
            "Backend server port can not empty.",
            server=member.server_id,
        )


def require_distinct(members: tuple[Member, ...]) -> None:
    """Raise ``TooManyServers``, or ``SameServerAndPort`` where one is named twice."""
    require(
        len(members) <= MAX_MEMBERS,
        errors.TooManyServers,
        f"a group has at most {MAX_MEMBERS} servers, not {len(members)}",
    )
    counts = Counter((member.server_id, member.port) for member in members)
    for (server_id, port), count in counts.items():
        require(
            count == 1,
            errors.SameServerAndPort,
            "Backend servers have same port and serverId.",
            server=server_id,
            port=port,
        )
