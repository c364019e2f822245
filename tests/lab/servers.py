# SPDX-License-Identifier: Apache-2.0
"""The servers of one side, as a program: HTTP and echo, over TCP and UDP.

On the service port TCP speaks HTTP and UDP answers ``SIDE PAYLOAD``; the echo port answers
``SIDE PAYLOAD`` over UDP and sends back what it gets over TCP. HTTP paths:

``/hold``
    never answers, and keeps the connection open.
``/bytes/N``
    answers with N bytes.
any other
    answers with the side's name.

A request's body, if any, is read to its end first. While the control file holds a number, that
is the status of every HTTP answer.
"""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from tests.lab import http_wire
from tests.lab.poller import READ, WRITE, Poller

_BACKLOG: Final = 4096
_BATCH: Final = 64
_CHUNK: Final = 65536


class Stream(Protocol):
    """What is spoken over a TCP connection."""

    def received(self, data: bytes) -> bytes:
        """Take what came in, return what goes out."""

    def closing(self) -> bool:
        """Whether to close when everything has gone out."""


class Http:
    """HTTP as the module's docstring says."""

    def __init__(self, side: str, forced_status: Callable[[], int | None]) -> None:
        self._side = side
        self._forced_status = forced_status
        self._buffer = b""
        self._head = b""
        self._body_left = 0  # of the request whose head is known
        self._closing = False

    def closing(self) -> bool:
        return self._closing

    def received(self, data: bytes) -> bytes:
        self._buffer += data
        answers = b""
        while not self._closing and self._take_request():
            answers += self._answer()
        return answers

    def _take_request(self) -> bool:
        """Take one request, its body included, from the buffer."""
        if not self._head:
            self._head, end, rest = self._buffer.partition(http_wire.END_OF_HEAD)
            if not end:
                self._head = b""
                return False
            self._buffer = rest
            self._body_left = http_wire.content_length(self._head)
        taken = min(self._body_left, len(self._buffer))
        self._buffer = self._buffer[taken:]
        self._body_left -= taken
        return self._body_left == 0

    def _answer(self) -> bytes:
        head, self._head = self._head, b""
        words = head.split(b" ", 2)
        path = words[1].decode() if len(words) == 3 else ""
        if path == "/hold":
            return b""
        self._closing = (
            http_wire.header(head, b"connection").lower() == b"close" or b" HTTP/1.0" in head
        )
        status = self._forced_status() or 200
        body = f"{self._side}\n".encode()
        if path.startswith("/bytes/"):
            body = b"x" * int(path.removeprefix("/bytes/"))
        return http_wire.response(status, self._side, body, close=self._closing)


class Echo:
    """Sends back what it gets."""

    def received(self, data: bytes) -> bytes:
        return data

    def closing(self) -> bool:
        return False


class Connection:
    """A TCP connection; it reads no more while the peer does not take its answers."""

    def __init__(self, poller: Poller, sock: socket.socket, stream: Stream) -> None:
        self._poller = poller
        self._socket = sock
        self._stream = stream
        self._out = memoryview(b"")
        self._blocked = False  # waits until the peer takes more
        poller.add(sock.fileno(), READ, self._on_event)

    def _on_event(self, _events: int) -> None:
        try:
            if not self._blocked:
                data = self._socket.recv(_CHUNK)
                if not data:
                    self._close()
                    return
                self._out = memoryview(self._stream.received(data))
            if self._out:
                self._send()
        except (OSError, ValueError):  # the peer went away, or speaks something else
            self._close()

    def _send(self) -> None:
        with suppress(BlockingIOError):
            self._out = self._out[self._socket.send(self._out) :]
        blocked = len(self._out) > 0
        if not blocked and self._stream.closing():
            self._close()
        elif blocked is not self._blocked:
            self._blocked = blocked
            self._poller.change(self._socket.fileno(), WRITE if blocked else READ)

    def _close(self) -> None:
        self._poller.remove(self._socket.fileno())
        self._socket.close()


def serve_tcp(poller: Poller, port: int, new_stream: Callable[[], Stream]) -> None:
    """Accept connections on a port."""
    listener = socket.create_server(("", port), backlog=_BACKLOG)
    listener.setblocking(False)

    def accept(_events: int) -> None:
        with suppress(OSError):  # no more waiting, or gone before it was accepted
            for _ in range(_BATCH):
                sock, _ = listener.accept()
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Connection(poller, sock, new_stream())

    poller.add(listener.fileno(), READ, accept)


def serve_udp(poller: Poller, port: int, side: str) -> None:
    """Answer datagrams on a port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("", port))
    prefix = f"{side} ".encode()

    def answer(_events: int) -> None:
        with suppress(OSError):  # no more waiting, or no way back
            for _ in range(_BATCH):
                data, sender = sock.recvfrom(_CHUNK)
                sock.sendto(prefix + data, sender)

    poller.add(sock.fileno(), READ, answer)


def status_in(control: str) -> int | None:
    """The status that the control file asks for, if any."""
    try:
        fd = os.open(control, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return int(os.read(fd, 16) or 0) or None
    finally:
        os.close(fd)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="tests.lab.servers")
    parser.add_argument("side")
    parser.add_argument("--service-port", type=int, required=True)
    parser.add_argument("--echo-port", type=int, required=True)
    parser.add_argument("--control", required=True)
    options = parser.parse_args()

    poller = Poller()
    poller.stop_on_signals()
    serve_tcp(
        poller,
        options.service_port,
        lambda: Http(options.side, lambda: status_in(options.control)),
    )
    serve_tcp(poller, options.echo_port, Echo)
    for port in (options.service_port, options.echo_port):
        serve_udp(poller, port, options.side)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    poller.run()


if __name__ == "__main__":
    main()
