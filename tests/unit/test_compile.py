# SPDX-License-Identifier: Apache-2.0
"""From wishes and facts to the content of the maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.unit.compile_kit import (
    HOP,
    LINKS,
    OWN,
    PRIMARY_ADDRESS,
    SECONDARY_ADDRESS,
    Maps,
    World,
    endpoint,
    world,
)
from tests.unit.desired_kit import LB, PRIMARY, SECONDARY, Wishes, key
from xdpair.core.indexes import listener_name, slot_name, weighted_server_name
from xdpair.core.model import (
    FailoverScope,
    FlowAction,
    ListenerState,
    LoadBalancerStatus,
    Protocol,
    Scheduler,
    Side,
    TrafficPolicy,
    default_group_id,
)
from xdpair.core.tables import Bandwidth, Kind, ListenerEntry, LookupKey, Schedule, ServerEntry

PAIR_ROWS = "server:rsp-1/primary/0a00000b:8080", "server:rsp-1/secondary/0a00000c:9090"


def test_one_listener_in_full() -> None:
    made = world(Wishes().lb().group().listener(80))
    row = made.row(listener_name(key(80)))
    primary, secondary = (made.row(name) for name in PAIR_ROWS)
    assert made.maps == Maps(
        lookup={
            LookupKey(Kind.LOCAL, OWN): 1,
            LookupKey(Kind.VIP, LB.address): 1,
            LookupKey(Kind.LISTENER, LB.address, 80, Protocol.TCP): row,
            endpoint(PRIMARY_ADDRESS, 8080): row << 2,
            endpoint(SECONDARY_ADDRESS, 9090): row << 2 | 1 << 1,
        },
        listeners={
            row: ListenerEntry(
                vip=LB.address,
                port=80,
                protocol=Protocol.TCP,
                slot=made.row(slot_name(str(key(80)))),
                servers=(primary, secondary),
                keep_primary=False,
                keep_secondary=True,
            )
        },
        servers={
            primary: ServerEntry(PRIMARY_ADDRESS, 8080, HOP),
            secondary: ServerEntry(SECONDARY_ADDRESS, 9090, None),
        },
        links=LINKS,
    )
    assert made.watched == {PRIMARY_ADDRESS, SECONDARY_ADDRESS}
    assert made.compiler.listener_at(row) == key(80)
    assert made.compiler.listener_at(row + 1) is None


def test_a_weighted_listener_in_full() -> None:
    """Each listener has rows of its own; members at the same address and port are one server."""
    twin, other = replace(PRIMARY, server_id="s-9", weight=30), replace(SECONDARY, weight=0)
    wishes = Wishes().lb().weighted("rsp-w", replace(PRIMARY, weight=80), twin, other)
    wishes.listener(80, group_id="rsp-w", traffic=TrafficPolicy(scheduler=Scheduler.WLC))
    made = world(wishes)
    row = made.row(listener_name(key(80)))
    first = made.row(weighted_server_name(key(80), PRIMARY_ADDRESS, 8080))
    second = made.row(weighted_server_name(key(80), SECONDARY_ADDRESS, 9090))
    assert made.maps.servers == {
        first: ServerEntry(PRIMARY_ADDRESS, 8080, HOP, weight=100),
        second: ServerEntry(SECONDARY_ADDRESS, 9090, None, weight=0),
    }
    assert made.maps.lookup[endpoint(PRIMARY_ADDRESS, 8080)] == row << 2
    assert made.maps.lookup[endpoint(SECONDARY_ADDRESS, 9090)] == row << 2
    entry = made.entry(key(80))
    assert (entry.schedule, entry.slot, entry.servers) == (Schedule.LEAST, 0, (0, 0))
    assert not entry.keep_primary
    assert not entry.keep_secondary
    members = made.compiler.weighted_members(key(80))
    assert [(each.row, each.weight, each.member.server_id) for each in members] == [
        (first, 100, "s-1"),
        (second, 0, "s-2"),
    ]
    made.change(lambda draft: draft.set_listener_state(key(80), ListenerState.STOPPED))
    assert made.compiler.weighted_members(key(80)) == ()


def test_listeners_of_one_weighted_group_have_rows_of_their_own() -> None:
    wishes = Wishes().lb().weighted("rsp-w", PRIMARY)
    made = world(wishes.listener(80, group_id="rsp-w").listener(81, group_id="rsp-w"))
    assert len(made.maps.servers) == 2
    assert made.maps.lookup[endpoint(PRIMARY_ADDRESS, 8080)] & 1


def test_a_listener_says_the_port_of_the_default_group() -> None:
    wishes = Wishes().lb().default(replace(PRIMARY, port=None))
    group_id = default_group_id(LB.lb_id)
    wishes.listener(80, group_id=group_id, server_port=8000)
    wishes.listener(81, group_id=group_id, server_port=8001)
    made = world(wishes)
    assert {entry.port for entry in made.maps.servers.values()} == {8000, 8001}
    assert endpoint(PRIMARY_ADDRESS, 8001) in made.maps.lookup


def test_nothing_wanted() -> None:
    assert world(Wishes()).maps == Maps({LookupKey(Kind.LOCAL, OWN): 1}, links=LINKS)


def stop(made: World) -> None:
    made.change(lambda draft: draft.set_listener_state(key(80), ListenerState.STOPPED))


def deactivate(made: World) -> None:
    lb = replace(LB, status=LoadBalancerStatus.INACTIVE)
    made.change(lambda draft: draft.update_load_balancer(lb))


@pytest.mark.parametrize(
    ("end", "lookup"),
    [(stop, [LookupKey(Kind.VIP, LB.address)]), (deactivate, [])],
    ids=["stopped", "inactive"],
)
def test_a_listener_that_does_not_forward_is_not_there(
    end: Callable[[World], None], lookup: list[LookupKey]
) -> None:
    """Its row stays its own; so do those of its servers, of which a pair's stay known."""
    made = world(Wishes().lb().group().weighted("rsp-w", PRIMARY).listener(80))
    rows = dict(made.stored)
    end(made)
    assert set(made.maps.lookup) == {LookupKey(Kind.LOCAL, OWN), *lookup}
    assert not made.maps.listeners
    assert len(made.maps.servers) == 2
    assert made.stored == rows
    assert not made.plan.may_end_flows


