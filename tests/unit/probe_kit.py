# SPDX-License-Identifier: Apache-2.0
"""For tests of probes: a loop whose time jumps, and servers to probe. All sockets are real."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from ipaddress import IPv4Address
from typing import cast

from xdpair.core.model import CheckKind, HealthCheck
from xdpair.ports import ProbeResult, ProbeTarget

LOCALHOST = IPv4Address("127.0.0.1")
NS_PER_MS = 1_000_000

#: Over loopback an answer is there as soon as the question is sent, but for a busy ksoftirqd.
_GRACE_S = 0.001


class _JumpingSelector(selectors.EpollSelector):
    """Never waits: when no socket is ready, the time is the next timer's."""

    now_s = 1000.0
    grace_s = _GRACE_S

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, selectors._EventMask]]:
        jump_s = 0.0 if timeout is None else max(timeout, 0.0)
        ready = super().select(self.grace_s if jump_s or timeout is None else 0)
        if not ready:
            assert timeout is not None, "nothing would ever happen again"
            self.now_s += jump_s
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in which hours pass in an instant and no timer is ever late.

    What callbacks raise fails the test when the loop is closed.

    Args:
        grace_s: real time that answers are given to arrive before time jumps on.
    """

    def __init__(self, grace_s: float = _GRACE_S) -> None:
        self._jumping = _JumpingSelector()
        self._jumping.grace_s = grace_s
        self.raised: list[BaseException] = []
        super().__init__(self._jumping)
        self.set_exception_handler(lambda _, context: self.raised.append(context["exception"]))

    def time(self) -> float:
        return self._jumping.now_s

    def close(self) -> None:
        super().close()
        assert not self.raised

    def take_raised(self) -> list[BaseException]:
        """What callbacks have raised; whoever takes it says that it was expected."""
        raised, self.raised = self.raised, []
        return raised

    def now_ns(self) -> int:
        return round(self.time() * 1e9)

    def run_for(self, duration_s: float) -> None:
        self.run_until_complete(asyncio.sleep(duration_s))

    def settle(self) -> None:
        """Let what is under way happen, without time passing."""
        for _ in range(5):
            self.run_until_complete(asyncio.sleep(0))

    def stall(self, duration_s: float) -> None:
        """As if this process had stood still for so long."""
        self._jumping.now_s += duration_s


class Results(list[ProbeResult]):
    """Collects what a scheduler reports."""

    @property
    def errors(self) -> list[str]:
        return [result.error for result in self]

    def starts_ms(self, origin_ns: int) -> list[float]:
        """When the probes started, in ms after ``origin_ns``, rounded to microseconds."""
        return [round((result.started_ns - origin_ns) / NS_PER_MS, 3) for result in self]


def target(port: int, check: HealthCheck, interface: str | None = None) -> ProbeTarget:
    return ProbeTarget(LOCALHOST, port, check, interface)


def tcp(interval_ms: int = 10, timeout_ms: int = 10) -> HealthCheck:
    return HealthCheck(CheckKind.TCP, interval_ms=interval_ms, timeout_ms=timeout_ms)


def http(interval_ms: int = 10, timeout_ms: int = 10, codes: tuple[int, ...] = (2,)) -> HealthCheck:
    return HealthCheck(
        CheckKind.HTTP,
        interval_ms=interval_ms,
        timeout_ms=timeout_ms,
        http_path="/healthz",
        http_codes=frozenset(codes),
    )


def udp(
    interval_ms: int = 10, timeout_ms: int = 10, request: bytes = b"", expected: bytes = b""
) -> HealthCheck:
    return HealthCheck(
        CheckKind.UDP,
        interval_ms=interval_ms,
        timeout_ms=timeout_ms,
        udp_request=request,
        udp_expected=expected,
    )


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


@contextmanager
def listening(backlog: int = 100) -> Iterator[socket.socket]:
    """A port that the kernel answers for; nobody accepts."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=backlog)) as server:
        server.setblocking(False)
        yield server


@contextmanager
def ignoring() -> Iterator[int]:
    """A TCP port that drops every SYN: its listen queue has room for one, and that one is there."""
    with listening(backlog=0) as server, closing(socket.create_connection(server.getsockname())):
        yield port_of(server)


@contextmanager
def refusing() -> Iterator[int]:
    """A TCP port that is taken, so that nobody can listen on it."""
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        yield port_of(sock)


@contextmanager
def silent_udp() -> Iterator[socket.socket]:
    """A UDP port that takes datagrams and says nothing."""
    with closing(socket.socket(type=socket.SOCK_DGRAM)) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


@contextmanager
def unreachable_udp() -> Iterator[socket.socket]:
    """A UDP port that is taken, by a socket that hears one other only: ICMP port unreachable."""
    with silent_udp() as sock:
        sock.connect(("127.0.0.1", 9))
        yield sock


@contextmanager
def http_server(
    loop: JumpingLoop,
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> Iterator[int]:
    """Call ``serve`` after each request's head; what that raises ends up in ``loop.raised``."""
    open_connections: list[tuple[asyncio.Task[None] | None, asyncio.StreamWriter]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_connections.append((asyncio.current_task(), writer))
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            loop.raised.append(error)
        finally:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(handle, "127.0.0.1", 0))
    try:
        yield port_of(server.sockets[0])
    finally:
        loop.settle()  # connections already accepted reach their handlers
        server.close()
        for task, writer in open_connections:
            assert task is not None
            task.cancel()
            writer.transport.abort()
        loop.run_until_complete(server.wait_closed())
        loop.settle()


class Answering(asyncio.DatagramProtocol):
    """A UDP server with one answer for everything."""

    def __init__(self, loop: JumpingLoop, answer: bytes, delay_s: float) -> None:
        self._loop = loop
        self._answer = answer
        self._delay_s = delay_s
        self.heard: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)
        self._loop.call_later(self._delay_s, self._transport.sendto, self._answer, addr)


@contextmanager
def udp_server(
    loop: JumpingLoop, answer: bytes, *, delay_s: float = 0.0
) -> Iterator[tuple[int, Answering]]:
    transport, server = loop.run_until_complete(
        loop.create_datagram_endpoint(
            lambda: Answering(loop, answer, delay_s), local_addr=("127.0.0.1", 0)
        )
    )
    try:
        yield transport.get_extra_info("sockname")[1], server
    finally:
        transport.close()
        loop.settle()
