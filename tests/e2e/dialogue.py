# SPDX-License-Identifier: Apache-2.0
"""Single connections and sockets of the lab's client, held by the test itself."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from tests.lab import http_wire
from tests.lab.lab import Lab
from tests.lab.topology import SERVICE_PORT

_CHUNK = 65536


class _Socket:
    """A connected socket; raises what the kernel raises."""

    def __init__(
        self, sock: socket.socket, address: str, port: int, source_port: int, timeout_s: float
    ) -> None:
        self.sock = sock
        try:
            self.sock.settimeout(timeout_s)
            if source_port:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.sock.bind(("", source_port))
            self.sock.connect((address, port))
        except BaseException:
            self.sock.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()


class Dialogue(_Socket):
    """One TCP connection of the client that stays open from question to question.

    Args:
        lab: None: the connection is of the namespace that the caller is in.
    """

    def __init__(
        self,
        lab: Lab | None,
        address: str,
        port: int = SERVICE_PORT,
        *,
        source_port: int = 0,
        timeout_s: float = 3.0,
    ) -> None:
        kind = socket.SOCK_STREAM
        sock = lab.client.socket(kind) if lab else socket.socket(socket.AF_INET, kind)
        super().__init__(sock, address, port, source_port, timeout_s)
        self._address = address

    def ask(self, path: str = "/") -> str:
        """The side that answers."""
        self.send(path)
        return self.answer()

    def send(self, path: str = "/") -> None:
        self.sock.sendall(http_wire.request(path, self._address, close=False))

    def answer(self) -> str:
        """Wait for an answer; raises ``ConnectionResetError`` and its like."""
        received = b""
        while (answer := http_wire.complete_answer(received)) is None:
            data = self.sock.recv(_CHUNK)
            if not data:
                raise ConnectionAbortedError("closed in the middle of an answer")
            received += data
        return answer[1]


class Datagrams(_Socket):
    """One UDP socket of the client, for as many datagrams as wanted."""

    def __init__(
        self,
        lab: Lab,
        address: str,
        port: int = SERVICE_PORT,
        *,
        source_port: int = 0,
        timeout_s: float = 2.0,
    ) -> None:
        sock = lab.client.socket(socket.SOCK_DGRAM)
        super().__init__(sock, address, port, source_port, timeout_s)

    def ask(self, payload: bytes = b"?") -> str:
        """The side that answers."""
        self.sock.send(payload)
        side, _, echo = self.sock.recv(_CHUNK).partition(b" ")
        assert echo == payload
        return side.decode()
