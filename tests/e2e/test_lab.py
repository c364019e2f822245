# SPDX-License-Identifier: Apache-2.0
"""The lab itself: what it promises to tests, demo and benchmarks, without a load balancer."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.e2e.lab_kit import IN_FLIGHT_S, ask_udp
from tests.lab import analysis, http_wire
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.topology import ECHO_PORT, SERVICE_PORT, SIDES, VIP, LabOptions, Side


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One lab for all tests here; each leaves it as it found it."""
    with Lab() as lab:
        yield lab


def ask_tcp(lab: Lab, side: Side, port: int, payload: bytes, length: int) -> bytes:
    with lab.client.socket(socket.SOCK_STREAM) as sock:
        sock.settimeout(2)
        sock.connect((lab.hosts[side].address, port))
        sock.sendall(payload)
        with sock.makefile("rb") as answers:
            return answers.read(length)


def http(path: str, body: bytes = b"") -> bytes:
    return b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


# -- network ---------------------------------------------------------------------------------------


def test_a_lab_is_up_fast() -> None:
    start_s = time.monotonic()
    with Lab():
        assert time.monotonic() - start_s < 1.5


@pytest.mark.parametrize("side", SIDES)
def test_the_balancer_forwards(lab: Lab, side: Side) -> None:
    trace = lab.client.run(["ping", "-c1", "-W2", lab.hosts[side].address]).stdout
    assert "ttl=63" in trace


def test_links_are_like_wires(lab: Lab) -> None:
    for host in lab.hosts.values():
        for interface in host.interfaces.values():
            features = host.run(["ethtool", "-k", interface.name]).stdout
            assert "tx-checksumming: off" in features
            assert "tcp-segmentation-offload: off" in features
            assert "generic-receive-offload: on" in features


def test_a_lab_can_do_without() -> None:
    options = LabOptions(
        wire_like=False,
        forwarding=False,
        servers=False,
        vip_on_balancer=True,
        mtu=1400,
        icmp_unlimited=True,
    )
    with Lab(options) as lab:
        assert "tx-checksumming: on" in lab.client.run(["ethtool", "-k", "eth0"]).stdout
        assert "mtu 1400" in lab.primary.run(["ip", "link", "show", "eth0"]).stdout
        assert lab.client.run(["ping", "-c1", "-W1", VIP]).returncode == 0
        unreachable = lab.client.run(["ping", "-c1", "-W1", lab.primary.address], check=False)
        assert unreachable.returncode != 0
        with (
            lab.balancer.socket(socket.SOCK_STREAM) as sock,
            pytest.raises(ConnectionRefusedError),
        ):
            sock.connect((lab.primary.address, SERVICE_PORT))


def test_two_labs_do_not_meet(lab: Lab) -> None:
    with Lab() as second:
        second.faults.cut("primary")
        assert ask_udp(lab, "primary", SERVICE_PORT, b"hello") == b"primary hello"


# -- servers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("port", [SERVICE_PORT, ECHO_PORT])
def test_udp_echo_names_its_side(lab: Lab, side: Side, port: int) -> None:
    assert ask_udp(lab, side, port, b"a b") == side.encode() + b" a b"


def test_tcp_echo_returns_everything(lab: Lab) -> None:
    payload = bytes(range(256)) * 200
    assert ask_tcp(lab, "secondary", ECHO_PORT, payload, len(payload)) == payload


