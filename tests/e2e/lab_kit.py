# SPDX-License-Identifier: Apache-2.0
"""What tests of the lab share."""

import socket

from tests.lab.lab import Lab
from tests.lab.topology import Side

#: How long after a fault an answer given before it may still be on its way through busy processes.
IN_FLIGHT_S = 0.1


def ask_udp(lab: Lab, side: Side, port: int, payload: bytes) -> bytes:
    with lab.client.socket(socket.SOCK_DGRAM) as sock:
        sock.settimeout(2)
        sock.connect((lab.hosts[side].address, port))
        sock.send(payload)
        return sock.recv(65536)
