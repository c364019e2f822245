# SPDX-License-Identifier: Apache-2.0
"""What probes over TCP share: the connection."""

from __future__ import annotations

import socket
import struct
from abc import abstractmethod
from errno import ECONNREFUSED, EINPROGRESS

from xdpair.probes import faults
from xdpair.probes.faults import Verdict
from xdpair.probes.poller import WRITABLE
from xdpair.probes.probe import Probe

#: struct linger {on, seconds}: close() sends a RST and forgets the connection, or sends a FIN.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
FIN_ON_CLOSE = struct.pack("ii", 0, 0)


class StreamProbe(Probe):
    """Connects; what follows is the subclass's.

    *How it closes.* A FIN from us would leave a TIME_WAIT socket here for 60 s: 6,000 of them for
    one server probed every 10 ms, 600,000 for ten thousand servers probed every second. So close()
    resets.

    *Why applications do not log it.* With TCP_QUICKACK off, the kernel holds back the last ACK of
    the handshake for 200 ms, to send it with data. If the reset goes out first, the server's
    kernel never completes the connection, accept() never returns it, and there is no "connection
    reset by peer" in any log. A full listen queue still ignores the SYN, so it is still noticed.
    """

    __slots__ = ()

    kind = socket.SOCK_STREAM

    @abstractmethod
    def _connected(self, sock: socket.socket) -> Verdict | None:
        """The server's kernel has agreed."""

    def _launch(self, sock: socket.socket) -> Verdict | None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        fault = sock.connect_ex(self._destination)
        if fault == EINPROGRESS:
            self._wait(sock, WRITABLE, self._concluded)
            return None
        return self._judge(sock, fault)

    def _concluded(self, sock: socket.socket) -> Verdict | None:
        return self._judge(sock, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _judge(self, sock: socket.socket, fault: int) -> Verdict | None:
        # A port of this very host that nobody listens on can be given to us as the source port:
        # then TCP's simultaneous open connects the socket to itself.
        if not fault and sock.getsockname() == self._destination:
            fault = ECONNREFUSED
        return faults.verdict(fault) if fault else self._connected(sock)
