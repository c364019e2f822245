# SPDX-License-Identifier: Apache-2.0
"""TCP and UDP probes against real sockets on 127.0.0.1."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from random import Random

import pytest

from tests.unit.probe_kit import (
    NS_PER_MS,
    JumpingLoop,
    Results,
    http,
    ignoring,
    listening,
    port_of,
    refusing,
    silent_udp,
    target,
    tcp,
    udp,
    udp_server,
    unreachable_udp,
)
from xdpair.core.model import HealthCheck
from xdpair.ports import ProbeTarget
from xdpair.probes import ProbeScheduler
from xdpair.probes.udp import refusal_lasts_s


@pytest.fixture
def loop() -> Iterator[JumpingLoop]:
    with closing(JumpingLoop()) as loop:
        yield loop


def probe(loop: JumpingLoop, what: ProbeTarget, *, run_s: float = 0.0005) -> Results:
    results, scheduler = Results(), ProbeScheduler(loop, rng=Random(1))
    scheduler.start("a", what, results.append, first_now=True)
    loop.run_for(run_s)
    scheduler.stop_all()
    return results


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_tcp_connected(loop: JumpingLoop) -> None:
    with listening() as server:
        (result,) = probe(loop, target(port_of(server), tcp()))
    assert (result.passed, result.error, result.local_fault) == (True, "", False)
    assert 0 <= result.ended_ns - result.started_ns < NS_PER_MS


def test_tcp_refused(loop: JumpingLoop) -> None:
    with refusing() as port:
        (result,) = probe(loop, target(port, tcp()))
    assert (result.passed, result.error, result.local_fault) == (False, "connection refused", False)


def test_tcp_full_listen_queue(loop: JumpingLoop) -> None:
    with ignoring() as port:
        assert probe(loop, target(port, tcp()), run_s=0.0101).errors == ["timed out after 10 ms"]


def test_the_application_never_sees_a_tcp_probe(loop: JumpingLoop) -> None:
    with listening(backlog=1) as server:
        results = probe(loop, target(port_of(server), tcp()), run_s=0.2005)
        assert results.errors == [""] * 21
        with pytest.raises(BlockingIOError):
            server.accept()


def test_udp_silence_is_success_after_the_whole_timeout(loop: JumpingLoop) -> None:
    with silent_udp() as sock:
        (result,) = probe(loop, target(port_of(sock), udp(20, 15)), run_s=0.016)
        assert sock.recv(10) == b"\0"  # not an empty datagram: it would read like an end
    assert (result.passed, result.error) == (True, "")
    assert result.ended_ns - result.started_ns == pytest.approx(15 * NS_PER_MS, abs=1000)


def test_udp_port_unreachable_is_failure_at_once(loop: JumpingLoop) -> None:
    with unreachable_udp() as sock:
        (result,) = probe(loop, target(port_of(sock), udp()))
    assert (result.passed, result.error, result.local_fault) == (False, "port unreachable", False)
    assert result.ended_ns - result.started_ns < NS_PER_MS


def test_udp_any_answer_is_success_at_once_when_none_is_expected(loop: JumpingLoop) -> None:
    with udp_server(loop, b"whatever") as (port, server):
        (result,) = probe(loop, target(port, udp(request=b"hello")))
        assert server.heard == [b"hello"]
    assert result.passed
    assert result.ended_ns - result.started_ns < NS_PER_MS


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"pong", ""),
        (b"pong\n", r"unexpected answer b'pong\n'"),
        (b"pon", "unexpected answer b'pon'"),
        (b"\xff" * 500, "unexpected answer " + repr(b"\xff" * 40) + "…"),
    ],
)
def test_udp_only_the_expected_answer_counts(loop: JumpingLoop, answer: bytes, error: str) -> None:
    with udp_server(loop, answer) as (port, _):
        results = probe(loop, target(port, udp(request=b"ping", expected=b"pong")))
    assert results.errors == [error]


def test_udp_an_expected_answer_of_the_greatest_length(loop: JumpingLoop) -> None:
    expected = bytes(range(250)) * 2
    with udp_server(loop, expected) as (port, _):
        assert probe(loop, target(port, udp(expected=expected))).errors == [""]


def test_udp_a_late_answer_does_not_count_for_the_next_probe(loop: JumpingLoop) -> None:
    with udp_server(loop, b"pong", delay_s=0.012) as (port, server):
        results = probe(loop, target(port, udp(expected=b"pong")), run_s=0.0505)
    assert len(server.heard) == 6
    assert results.errors == ["timed out after 10 ms"] * 5


def test_udp_silence_is_failure_when_an_answer_is_expected(loop: JumpingLoop) -> None:
    with silent_udp() as sock:
        results = probe(loop, target(port_of(sock), udp(expected=b"pong")), run_s=0.0101)
    assert results.errors == ["timed out after 10 ms"]


def test_udp_silence_is_worth_nothing_while_icmp_may_be_rate_limited(loop: JumpingLoop) -> None:
    """One "port unreachable", then silence for ever, as from a dead port probed every 10 ms."""
    results, scheduler = Results(), ProbeScheduler(loop, rng=Random(1))
    with unreachable_udp() as sock:
        scheduler.start("a", target(port_of(sock), udp()), results.append, first_now=True)
        loop.run_for(0.0005)
        sock.connect(("0.0.0.0", 0))  # hears everyone from now on
        loop.run_for(1.5)
        scheduler.stop_all()
    silent = [result for result in results if result.error.startswith("silent, and")]
    assert results.errors[0] == "port unreachable"
    assert results[1 : 1 + len(silent)] == silent
    assert 124 <= len(silent) <= 127  # 1.26 s
    assert all(result.passed for result in results[1 + len(silent) :])


def test_udp_an_answer_ends_the_doubt(loop: JumpingLoop) -> None:
    results, scheduler = Results(), ProbeScheduler(loop, rng=Random(1))
    with unreachable_udp() as sock:
        scheduler.start("a", target(port_of(sock), udp()), results.append, first_now=True)
        loop.run_for(0.0005)
        sock.connect(("0.0.0.0", 0))
        loop.run_for(0.0100)
        _, prober = sock.recvfrom(10)
        sock.sendto(b"back", prober)
        loop.run_for(0.0200)
        scheduler.stop_all()
    assert results.errors == ["port unreachable", "", ""]


@pytest.mark.parametrize(("interval_s", "lasts_s"), [(0.01, 1.26), (0.5, 1.75), (1.0, 0), (50, 0)])
def test_how_long_a_refusal_lasts(interval_s: float, lasts_s: float) -> None:
    assert refusal_lasts_s(interval_s) == pytest.approx(lasts_s)


@pytest.mark.parametrize("check", [tcp(), http(), udp()], ids=["tcp", "http", "udp"])
def test_lack_of_descriptors_is_our_own_fault(loop: JumpingLoop, check: HealthCheck) -> None:
    scheduler, results = ProbeScheduler(loop, rng=Random(1)), Results()
    with listening() as server:
        scheduler.start(
            "a",
            target(port_of(server), check),
            results.append,
            first_now=True,
        )
        with no_descriptors_left():
            loop.run_for(0.0205)
        scheduler.stop_all()
    assert results.errors == ["too many open files in this process"] * 3
    assert all(result.local_fault and not result.passed for result in results)


@pytest.mark.parametrize("check", [tcp(), http(), udp()], ids=["tcp", "http", "udp"])
def test_a_vanished_interface_is_the_path_s_fault(loop: JumpingLoop, check: HealthCheck) -> None:
    results = probe(loop, target(1, check, interface="no-such-if"))
    assert results.errors == ["the interface towards the server does not exist"]
    assert not results[0].local_fault


def test_the_interface_is_the_way_out(loop: JumpingLoop) -> None:
    with listening() as server:
        assert probe(loop, target(port_of(server), tcp(), interface="lo")).errors == [""]
