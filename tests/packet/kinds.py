# SPDX-License-Identifier: Apache-2.0
"""One frame of every kind that the program has to tell apart."""

from __future__ import annotations

from tests.packet.balancer import Balancer
from tests.packet.frames import ECHO, FRAGMENTATION_NEEDED, MF, SYN, UNREACHABLE, Icmp, Packet
from tests.packet.world import (
    CLIENT,
    FROM_CLIENT,
    PRIMARY,
    WEB,
    from_dns,
    from_web,
    to_dns,
    to_web,
)

EVERY_KIND: dict[str, Packet] = {
    "SYN": to_web(flags=SYN, options=b"\x02\x04\x05\xb4"),
    "segment": to_web(payload=b"GET / HTTP/1.1\r\n\r\n", ip_options=b"\x01" * 8),
    "datagram": to_dns(payload=b"question"),
    "answer segment": from_web(payload=b"HTTP/1.1 200 OK\r\n\r\n"),
    "answer datagram": from_dns(payload=b"answer"),
    "echo": Icmp(hop=FROM_CLIENT, source=CLIENT, dest=WEB, kind=ECHO, body=bytes(range(32))),
    "error to server": Icmp(
        hop=FROM_CLIENT,
        source=CLIENT,
        dest=WEB,
        kind=UNREACHABLE,
        code=FRAGMENTATION_NEEDED,
        rest=1400,
        body=from_web(source=WEB, payload=bytes(40)).quote(28),
    ),
    "error to client": Icmp(
        hop=from_dns().hop,
        source=PRIMARY,
        dest=CLIENT,
        kind=UNREACHABLE,
        code=3,
        body=to_dns(dest=PRIMARY, ip_options=b"\x01" * 4).quote(),
    ),
    "fragment": to_dns(payload=bytes(64), frag=MF),
}


def make_flows(balancer: Balancer) -> None:
    """So that answers and errors have something to belong to."""
    for sent in (to_web(flags=SYN), to_web(), to_dns()):
        balancer.run(sent)
