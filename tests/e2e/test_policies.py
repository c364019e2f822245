# SPDX-License-Identifier: Apache-2.0
"""Weights of 0, and what moves together."""

from __future__ import annotations

import time

import pytest

from tests.e2e.checks import BUSY_S, HTTP, IMPATIENT, UDP_TEXT, UNCHECKED, await_true, check
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.world import World
from tests.lab import analysis
from xdpair.api.v1.listener_pb2 import HealthCheck
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, ServerGroup

# -- weights ---------------------------------------------------------------------------------------


def test_a_rehearsal_moves_new_connections_only(world: World) -> None:
    """Weight 0 on the primary, and back: nothing fails, and who is connected stays connected."""
    pair = world.define(check(), UDP_TEXT)
    with (
        Dialogue(world.lab, pair.vip) as old,
        world.lab.traffic.tcp(300, address=pair.vip) as tcp,
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
    ):
        assert old.ask() == "primary"
        time.sleep(0.2)
        pair.set_weights(0, 100)
        assert pair.serving(pair.tcp) == pair.serving(pair.udp) == "secondary"
        with Dialogue(world.lab, pair.vip) as rehearsal:
            assert rehearsal.ask() == "secondary"
            for _ in range(5):
                assert old.ask() == "primary"
                time.sleep(0.1)
            pair.set_weights(100, 100)
            assert pair.serving(pair.tcp) == "primary"
            with Dialogue(world.lab, pair.vip) as new:
                assert new.ask() == "primary"
            assert rehearsal.ask() == "secondary"
            assert old.ask() == "primary"
        time.sleep(0.2)
    for client in (tcp, udp):
        requests = client.requests()
        assert analysis.failed(requests) == []
        assert analysis.count_sides(requests)["secondary"] > 50
    causes = {event.cause for event in pair.events("WEIGHT_CHANGE")}
    assert causes == {"weight"}
    assert len(pair.events("WEIGHT_CHANGE")) == 4
    assert not pair.events("FAILOVER", "FAILBACK")


def test_a_primary_that_fails_while_rehearsing_loses_its_connections(world: World) -> None:
    pair = world.define(IMPATIENT)
    with Dialogue(world.lab, pair.vip) as old:
        old.send("/hold")
        pair.set_weights(0, 100)
        world.lab.faults.cut("primary")
        with pytest.raises(ConnectionResetError):
            old.answer()
    event = pair.await_event("FENCED")
    assert (event.from_side, event.to_side) == (ServerGroup.SECONDARY, ServerGroup.SECONDARY)
    pair.set_weights(100, 100)
    time.sleep(0.2)
    assert pair.serving() == "secondary"
    world.lab.faults.restore("primary")
    pair.await_serving("primary")


def test_with_both_weights_0_new_connections_are_refused_at_once(world: World) -> None:
    pair = world.define(check(), UDP_TEXT)
    with Dialogue(world.lab, pair.vip) as old:
        assert old.ask() == "primary"
        pair.set_weights(0, 0)
        assert pair.serving(pair.tcp) == pair.serving(pair.udp) == "nobody"
        started_s = time.monotonic()
        with pytest.raises(ConnectionRefusedError):
            Dialogue(world.lab, pair.vip)
        with Datagrams(world.lab, pair.vip) as datagrams, pytest.raises(ConnectionRefusedError):
            datagrams.ask()
        assert time.monotonic() - started_s < BUSY_S
        assert old.ask() == "primary"
    pair.await_event("REJECTING")
    pair.set_weights(0, 100)
    with Dialogue(world.lab, pair.vip) as dialogue, Datagrams(world.lab, pair.vip) as datagrams:
        assert dialogue.ask() == datagrams.ask() == "secondary"
    pair.set_weights(100, 0)
    with Dialogue(world.lab, pair.vip) as dialogue, Datagrams(world.lab, pair.vip) as datagrams:
        assert dialogue.ask() == datagrams.ask() == "primary"


def test_a_steady_sender_is_refused_and_returns(world: World) -> None:
    """One UDP socket over a time in which nobody serves."""
    pair = world.define(udp=UDP_TEXT)
    with Datagrams(world.lab, pair.vip) as datagrams:
        assert datagrams.ask() == "primary"
        pair.set_weights(0, 0)
        with pytest.raises(ConnectionRefusedError):
            datagrams.ask()
        pair.set_weights(100, 100)
        assert datagrams.ask() == "primary"


def test_a_failed_primary_with_a_secondary_of_weight_0_leaves_nobody(world: World) -> None:
    pair = world.define(HTTP)
    pair.set_weights(100, 0)
    with Dialogue(world.lab, pair.vip) as old:
        assert old.ask() == "primary"
        world.lab.servers["primary"].answer_with(500)
        await_true(lambda: pair.serving() == "nobody", "nobody serves")
        with pytest.raises(ConnectionResetError):
            old.answer()
    with pytest.raises(ConnectionRefusedError):
        Dialogue(world.lab, pair.vip)
    world.lab.servers["primary"].answer_normally()
    pair.await_serving("primary")
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "primary"


def test_without_a_check_only_weights_and_operators_move_traffic(world: World) -> None:
    pair = world.define(UNCHECKED)
    world.lab.servers["primary"].kill()
    time.sleep(0.3)
    assert pair.serving() == "primary"
    pair.set_weights(0, 100)
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "secondary"


