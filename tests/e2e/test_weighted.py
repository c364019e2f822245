# SPDX-License-Identifier: Apache-2.0
"""Weighted groups on real traffic: who gets what, and what becomes of it when a server goes."""

from __future__ import annotations

import time

import grpc
import pytest

from tests.e2e.checks import BUSY_S, HTTP, UDP_SILENT, UNCHECKED, await_true, check, duration
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.world import World
from tests.lab import analysis
from tests.lab.topology import SIDES
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.listener_pb2 import Listener, TrafficPolicy
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup

pytestmark = [pytest.mark.root, pytest.mark.e2e]

#: The shortest that the API allows.
SHORTEST_S = 10


DRAINED = TrafficPolicy(connection_drain_timeout=duration(SHORTEST_S * 1000))


# -- who gets what ---------------------------------------------------------------------------------


def test_new_connections_are_shared_by_weight(world: World) -> None:
    pair = world.share(UNCHECKED, UNCHECKED, weights=(75, 25))
    assert pair.sides_of(40) == {"primary": 30, "secondary": 10}
    assert pair.sides_of_sockets(40) == {"primary": 30, "secondary": 10}
    pair.set_weights(25, 75)
    assert pair.sides_of(40) == {"primary": 10, "secondary": 30}


def test_a_connection_stays_where_it_began(world: World) -> None:
    pair = world.share(UNCHECKED)
    with pair.connect() as one, pair.connect() as other:
        assert {one.ask(), other.ask()} == {"primary", "secondary"}
        first = one.ask()
        for _ in range(20):
            assert one.ask() == first
            assert other.ask() != first


def test_rr_does_not_look_at_weights(world: World) -> None:
    pair = world.share(UNCHECKED, weights=(99, 1), tcp_traffic=TrafficPolicy(scheduler="RR"))
    assert pair.sides_of(20) == {"primary": 10, "secondary": 10}


def test_wlc_gives_to_whom_has_least(world: World) -> None:
    pair = world.share(UNCHECKED, tcp_traffic=TrafficPolicy(scheduler="WLC"))
    held = [pair.connect() for _ in range(10)]
    try:
        sides = [dialogue.ask() for dialogue in held]
        assert sides.count("primary") == sides.count("secondary") == 5
        for dialogue, side in zip(held, sides, strict=True):
            if side == "primary":
                dialogue.sock.close()
        time.sleep(BUSY_S)  # until both ends have said goodbye
        # The primary has none now, the secondary five.
        again = [pair.connect() for _ in range(5)]
        held += again
        assert [dialogue.ask() for dialogue in again] == ["primary"] * 5
    finally:
        for dialogue in held:
            dialogue.sock.close()


def test_a_client_stays_with_its_server_by_hash_of_its_address(world: World) -> None:
    pair = world.share(UNCHECKED, UNCHECKED, tcp_traffic=TrafficPolicy(scheduler="SCH"))
    assert len(pair.sides_of(20)) == 1


def test_a_client_stays_with_its_server_by_persistence(world: World) -> None:
    """Until that server takes no new connections."""
    traffic = TrafficPolicy(persistence_timeout=duration(60_000))
    pair = world.share(check(), tcp_traffic=traffic)
    ((first, count),) = pair.sides_of(10).items()
    assert count == 10
    pair.set_weights(0 if first == "primary" else 100, 0 if first == "secondary" else 100)
    ((second, count),) = pair.sides_of(10).items()
    assert second != first
    pair.set_weights(100, 100)
    assert pair.sides_of(10) == {second: 10}


def test_the_default_group_serves_by_the_port_of_its_listener(world: World) -> None:
    pair = world.share()
    api = world.client
    default = f"serverGroups/rsp-default-{pair.lb.partition('lb-')[2]}"
    servers = [GroupServer(server_id=side, address=world.lab.hosts[side].address) for side in SIDES]
    api.groups.AddServers(group_pb.AddServersRequest(name=default, servers=servers))
    listener = Listener(protocol="TCP", port=8080, server_port=80, health_check=UNCHECKED)
    created = api.load_balancers.CreateListener(
        lb_pb.CreateListenerRequest(parent=pair.lb, listener=listener)
    )
    assert created.server_group == default
    api.load_balancers.StartListener(lb_pb.StartListenerRequest(name=created.name))
    sides = set()
    for _ in range(2):
        with Dialogue(world.lab, pair.vip, 8080) as dialogue:
            sides.add(dialogue.ask())
    assert sides == {"primary", "secondary"}


