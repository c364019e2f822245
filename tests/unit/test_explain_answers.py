# SPDX-License-Identifier: Apache-2.0
"""What is said of what servers answer, and of what the balancer itself answers."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.explain_kit import (
    CLIENT,
    PRIMARY,
    SLOT,
    VIP,
    Case,
    headers,
    to,
    weighted,
)
from xdpair.core.explain_exits import Outcome
from xdpair.core.explain_facts import DIRECT, Chose, FlowState, Topic, Trace
from xdpair.core.failover import Cause
from xdpair.core.model import Scheduler, Side
from xdpair.core.packet import Endpoint, IcmpError


def test_a_servers_answer() -> None:
    flow = {"flow_found": True, "flow_state": FlowState.ESTABLISHED, "flow_server": 1}
    case = Case("reply", to(1, Chose.FLOW, reply=True, **flow), left=headers(VIP, CLIENT, ttl=63))
    assert case.says(Topic.LISTENER).startswith("an answer of listener lb-1/tcp-80, 203.0.113.10")
    assert case.says(Topic.SERVER) == (
        "from the primary s-1 (10.0.0.11:8080), weight 100, normal; "
        "not fenced: it may speak for the listener"
    )
    assert "source 10.0.0.11:8080 → 203.0.113.10:80" in case.says(Topic.HEADERS)
    explanation = case.explain()
    assert explanation.outcome is Outcome.REPLIED
    assert explanation.summary == "sent to 198.51.100.7:4000 as 203.0.113.10:80"


def test_a_fenced_answer() -> None:
    flow = {"flow_found": True, "flow_state": FlowState.ESTABLISHED, "flow_server": 1}
    slot = replace(SLOT, serving=Side.SECONDARY, cause=Cause.HEALTH)
    case = Case("drop_fenced", to(0, Chose.NOTHING, reply=True, **flow), "XDP_DROP", slot=slot)
    assert case.says(Topic.SERVER) == (
        "from the primary s-1 (10.0.0.11:8080), weight 100, normal; "
        "fenced: the secondary serves: the primary's health check failed"
    )
    assert case.says(Topic.WAY_OUT).endswith("[drop_fenced]")


def test_an_answer_to_a_flow_that_is_anothers() -> None:
    flow = {"flow_found": True, "flow_state": FlowState.ESTABLISHED, "flow_server": 2}
    case = Case("drop_fenced", to(0, Chose.NOTHING, reply=True, **flow), "XDP_DROP")
    assert case.says(Topic.FLOW) == "known, one of the secondary s-2 (10.0.0.12:9090), established"
    assert case.says(Topic.SERVER).endswith(
        "fenced: the flow is one of the secondary s-2 (10.0.0.12:9090)"
    )


def test_an_answer_of_a_member_whose_flows_were_ended() -> None:
    flow = {"flow_found": True, "flow_state": FlowState.ESTABLISHED, "flow_server": 1}
    trace = to(0, Chose.NOTHING, reply=True, **flow)
    member = replace(PRIMARY, side=None)
    case = weighted(Scheduler.WRR, trace=trace, exit="drop_fenced", servers=(member,))
    assert case.says(Topic.SERVER).endswith("since it failed or was removed")


def test_a_direct_answer() -> None:
    trace = Trace(1, reply=True, flow_found=True, flow_server=DIRECT)
    case = Case("pass_direct", trace, "XDP_PASS")
    assert "asked a server itself and not the VIP" in case.says(Topic.FLOW)


def test_an_icmp_answer() -> None:
    vip, client = Endpoint(VIP.address, 0), Endpoint(CLIENT.address, 0)
    base = headers(vip, client)
    too_big = replace(base, protocol=1, icmp=IcmpError(3, 4, 1400, (CLIENT, VIP)))
    case = Case("too_big", to(1, Chose.SLOT), "XDP_TX", left=too_big)
    assert case.says(Topic.HEADERS) == (
        "ICMP fragmentation needed, next hop's MTU 1400, about 198.51.100.7:4000 → "
        "203.0.113.10:80: 203.0.113.10 → 198.51.100.7; checksums right"
    )


def test_wrong_checksums_are_shouted() -> None:
    left = replace(headers(CLIENT, PRIMARY.endpoint), checksums_ok=False)
    assert "CHECKSUMS WRONG" in Case(trace=to(1, Chose.SLOT), left=left).says(Topic.HEADERS)
