# SPDX-License-Identifier: Apache-2.0
"""TCP: a server that completes the handshake is fit."""

from __future__ import annotations

import socket

from xdpair.probes.faults import PASSED, Verdict
from xdpair.probes.stream import StreamProbe


class TcpProbe(StreamProbe):
    """SYN, SYN-ACK, RST.

    The server's *kernel* answers: a stopped process whose listen queue has room passes for ever.
    HTTP, and UDP with an expected answer, ask the process itself.
    """

    __slots__ = ()

    def _connected(self, sock: socket.socket) -> Verdict | None:
        return PASSED
