# SPDX-License-Identifier: Apache-2.0
"""Servers: what an id stands for, and what a group says of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.rules import (
    DESCRIPTION,
    SERVER_ID,
    require,
    require_match,
    require_tags,
    require_unicast,
)


class ServerKind(Enum):
    ECS = "ecs"
    ENI = "eni"
    ECI = "eci"


@dataclass(frozen=True, slots=True)
class Server:
    """One machine of the inventory: what a server id stands for."""

    server_id: str
    address: IPv4Address
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_server_id(self.server_id)
        require_match("description", self.description, DESCRIPTION)
        require_unicast("server address", self.address)
        require_tags(self.tags)


@dataclass(frozen=True, slots=True)
class Member:
    """One server of a group.

    Attributes:
        port: 1 to 65535; None in a default group, whose listeners say the port.
        weight: 0 to 100; 0 means no new connections.
        address: given with the server, or None: the inventory knows it.
    """

    server_id: str
    port: int | None
    weight: int = 100
    kind: ServerKind = ServerKind.ECS
    address: IPv4Address | None = None
    description: str = ""

    def __post_init__(self) -> None:
        require_server_id(self.server_id)
        require(
            self.port != 0,
            errors.ServerPortEmpty,
            "Backend server port can not empty.",
            server=self.server_id,
        )
        require(
            self.port is None or 1 <= self.port <= 65535,
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


def require_server_id(server_id: str) -> None:
    """Raise ``ServerIdEmpty`` or ``InvalidInput`` for what can not name a server."""
    require(bool(server_id), errors.ServerIdEmpty, "Backend server id can not empty.")
    require_match("server id", server_id, SERVER_ID)
