# SPDX-License-Identifier: Apache-2.0
"""Asking the kernel for routes: RTM_GETROUTE, many at a time."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from errno import EAGAIN, ENOBUFS, ENOMEM
from ipaddress import IPv4Address
from os import strerror
from socket import AF_INET
from typing import NamedTuple

from pyroute2.netlink.rtnl import RTM_GETROUTE, rt_type

from xdpair.net.bulk import Answer, BulkSocket, address_attribute, attributes
from xdpair.net.errors import NetlinkLost
from xdpair.net.neighbours import Hop

UNICAST = rt_type["unicast"]
OPERATION = "ask for routes"

#: struct rtmsg {family, dst_len, src_len, tos, table, protocol, scope, type; flags}.
_BODY = struct.Struct("=8BI")
_TYPE_OFFSET = 7
_QUESTION = _BODY.pack(AF_INET, 32, 0, 0, 0, 0, 0, 0, 0)
_WORD = struct.Struct("=I")
#: struct rta_cacheinfo {clntref, lastuse, expires, …}.
_CACHE_INFO = struct.Struct("=IIi")

#: enum rtattr_type_t of linux/rtnetlink.h.
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC, RTA_METRICS, RTA_CACHEINFO = 1, 4, 5, 7, 8, 12
RTA_VIA = 18
RTAX_MTU = 2

#: The kernel could not look; any other refusal (unreachable, prohibited, …) is an answer.
_NOT_AN_ANSWER = frozenset({EAGAIN, ENOBUFS, ENOMEM})


class Route(NamedTuple):
    """The kernel's answer for one address.

    Attributes:
        hop: the gateway, or the address itself where it is on the link.
        source: the address this host would use, as a number.
        mtu_bytes: set for the route by an administrator; 0: the link's.
    """

    hop: Hop
    source: int
    mtu_bytes: int


def look_up(socket: BulkSocket, addresses: Sequence[IPv4Address]) -> list[Route | None]:
    """The way to each address; None: no way to an IPv4 neighbour.

    Args:
        addresses: not more than ``bulk.BATCH``.

    Raises:
        NetlinkLost: the kernel did not say.
    """
    questions = [_QUESTION + address_attribute(RTA_DST, a.packed) for a in addresses]
    answers = socket.exchange(RTM_GETROUTE, 0, questions, OPERATION)
    return [_route_from(*pair) for pair in zip(answers, addresses, strict=True)]


def _route_from(answer: Answer, address: IPv4Address) -> Route | None:
    """None if it is no IPv4 neighbour (but local, broadcast, an IPv6 gateway)."""
    if isinstance(answer, int):
        if answer in _NOT_AN_ANSWER:
            raise NetlinkLost(OPERATION, "", OSError(answer, strerror(answer)))
        return None
    found = dict(attributes(answer, _BODY.size))
    if answer[_TYPE_OFFSET] != UNICAST or RTA_OIF not in found or RTA_VIA in found:
        return None
    (ifindex,) = _WORD.unpack(found[RTA_OIF])
    gateway = found.get(RTA_GATEWAY)
    return Route(
        hop=Hop(ifindex, int.from_bytes(gateway) if gateway else int(address)),
        source=int.from_bytes(found.get(RTA_PREFSRC, b"")),
        mtu_bytes=_configured_mtu(found),
    )


def _configured_mtu(found: dict[int, bytes]) -> int:
    metrics = found.get(RTA_METRICS)
    if metrics is None:
        return 0
    learnt = RTA_CACHEINFO in found and _CACHE_INFO.unpack_from(found[RTA_CACHEINFO])[2]
    if learnt:  # a path MTU that somebody's ICMP error told
        return 0
    mtu = dict(attributes(metrics, 0)).get(RTAX_MTU)
    return int(_WORD.unpack(mtu)[0]) if mtu else 0
