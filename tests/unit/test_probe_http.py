# SPDX-License-Identifier: Apache-2.0
"""HTTP probes: reading a status code, and real servers of all manners."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from random import Random

import pytest

from tests.unit.probe_kit import JumpingLoop, Results, http, http_server, target
from xdpair.core.model import CheckKind, HealthCheck
from xdpair.probes import ProbeScheduler
from xdpair.probes.http import NotHttpError, request, status_code

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    ("head", "code"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", 200, id="plain"),
        pytest.param(b"HTTP/1.0 404 Not Found\r\n", 404, id="HTTP/1.0"),
        pytest.param(b"HTTP/1.1 204\r\n", 204, id="no reason, no space"),
        pytest.param(b"HTTP/1.1 204 \r\n", 204, id="empty reason"),
        pytest.param(b"HTTP/1.1 599 \xff\xfe\n", 599, id="bare LF, reason not ASCII"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n", 101, id="101 is final"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 200, id="100, then 200"),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 500 \r\n",
            500,
            id="two interim answers",
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", None, id="only an interim answer"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n", None, id="interim, incomplete"),
        pytest.param(b"", None, id="nothing yet"),
    ],
)
def test_status_code(head: bytes, code: int | None) -> None:
    assert status_code(head) == code


def test_a_status_line_may_arrive_octet_by_octet() -> None:
    line = b"HTTP/1.1 503 Service Unavailable\r\n"
    assert [status_code(line[:n]) for n in range(len(line))] == [None] * len(line)
    assert status_code(line) == 503


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/2 200\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 099 Odd\r\n",
        b"HTTP/1.1 600 Odd\r\n",
        b"HTTP/1.1 OK\r\n",
        b"HTTP/1.1200 OK\r\n",
        b"http/1.1 200 ok\r\n",
        b" HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nnonsense",
        b"\n",
    ],
)
def test_what_is_not_http_is_known_at_once(head: bytes) -> None:
    with pytest.raises(NotHttpError, match=r"not an HTTP answer: b['\"]"):
        status_code(head)


@pytest.mark.parametrize(
    ("host", "port", "header"),
    [
        ("", 80, b"192.0.2.1"),
        ("", 8080, b"192.0.2.1:8080"),
        ("www.example.com", 8080, b"www.example.com"),
    ],
)
def test_request(host: str, port: int, header: bytes) -> None:
    check = HealthCheck(CheckKind.HTTP, http_path="/up?a=b", http_host=host)
    assert request(check, "192.0.2.1", port) == (
        b"GET /up?a=b HTTP/1.1\r\nHost: " + header + b"\r\n"
        b"User-Agent: xdpair\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )


@pytest.fixture
def loop() -> Iterator[JumpingLoop]:
    with closing(JumpingLoop()) as loop:
        yield loop


def probe(loop: JumpingLoop, serve: Serve, check: HealthCheck, *, run_s: float = 0.2) -> Results:
    results, scheduler = Results(), ProbeScheduler(loop, rng=Random(1))
    with http_server(loop, serve) as port:
        scheduler.start("a", target(port, check), results.append, first_now=True)
        loop.run_for(run_s)
        scheduler.stop_all()
        loop.run_for(1.0)
    return results


def answering(*pieces: bytes, every_s: float = 0.0) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(every_s)

    return serve


@pytest.mark.parametrize(
    ("answer", "codes", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", (2,), ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", (2, 3), ""),
        (b"HTTP/1.1 302 Found\r\n\r\n", (2,), "HTTP 302"),
        (b"HTTP/1.1 500 Oops\r\n\r\n", (2, 3), "HTTP 500"),
        (b"HTTP/1.1 500 Oops\r\n\r\n", (5,), ""),
        (b"220 smtp\r\n", (2,), r"not an HTTP answer: b'220 smtp\r\n'"),
        (b"", (2,), "connection closed before an HTTP answer"),
        (b"HTTP/1.1 2", (2,), "connection closed before an HTTP answer"),
        (b"HTTP/1.1 200 " + b"x" * 9000, (2,), "no status in the first 8192 bytes"),
    ],
)
def test_answers(loop: JumpingLoop, answer: bytes, codes: tuple[int, ...], error: str) -> None:
    results = probe(loop, answering(answer), http(1000, 50, codes))
    assert results.errors == [error]
    assert results[0].passed == (not error)
    assert not results[0].local_fault


def test_a_server_that_says_nothing_in_time(loop: JumpingLoop) -> None:
    async def sleep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.06)

    assert probe(loop, sleep, http(1000, 50)).errors == ["timed out after 50 ms"]


def test_a_status_line_that_drips(loop: JumpingLoop) -> None:
    line = [bytes([octet]) for octet in b"HTTP/1.1 200 OK\r\n\r\n"]
    results = probe(loop, answering(*line, every_s=0.002), http(1000, 50))
    assert results.errors == [""]
    results = probe(loop, answering(*line, every_s=0.004), http(1000, 50))
    assert results.errors == ["timed out after 50 ms"]
    assert [type(error) for error in loop.take_raised()] == [ConnectionResetError]


def test_a_server_that_resets(loop: JumpingLoop) -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import socket

        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
        )
        writer.close()

    assert probe(loop, reset, http(1000, 50)).errors == ["connection reset by the server"]


def test_the_server_may_finish_its_answer_and_closes_first(loop: JumpingLoop) -> None:
    closed_by_us = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n")
        for _packet in range(3):
            await asyncio.sleep(0.005)
            writer.write(b"x" * 1000)
            await writer.drain()
        closed_by_us.append(writer.is_closing())

    results = probe(loop, serve, http(1000, 50))
    assert results.errors == [""]
    assert results[0].ended_ns - results[0].started_ns < 1_000_000  # at the status line
    assert closed_by_us == [False]


def test_a_server_that_waits_for_our_end_gets_no_reset(loop: JumpingLoop) -> None:
    ends = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.write_eof()
        ends.append(await reader.read())

    assert probe(loop, serve, http(1000, 50)).errors == [""]
    assert ends == [b""]


def test_each_probe_reads_its_own_answer(loop: JumpingLoop) -> None:
    codes = iter([b"200", b"500", b"404", b"204"])

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 " + next(codes) + b" \r\n\r\n")

    results = probe(loop, serve, http(10, 10), run_s=0.0305)
    assert results.errors == ["", "HTTP 500", "HTTP 404", ""]


def test_the_rest_of_one_answer_has_no_hold_on_the_next_probe(loop: JumpingLoop) -> None:
    """The first answer's rest may come until 50 ms; the second answer comes from 30 to 75 ms."""
    delays_s = iter([0.0, 0.045, 1.0])

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(next(delays_s))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.sleep(0.2)

    assert probe(loop, serve, http(30, 50), run_s=0.0855).errors == ["", ""]


def test_an_endless_body_is_cut_off(loop: JumpingLoop) -> None:
    sent = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 1000)
            sent.append(1000)
            await writer.drain()
            await asyncio.sleep(0.001)

    assert probe(loop, serve, http(1000, 1000), run_s=0.9).errors == [""]
    assert 65_000 < sum(sent) < 75_000
    assert [type(error) for error in loop.take_raised()] == [ConnectionResetError]


def test_a_body_that_outlasts_the_timeout_is_cut_off(loop: JumpingLoop) -> None:
    ended_s = []

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            ended_s.append(loop.time())

    begun_s = loop.time()
    assert probe(loop, serve, http(1000, 50), run_s=0.9).errors == [""]
    assert ended_s[0] - begun_s == pytest.approx(0.055, abs=0.01)
    assert [type(error) for error in loop.take_raised()] == [ConnectionResetError]


def test_the_next_probe_does_not_wait_for_a_body(loop: JumpingLoop) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.sleep(0.035)

    origin_ns = loop.now_ns()
    results = probe(loop, serve, http(10, 50), run_s=0.0505)
    assert results.starts_ms(origin_ns) == [0, 10, 20, 30, 40, 50]
