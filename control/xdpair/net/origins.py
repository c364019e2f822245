# SPDX-License-Identifier: Apache-2.0
"""Where packets from an address come in, if they come by the way that answers to it go."""

from __future__ import annotations

from ipaddress import IPv4Address
from socket import AF_INET

from pyroute2.netlink.rtnl import RTM_GETNEIGH, RTM_NEWNEIGH

from xdpair.core.explain_facts import Origin
from xdpair.net.bulk import BulkSocket, address_attribute
from xdpair.net.lookups import look_up
from xdpair.net.neighbours import BODY, NDA_DST, Hop, NeighbourTable


def find_origin(address: IPv4Address) -> Origin | None:
    """Ask the kernel, for any address, watched or not. Nothing changes: no neighbour is looked for.

    Returns:
        None if there is no way to an IPv4 neighbour.

    Raises:
        NetlinkLost: the kernel did not say.
    """
    socket = BulkSocket()
    try:
        (route,) = look_up(socket, [address])
        if route is None:
            return None
        return Origin(route.hop.ifindex, _mac(socket, route.hop))
    finally:
        socket.close()


def _mac(socket: BulkSocket, hop: Hop) -> bytes | None:
    question = BODY.pack(AF_INET, hop.ifindex, 0, 0, 0)
    question += address_attribute(NDA_DST, hop.address.packed)
    (answer,) = socket.exchange(RTM_GETNEIGH, 0, [question], "ask for a neighbour")
    table = NeighbourTable()
    if isinstance(answer, bytes):
        table.apply(RTM_NEWNEIGH, answer)
    return table.mac(hop)
