# SPDX-License-Identifier: Apache-2.0
"""The controller ends, however it ends: packets go on as last decided, and nothing is forgotten."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeAlias

import pytest

from tests.e2e.checks import BUSY_S, HTTP, IMPATIENT, UDP_TEXT, await_true, check
from tests.e2e.dialogue import Dialogue
from tests.e2e.pair import Pair
from tests.e2e.world import World
from tests.lab import analysis
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, ServerGroup, SlotStatus

Ending: TypeAlias = Callable[[World], None]
Command: TypeAlias = Callable[[Pair], Sequence[SlotStatus]]

MANUAL = FailoverPolicy(failback="MANUAL")
ENDINGS = [pytest.param(World.kill, id="SIGKILL"), pytest.param(World.stop, id="SIGTERM")]


@pytest.mark.parametrize("end", ENDINGS)
def test_not_a_packet_is_lost(world: World, end: Ending) -> None:
    """1,000 datagrams and 300 requests a second: while it is dead, at the new start, and after."""
    pair = world.define(check(), UDP_TEXT)
    program_id = world.status().program_id
    with (
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
        world.lab.traffic.udp(100, address=pair.vip, new_sockets=True) as udp_new,
        world.lab.traffic.tcp(300, address=pair.vip) as tcp,
        Dialogue(world.lab, pair.vip) as old,
    ):
        assert old.ask() == "primary"
        time.sleep(0.3)
        end(world)
        time.sleep(0.5)
        assert old.ask() == "primary"
        world.start()
        time.sleep(0.5)
        assert old.ask() == "primary"
    assert world.status().adopted
    assert world.status().program_id == program_id
    for client in (udp, udp_new, tcp):
        requests = client.requests()
        assert analysis.failed(requests) == []
        assert set(analysis.count_sides(requests)) == {"primary"}


@pytest.mark.parametrize("end", ENDINGS)
def test_who_serves_and_what_operators_said_is_kept(world: World, end: Ending) -> None:
    """After a failover that nobody takes back, under a hold, after a switchover."""
    failed_over = world.define(HTTP, policy=MANUAL)
    held, switched = world.define(HTTP), world.define(check())
    held.hold()
    world.lab.servers["primary"].answer_with(500)
    failed_over.await_serving("secondary")
    world.lab.servers["primary"].answer_normally()
    failed_over.await_healthy()
    switched.switchover()
    before = [pair.slot() for pair in world.pairs]
    end(world)
    world.start()
    time.sleep(0.3)
    after = [pair.slot() for pair in world.pairs]
    for old, new in zip(before, after, strict=True):
        assert (new.serving, new.pinned, new.epoch) == (old.serving, old.pinned, old.epoch)
        assert new.cause == old.cause
        assert new.change_time.ToSeconds() == pytest.approx(old.change_time.ToSeconds(), abs=1)
    assert [slot.serving for slot in after] == [
        ServerGroup.SECONDARY,
        ServerGroup.PRIMARY,
        ServerGroup.SECONDARY,
    ]
    world.lab.servers["primary"].answer_with(500)
    time.sleep(0.3)
    assert held.serving() == "primary"
    held.release()
    assert held.serving() == "secondary"


@pytest.mark.parametrize("command", [Pair.hold, Pair.switchover])
def test_what_an_operator_was_told_is_on_disk(world: World, command: Command) -> None:
    """Killed in the very moment of the acknowledgement."""
    for _ in range(3):
        pair = world.define(check())
        (told,) = command(pair)
        os.kill(world.daemon.pid, signal.SIGKILL)
        world.kill()
        world.start()
        (kept,) = pair.slots()
        assert (kept.pinned, kept.serving) == (told.pinned, told.serving)


def test_a_controller_killed_right_after_a_failover(world: World) -> None:
    """The slot was written, nothing else yet: clients that wait are told by the next one."""
    pair = world.define(IMPATIENT)
    with (
        world.lab.traffic.waiting(30, address=pair.vip, mode="hold") as waiting,
        world.lab.traffic.tcp(100, address=pair.vip, timeout_ms=3000) as tcp,
    ):
        world.lab.faults.cut("primary")
        while pair.serving() != "secondary":
            pass
        world.kill()
        killed_s = time.monotonic()
        time.sleep(0.3)
        world.start()
        started_s = time.monotonic()
        time.sleep(1.0 + BUSY_S)
        assert pair.serving() == "secondary"
    later = analysis.started_between(tcp.requests(), killed_s, time.monotonic())
    assert analysis.failed(later) == []
    assert set(analysis.count_sides(later)) == {"secondary"}
    for waiter in waiting.waiters():
        assert waiter.how == "reset"
        assert waiter.ended_s is not None
        assert waiter.ended_s < started_s + 1.0 + BUSY_S


@pytest.mark.parametrize("end", ENDINGS)
def test_what_became_due_meanwhile_happens_after_the_start(world: World, end: Ending) -> None:
    pair = world.define(check())
    end(world)
    world.lab.servers["primary"].kill()
    with pytest.raises(ConnectionRefusedError):
        Dialogue(world.lab, pair.vip)
    world.start()
    pair.await_serving("secondary")
    end(world)
    world.lab.servers["primary"].start()
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "secondary"
        world.start()
        pair.await_serving("primary")
        assert dialogue.ask() == "secondary"


def test_a_controller_that_is_killed_again_and_again(world: World) -> None:
    """At every moment of its start; in the end nothing is lost and all is there."""
    pair = world.define(check(), UDP_TEXT)
    with (
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
        world.lab.traffic.tcp(200, address=pair.vip) as tcp,
    ):
        world.kill()
        for life_ms in (100, 200, 300, 350, 400, 450, 500, 600):
            world.start_and_kill(life_ms / 1000)
        world.start()
        time.sleep(0.3)
        assert pair.serving(pair.tcp) == pair.serving(pair.udp) == "primary"
    for client in (udp, tcp):
        assert analysis.failed(client.requests()) == []


@pytest.mark.parametrize("end", ENDINGS)
def test_events_are_numbered_on(world: World, end: Ending) -> None:
    pair = world.define(check())
    world.lab.servers["primary"].kill()
    pair.await_serving("secondary")
    failover = pair.await_event("FAILOVER")
    time.sleep(0.3)  # events follow to the disk in the background
    end(world)
    world.start()
    assert failover in pair.events()
    started = [event for event in world.events(failover.seq) if event.kind == Event.STARTED]
    assert len(started) == 1
    assert "adopted" in started[0].message


def test_watchers_delay_no_end_and_miss_nothing(world: World) -> None:
    """``xdpair watch`` waits for the controller and goes on where it was."""
    pair = world.define(check())
    seen = world.lab.directory / "watched"
    with seen.open("w") as out, watching(world, pair, out):
        for end in (World.kill, World.stop):
            world.lab.servers["primary"].kill()
            pair.await_serving("secondary")
            pair.await_event("FAILOVER")
            time.sleep(0.3)  # events follow to the disk in the background
            ended_s = time.monotonic()
            end(world)
            assert time.monotonic() - ended_s < 1.0 + BUSY_S
            world.start()
            world.lab.servers["primary"].start()
            pair.await_serving("primary")
        told = [event.seq for event in pair.events()]
        await_true(lambda: len(seqs(seen)) >= len(told), "all is watched")
    assert [seq for seq in seqs(seen) if seq in told] == told


@contextmanager
def watching(world: World, pair: Pair, out: TextIO) -> Iterator[None]:
    command = [sys.executable, "-m", "xdpair", "watch", pair.group, "--since", "0", "-o", "json"]
    environment = {"XDPAIR_SOCKET": f"unix:{world.daemon.socket}"}
    child = world.lab.balancer.popen(command, stdout=out.fileno(), env=environment)
    try:
        yield
    finally:
        child.kill()
        child.wait()


def seqs(watched: Path) -> list[int]:
    """The numbers of the events that were printed, those about no group left out."""
    events = (json.loads(line) for line in watched.read_text().splitlines())
    return [int(event["seq"]) for event in events if event.get("server_group")]