# -- a server fails --------------------------------------------------------------------------------


def test_a_failed_server_gets_nothing_new_and_its_connections_are_reset(world: World) -> None:
    pair = world.share(HTTP)
    with pair.connect_to("primary") as old, pair.connect_to("secondary") as other:
        old.send("/hold")
        world.lab.servers["primary"].answer_with(500)
        started_s = time.monotonic()
        with pytest.raises(ConnectionResetError):
            old.answer()
        assert time.monotonic() - started_s < 1 + BUSY_S
        assert pair.sides_of(10) == {"secondary": 10}
        assert other.ask() == "secondary"
    world.lab.servers["primary"].answer_normally()
    pair.await_up("primary")
    assert pair.sides_of(10) == {"primary": 5, "secondary": 5}


def test_a_server_that_is_killed_under_load(world: World) -> None:
    """What fails, fails before the check has noticed; then nothing does."""
    pair = world.share(check(), UDP_SILENT)
    with (
        world.lab.traffic.tcp(200, address=pair.vip) as tcp,
        world.lab.traffic.udp(500, address=pair.vip) as udp,
    ):
        time.sleep(0.3)
        world.lab.servers["primary"].kill()
        pair.await_down("primary")
        pair.await_down("primary", pair.udp)
        noticed_s = time.monotonic()
        time.sleep(0.5)
    for client in (tcp, udp):
        requests = client.requests()
        assert analysis.count_sides(requests)["primary"] > 10
        late = [request for request in requests if request.start_s > noticed_s]
        assert len(late) > 50
        assert analysis.failed(late) == []
        assert set(analysis.count_sides(late)) == {"secondary"}


def test_drained_connections_go_on_and_are_then_reset(world: World) -> None:
    pair = world.share(HTTP, tcp_traffic=DRAINED)
    with pair.connect_to("primary") as old:
        world.lab.servers["primary"].answer_with(500)
        pair.await_down("primary")
        started_s = time.monotonic()
        assert pair.sides_of(4) == {"secondary": 4}
        while time.monotonic() - started_s < SHORTEST_S - 1:
            assert old.ask() == "primary"
            time.sleep(0.5)
        old.send("/hold")
        with pytest.raises(ConnectionResetError):
            old.answer()
        assert time.monotonic() - started_s > SHORTEST_S - BUSY_S


@pytest.mark.parametrize("policy", ["REJECT", "FAIL_OPEN"])
def test_when_nobody_is_fit(world: World, policy: str) -> None:
    pair = world.share(HTTP, tcp_traffic=TrafficPolicy(all_unhealthy=policy))
    for side in SIDES:
        world.lab.servers[side].answer_with(500)
        pair.await_down(side)
    if policy == "REJECT":
        with pytest.raises(ConnectionRefusedError):
            pair.connect()
    else:
        assert pair.sides_of(10) == {"primary": 5, "secondary": 5}
    for side in SIDES:
        world.lab.servers[side].answer_normally()
        pair.await_up(side)
    assert pair.sides_of(10) == {"primary": 5, "secondary": 5}


# -- a server is taken out -------------------------------------------------------------------------


def test_weight_0_ends_no_connection(world: World) -> None:
    pair = world.share(check())
    with pair.connect_to("primary") as old:
        pair.set_weights(0, 100)
        assert pair.sides_of(10) == {"secondary": 10}
        assert old.ask() == "primary"
        # It is still probed.
        world.lab.servers["primary"].kill()
        pair.await_down("primary")


def test_a_removed_server_loses_its_connections_at_once(world: World) -> None:
    pair = world.share(UNCHECKED)
    with pair.connect_to("primary") as old:
        old.send("/hold")
        pair.remove("primary")
        with pytest.raises(ConnectionResetError):
            old.answer()
    assert pair.sides_of(4) == {"secondary": 4}
    pair.add("primary")
    # As soon as the way to it is known again.
    await_true(lambda: pair.sides_of(4) == {"primary": 2, "secondary": 2}, "it gets its share")


def test_a_removed_server_is_drained(world: World) -> None:
    pair = world.share(UNCHECKED, tcp_traffic=DRAINED)
    with pair.connect_to("primary") as old:
        pair.remove("primary")
        started_s = time.monotonic()
        assert pair.sides_of(4) == {"secondary": 4}
        world.kill()
        world.start()  # the drain outlives the controller
        while time.monotonic() - started_s < SHORTEST_S - 1:
            assert old.ask() == "primary"
            time.sleep(0.5)
        old.send("/hold")
        with pytest.raises(ConnectionResetError):
            old.answer()
        assert time.monotonic() - started_s > SHORTEST_S - BUSY_S


