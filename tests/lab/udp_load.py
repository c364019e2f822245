# SPDX-License-Identifier: Apache-2.0
"""A client that sends datagrams at a fixed rate to an echo server, as a program.

Writes one line for each: ``n``, ``due``, ``start`` and ``end`` (CLOCK_MONOTONIC seconds), and
``side`` or ``error``: timeout (lost, or late), refused, unreachable, or an errno's name.
"""

import argparse
import socket
import struct
from collections.abc import Iterator
from typing import Final

from tests.lab.open_loop import OpenLoop, Request, error_word, load_arguments
from tests.lab.poller import ERROR, READ, Poller

_CHUNK: Final = 65536
_IP_RECVERR: Final = 11  # linux/in.h: ICMP errors, with the datagram they are about


class Datagram(Request):
    """One datagram and the socket it leaves from."""

    __slots__ = ("sock",)

    def __init__(self, n: int, due_s: float, sock: socket.socket) -> None:
        super().__init__(n, due_s)
        self.sock = sock


class UdpLoad(OpenLoop[Datagram]):
    """The client; it has one socket, or one for each datagram."""

    def __init__(self, options: argparse.Namespace, poller: Poller) -> None:
        super().__init__(options, poller)
        self._padding: int = options.size_bytes
        self._one_socket = None if options.new_sockets else self._open()

    def begin(self, n: int, due_s: float) -> Datagram:
        return Datagram(n, due_s, self._one_socket or self._open())

    def send(self, request: Datagram) -> None:
        payload = f"{request.n} ".encode().ljust(self._padding, b"x")
        try:
            request.sock.send(payload)
        except ConnectionRefusedError:  # an earlier datagram was; the error queue says which one
            request.sock.send(payload)

    def release(self, request: Datagram) -> None:
        if self._one_socket is None:
            self.poller.remove(request.sock.fileno())
            request.sock.close()

    def _open(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        sock.connect(self.target)
        self.poller.add(sock.fileno(), READ, lambda events: self._receive(sock, events))
        return sock

    def _receive(self, sock: socket.socket, events: int) -> None:
        if events & ERROR:
            for code, payload in list(_errors(sock)):
                self._settle(payload, error=error_word(code))
        while sock.fileno() >= 0:  # an answer closes a socket of its own
            try:
                side, _, payload = sock.recv(_CHUNK).partition(b" ")
            except OSError:  # nothing left, or an error that the queue above will tell of
                return
            self._settle(payload, side=side.decode())

    def _settle(self, payload: bytes, **how: str) -> None:
        n, _, _ = payload.partition(b" ")
        # An ICMP error may quote too little to tell which datagram it is about: an old one then.
        number = int(n) if n else next(iter(self.pending), None)
        request = self.pending.get(number) if number is not None else None
        if request is not None:  # else given up before
            self.finish(request, **how)


def _errors(sock: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Empty a socket's error queue: errno, and the payload of the datagram it is about."""
    while True:
        try:
            payload, control, _, _ = sock.recvmsg(_CHUNK, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return
        for level, kind, data in control:
            if (level, kind) == (socket.IPPROTO_IP, _IP_RECVERR):
                yield struct.unpack_from("=I", data)[0], payload  # struct sock_extended_err


def main() -> None:
    """Run the client."""
    parser = load_arguments("udp_load")
    parser.add_argument("--new-sockets", action="store_true", help="one for each datagram")
    parser.add_argument("--size-bytes", type=int, default=0, help="at least, of the payload")
    poller = Poller()
    poller.stop_on_signals()
    UdpLoad(parser.parse_args(), poller).run()


if __name__ == "__main__":
    main()
