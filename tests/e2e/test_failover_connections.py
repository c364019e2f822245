# SPDX-License-Identifier: Apache-2.0
"""What a failover does to connections that are there already, and to those just being made."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest

from tests.e2e.checks import BUSY_S, HTTP, IMPATIENT, await_true, check
from tests.e2e.dialogue import Dialogue
from tests.e2e.world import World
from tests.lab.records import Waiter
from tests.lab.traffic import WaitingMode
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.listener_pb2 import HealthCheck, TrafficPolicy
from xdpair.api.v1.system_service_pb2 import GetCountersRequest

#: From linux/tcp.h: a socket in repair mode can be closed without a word to its peer.
TCP_REPAIR = 19
PORT = 34567


def listener_counters(world: World, listener: str) -> dict[str, int]:
    counters = world.client.system.GetCounters(GetCountersRequest())
    return dict(next(each.counters for each in counters.listeners if each.listener == listener))


def forget(dialogue: Dialogue) -> None:
    """Close it as a client that crashed does: its server is not told."""
    dialogue.sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    dialogue.sock.close()


@pytest.mark.parametrize(
    ("fault", "health"),
    [
        pytest.param("cut", IMPATIENT, id="silent host"),
        pytest.param("cut, kill", IMPATIENT, id="silent host, then a dead process"),
        pytest.param("fail", HTTP, id="HTTP 500"),
        pytest.param("pause", check("HTTP", timeout_ms=80), id="hung process"),
    ],
)
def test_every_connection_of_the_failed_server_is_reset(
    world: World, fault: str, health: HealthCheck
) -> None:
    """Clients that wait for an answer, that say nothing, that ask often: all within a second."""
    pair = world.define(health)
    crowds: dict[WaitingMode, int] = {"hold": 60, "silent": 40, "ask": 20}
    with ExitStack() as stack:
        clients = [
            stack.enter_context(world.lab.traffic.waiting(count, address=pair.vip, mode=mode))
            for mode, count in crowds.items()
        ]
        time.sleep(0.2)
        failed_s = break_primary(world, fault)
        pair.await_serving("secondary")
        await_true(
            lambda: all(waiter.how for client in clients for waiter in client.waiters()),
            "every connection has ended",
        )
    waiters = [waiter for client in clients for waiter in client.waiters()]
    assert len(waiters) == 120
    assert {waiter.how for waiter in waiters} == {"reset"}
    # 0.3 s at most until the failover is decided; then a second, as promised.
    assert longest_s(waiters, failed_s) < 0.3 + 1.0 + BUSY_S
    told = pair_event_told(world, "FLOWS_RESET")
    assert told.endswith(", 0 did not answer")


def break_primary(world: World, fault: str) -> float:
    """When it happened, by CLOCK_MONOTONIC."""
    primary = world.lab.servers["primary"]
    match fault:
        case "cut":
            return world.lab.faults.cut("primary").at_s
        case "cut, kill":
            event = world.lab.faults.cut("primary")
            primary.kill()
            return event.at_s
        case "fail":
            return primary.answer_with(500).at_s
        case _:
            return primary.pause().at_s


def longest_s(waiters: list[Waiter], since_s: float) -> float:
    return max(waiter.ended_s - since_s for waiter in waiters if waiter.ended_s is not None)


def pair_event_told(world: World, kind: str) -> str:
    """The message of the newest event of a kind."""
    number = Event.Kind.Value(kind)
    return await_true(
        lambda: [event.message for event in world.events() if event.kind == number], kind
    )[-1]


@pytest.mark.parametrize("half_closed", [False, True])
def test_a_single_waiting_client_is_reset(world: World, half_closed: bool) -> None:
    """On an otherwise idle balancer; also one that has said all it had to say."""
    pair = world.define(IMPATIENT)
    with Dialogue(world.lab, pair.vip) as dialogue:
        dialogue.send("/hold")
        if half_closed:
            world.lab.servers["primary"].pause()  # or it would close its half, too
            dialogue.sock.shutdown(socket.SHUT_WR)
            time.sleep(0.1)
        world.lab.faults.cut("primary")
        with pytest.raises(ConnectionResetError):
            dialogue.answer()


def test_late_packets_of_the_failed_server_are_fenced(world: World) -> None:
    """It lives and sends on: nothing of it may reach clients that another server has now."""
    pair = world.define(HTTP)
    with Dialogue(world.lab, pair.vip) as download:
        download.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
        download.send("/bytes/20000000")
        assert download.sock.recv(10_000)
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary")
        with pytest.raises(ConnectionResetError), download.sock.makefile("rb") as stream:
            stream.read()
    # Its server repeats what was not acknowledged.
    await_true(
        lambda: listener_counters(world, pair.tcp)["fenced_packets"] > 0, "late packets came"
    )
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "secondary"


def test_kept_connections_outlive_a_failover(world: World) -> None:
    """The application says 500, and still may end what it began; new ones go elsewhere."""
    pair = world.define(HTTP, tcp_traffic=TrafficPolicy(on_failover="KEEP"))
    with (
        Dialogue(world.lab, pair.vip) as old,
        world.lab.traffic.waiting(20, address=pair.vip, mode="hold") as waiting,
    ):
        assert old.ask() == "primary"
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary")
        with Dialogue(world.lab, pair.vip) as new:
            assert new.ask() == "secondary"
            # Longer than the rounds in which waiting clients are told of their reset.
            for _ in range(15):
                assert old.ask() == "primary"
                time.sleep(0.1)
            world.lab.servers["primary"].answer_normally()
            pair.await_serving("primary")
            assert old.ask() == "primary"
            assert new.ask() == "secondary"
        waiting.stop()
    assert {waiter.how for waiter in waiting.waiters()} == {"kept"}


def test_a_syn_in_flight_is_answered_when_it_is_repeated(world: World) -> None:
    """It was lost at the dead server; Linux repeats it after a second, to whoever serves then."""
    pair = world.define(IMPATIENT)
    world.lab.faults.cut("primary")
    started_s = time.monotonic()
    with Dialogue(world.lab, pair.vip) as dialogue:
        took_s = time.monotonic() - started_s
        assert dialogue.ask() == "secondary"
    assert 0.9 < took_s < 1.1 + BUSY_S


def test_a_reused_port_gets_the_server_that_serves(world: World) -> None:
    """Its former connection went to a server that is dead by now, and ended unheard."""
    pair = world.define(IMPATIENT)
    former = Dialogue(world.lab, pair.vip, source_port=PORT)
    assert former.ask() == "primary"
    forget(former)
    world.lab.faults.cut("primary")
    pair.await_serving("secondary")
    started_s = time.monotonic()
    with Dialogue(world.lab, pair.vip, source_port=PORT) as dialogue:
        assert time.monotonic() - started_s < BUSY_S
        assert dialogue.ask() == "secondary"


def test_a_reused_port_returns_with_the_primary(world: World) -> None:
    pair = world.define(check())
    world.lab.servers["primary"].kill()
    pair.await_serving("secondary")
    former = Dialogue(world.lab, pair.vip, source_port=PORT)
    assert former.ask() == "secondary"
    forget(former)
    world.lab.servers["primary"].start()
    pair.await_serving("primary")
    with Dialogue(world.lab, pair.vip, source_port=PORT) as dialogue:
        assert dialogue.ask() == "primary"


def test_a_failover_in_the_middle_of_handshakes_leaves_nobody_hanging(world: World) -> None:
    """A connect() that meets the failover ends: with an answer or an error, never without."""
    pair = world.define(HTTP)
    primary = world.lab.servers["primary"]
    with world.lab.traffic.tcp(1000, address=pair.vip, timeout_ms=4000) as client:
        for _ in range(3):
            primary.answer_with(500)
            pair.await_serving("secondary")
            primary.answer_normally()
            pair.await_serving("primary")
    assert "timeout" not in {request.error for request in client.requests()}


def test_half_open_connections_do_not_confuse(world: World) -> None:
    """A client whose former connection ended at the failover is reset on its first word."""
    pair = world.define(HTTP)
    with Dialogue(world.lab, pair.vip, source_port=PORT) as dialogue:
        assert dialogue.ask() == "primary"
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            dialogue.ask()
