# SPDX-License-Identifier: Apache-2.0
"""Why a packet goes to this server and no other."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from itertools import product

import pytest

from tests.unit.desired_kit import Wishes
from tests.unit.explain_kit import (
    ABNORMAL,
    CLIENT,
    HERE,
    PAIR,
    PRIMARY,
    REFUSED,
    SECONDARY,
    SLOT,
    TCP,
    THERE,
    UDP,
    UNKNOWN,
    VIP,
    A,
    C,
    Case,
    D,
    known,
    to,
    weighted,
)
from xdpair.core.explain_choice import quic_connection_id
from xdpair.core.explain_exits import Outcome
from xdpair.core.explain_facts import (
    Chose,
    FlowState,
    KnownServer,
    Topic,
    Trace,
)
from xdpair.core.failover import Cause
from xdpair.core.model import (
    Scheduler,
    Side,
)
from xdpair.core.packet import Segment, TcpFlags, read

# -- pairs -----------------------------------------------------------------------------------------


def test_after_a_failover() -> None:
    slot = replace(SLOT, serving=Side.SECONDARY, cause=Cause.HEALTH, last_change_time_s=1.8e9)
    servers = replace(PRIMARY, health=ABNORMAL, error=REFUSED), SECONDARY
    case = Case(trace=to(2, Chose.SLOT), servers=servers, slot=slot)
    assert case.says(Topic.CHOICE) == (
        "the secondary serves since 2027-01-15 08:00:00 UTC: the primary's health check failed; "
        "the primary s-1 (10.0.0.11:8080) is abnormal: connection refused"
    )


def test_a_hold_is_told() -> None:
    slot = replace(SLOT, cause=Cause.OPERATOR, pinned=Side.PRIMARY)
    assert Case(trace=to(1, Chose.SLOT), slot=slot).says(Topic.CHOICE) == (
        "the primary serves: an operator said so; "
        "an operator holds it there, whatever the health checks say"
    )


def test_every_cause_has_words() -> None:
    for cause, side in product(Cause, Side):
        case = Case(trace=to(1, Chose.SLOT), slot=replace(SLOT, cause=cause, serving=side))
        assert case.says(Topic.CHOICE).startswith(f"the {side.name.lower()} serves: ")


def test_a_kept_flow_stays_with_who_no_longer_serves() -> None:
    slot = replace(SLOT, serving=Side.PRIMARY, cause=Cause.HEALTH)
    flow = {"flow_found": True, "flow_state": FlowState.ESTABLISHED, "flow_server": 2}
    case = Case("forward", to(2, Chose.FLOW, **flow), slot=slot)
    assert case.says(Topic.FLOW) == "known, one of the secondary s-2 (10.0.0.12:9090), established"
    assert case.says(Topic.CHOICE) == (
        "the flow keeps its server, although the primary serves: "
        "the primary's health check passes again"
    )


def test_a_moved_datagram_flow() -> None:
    wishes = Wishes().lb().group().listener(80, protocol=UDP)
    trace = to(2, Chose.SLOT, flow_found=True, flow_state=FlowState.ESTABLISHED, flow_server=1)
    slot = replace(SLOT, serving=Side.SECONDARY, cause=Cause.WEIGHT)
    case = Case(trace=trace, slot=slot, protocol=UDP, wishes=wishes)
    assert case.says(Topic.FLOW) == "known, one of the primary s-1 (10.0.0.11:8080)"
    assert case.says(Topic.CHOICE) == (
        "the flow is no longer one of the primary s-1 (10.0.0.11:8080); "
        "the secondary serves: the primary has weight 0"
    )


def test_a_reset_says_why_and_with_which_numbers() -> None:
    slot = replace(SLOT, serving=Side.SECONDARY, cause=Cause.HEALTH)
    trace = Trace(1, flow_found=True, flow_state=FlowState.ESTABLISHED, flow_server=1, ifindex=2)
    rst = Segment(source_mac=HERE, dest_mac=THERE, source=VIP, dest=CLIENT, protocol=TCP,
                  flags=TcpFlags.RST, seq=2000)  # fmt: skip
    case = Case("reset_client", trace, "XDP_TX", left=read(rst.frame()), slot=slot)
    assert case.says(Topic.CHOICE) == (
        "the connection has ended: the primary s-1 (10.0.0.11:8080) no longer serves it; "
        "the secondary serves: the primary's health check failed"
    )
    assert case.says(Topic.HEADERS) == (
        "TCP RST 203.0.113.10:80 → 198.51.100.7:4000, seq 2000; checksums right"
    )
    assert case.says(Topic.WAY_OUT).startswith("by eth1, where it came in, to 02:00:00:00:00:02: ")
    assert case.explain().outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (Trace(1, flow_found=True, flow_state=FlowState.RESET, flow_server=1), "silent for too"),
        (Trace(1, flow_found=True, flow_server=9), "its server has left the group"),
    ],
)
def test_other_reasons_of_a_reset(trace: Trace, words: str) -> None:
    assert words in Case("reset_client", trace, "XDP_TX").says(Topic.CHOICE)


def test_nobody_of_a_pair_serves() -> None:
    servers = replace(PRIMARY, weight=0), replace(SECONDARY, weight=0, health=UNKNOWN)
    rst = Segment(source_mac=HERE, dest_mac=THERE, source=VIP, dest=CLIENT, protocol=TCP,
                  flags=TcpFlags.RST | TcpFlags.ACK, ack=1001)  # fmt: skip
    case = Case("reject_tcp", Trace(1), "XDP_TX", servers=servers, left=read(rst.frame()),
                slot=replace(SLOT, serving=None))  # fmt: skip
    assert case.says(Topic.CHOICE) == "nobody serves: s-1 (weight 0), s-2 (weight 0)"
    assert "TCP RST,ACK" in case.says(Topic.HEADERS)
    assert "seq 0, ack 1001" in case.says(Topic.HEADERS)


def test_a_server_that_left_is_told() -> None:
    left = KnownServer(9, "", IPv4Address("10.0.0.99"), 80)
    trace = to(9, Chose.FLOW, flow_found=True, flow_state=FlowState.ESTABLISHED, flow_server=9)
    case = Case("forward", trace, servers=(*PAIR, left))
    assert case.says(Topic.SERVER) == "a server that has left the group (10.0.0.99:80)"
    assert "has left the group: its connections may go on" in case.says(Topic.CHOICE)


# -- many servers ----------------------------------------------------------------------------------


def test_the_scheduler_chose() -> None:
    case = weighted(Scheduler.WRR)
    assert case.says(Topic.CHOICE) == (
        "wrr: in turn, in proportion to weight; of a (weight 5), b (weight 3); "
        "without c (abnormal: connection refused), d (weight 0)"
    )
    assert case.says(Topic.SERVER) == "a (10.0.0.11:80), weight 5, normal"
    assert "rsp-w (weighted)" in case.says(Topic.LISTENER)


@pytest.mark.parametrize("scheduler", Scheduler)
def test_every_scheduler_has_words(scheduler: Scheduler) -> None:
    protocol = UDP if scheduler is Scheduler.QCH else TCP
    assert weighted(scheduler, protocol).says(Topic.CHOICE).startswith(f"{scheduler.value}: ")


def test_fail_open_is_told() -> None:
    ill = replace(A, health=ABNORMAL)
    case = weighted(Scheduler.RR, servers=(ill, C), wheel=frozenset({1, 3}))
    assert "none of them is fit, so that all get new connections" in case.says(Topic.CHOICE)


def test_many_servers_are_not_all_named() -> None:
    servers = tuple(known(row, f"s{row}", 80) for row in range(1, 21))
    case = weighted(Scheduler.TCH, servers=servers, wheel=frozenset(range(1, 21)))
    assert case.says(Topic.CHOICE).endswith("s8 (weight 100) and 12 more")


def test_a_tie_chose() -> None:
    case = weighted(Scheduler.WRR, trace=to(2, Chose.PERSISTENCE))
    assert case.says(Topic.CHOICE) == (
        "session persistence: the client was with this server within the last 60 s"
    )


def test_a_quic_connection_id_chose() -> None:
    payload = b"\x40" + bytes(range(8)) + b"rest"
    tied = weighted(Scheduler.QCH, UDP, trace=to(2, Chose.PERSISTENCE), payload=payload)
    assert "0001020304050607 belongs to this server" in tied.says(Topic.CHOICE)
    hashed = weighted(Scheduler.QCH, UDP, payload=payload)
    assert "of the QUIC connection id, 0001020304050607;" in hashed.says(Topic.CHOICE)
    assert "the payload has none" in weighted(Scheduler.QCH, UDP).says(Topic.CHOICE)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("c000000001" + "04" + "a1a2a3a4" + "00", "a1a2a3a4"),
        ("c000000001" + "0a" + "a1a2a3a4a5a6a7a8a9aa", "a1a2a3a4a5a6a7a8"),
        ("c000000001" + "0a" + "a1a2", ""),
        ("40" + "a1a2a3a4a5a6a7a8", "a1a2a3a4a5a6a7a8"),
        ("40" + "a1a2a3a4a5a6a7", ""),
        ("40", ""),
        ("", ""),
    ],
)
def test_quic_connection_ids(payload: str, expected: str) -> None:
    assert quic_connection_id(bytes.fromhex(payload)).hex() == expected


def test_a_flow_of_a_server_that_gets_nothing_new() -> None:
    flow = {"flow_found": True, "flow_state": FlowState.ESTABLISHED, "flow_server": 4}
    case = weighted(Scheduler.WRR, trace=to(4, Chose.FLOW, **flow), exit="forward")
    assert case.says(Topic.CHOICE) == (
        "the flow keeps its server, although it gets no new connections: weight 0"
    )


def test_flows_of_a_failed_member_were_ended() -> None:
    trace = Trace(1, flow_found=True, flow_state=FlowState.ESTABLISHED, flow_server=3)
    case = weighted(Scheduler.WRR, trace=trace, exit="reset_client")
    assert "the connections of c (10.0.0.13:80) were ended; it is abnormal" in case.says(
        Topic.CHOICE
    )


def test_nobody_of_many_serves() -> None:
    case = weighted(
        Scheduler.WRR, trace=Trace(1), exit="reject_tcp", servers=(C, D), wheel=frozenset()
    )
    assert case.says(Topic.CHOICE) == (
        "nobody serves: c (abnormal: connection refused), d (weight 0)"
    )
    empty = weighted(
        Scheduler.WRR, trace=Trace(1), exit="reject_tcp", servers=(), wheel=frozenset()
    )
    assert empty.says(Topic.CHOICE) == "nobody serves: the group has no servers"