def test_a_weighted_listener_that_does_not_forward_has_no_servers() -> None:
    made = world(Wishes().lb().weighted("rsp-w", PRIMARY).listener(80, group_id="rsp-w"))
    rows, maps = dict(made.stored), made.maps.servers.copy()
    stop(made)
    assert not made.maps.servers
    assert made.watched == set()
    assert made.stored == rows
    made.change(lambda draft: draft.set_listener_state(key(80), ListenerState.RUNNING))
    assert made.maps.servers == maps
    assert made.watched == {PRIMARY_ADDRESS}


def test_protocols_are_apart() -> None:
    made = world(Wishes().lb().group().listener(53).listener(53, protocol=Protocol.UDP))
    for protocol in Protocol:
        row = made.row(listener_name(key(53, protocol)))
        assert made.maps.lookup[LookupKey(Kind.LISTENER, LB.address, 53, protocol)] == row
        assert made.maps.lookup[endpoint(PRIMARY_ADDRESS, 8080, protocol)] == row << 2


@pytest.mark.parametrize("on_failover", FlowAction)
@pytest.mark.parametrize("on_failback", FlowAction)
@pytest.mark.parametrize("drain_s", [0, 10])
@pytest.mark.parametrize("drained", [(), (Side.PRIMARY,), (Side.SECONDARY,)])
def test_flows_are_kept_as_the_policy_says(
    on_failover: FlowAction, on_failback: FlowAction, drain_s: int, drained: tuple[Side, ...]
) -> None:
    """Those of a failed primary also while its connections drain."""
    policy = TrafficPolicy(on_failover, on_failback, connection_drain_s=drain_s)
    made = world(Wishes().lb().group().listener(80, traffic=policy).listener(81))
    made.drained = frozenset((key(80), side) for side in drained)
    made.redo(key(80))
    entry = made.entry(key(80))
    keeps_primary = on_failover is FlowAction.KEEP or drain_s > 0
    assert entry.keep_primary == (keeps_primary and Side.PRIMARY not in drained)
    keeps_secondary = on_failback is FlowAction.KEEP
    assert entry.keep_secondary == (keeps_secondary and Side.SECONDARY not in drained)
    assert made.entry(key(81)).keep_secondary


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        (TrafficPolicy(), {}),
        (TrafficPolicy(bandwidth_mbps=5), {"bandwidth": Bandwidth(5)}),
        (TrafficPolicy(established_timeout_s=10), {"established_timeout_s": 10}),
        (TrafficPolicy(persistence_timeout_s=60), {"persistence_s": 60}),
        (TrafficPolicy(scheduler=Scheduler.RR), {}),
        (TrafficPolicy(scheduler=Scheduler.SCH), {"schedule": Schedule.SOURCE}),
        (TrafficPolicy(scheduler=Scheduler.TCH), {"schedule": Schedule.TUPLE}),
    ],
)
def test_the_traffic_policy_of_a_weighted_listener(
    policy: TrafficPolicy, wanted: dict[str, object]
) -> None:
    wishes = Wishes().lb().weighted("rsp-w", PRIMARY)
    entry = world(wishes.listener(80, group_id="rsp-w", traffic=policy)).entry(key(80))
    plain = ListenerEntry(
        LB.address, 80, Protocol.TCP, 0, (0, 0), False, False, schedule=Schedule.IN_TURN
    )
    assert entry == replace(plain, **wanted)  # type: ignore[arg-type]


