# SPDX-License-Identifier: Apache-2.0
"""Operators: what they say holds, whatever probes say, until they say otherwise."""

from __future__ import annotations

import json
import time

import grpc
import pytest

from tests.e2e.checks import HTTP, UDP_TEXT, check
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.pair import Pair
from tests.e2e.world import World
from tests.lab import analysis
from tests.rpc.calls import refused
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, ServerGroup

SEVERAL_PROBES_S = 0.3


def short(name: str) -> str:
    """An id as the command line takes it."""
    return name.partition("/")[2]


def ask_both(world: World, pair: Pair) -> tuple[str, str]:
    """Who answers new TCP connections and datagrams."""
    with Dialogue(world.lab, pair.vip) as dialogue, Datagrams(world.lab, pair.vip) as datagrams:
        return dialogue.ask(), datagrams.ask()


def test_a_switchover_holds_until_the_failback(world: World) -> None:
    pair = world.define(check(), UDP_TEXT)
    with Dialogue(world.lab, pair.vip) as old, Datagrams(world.lab, pair.vip) as datagrams:
        assert old.ask() == datagrams.ask() == "primary"
        slots = pair.switchover()
        assert [slot.serving for slot in slots] == [ServerGroup.SECONDARY] * 2
        assert ask_both(world, pair) == ("secondary", "secondary")
        assert datagrams.ask() == "secondary"
        with pytest.raises(ConnectionResetError):
            old.answer()
    time.sleep(SEVERAL_PROBES_S)
    assert ask_both(world, pair) == ("secondary", "secondary")
    pair.failback()
    assert ask_both(world, pair) == ("primary", "primary")
    assert [event.cause for event in pair.events("SWITCHOVER", "FAILBACK")] == ["operator"] * 4


def test_an_operators_failback_loses_nothing(world: World) -> None:
    pair = world.define(check(), UDP_TEXT)
    pair.switchover()
    with (
        world.lab.traffic.tcp(300, address=pair.vip) as tcp,
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
    ):
        time.sleep(0.3)
        pair.failback()
        time.sleep(0.3)
    for client in (tcp, udp):
        requests = client.requests()
        assert analysis.failed(requests) == []
        assert set(analysis.count_sides(requests)) == {"primary", "secondary"}


def test_a_switchover_costs_the_requests_in_flight_at_most(world: World) -> None:
    """Datagrams follow at once, new connections too; what is established is reset."""
    pair = world.define(check(), UDP_TEXT)
    with (
        world.lab.traffic.tcp(300, address=pair.vip) as tcp,
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
    ):
        time.sleep(0.3)
        pair.switchover(to="SECONDARY")
        time.sleep(0.3)
    assert analysis.failed(udp.requests()) == []
    failed = analysis.count_errors(tcp.requests())
    assert set(failed) <= {"reset"}
    assert failed["reset"] <= 5


def test_failback_is_refused_while_the_primary_is_unhealthy(world: World) -> None:
    pair = world.define(HTTP)
    world.lab.servers["primary"].answer_with(500)
    pair.await_serving("secondary")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "OperationFailed.PrimaryUnhealthy"):
        pair.failback()
    result = world.daemon.cli("failback", short(pair.group), check=False)
    assert result.returncode == 5
    assert "OperationFailed.PrimaryUnhealthy" in result.stderr
    assert pair.serving() == "secondary"


def test_a_switchover_to_a_server_of_weight_0_is_refused(world: World) -> None:
    pair = world.define(check())
    pair.set_weights(100, 0)
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "OperationFailed.ServerHasWeightZero"):
        pair.switchover()
    assert pair.serving() == "primary"


def test_a_hold_survives_probes_and_ends_by_a_release(world: World) -> None:
    pair = world.define(HTTP)
    with Dialogue(world.lab, pair.vip) as old:
        assert old.ask() == "primary"
        pair.hold()
        world.lab.servers["primary"].answer_with(500)
        pair.await_healthy(False)
        time.sleep(SEVERAL_PROBES_S)
        assert pair.serving() == "primary"
        assert old.ask() == "primary"
        assert not pair.events("FAILOVER")
        (slot,) = pair.release()
        assert slot.serving == ServerGroup.SECONDARY
        with pytest.raises(ConnectionResetError):
            old.answer()
    assert [event.kind for event in pair.events("HELD", "RELEASED")]


def test_a_hold_on_the_secondary_outlasts_the_primarys_recovery(world: World) -> None:
    pair = world.define(HTTP)
    world.lab.servers["primary"].answer_with(500)
    pair.await_serving("secondary")
    pair.hold()
    world.lab.servers["primary"].answer_normally()
    pair.await_healthy()
    time.sleep(SEVERAL_PROBES_S)
    assert pair.serving() == "secondary"
    pair.release()
    pair.await_serving("primary")


def test_an_operator_may_insist_on_an_unhealthy_primary(world: World) -> None:
    """The check is wrong, say: its port is closed, and the service is well."""
    pair = world.define(HTTP, UDP_TEXT, policy=FailoverPolicy(scope="GROUP"))
    world.lab.servers["primary"].answer_with(500)
    pair.await_serving("secondary")
    pair.switchover(to="PRIMARY")
    assert ask_both(world, pair) == ("primary", "primary")
    time.sleep(SEVERAL_PROBES_S)
    assert ask_both(world, pair) == ("primary", "primary")
    pair.release()
    assert ask_both(world, pair) == ("secondary", "secondary")


def test_one_listener_can_be_moved_alone(world: World) -> None:
    pair = world.define(check(), UDP_TEXT)
    pair.switchover(listener=pair.udp)
    assert ask_both(world, pair) == ("primary", "secondary")
    pair.failback(listener=pair.udp)
    assert ask_both(world, pair) == ("primary", "primary")


def test_the_command_line_says_what_it_did(world: World) -> None:
    pair = world.define(check())
    cli, group = world.daemon.cli, short(pair.group)
    (moved,) = json.loads(cli("switchover", group, "-o", "json").stdout)
    assert (moved["serving"], moved["pinned"], moved["cause"]) == (
        "SECONDARY",
        "SECONDARY",
        "OPERATOR",
    )
    assert "held on the secondary" in cli("status").stdout
    (moved,) = json.loads(cli("hold", group, "--release", "-o", "json").stdout)
    assert moved["serving"] == "PRIMARY"
    pair.await_serving("primary")
    (held,) = json.loads(cli("hold", group, "-o", "json").stdout)
    assert (held["serving"], held["pinned"]) == ("PRIMARY", "PRIMARY")
    shown = cli("events", group).stdout
    assert [word in shown for word in ("switchover", "released", "held")] == [True] * 3


def test_a_listener_in_the_place_of_a_deleted_one_starts_afresh(world: World) -> None:
    """Nothing of the former one's failover is left, and no connection of it lives on."""
    pair = world.define(HTTP, policy=FailoverPolicy(failback="MANUAL"))
    world.lab.servers["primary"].answer_with(500)
    pair.await_serving("secondary")
    world.lab.servers["primary"].answer_normally()
    pair.unlisten(pair.tcp)
    pair.listen("TCP", HTTP)
    assert pair.serving() == "primary"
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "primary"
