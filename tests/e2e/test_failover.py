# SPDX-License-Identifier: Apache-2.0
"""However the primary fails, TCP clients reach the secondary, and everybody can see why."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.e2e.checks import BUSY_S, HTTP, IMPATIENT, UDP_TEXT, await_true, check
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.pair import Pair
from tests.e2e.world import World
from tests.lab import analysis
from tests.lab.faults import LabEvent
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.event_service_pb2 import WatchEventsRequest
from xdpair.api.v1.listener_pb2 import HealthCheck
from xdpair.api.v1.server_group_pb2 import ServerGroup

Fault: TypeAlias = Callable[[World], LabEvent]


def kill(world: World) -> LabEvent:
    return world.lab.servers["primary"].kill()


def cut(world: World) -> LabEvent:
    return world.lab.faults.cut("primary")


def fail(world: World) -> LabEvent:
    return world.lab.servers["primary"].answer_with(500)


def pause(world: World) -> LabEvent:
    return world.lab.servers["primary"].pause()


@pytest.mark.parametrize(
    ("fault", "health", "error"),
    [
        pytest.param(kill, check(), "connection refused", id="refused port"),
        pytest.param(cut, IMPATIENT, "timed out after 80 ms", id="silent host"),
        pytest.param(fail, HTTP, "HTTP 500", id="HTTP 500"),
        pytest.param(
            pause, check("HTTP", timeout_ms=80), "timed out after 80 ms", id="hung process"
        ),
    ],
)
def test_clients_reach_the_secondary(
    world: World, fault: Fault, health: HealthCheck, error: str
) -> None:
    pair = world.define(health)
    with world.lab.traffic.tcp(200, address=pair.vip, timeout_ms=2000) as client:
        time.sleep(0.3)
        failure = fault(world)
        pair.await_serving("secondary")
        time.sleep(0.3)
    requests = client.requests()
    outage_s = analysis.outage_s(requests, failure.at_s, "secondary")
    # At most 60 ms for a refused port, 3 x 80 ms and an interval for a silent one.
    assert outage_s is not None
    assert outage_s < 0.3 + BUSY_S
    before = analysis.started_between(requests, 0, failure.at_s - 0.1)
    assert len(before) > 20
    assert analysis.count_sides(before) == {"primary": len(before)}
    after = analysis.started_between(requests, failure.at_s + outage_s, time.monotonic())
    assert len(after) > 20
    assert analysis.count_sides(after) == {"secondary": len(after)}
    assert error in pair.await_event("FAILOVER").error


@pytest.mark.parametrize("fault", [kill, cut])
def test_the_fastest_check_keeps_the_outage_short(world: World, fault: Fault) -> None:
    """Three probes 10 ms apart, a timeout of 10 ms: an idle machine takes 20 to 60 ms."""
    pair = world.define(check(interval_ms=10, timeout_ms=10))
    with world.lab.traffic.tcp(200, address=pair.vip, timeout_ms=2000) as client:
        time.sleep(0.2)
        failure = fault(world)
        pair.await_serving("secondary")
        time.sleep(0.2)
    outage_s = analysis.outage_s(client.requests(), failure.at_s, "secondary")
    assert outage_s is not None
    assert outage_s < BUSY_S


def test_a_failover_tells_its_cause(world: World) -> None:
    pair = world.define(check())
    failure = kill(world)
    pair.await_serving("secondary")
    decided_s = time.monotonic() - failure.at_s
    event = pair.await_event("FAILOVER")
    assert (event.load_balancer, event.server_group, event.listener) == (
        pair.lb,
        pair.group,
        pair.tcp,
    )
    assert (event.from_side, event.to_side) == (ServerGroup.PRIMARY, ServerGroup.SECONDARY)
    assert (event.cause, event.check) == ("health", "tcp 203.0.113.10:80")
    assert event.error == "connection refused"
    # Three probes of one series, 20 ms apart: two intervals, if the probes take no time.
    assert 0.035 < event.decided_after.ToNanoseconds() / 1e9 < decided_s
    assert event.epoch == pair.slot().epoch
    verdict = pair.await_event("HEALTH_CHANGED")
    assert (verdict.error, verdict.message) == ("connection refused", "the primary is abnormal")


def test_events_are_streamed_as_they_happen(world: World) -> None:
    pair = world.define(check())
    stream = world.client.events.WatchEvents(WatchEventsRequest(server_group=pair.group))
    stream.initial_metadata()
    kill(world)
    kinds = [Event.Kind.Name(next(stream).kind) for _ in range(2)]
    assert sorted(kinds) == ["FAILOVER", "HEALTH_CHANGED"]
    world.lab.servers["primary"].start()
    while (event := next(stream)).kind != Event.FAILBACK:
        pass
    stream.cancel()
    assert event == pair.events("FAILBACK")[0]


def test_status_tells_what_the_events_told(world: World) -> None:
    pair = world.define(check())
    assert status_of(world, pair)["serving"] == "PRIMARY"
    kill(world)
    pair.await_serving("secondary")
    event = pair.await_event("FAILOVER")
    slot = status_of(world, pair)
    assert (slot["serving"], slot["cause"], slot["epoch"]) == ("SECONDARY", "HEALTH", event.epoch)
    assert not slot.get("primary_healthy")


def status_of(world: World, pair: Pair) -> dict[str, object]:
    """The pair's slot as ``xdpair status`` shows it."""
    shown = json.loads(world.daemon.cli("status", "--output", "json").stdout)
    assert {each["mode"] for each in shown["system"]["interfaces"]} == {"NATIVE"}
    (listener,) = (each for each in shown["listeners"] if each["address"] == pair.vip)
    slot: dict[str, object] = listener["slot"]
    serving = [server["side"] for server in listener["servers"] if server["serving"]]
    assert serving == [slot["serving"]]
    return slot