def test_http_takes_and_gives_large_bodies(lab: Lab) -> None:
    answer = ask_tcp(
        lab, "primary", SERVICE_PORT, http("/bytes/3000000", b"z" * 500_000), 3_000_000
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"X-Side: primary" in head
    assert set(body) == {ord("x")}


def test_http_answers_requests_in_one_packet(lab: Lab) -> None:
    answer = http_wire.response(200, "primary", b"primary\n", close=False)
    requests = http("/") + http("/other", b"body")
    answers = ask_tcp(lab, "primary", SERVICE_PORT, requests, 2 * len(answer))
    assert answers == answer + answer


def test_hold_never_answers(lab: Lab) -> None:
    with lab.traffic.waiting(3, address=lab.primary.address, mode="hold") as client:
        time.sleep(0.2)
        client.stop()
        waiters = client.waiters()
    assert [waiter.how for waiter in waiters] == ["kept"] * 3
    assert all(waiter.opened_s is not None and not waiter.answers for waiter in waiters)


def test_a_killed_server_refuses_both_protocols_until_restarted(lab: Lab) -> None:
    server = lab.servers["primary"]
    with (
        lab.traffic.waiting(20, address=server.address, mode="silent") as silent,
        lab.traffic.tcp(200, address=server.address) as tcp,
        lab.traffic.udp(20, address=server.address) as udp,
    ):
        time.sleep(0.2)
        killed = server.kill()
        time.sleep(0.2)
        started = server.start()
        time.sleep(0.2)
        for client in (tcp, udp, silent):
            client.stop()
    down = analysis.started_between(tcp.requests(), killed.done_s, started.at_s)
    assert len(down) >= 20
    assert set(analysis.count_errors(down)) == {"refused"}
    assert analysis.count_errors(udp.requests())["refused"] >= 1
    for client in (tcp, udp):
        assert analysis.answered_by(client.requests(), "primary")[-1].start_s > started.done_s
    assert len(silent.waiters()) == 20
    for waiter in silent.waiters():
        assert waiter.how in {"closed", "reset"}
        assert waiter.ended_s is not None
        assert killed.at_s < waiter.ended_s < killed.done_s + IN_FLIGHT_S


def test_a_paused_server_accepts_and_is_silent(lab: Lab) -> None:
    server = lab.servers["secondary"]
    with lab.traffic.waiting(5, address=server.address, mode="ask", every_ms=20) as client:
        paused = server.pause()
        with lab.client.socket(socket.SOCK_STREAM) as sock:
            sock.settimeout(1)
            sock.connect((server.address, SERVICE_PORT))
        time.sleep(0.2)
        resumed = server.resume()
        time.sleep(0.2)
        client.stop()
    for waiter in client.waiters():
        assert waiter.how == "kept"
        times = [at for at, _ in waiter.answers]
        assert not [at for at in times if paused.done_s + IN_FLIGHT_S < at < resumed.at_s]
        assert times[-1] > resumed.done_s


def test_a_server_can_be_told_to_fail(lab: Lab) -> None:
    server = lab.servers["primary"]
    with lab.traffic.tcp(100, address=server.address) as client:
        time.sleep(0.1)
        failing = server.answer_with(500)
        time.sleep(0.2)
        normal = server.answer_normally()
        time.sleep(0.1)
        client.stop()
    meanwhile = analysis.started_between(client.requests(), failing.done_s, normal.at_s)
    assert len(meanwhile) >= 15
    assert {request.error for request in meanwhile} <= {"status-500", None}
    assert analysis.count_errors(meanwhile)["status-500"] >= len(meanwhile) - 1  # one in flight
    assert analysis.answered_by(client.requests(), "primary")[-1].start_s > normal.done_s


def test_what_does_not_run_cannot_be_killed(lab: Lab) -> None:
    with pytest.raises(LabError, match="run already"):
        lab.servers["primary"].start()
    lab.servers["primary"].kill()
    with pytest.raises(LabError, match="do not run"):
        lab.servers["primary"].kill()
    lab.servers["primary"].restart()


# -- clients ---------------------------------------------------------------------------------------


def test_clients_keep_their_rates(lab: Lab) -> None:
    address = lab.primary.address
    clients = {
        500: lab.traffic.tcp(500, address=address, duration_s=1),
        1000: lab.traffic.udp(1000, address=address, duration_s=1),
        200: lab.traffic.udp(200, address=address, duration_s=1, new_sockets=True),
    }
    for rate, client in clients.items():
        client.wait(timeout_s=10)
        requests = client.requests()
        assert sorted(request.n for request in requests) == list(range(rate))
        assert analysis.failed(requests) == []
        assert analysis.percentile(analysis.lateness_s(requests), 90) < 0.005
