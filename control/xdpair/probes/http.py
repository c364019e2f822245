# SPDX-License-Identifier: Apache-2.0
"""HTTP: a server whose status code is of an accepted class is fit."""

from __future__ import annotations

import re
import socket
from asyncio import AbstractEventLoop, TimerHandle

from xdpair.core.model import HealthCheck
from xdpair.ports import ProbeTarget
from xdpair.probes.faults import PASSED, Verdict
from xdpair.probes.poller import READABLE, Poller
from xdpair.probes.probe import excerpt
from xdpair.probes.stream import FIN_ON_CLOSE, StreamProbe

_READ_BYTES = 4096
#: The status must be known within so much of an answer.
_MAX_HEAD_BYTES = 8192
#: How much of the rest is taken off the server's hands before it is cut off.
_MAX_REST_BYTES = 65_536

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?\r?\n")
_INTERIM_ANSWER = re.compile(rb"HTTP/1\.[01] 1(?:00|0[2-9]|[1-9][0-9])[ \r\n](?s:.*?)\r?\n\r?\n")
_BEGINNING = b"HTTP/1."


class NotHttpError(ValueError):
    """The server's answer is not an HTTP/1 answer."""


def status_code(head: bytes) -> int | None:
    """Read the final status code off the beginning of an answer, past interim ones (1xx).

    Returns:
        101 or 200 to 599, or None: more octets are needed.

    Raises:
        NotHttpError: no further octet can make it an answer.
    """
    begin = 0
    while interim := _INTERIM_ANSWER.match(head, begin):
        begin = interim.end()
    line = _STATUS_LINE.match(head, begin)
    if line is None:
        complete = b"\n" in head[begin:]
        if complete or not _BEGINNING.startswith(head[begin : begin + len(_BEGINNING)]):
            raise NotHttpError(f"not an HTTP answer: {excerpt(head[begin:])}")
        return None
    code = int(line[1])
    return code if code >= 200 or code == 101 else None


def request(check: HealthCheck, address: str, port: int) -> bytes:
    """Compose the GET. Without a host of its own, it names the server (RFC 9110 section 7.2)."""
    host = check.http_host or (address if port == 80 else f"{address}:{port}")
    return (
        f"GET {check.http_path} HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        "User-Agent: xdpair\r\n"
        "Accept: */*\r\n"
        "Connection: close\r\n\r\n"
    ).encode()


class HttpProbe(StreamProbe):
    """GET, and the class of the status; the body is nobody's business.

    The verdict falls with the status line. What the server still has to send is then read and
    thrown away for at most the timeout, so that it closes first: it gets no broken pipe, and we no
    TIME_WAIT. The next probe does not wait for that.
    """

    __slots__ = ("_codes", "_head", "_request", "_rest_bytes", "_rest_timer", "_timeout_s")

    def __init__(self, loop: AbstractEventLoop, poller: Poller, target: ProbeTarget) -> None:
        super().__init__(loop, poller, target)
        self._request = request(target.check, *self._destination)
        self._codes = target.check.http_codes
        self._timeout_s = target.check.timeout_ms / 1000
        self._head = b""
        self._rest_bytes = 0
        self._rest_timer: TimerHandle | None = None

    def abort(self) -> None:
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None
        super().abort()

    def _connected(self, sock: socket.socket) -> Verdict | None:
        self._head = b""
        sock.sendall(self._request)  # a few hundred octets always fit into a fresh socket
        self._wait(sock, READABLE, self._read_head)
        return None

    def _read_head(self, sock: socket.socket) -> Verdict | None:
        try:
            data = sock.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        self._head += data
        try:
            code = status_code(self._head)
        except NotHttpError as error:
            return str(error), False
        if code is not None:
            self._take_the_rest(sock)
            return PASSED if code // 100 in self._codes else (f"HTTP {code}", False)
        if not data:
            return "connection closed before an HTTP answer", False
        if len(self._head) >= _MAX_HEAD_BYTES:
            return f"no status in the first {_MAX_HEAD_BYTES} bytes", False
        return None

    def _conclude(self, verdict: Verdict) -> None:
        if self._rest_timer is None:
            self.abort()
        self.on_end(verdict)

    def _take_the_rest(self, sock: socket.socket) -> None:
        self._rest_bytes = 0
        self._wait(sock, READABLE, self._read_rest)
        self._rest_timer = self._loop.call_later(self._timeout_s, self.abort)

    def _read_rest(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(_READ_BYTES)
            self._rest_bytes += len(data)
            if not data:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, FIN_ON_CLOSE)
            if not data or self._rest_bytes > _MAX_REST_BYTES:
                self.abort()
        except BlockingIOError:
            return
        except OSError:  # the server has reset what nobody waits for any more
            self.abort()