def test_with_both_servers_dead_clients_are_refused_at_once(world: World) -> None:
    pair = world.define(check(), UDP_TEXT)
    secondary = world.lab.servers["secondary"]
    with Dialogue(world.lab, pair.vip) as waiting:
        waiting.send("/hold")
        kill(world)
        secondary.kill()
        for listener in (pair.tcp, pair.udp):
            pair.await_serving("secondary", listener)
        with pytest.raises(ConnectionError):
            waiting.answer()
    started_s = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        Dialogue(world.lab, pair.vip)
    with Datagrams(world.lab, pair.vip) as datagrams, pytest.raises(ConnectionRefusedError):
        datagrams.ask()
    assert time.monotonic() - started_s < BUSY_S

    secondary.start()
    with Dialogue(world.lab, pair.vip) as first, Datagrams(world.lab, pair.vip) as datagrams:
        assert first.ask() == datagrams.ask() == "secondary"
    world.lab.servers["primary"].start()
    for listener in (pair.tcp, pair.udp):
        pair.await_serving("primary", listener)
    with Dialogue(world.lab, pair.vip) as later, Datagrams(world.lab, pair.vip) as datagrams:
        assert later.ask() == datagrams.ask() == "primary"


def test_with_both_hosts_silent_everything_recovers(world: World) -> None:
    pair = world.define(IMPATIENT)
    world.lab.faults.cut("secondary")
    cut(world)
    pair.await_serving("secondary")
    with pytest.raises(TimeoutError):
        Dialogue(world.lab, pair.vip, timeout_s=0.3)
    world.lab.faults.restore("secondary")
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "secondary"
        world.lab.faults.restore("primary")
        pair.await_serving("primary")
        assert dialogue.ask() == "secondary"
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "primary"


def test_a_server_that_flaps_moves_traffic_every_time(world: World) -> None:
    pair = world.define(HTTP)
    primary = world.lab.servers["primary"]
    for _ in range(5):
        primary.answer_with(500)
        pair.await_serving("secondary")
        primary.answer_normally()
        pair.await_serving("primary")
    kinds = [Event.Kind.Name(event.kind) for event in pair.events("FAILOVER", "FAILBACK")]
    assert kinds == ["FAILOVER", "FAILBACK"] * 5
    assert pair.slot().epoch == 11


def test_a_secondary_that_is_probed_shows_its_state(world: World) -> None:
    """It is shown and nothing else: traffic goes to it whatever its state."""
    pair = world.define(check(), probe_secondary=True)
    world.lab.servers["secondary"].kill()

    def secondary_is(state: str) -> bool:
        return any(
            (health["side"], health["state"]) == ("SECONDARY", state)
            for health in json.loads(world.daemon.cli("health", "-o", "json").stdout)
        )

    await_true(lambda: secondary_is("ABNORMAL"), "the secondary is shown as abnormal")
    assert pair.serving() == "primary"
    kill(world)
    pair.await_serving("secondary")
