# SPDX-License-Identifier: Apache-2.0
"""A client that keeps connections open and tells what becomes of each, as a program.

``--mode hold`` asks for an answer that never comes, ``silent`` sends nothing at all, ``ask`` sends
a small request on every connection each ``--every-ms``.

Writes lines with ``n``, ``at`` (CLOCK_MONOTONIC seconds) and ``event``: ``opened``, ``answer``
(with ``side``) or ``ended`` (with ``how``: closed, reset, refused, timeout, ..., or ``kept``:
still open when the client was told to stop).
"""

import argparse
import errno
import socket
import sys
import time
from collections.abc import Callable
from typing import Final

from tests.lab import http_wire
from tests.lab.open_loop import arguments, error_word
from tests.lab.poller import READ, WRITE, Poller, Ticker
from tests.lab.results import ResultFile

_CHUNK: Final = 65536
_OPEN_HZ: Final = 200.0
_OPEN_AT_ONCE: Final = 10
_FLUSH_HZ: Final = 10.0


class Waiter:
    """One connection."""

    __slots__ = ("asked", "connected", "fd", "n", "received", "sock")

    def __init__(self, n: int) -> None:
        self.n = n
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.fd = self.sock.fileno()
        self.connected = False
        self.asked = False
        self.received = b""


class WaitingRoom:
    """The client."""

    def __init__(self, options: argparse.Namespace, poller: Poller) -> None:
        self._target = (options.address, options.port)
        self._count: int = options.connections
        self._poller = poller
        self._results = ResultFile(options.out)
        self._waiters: dict[int, Waiter] = {}
        self._opened = 0
        self._settled = 0  # open, or failed to
        self._mode: str = options.mode
        self._every_s: float = options.every_ms / 1000
        path = "/hold" if options.mode == "hold" else "/"
        self._request = http_wire.request(path, options.address, close=False)

    def run(self, duration_s: float | None) -> None:
        """Open the connections and wait until told to stop."""
        opener = self._every(1 / _OPEN_HZ, lambda: self._open_some(opener))
        self._every(1 / _FLUSH_HZ, self._results.flush)
        if self._mode == "ask":
            self._every(self._every_s, self._ask_all)
        if duration_s is None:
            self._poller.run()
        else:
            self._poller.run_for(duration_s)
        for waiter in list(self._waiters.values()):
            self._end(waiter, "kept")
        self._results.close()

    def _every(self, period_s: float, action: Callable[[], None]) -> Ticker:
        ticker = Ticker(1 / period_s)

        def tick(_events: int) -> None:
            ticker.due()
            action()

        self._poller.add(ticker.fileno(), READ, tick)
        return ticker

    def _open_some(self, opener: Ticker) -> None:
        for _ in range(min(_OPEN_AT_ONCE, self._count - self._opened)):
            self._open(Waiter(self._opened))
            self._opened += 1
        if self._opened == self._count:
            self._poller.remove(opener.fileno())
            opener.close()

    def _open(self, waiter: Waiter) -> None:
        self._waiters[waiter.n] = waiter
        code = waiter.sock.connect_ex(self._target)
        self._poller.add(waiter.fd, WRITE, lambda _: self._go_on(waiter))
        if code not in (0, errno.EINPROGRESS):
            self._end(waiter, error_word(code))

    def _go_on(self, waiter: Waiter) -> None:
        try:
            if waiter.connected:
                self._receive(waiter)
            else:
                self._connected(waiter)
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(waiter, error_word(error.errno))

    def _connected(self, waiter: Waiter) -> None:
        code = waiter.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._end(waiter, error_word(code))
            return
        waiter.connected = True
        self._note(waiter, "opened")
        self._poller.change(waiter.fd, READ)
        if self._mode != "silent":
            self._ask(waiter)
        self._settle_one()

    def _receive(self, waiter: Waiter) -> None:
        data = waiter.sock.recv(_CHUNK)
        if not data:
            self._end(waiter, "closed")
            return
        waiter.received += data
        answer = http_wire.complete_answer(waiter.received)
        if answer is not None:
            _, side, length = answer
            waiter.received = waiter.received[length:]
            waiter.asked = False
            self._note(waiter, "answer", side=side)

    def _ask(self, waiter: Waiter) -> None:
        if not waiter.asked:  # else the last answer is still to come
            waiter.asked = True
            waiter.sock.send(self._request)

    def _ask_all(self) -> None:
        for waiter in list(self._waiters.values()):
            if waiter.connected:
                try:
                    self._ask(waiter)
                except OSError as error:
                    self._end(waiter, error_word(error.errno))

    def _end(self, waiter: Waiter, how: str) -> None:
        self._note(waiter, "ended", how=how)
        del self._waiters[waiter.n]
        self._poller.remove(waiter.fd)
        waiter.sock.close()
        if not waiter.connected:
            self._settle_one()

    def _settle_one(self) -> None:
        self._settled += 1
        if self._settled == self._count:
            self._results.flush()
            sys.stdout.write("ready\n")
            sys.stdout.flush()

    def _note(self, waiter: Waiter, event: str, **more: str) -> None:
        self._results.write(n=waiter.n, at=time.monotonic(), event=event, **more)


def main() -> None:
    """Run the client."""
    parser = arguments("waiting")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--mode", choices=["hold", "silent", "ask"], default="hold")
    parser.add_argument("--every-ms", type=float, default=100.0)
    options = parser.parse_args()
    poller = Poller()
    poller.stop_on_signals()
    WaitingRoom(options, poller).run(options.duration_s)


if __name__ == "__main__":
    main()