def test_quic_goes_by_connection_ids() -> None:
    wishes = Wishes().lb().weighted("rsp-w", PRIMARY)
    policy = TrafficPolicy(scheduler=Scheduler.QCH)
    wishes.listener(80, group_id="rsp-w", traffic=policy, protocol=Protocol.UDP)
    assert world(wishes).entry(key(80, Protocol.UDP)).schedule is Schedule.QUIC


def test_a_pair_knows_nothing_of_schedulers() -> None:
    policy = TrafficPolicy(scheduler=Scheduler.SCH, persistence_timeout_s=60, bandwidth_mbps=1)
    entry = world(Wishes().lb().group().listener(80, traffic=policy)).entry(key(80))
    assert (entry.schedule, entry.persistence_s, entry.bandwidth) == (None, 0, Bandwidth(1))


def test_a_group_that_fails_over_as_one_has_one_slot() -> None:
    made = world(Wishes().lb().group(scope=FailoverScope.GROUP).listener(80).listener(81))
    assert {entry.slot for entry in made.maps.listeners.values()} == {made.row(slot_name("rsp-1"))}
    made.change(lambda draft: draft.delete_listener(key(80)))
    assert made.plan.gone == {str(key(80))}
    made.change(lambda draft: draft.delete_listener(key(81)))
    assert made.plan.gone == {str(key(81)), "rsp-1"}
    made = world(Wishes().lb().group().listener(80).listener(81))
    assert len({entry.slot for entry in made.maps.listeners.values()}) == 2


def test_no_flow_of_a_pair_is_taken_for_one_of_many() -> None:
    """What it says of its server means something else there: the listener gets another row."""
    made = world(Wishes().lb().group().weighted("rsp-w", PRIMARY).listener(80))
    row = made.row(listener_name(key(80)))
    listener = made.desired.listener(key(80))
    made.change(lambda draft: draft.update_listener(replace(listener, group_id="rsp-w")))
    other = made.row(listener_name(key(80)))
    assert set(made.maps.listeners) == {other} != {row}
    assert made.plan.gone == {str(key(80))}
    made.change(lambda draft: draft.update_listener(listener))
    assert made.row(listener_name(key(80))) not in {row, other}
