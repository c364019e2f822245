# SPDX-License-Identifier: Apache-2.0
"""The primary recovers: nothing is lost on the way back, and each policy is kept."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import get_args

import pytest

from tests.e2e.checks import BUSY_S, HTTP, SOON_S, UDP_TEXT, check, duration
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.pair import Pair
from tests.e2e.world import World
from tests.lab import analysis
from tests.lab.traffic import WaitingMode
from xdpair.api.v1.listener_pb2 import TrafficPolicy
from xdpair.api.v1.server_group_pb2 import FailoverPolicy


def fail_over(world: World, pair: Pair, *listeners: str) -> None:
    world.lab.servers["primary"].kill()
    for listener in listeners or (pair.tcp,):
        pair.await_serving("secondary", listener)


def test_nothing_is_lost(world: World) -> None:
    """1,000 datagrams and 300 requests a second; the primary was dead and comes back."""
    pair = world.define(check(), UDP_TEXT)
    fail_over(world, pair, pair.tcp, pair.udp)
    with (
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
        world.lab.traffic.udp(100, address=pair.vip, new_sockets=True) as udp_new,
        world.lab.traffic.tcp(300, address=pair.vip) as tcp,
    ):
        time.sleep(0.3)
        world.lab.servers["primary"].start()
        pair.await_serving("primary", pair.tcp)
        pair.await_serving("primary", pair.udp)
        time.sleep(0.5)
    for client in (udp, udp_new, tcp):
        requests = client.requests()
        assert analysis.failed(requests) == []
        sides = analysis.count_sides(requests)
        assert sides["primary"] > 10
        assert sides["secondary"] > 10


def test_nothing_is_lost_when_the_host_comes_back(world: World) -> None:
    """The same after a silence, when the balancer may have forgotten the primary's MAC."""
    pair = world.define(check(timeout_ms=80), UDP_TEXT)
    world.lab.faults.cut("primary")
    pair.await_serving("secondary", pair.tcp)
    pair.await_serving("secondary", pair.udp)
    world.lab.balancer.run(["ip", "neigh", "flush", "dev", "to-primary"])
    with (
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
        world.lab.traffic.tcp(300, address=pair.vip) as tcp,
    ):
        time.sleep(0.2)
        world.lab.faults.restore("primary")
        pair.await_serving("primary", pair.tcp)
        pair.await_serving("primary", pair.udp)
        time.sleep(0.5)
    for client in (udp, tcp):
        assert analysis.failed(client.requests()) == []
        assert analysis.count_sides(client.requests())["primary"] > 10


def test_connections_run_out_on_the_secondary(world: World) -> None:
    """The default; also over a second failover, which they were on the right side of."""
    pair = world.define(HTTP)
    primary = world.lab.servers["primary"]
    primary.answer_with(500)
    pair.await_serving("secondary")
    with Dialogue(world.lab, pair.vip) as old:
        for _ in range(2):
            assert old.ask() == "secondary"
            primary.answer_normally()
            pair.await_serving("primary")
            assert old.ask() == "secondary"
            with Dialogue(world.lab, pair.vip) as new:
                assert new.ask() == "primary"
            primary.answer_with(500)
            pair.await_serving("secondary")
        assert old.ask() == "secondary"


def test_a_silent_connection_runs_out_on_the_secondary(world: World) -> None:
    """It hears of no change of side, and its answer arrives after two of them."""
    pair = world.define(HTTP)
    primary = world.lab.servers["primary"]
    primary.answer_with(500)
    pair.await_serving("secondary")
    with Dialogue(world.lab, pair.vip) as old:
        assert old.ask() == "secondary"
        for _ in range(2):
            primary.answer_normally()
            pair.await_serving("primary")
            primary.answer_with(500)
            pair.await_serving("secondary")
        assert old.ask() == "secondary"


def test_connections_are_reset_if_the_policy_says_so(world: World) -> None:
    pair = world.define(check(), tcp_traffic=TrafficPolicy(on_failback="RESET"))
    fail_over(world, pair)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(world.lab.traffic.waiting(20, address=pair.vip, mode=mode))
            for mode in get_args(WaitingMode)
        ]
        world.lab.servers["primary"].start()
        pair.await_serving("primary")
        returned_s = time.monotonic()
        time.sleep(1.0 + BUSY_S)
    for waiter in (waiter for client in clients for waiter in client.waiters()):
        assert waiter.how == "reset"
        assert waiter.ended_s is not None
        assert waiter.ended_s < returned_s + 1.0 + BUSY_S


