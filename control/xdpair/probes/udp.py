# SPDX-License-Identifier: Apache-2.0
"""UDP: with an expected answer only that one counts; without, silence is success."""

from __future__ import annotations

import socket
from asyncio import AbstractEventLoop

from xdpair.ports import ProbeTarget
from xdpair.probes.faults import PASSED, Verdict
from xdpair.probes.poller import READABLE, Poller
from xdpair.probes.probe import Probe, excerpt

#: Sent when no request is configured. Not an empty datagram: recv() returns 0 for one, which many
#: a service takes for the end of its input.
_NO_REQUEST = b"\0"
#: Enough of a wrong answer to show it.
_MIN_READ_BYTES = 64

#: From linux/in.h; Python's socket module lacks it. With it, the kernel reports "host unreachable"
#: and its like, too, not only "port unreachable".
_IP_RECVERR = 11

# Linux limits what it says about unreachable ports: six messages at once, then one a second to
# each host (icmp_ratelimit). Measured on a dead port probed every 10 ms: x x x x x x, then 99
# silences, x, 99 silences, x.
_ICMP_PERIOD_S = 1.0
_ICMP_MARGIN_S = 0.25
_PORT_UNREACHABLE: Verdict = ("port unreachable", False)
_STILL_UNREACHABLE: Verdict = ("silent, and its port was unreachable a moment ago", False)


def refusal_lasts_s(interval_s: float) -> float:
    """How long one "port unreachable" makes silence worthless, in seconds.

    Silence within that time may be the server's ICMP rate limit; counted as success, it would
    bring a dead server back between two of its refusals. 0 if each probe gets its own answer.
    """
    return _ICMP_PERIOD_S + interval_s + _ICMP_MARGIN_S if interval_s < _ICMP_PERIOD_S else 0.0


class UdpProbe(Probe):
    """One datagram, each time from a new socket, so that a late answer never meets the next probe.

    Without an expected answer, any answer is a pass, ICMP unreachable a failure, and silence for
    the whole timeout a pass. A host that vanished is silent, too: only an expected answer tells,
    or a timeout longer than the kernel asks for its MAC (3 s).
    """

    __slots__ = ("_expected", "_read_bytes", "_refusal_lasts_s", "_refused_until_s", "_request")

    kind = socket.SOCK_DGRAM

    def __init__(self, loop: AbstractEventLoop, poller: Poller, target: ProbeTarget) -> None:
        super().__init__(loop, poller, target)
        check = target.check
        self._request = check.udp_request or _NO_REQUEST
        self._expected = check.udp_expected
        self._read_bytes = max(len(self._expected) + 1, _MIN_READ_BYTES)
        self._refusal_lasts_s = refusal_lasts_s(check.interval_ms / 1000)
        self._refused_until_s = 0.0

    def expire(self) -> None:
        if self._expected:
            self._conclude(self._timed_out)
        elif self._loop.time() < self._refused_until_s:
            self._conclude(_STILL_UNREACHABLE)
        else:
            self._conclude(PASSED)

    def _launch(self, sock: socket.socket) -> Verdict | None:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        sock.connect(self._destination)
        sock.send(self._request)
        if self._device:
            # The way out is taken; "nobody answers ARP" comes back from this very kernel, by lo.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"")
        self._wait(sock, READABLE, self._answered)
        return None

    def _answered(self, sock: socket.socket) -> Verdict | None:
        try:
            answer = sock.recv(self._read_bytes)
        except BlockingIOError:  # woken by a datagram whose checksum turned out wrong
            return None
        except ConnectionRefusedError:
            self._refused_until_s = self._loop.time() + self._refusal_lasts_s
            return _PORT_UNREACHABLE
        self._refused_until_s = 0.0
        if not self._expected or answer == self._expected:
            return PASSED
        return f"unexpected answer {excerpt(answer)}", False
