# SPDX-License-Identifier: Apache-2.0
"""Probes across a real wire, against the manners of real kernels, in real time.

Namespaces have no name here: they live as long as this process holds their descriptors.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from ipaddress import IPv4Address
from pathlib import Path
from random import Random

import pytest

from tests.lab.namespace import inside
from tests.lab.rtnl import Rtnl
from xdpair.core.model import CheckKind, HealthCheck
from xdpair.ports import ProbeResult, ProbeTarget
from xdpair.probes import ProbeScheduler

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

BALANCER = "10.79.0.1"
SERVER = "10.79.0.2"
NOBODY = "10.79.0.99"
LOCALHOST = "127.0.0.1"
PORT = 8080

#: How late a busy machine may wake this process.
SLACK_S = 0.05


class Namespace:
    """A network namespace without a name, with ``lo`` up."""

    def __init__(self) -> None:
        maker = threading.Thread(target=self._make)
        maker.start()
        maker.join()
        self.run("ip link set lo up")

    def _make(self) -> None:
        assert LIBC.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @property
    def path(self) -> Path:
        return Path(f"/proc/self/fd/{self.fd}")

    def run(self, *commands: str, also: int | None = None) -> None:
        """Run commands in here; ``also`` is a descriptor that they may use."""
        fds = (self.fd,) if also is None else (self.fd, also)
        for command in commands:
            subprocess.run(
                ["nsenter", f"--net=/proc/self/fd/{self.fd}", *command.split()],
                check=True,
                pass_fds=fds,
                capture_output=True,
                timeout=10,
            )

    def write_sysctl(self, key: str, value: str) -> None:
        inside(self.path, lambda: Path("/proc/sys/net", key).write_text(value))

    def tcp_server(self, *, backlog: int = 100) -> socket.socket:
        server = inside(self.path, lambda: socket.create_server((SERVER, PORT), backlog=backlog))
        server.setblocking(False)
        return server

    def udp_server(self) -> socket.socket:
        def make() -> socket.socket:
            sock = socket.socket(type=socket.SOCK_DGRAM)
            sock.bind((SERVER, PORT))
            return sock

        return inside(self.path, make)

    def probe(
        self,
        check: HealthCheck,
        *,
        address: str = SERVER,
        port: int = PORT,
        interface: str | None = "wire",
        enough: Callable[[list[ProbeResult]], bool] = bool,
        within_s: float = 5.0,
    ) -> list[ProbeResult]:
        """Probe from in here until ``enough``; fails after ``within_s``."""
        results: list[ProbeResult] = []

        async def run() -> None:
            loop, done = asyncio.get_running_loop(), asyncio.Event()
            scheduler = ProbeScheduler(loop, rng=Random(1))

            def collect(result: ProbeResult) -> None:
                results.append(result)
                if enough(results):
                    done.set()

            target = ProbeTarget(IPv4Address(address), port, check, interface)
            scheduler.start("it", target, collect, first_now=True)
            try:
                async with asyncio.timeout(within_s):
                    await done.wait()
            finally:
                scheduler.stop_all()

        inside(self.path, lambda: asyncio.run(run()))
        return results


@pytest.fixture
def hosts() -> Iterator[tuple[Namespace, Namespace]]:
    """A balancer with an interface ``wire``, and a server at its other end."""
    balancer, server = Namespace(), Namespace()
    balancer.run(f"ip link add wire type veth peer name wire netns {server.path}", also=server.fd)
    balancer.run(f"ip addr add {BALANCER}/24 dev wire", "ip link set wire up")
    server.run(f"ip addr add {SERVER}/24 dev wire", "ip link set wire up")
    yield balancer, server
    os.close(balancer.fd)
    os.close(server.fd)


Hosts = tuple[Namespace, Namespace]


def tcp(interval_ms: int = 10, timeout_ms: int = 10) -> HealthCheck:
    return HealthCheck(CheckKind.TCP, interval_ms=interval_ms, timeout_ms=timeout_ms)


def udp(interval_ms: int = 10, timeout_ms: int = 10, expected: bytes = b"") -> HealthCheck:
    return HealthCheck(
        CheckKind.UDP, interval_ms=interval_ms, timeout_ms=timeout_ms, udp_expected=expected
    )


def at_least(count: int) -> Callable[[list[ProbeResult]], bool]:
    return lambda results: len(results) >= count


def failed_in_a_row(count: int) -> Callable[[list[ProbeResult]], bool]:
    return lambda results: len(results) >= count and not any(r.passed for r in results[-count:])


def now_and(action: Callable[[], object], *, after_s: float) -> tuple[threading.Timer, list[int]]:
    """Do something soon, and note when, in ns of CLOCK_MONOTONIC."""
    done_ns: list[int] = []

    def act() -> None:
        done_ns.append(time.monotonic_ns())
        action()

    timer = threading.Timer(after_s, act)
    timer.start()
    return timer, done_ns


def test_probes_do_not_drift_in_real_time(hosts: Hosts) -> None:
    """Half a millisecond of lateness a probe would make 20 ms in the end."""
    balancer, server = hosts
    with closing(server.tcp_server()):
        results = balancer.probe(tcp(50, 50), enough=at_least(41))
    since_first_ms = [(r.started_ns - results[0].started_ns) / 1e6 for r in results]
    assert 1_990 <= since_first_ms[-1] <= 3_000  # a busy machine makes it skip starts
    off_grid_ms = [(since_ms + 25) % 50 - 25 for since_ms in since_first_ms[-10:]]
    assert min(abs(ms) for ms in off_grid_ms) < 10
    assert statistics.fmean(r.passed for r in results) > 0.9


def test_the_application_never_sees_a_tcp_probe(hosts: Hosts) -> None:
    balancer, server = hosts
    with closing(server.tcp_server(backlog=1)) as listener:
        results = balancer.probe(tcp(10, 500), enough=at_least(20))
        assert all(result.passed for result in results)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_refused_port_is_known_after_interval_times_fall(hosts: Hosts) -> None:
    balancer, server = hosts
    listener = server.tcp_server()
    timer, closed_ns = now_and(listener.close, after_s=0.2)
    results = balancer.probe(tcp(20, 20), enough=failed_in_a_row(3))
    timer.join()
    assert results[0].passed
    assert {result.error for result in results[-3:]} == {"connection refused"}
    assert (results[-1].ended_ns - closed_ns[0]) / 1e9 <= 0.060 + SLACK_S


@pytest.mark.parametrize("check", [tcp(20, 20), udp(20, 20, b"pong")], ids=["tcp", "udp"])
def test_a_silent_host_is_known_after_interval_times_fall_and_a_timeout(
    hosts: Hosts, check: HealthCheck
) -> None:
    balancer, server = hosts
    rtnl = Rtnl(server.path)
    wire = rtnl.index_of("wire")
    rtnl.add_clsact(wire)
    stop = threading.Event()

    def answer(sock: socket.socket) -> None:
        sock.settimeout(0.05)
        while not stop.is_set():
            with suppress(TimeoutError):
                sock.sendto(b"pong", sock.recvfrom(10)[1])

    with closing(rtnl), closing(server.tcp_server()), closing(server.udp_server()) as sock:
        echo = threading.Thread(target=answer, args=(sock,))
        echo.start()
        timer, cut_ns = now_and(lambda: rtnl.swallow(wire), after_s=0.2)
        results = balancer.probe(check, enough=failed_in_a_row(3))
        timer.join()
        stop.set()
        echo.join()
    assert results[0].passed
    assert {result.error for result in results[-3:]} == {"timed out after 20 ms"}
    assert not any(result.local_fault for result in results)
    assert (results[-1].ended_ns - cut_ns[0]) / 1e9 <= 0.080 + SLACK_S


@pytest.mark.parametrize("check", [tcp(2000, 2000), udp(2000, 2000)], ids=["tcp", "udp"])
def test_an_address_nobody_answers_for_is_unreachable(hosts: Hosts, check: HealthCheck) -> None:
    balancer, _ = hosts
    balancer.write_sysctl("ipv4/neigh/wire/mcast_solicit", "1")
    balancer.write_sysctl("ipv4/neigh/wire/retrans_time_ms", "100")
    (result,) = balancer.probe(check, address=NOBODY)
    assert (result.error, result.local_fault) == ("host unreachable", False)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("ip link set wire down", "no route to the server's network"),
        ("ip link del wire", "the interface towards the server does not exist"),
    ],
)
@pytest.mark.parametrize("check", [tcp(), udp()], ids=["tcp", "udp"])
def test_an_interface_that_goes_away(
    hosts: Hosts, check: HealthCheck, fault: str, error: str
) -> None:
    balancer, server = hosts
    with closing(server.tcp_server()), closing(server.udp_server()):
        timer, _ = now_and(lambda: balancer.run(fault), after_s=0.1)
        results = balancer.probe(check, enough=failed_in_a_row(3))
        timer.join()
    assert results[0].passed
    assert results[-1].error == error
    assert not results[-1].local_fault


def test_probes_leave_by_their_interface_only(hosts: Hosts) -> None:
    balancer, server = hosts
    balancer.run("ip link add other type veth peer name nobody", "ip link set other up")
    with closing(server.tcp_server()):
        (direct,) = balancer.probe(tcp(100, 100), interface=None)
        (astray,) = balancer.probe(tcp(100, 100), interface="other")
    assert direct.passed
    assert not astray.passed


def test_a_dead_udp_port_stays_dead_under_the_icmp_rate_limit(hosts: Hosts) -> None:
    """Its kernel says so six times at once, then once a second; the rest is silence."""
    balancer, server = hosts
    results = balancer.probe(udp(), enough=at_least(250))
    assert not any(result.passed for result in results)
    refused = sum(result.error == "port unreachable" for result in results)
    assert 6 <= refused <= 20, "the rate limit is not what this test is about"
    with closing(server.udp_server()):
        results = balancer.probe(udp(), enough=lambda results: results[-1].passed)
    assert (results[-1].ended_ns - results[0].started_ns) / 1e9 <= 1.26 + SLACK_S


def test_a_connection_to_ourselves_is_no_server(hosts: Hosts) -> None:
    """With one ephemeral port only, every attempt to reach it meets itself."""
    balancer, _ = hosts
    balancer.write_sysctl("ipv4/ip_local_port_range", "40000 40000")
    (result,) = balancer.probe(tcp(), address=LOCALHOST, port=40000, interface=None)
    assert result.error == "connection refused"


def test_lack_of_ports_is_our_own_fault(hosts: Hosts) -> None:
    balancer, server = hosts
    balancer.write_sysctl("ipv4/ip_local_port_range", "40000 40000")
    with (
        closing(server.tcp_server()),
        closing(inside(balancer.path, lambda: socket.create_connection((SERVER, PORT)))),
    ):
        (result,) = balancer.probe(tcp())
    assert result.error == "no free local address or port to probe from"
    assert result.local_fault


def test_what_this_host_forbids_is_our_own_fault(hosts: Hosts) -> None:
    balancer, server = hosts
    balancer.run(f"ip route add prohibit {SERVER}/32")
    with closing(server.tcp_server()):
        (result,) = balancer.probe(tcp(), interface=None)
    assert (result.error, result.local_fault) == ("this host may not send the probe", True)