def test_no_tie_leads_to_a_server_that_drains(world: World) -> None:
    traffic = TrafficPolicy(
        connection_drain_timeout=duration(SHORTEST_S * 1000), persistence_timeout=duration(60_000)
    )
    pair = world.share(UNCHECKED, tcp_traffic=traffic)
    with pair.connect() as old:
        first, other = SIDES if old.ask() == SIDES[0] else SIDES[::-1]
        assert pair.sides_of(4) == {first: 4}
        pair.remove(first)
        assert pair.sides_of(4) == {other: 4}
        assert old.ask() == first


def test_a_pairs_failed_primary_is_drained(world: World) -> None:
    pair = world.define(HTTP, tcp_traffic=DRAINED)
    with Dialogue(world.lab, pair.vip) as old:
        assert old.ask() == "primary"
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary")
        started_s = time.monotonic()
        with Dialogue(world.lab, pair.vip) as new:
            assert new.ask() == "secondary"
        while time.monotonic() - started_s < SHORTEST_S - 1:
            assert old.ask() == "primary"
            time.sleep(0.5)
        old.send("/hold")
        with pytest.raises(ConnectionResetError):
            old.answer()
        assert time.monotonic() - started_s > SHORTEST_S - BUSY_S


def test_a_server_that_leaves_its_pair_is_drained(world: World) -> None:
    pair = world.define(UNCHECKED, tcp_traffic=DRAINED)
    secondary = world.lab.hosts["secondary"].address
    with Dialogue(world.lab, pair.vip) as old:
        assert old.ask() == "primary"
        pair.update(
            servers=[
                GroupServer(server_id="new", address=secondary, port=80, role="PRIMARY"),
                GroupServer(server_id="other", address=secondary, port=7, role="SECONDARY"),
            ]
        )
        started_s = time.monotonic()
        with Dialogue(world.lab, pair.vip) as new:
            assert new.ask() == "secondary"
        while time.monotonic() - started_s < SHORTEST_S - 1:
            assert old.ask() == "primary"
            time.sleep(0.5)
        old.send("/hold")
        with pytest.raises(ConnectionResetError):
            old.answer()


# -- the controller goes ---------------------------------------------------------------------------


def test_a_killed_controller_costs_nothing_and_what_was_down_stays_down(world: World) -> None:
    pair = world.share(HTTP, UNCHECKED)
    world.lab.servers["primary"].answer_with(500)
    pair.await_down("primary")
    with (
        world.lab.traffic.tcp(200, address=pair.vip) as tcp,
        world.lab.traffic.udp(1000, address=pair.vip) as udp,
    ):
        time.sleep(0.2)
        world.kill()
        time.sleep(0.2)
        world.start()
        time.sleep(0.5)
    requests = tcp.requests()
    assert analysis.failed(requests) == []
    assert set(analysis.count_sides(requests)) == {"secondary"}
    assert analysis.failed(udp.requests()) == []
    assert pair.state(pair.tcp, "primary").state == lb_pb.ServerHealth.ABNORMAL


def test_switchover_is_for_pairs(world: World) -> None:
    pair = world.share(UNCHECKED)
    with pytest.raises(grpc.RpcError) as caught:
        world.client.groups.Switchover(group_pb.SwitchoverRequest(name=pair.group))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_inactive_load_balancer_forwards_nothing(world: World) -> None:
    pair = world.share(UNCHECKED)
    assert pair.sides_of(2) == {"primary": 1, "secondary": 1}
    pair.set_status("INACTIVE")
    with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
        pair.connect()
    pair.set_status("ACTIVE")
    await_true(lambda: pair.sides_of(2), "it forwards again")


def test_datagrams_leave_a_failed_server_at_once(world: World) -> None:
    pair = world.share(udp=UDP_SILENT)
    with Datagrams(world.lab, pair.vip) as one, Datagrams(world.lab, pair.vip) as other:
        assert {one.ask(), other.ask()} == {"primary", "secondary"}
        world.lab.servers["primary"].kill()
        pair.await_down("primary", pair.udp)
        assert one.ask() == other.ask() == "secondary"


def test_kind_of_group_is_told(world: World) -> None:
    pair = world.share()
    group = world.client.groups.GetServerGroup(group_pb.GetServerGroupRequest(name=pair.group))
    assert group.kind == ServerGroup.WEIGHTED
    assert [server.weight for server in group.servers] == [100, 100]
    assert not group.slots
