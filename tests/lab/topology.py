# SPDX-License-Identifier: Apache-2.0
"""The network of a lab, as data.

::

    client            balancer                         primary
    eth0 .10 ──────── front .1      to-primary .1 ──── eth0 .10        203.0.113.0/26
       198.51.100.0/24                                 secondary
       VIP .100             to-secondary .65 ───────── eth0 .74        203.0.113.64/26
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Role: TypeAlias = Literal["client", "balancer", "primary", "secondary"]
Side: TypeAlias = Literal["primary", "secondary"]

ROLES: Final[tuple[Role, ...]] = ("client", "balancer", "primary", "secondary")
SIDES: Final[tuple[Side, ...]] = ("primary", "secondary")

#: The virtual address clients dial; .101 to .199 are free for further ones.
VIP: Final = "198.51.100.100"

#: Both servers serve HTTP over TCP and echo over UDP on this port ...
SERVICE_PORT: Final = 80
#: ... and echo over TCP and UDP on this one.
ECHO_PORT: Final = 7


@dataclass(frozen=True, slots=True)
class Interface:
    """One end of a link; ``gateway`` is where the host's default route points."""

    role: Role
    name: str
    address: str
    prefix_len: int
    mac: str
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A veth pair between the balancer and another host."""

    balancer: Interface
    peer: Interface


LINKS: Final = (
    Link(
        Interface("balancer", "front", "198.51.100.1", 24, "02:00:00:00:01:01"),
        Interface("client", "eth0", "198.51.100.10", 24, "02:00:00:00:01:10", "198.51.100.1"),
    ),
    Link(
        Interface("balancer", "to-primary", "203.0.113.1", 26, "02:00:00:00:02:01"),
        Interface("primary", "eth0", "203.0.113.10", 26, "02:00:00:00:02:10", "203.0.113.1"),
    ),
    Link(
        Interface("balancer", "to-secondary", "203.0.113.65", 26, "02:00:00:00:03:01"),
        Interface("secondary", "eth0", "203.0.113.74", 26, "02:00:00:00:03:74", "203.0.113.65"),
    ),
)


def interfaces_of(role: Role) -> tuple[Interface, ...]:
    """The interfaces of a host: three of the balancer, one of any other."""
    ends = (end for link in LINKS for end in (link.balancer, link.peer))
    return tuple(end for end in ends if end.role == role)


def other(side: Side) -> Side:
    """The side that is not ``side``."""
    return "secondary" if side == "primary" else "primary"


@dataclass(frozen=True, slots=True)
class LabOptions:
    """What a lab is made of.

    Attributes:
        wire_like: turn off checksum and segmentation offloads and turn on GRO at every end, so
            that frames look as they do on a cable: complete checksums, at most ``mtu`` bytes.
            Without, the veth defaults remain: no frame redirected by XDP arrives.
        forwarding: the balancer's kernel forwards between its interfaces.
        servers: start the servers.
        vip_on_balancer: put the VIP on ``front``, for balancers that do not do it themselves.
        mtu: of every link, in bytes.
        icmp_unlimited: hosts answer every datagram to a closed port with ICMP port unreachable.
            By default Linux sends a burst of 6 to each peer, then one a second.
    """

    wire_like: bool = True
    forwarding: bool = True
    servers: bool = True
    vip_on_balancer: bool = False
    mtu: int = 1500
    icmp_unlimited: bool = False
