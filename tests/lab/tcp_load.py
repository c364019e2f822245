# SPDX-License-Identifier: Apache-2.0
"""A client that opens connections at a fixed rate, each for one small HTTP request, as a program.

Writes one line for each: ``n``, ``due``, ``start`` and ``end`` (CLOCK_MONOTONIC seconds), and
``side`` or ``error``: refused, reset, timeout, unreachable, closed (before a whole answer),
``status-NNN`` (not 200), or an errno's name.
"""

import argparse
import errno
import os
import socket
from typing import Final

from tests.lab import http_wire
from tests.lab.open_loop import OpenLoop, Request, error_word, load_arguments
from tests.lab.poller import READ, WRITE, Poller

_CHUNK: Final = 65536


class Exchange(Request):
    """One connection with its request."""

    __slots__ = ("connected", "fd", "received", "sock")

    def __init__(self, n: int, due_s: float) -> None:
        super().__init__(n, due_s)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.fd = self.sock.fileno()
        self.connected = False
        self.received = b""


class TcpLoad(OpenLoop[Exchange]):
    """The client."""

    def __init__(self, options: argparse.Namespace, poller: Poller) -> None:
        super().__init__(options, poller)
        self._request = http_wire.request(options.path, options.address, close=True)

    def begin(self, n: int, due_s: float) -> Exchange:
        return Exchange(n, due_s)

    def send(self, request: Exchange) -> None:
        code = request.sock.connect_ex(self.target)
        self.poller.add(request.fd, WRITE, lambda _: self._go_on(request))
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))

    def release(self, request: Exchange) -> None:
        self.poller.remove(request.fd)
        request.sock.close()

    def _go_on(self, exchange: Exchange) -> None:
        try:
            if exchange.connected:
                self._receive(exchange)
            else:
                self._connected(exchange)
        except BlockingIOError:
            pass
        except OSError as error:
            self.finish(exchange, error=error_word(error.errno))

    def _connected(self, exchange: Exchange) -> None:
        exchange.connected = True
        exchange.sock.send(self._request)  # raises what became of the connection
        self.poller.change(exchange.fd, READ)

    def _receive(self, exchange: Exchange) -> None:
        data = exchange.sock.recv(_CHUNK)
        exchange.received += data
        answer = http_wire.complete_answer(exchange.received)
        if answer is None:
            if not data:
                self.finish(exchange, error="closed")
            return
        status, side, _ = answer
        if status == http_wire.OK:
            self.finish(exchange, side=side)
        else:
            self.finish(exchange, error=f"status-{status}")


def main() -> None:
    """Run the client."""
    parser = load_arguments("tcp_load")
    parser.add_argument("--path", default="/")
    poller = Poller()
    poller.stop_on_signals()
    TcpLoad(parser.parse_args(), poller).run()


if __name__ == "__main__":
    main()
