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
    """A connected socket of the client; raises what the kernel raises."""

    def __init__(
        self,
        lab: Lab,
        kind: socket.SocketKind,
        address: str,
        port: int,
        source_port: int,
        timeout_s: float,
    ) -> None:
        self.sock = lab.client.socket(kind)
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
    """One TCP connection that stays open from question to question."""

    def __init__(
        self,
        lab: Lab,
        address: str,
        port: int = SERVICE_PORT,
        *,
        source_port: int = 0,
        timeout_s: float = 3.0,
    ) -> None:
        super().__init__(lab, socket.SOCK_STREAM, address, port, source_port, timeout_s)
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

    def reset_on_close(self) -> None:
        """Leave nothing behind: its port is free at once."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


class Datagrams(_Socket):
    """One UDP socket, for as many datagrams as wanted."""

    def __init__(
        self,
        lab: Lab,
        address: str,
        port: int = SERVICE_PORT,
        *,
        source_port: int = 0,
        timeout_s: float = 2.0,
    ) -> None:
        super().__init__(lab, socket.SOCK_DGRAM, address, port, source_port, timeout_s)

    def ask(self, payload: bytes = b"?") -> str:
        """The side that answers."""
        self.sock.send(payload)
        side, _, echo = self.sock.recv(_CHUNK).partition(b" ")
        assert echo == payload
        return side.decode()