def test_connections_are_reset_when_their_time_to_drain_is_over(world: World) -> None:
    traffic = TrafficPolicy(on_failback="KEEP", drain_timeout=duration(1000))
    pair = world.define(check(), tcp_traffic=traffic)
    fail_over(world, pair)
    with (
        world.lab.traffic.waiting(20, address=pair.vip, mode="hold") as waiting,
        Dialogue(world.lab, pair.vip) as asking,
    ):
        assert asking.ask() == "secondary"
        world.lab.servers["primary"].start()
        pair.await_serving("primary")
        returned_s = time.monotonic()
        with pytest.raises(ConnectionResetError):  # noqa: PT012  # the last time it asks
            while time.monotonic() < returned_s + SOON_S:
                assert asking.ask() == "secondary"
                time.sleep(0.05)
        assert 0.9 < time.monotonic() - returned_s < 1.0 + BUSY_S
        time.sleep(1.0)
    for waiter in waiting.waiters():
        assert waiter.how == "reset"
        assert waiter.ended_s is not None
        assert 0.9 < waiter.ended_s - returned_s < 2.0 + BUSY_S


def test_a_drain_ends_with_the_next_failover(world: World) -> None:
    """Connections that were on their way out are at home again."""
    traffic = TrafficPolicy(on_failback="KEEP", drain_timeout=duration(1000))
    pair = world.define(HTTP, tcp_traffic=traffic)
    primary = world.lab.servers["primary"]
    primary.answer_with(500)
    pair.await_serving("secondary")
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "secondary"
        primary.answer_normally()
        pair.await_serving("primary")
        time.sleep(0.3)
        primary.answer_with(500)
        pair.await_serving("secondary")
        for _ in range(12):
            time.sleep(0.1)
            assert dialogue.ask() == "secondary"


def test_manual_means_never_by_itself(world: World) -> None:
    pair = world.define(check(), policy=FailoverPolicy(failback="MANUAL"))
    fail_over(world, pair)
    world.lab.servers["primary"].start()
    pair.await_healthy()
    time.sleep(0.5)
    assert pair.serving() == "secondary"
    (slot,) = pair.failback()
    assert slot == pair.slot()
    assert pair.serving() == "primary"
    assert pair.await_event("FAILBACK").cause == "operator"


def test_the_hold_down_begins_anew_with_every_failure(world: World) -> None:
    pair = world.define(HTTP, policy=FailoverPolicy(hold_down=duration(700)))
    primary = world.lab.servers["primary"]
    primary.answer_with(500)
    pair.await_serving("secondary")
    primary.answer_normally()
    pair.await_healthy()
    time.sleep(0.4)
    assert pair.serving() == "secondary"
    primary.answer_with(500)
    pair.await_healthy(False)
    primary.answer_normally()
    pair.await_healthy()
    pair.await_serving("primary")
    healthy, failback = pair.events("HEALTH_CHANGED")[-1], pair.await_event("FAILBACK")
    assert "normal" in healthy.message
    held_s = (failback.time.ToNanoseconds() - healthy.time.ToNanoseconds()) / 1e9
    assert 0.69 < held_s < 0.7 + BUSY_S


def test_datagrams_stay_if_the_policy_says_so(world: World) -> None:
    """A steady sender never returns then; new sockets do."""
    pair = world.define(udp=UDP_TEXT, udp_traffic=TrafficPolicy(on_failback="KEEP"))
    fail_over(world, pair, pair.udp)
    with Datagrams(world.lab, pair.vip) as steady:
        assert steady.ask() == "secondary"
        world.lab.servers["primary"].start()
        pair.await_serving("primary")
        for _ in range(10):
            assert steady.ask() == "secondary"
            time.sleep(0.05)
        with Datagrams(world.lab, pair.vip) as new:
            assert new.ask() == "primary"