# -- what moves together ---------------------------------------------------------------------------

SCOPE_GROUP = FailoverPolicy(scope="GROUP")


@pytest.mark.parametrize("policy", [None, SCOPE_GROUP], ids=["listener", "group"])
def test_one_failing_check_moves_its_listener_or_the_group(
    world: World, policy: FailoverPolicy | None
) -> None:
    """The web server says 500; the UDP service of the same host is as fit as ever."""
    pair = world.define(HTTP, UDP_TEXT, policy=policy)
    together = policy is not None
    assert len(pair.slots()) == (1 if together else 2)
    with Datagrams(world.lab, pair.vip) as datagrams:
        assert datagrams.ask() == "primary"
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary", pair.tcp)
        with Dialogue(world.lab, pair.vip) as dialogue:
            assert dialogue.ask() == "secondary"
        time.sleep(0.2)
        assert datagrams.ask() == ("secondary" if together else "primary")
        world.lab.servers["primary"].answer_normally()
        pair.await_serving("primary", pair.tcp)
        assert datagrams.ask() == "primary"
    event = pair.await_event("FAILOVER")
    assert event.listener == ("" if together else pair.tcp)
    assert (event.check, event.error) == ("http 203.0.113.10:80/", "HTTP 500")
    assert len(pair.events("FAILOVER")) == 1


def test_a_group_returns_when_all_its_checks_pass(world: World) -> None:
    pair = world.define(HTTP, UDP_TEXT, policy=SCOPE_GROUP)
    primary = world.lab.servers["primary"]
    primary.answer_with(500)
    primary.kill()
    pair.await_serving("secondary")
    primary.start()
    time.sleep(0.3)
    assert pair.serving() == "secondary"
    primary.answer_normally()
    pair.await_serving("primary")


def test_the_scope_can_change_under_traffic(world: World) -> None:
    """From one slot for each listener to one for both, and back: nothing fails."""
    pair = world.define(HTTP, UDP_TEXT)
    with (
        Dialogue(world.lab, pair.vip) as old,
        world.lab.traffic.tcp(200, address=pair.vip) as tcp,
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
    ):
        assert old.ask() == "primary"
        for scope, slots in (("GROUP", 1), ("LISTENER", 2), ("GROUP", 1)):
            time.sleep(0.2)
            pair.update(failover_policy=FailoverPolicy(scope=scope))
            assert len(pair.slots()) == slots
            assert old.ask() == "primary"
        time.sleep(0.2)
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary", pair.udp)
    for client in (tcp, udp):
        before = [r for r in client.requests() if r.error != "status-500"]
        assert analysis.failed(before) == []


def test_a_check_can_change_while_the_primary_is_down(world: World) -> None:
    """Another kind of check starts from what is known: the primary has to rise first."""
    pair = world.define(HTTP)
    world.lab.servers["primary"].answer_with(500)
    pair.await_serving("secondary")
    pair.update_check(check(interval_ms=100, rise=3))
    assert pair.serving() == "secondary"
    pair.await_serving("primary")
    assert pair.await_event("FAILBACK").check == "tcp 203.0.113.10:80"


def test_a_check_that_is_switched_off_ends_the_failover(world: World) -> None:
    """Unchecked, the primary counts as fit."""
    pair = world.define(HTTP)
    world.lab.servers["primary"].answer_with(500)
    pair.await_serving("secondary")
    pair.update_check(HealthCheck(enabled=False))
    pair.await_serving("primary")


@pytest.mark.parametrize(
    ("before", "after"),
    [(SCOPE_GROUP, "LISTENER"), (FailoverPolicy(), "GROUP")],
    ids=["group to listener", "listener to group"],
)
def test_a_change_of_scope_forgets_nothing(
    world: World, before: FailoverPolicy, after: str
) -> None:
    """Neither that the primary failed, nor what an operator said, nor any connection."""
    pair = world.define(HTTP, UDP_TEXT, policy=before)
    world.lab.servers["primary"].answer_with(500)
    pair.await_serving("secondary", pair.tcp)
    world.lab.servers["primary"].answer_normally()
    pair.await_serving("primary", pair.tcp)
    world.lab.servers["primary"].answer_with(500)
    pair.await_serving("secondary", pair.tcp)
    with Dialogue(world.lab, pair.vip) as old:
        assert old.ask() == "secondary"
        pair.hold()
        pair.update(failover_policy=FailoverPolicy(scope=after))
        assert pair.serving(pair.tcp) == "secondary"
        assert pair.slot(pair.tcp).pinned == ServerGroup.SECONDARY
        assert old.ask() == "secondary"
    with Dialogue(world.lab, pair.vip) as new:
        assert new.ask() == "secondary"


@pytest.mark.parametrize("scope", ["LISTENER", "GROUP"])
def test_waiting_clients_are_reset_after_a_change_of_scope(world: World, scope: str) -> None:
    """Their connections are older than the slot that decides about them."""
    other = "GROUP" if scope == "LISTENER" else "LISTENER"
    pair = world.define(HTTP, policy=FailoverPolicy(scope=other))
    for _ in range(3):
        pair.switchover()
        pair.failback()
    with Dialogue(world.lab, pair.vip) as waiting:
        waiting.send("/hold")
        pair.update(failover_policy=FailoverPolicy(scope=scope))
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary")
        with pytest.raises(ConnectionResetError):
            waiting.answer()
