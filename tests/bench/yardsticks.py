# SPDX-License-Identifier: Apache-2.0
"""The rewriters that xdpair is compared with, each with one VIP for TCP and UDP."""

from __future__ import annotations

import ctypes
import sys
from ipaddress import IPv4Address

from tests.bench.frames import TCP, UDP, Endpoint
from tests.bench.programs import Program

#: Flows that B can hold: a million, and none of them evicted.
B_FLOWS = 1 << 20


class Yardstick(Program):
    """One of them, ready to forward.

    Args:
        source: its C file.
        function: the program in it.
        vip: what clients dial; its MAC becomes the source of forwarded frames.
        server: where everything goes.
    """

    def __init__(
        self, source: str, function: str, vip: Endpoint, server: Endpoint, **constants: int
    ) -> None:
        super().__init__(source, function, **constants)
        vips = self.table("vips")
        for protocol in (TCP, UDP):
            key = vips.Key(
                addr_be=address_be(vip.address), port_be=port_be(vip.port), proto=protocol
            )
            target = vips.Leaf(addr_be=address_be(server.address), port_be=port_be(server.port))
            target.dest_mac[:] = server.mac
            target.source_mac[:] = vip.mac
            vips[key] = target


class YardstickA(Yardstick):
    """One hash lookup, and the rewrite."""

    def __init__(self, vip: Endpoint, server: Endpoint) -> None:
        super().__init__("yardstick_a.c", "yardstick", vip, server)


class YardstickB(Yardstick):
    """A, and a flow table."""

    def __init__(self, vip: Endpoint, server: Endpoint) -> None:
        super().__init__("yardstick_b.c", "yardstick", vip, server, FLOWS=B_FLOWS)

    def misses(self) -> int:
        """Packets so far whose flow was not in the table."""
        return sum(self.table("misses")[0])


class MinimalRedirect(Yardstick):
    """A, with the server behind another interface.

    Made in the network namespace of that interface.

    Args:
        function: ``by_index`` or ``by_map``: how the packet gets there.
        ifindex: of the interface.
    """

    def __init__(self, function: str, vip: Endpoint, server: Endpoint, ifindex: int) -> None:
        super().__init__("redirect.c", function, vip, server, OUT_IFINDEX=ifindex)
        self.table("ways_out")[ctypes.c_int(0)] = ctypes.c_int(ifindex)


def address_be(address: IPv4Address) -> int:
    """The integer whose octets in this CPU's memory are the address in network order."""
    return int.from_bytes(address.packed, sys.byteorder)


def port_be(port: int) -> int:
    """The same for a port."""
    return int.from_bytes(port.to_bytes(2, "big"), sys.byteorder)
