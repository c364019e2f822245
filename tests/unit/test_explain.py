# SPDX-License-Identifier: Apache-2.0
"""What is said of a packet: every exit has words, and every case the right ones."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import product

import pytest

from tests.unit.desired_kit import LB, Wishes, key
from tests.unit.explain_kit import (
    CLIENT,
    HERE,
    PAIR,
    PRIMARY,
    SLOT,
    TCP,
    THERE,
    UDP,
    VIP,
    Case,
    headers,
    known,
    to,
)
from xdpair.core.errors import InvalidInput
from xdpair.core.explain import explain
from xdpair.core.explain_exits import EXITS, Outcome
from xdpair.core.explain_facts import (
    DIRECT,
    MAX_PAYLOAD,
    Chose,
    Facts,
    FlowState,
    Question,
    Topic,
    Trace,
)
from xdpair.core.model import (
    AclEntry,
    AclPolicy,
    AclType,
    ListenerState,
    LoadBalancerStatus,
    Member,
    TrafficPolicy,
)
from xdpair.core.packet import TcpFlags
from xdpair.datapath.constants import ABI
from xdpair.datapath.paths import source_dir

# -- the contract with the data plane --------------------------------------------------------------


def exits_of_abi() -> set[str]:
    text = (source_dir() / "abi.h").read_text()
    (body,) = re.findall(r"^struct exits \{(.*?)^\};", text, re.MULTILINE | re.DOTALL)
    return set(re.findall(r"__u64 (\w+);", body))


def test_every_exit_has_words() -> None:
    assert set(EXITS) == exits_of_abi()
    assert len(EXITS) > 30
    words = [each.words for each in EXITS.values()]
    assert len(set(words)) == len(words)


def test_outcomes_fit_the_names() -> None:
    by_prefix = {"pass_": Outcome.PASSED, "drop_": Outcome.DROPPED, "forward": Outcome.FORWARDED}
    by_prefix |= {"reply": Outcome.REPLIED, "reset_": Outcome.ANSWERED, "reject_": Outcome.ANSWERED}
    for name, each in EXITS.items():
        for prefix, outcome in by_prefix.items():
            assert not name.startswith(prefix) or each.outcome is outcome, name


def test_numbers_are_those_of_the_abi() -> None:
    assert {name: number for name, number in ABI.items() if name.startswith("CHOSE_")} == {
        f"CHOSE_{each.name}": each for each in Chose
    }
    states = {f"FLOW_{each.name}": each for each in FlowState}
    assert {name: ABI[name] for name in states} == states
    assert ABI["FLOW_DIRECT"] == DIRECT


@pytest.mark.parametrize("exit_name", sorted(EXITS))
def test_there_is_an_answer_whatever_the_program_says(exit_name: str) -> None:
    pair = Wishes().lb().group().listener(80).listener(80, protocol=UDP)
    many = Wishes().lb().weighted("rsp-w", Member("s-1", 80, address=IPv4Address("10.0.0.11")))
    many.listener(80, group_id="rsp-w").listener(80, protocol=UDP, group_id="rsp-w")
    said = 0
    for chose, state, reply, wishes, server, listener, left in product(
        Chose,
        (FlowState.ESTABLISHED, FlowState.RESET),
        (False, True),
        (pair, many),
        (0, 1, 9),
        (0, 1),
        (None, headers(VIP, CLIENT)),
    ):
        protocol = UDP if said % 2 else TCP
        trace = Trace(listener, server, chose, server > 0, state, reply, 3, server)
        is_pair = wishes is pair
        servers = PAIR if is_pair else (known(1, "s-1", 80),)
        case = Case(exit_name, trace, left=left, protocol=protocol, wishes=wishes, servers=servers,
                    slot=SLOT if is_pair else None)  # fmt: skip
        explanation = case.explain()
        assert explanation.summary
        assert explanation.steps[0].topic is Topic.INTERFACE
        assert explanation.steps[-1].topic is Topic.WAY_OUT
        assert all(step.words for step in explanation.steps)
        said += 1
    assert said > 400


# -- the question ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        pytest.param({"source": CLIENT._replace(port=0)}, "source_port", id="port 0"),
        pytest.param({"dest": VIP._replace(port=65536)}, "destination_port", id="port 65536"),
        pytest.param({"protocol": UDP, "flags": TcpFlags.SYN}, "tcp_flags", id="flags of UDP"),
        pytest.param({"payload": b"x" * (MAX_PAYLOAD + 1)}, "payload", id="too long"),
    ],
)
def test_a_wrong_question_is_refused(fields: dict[str, object], name: str) -> None:
    values = {"source": CLIENT, "dest": VIP, "protocol": TCP, **fields}
    with pytest.raises(InvalidInput) as caught:
        Question(**values)  # type: ignore[arg-type]
    assert caught.value.metadata["field"] == name


# -- which listener --------------------------------------------------------------------------------


def test_the_whole_way_to_a_server() -> None:
    left = replace(headers(CLIENT, PRIMARY.endpoint, ttl=63), dest_mac=HERE, source_mac=THERE)
    explanation = Case(trace=to(1, Chose.SLOT), left=left).explain()
    assert (explanation.outcome, explanation.listener) == (Outcome.FORWARDED, key(80))
    assert explanation.server == PRIMARY
    assert explanation.summary == "forwarded to the primary s-1 (10.0.0.11:8080)"
    assert [(step.topic, step.words) for step in explanation.steps] == [
        (Topic.INTERFACE, "comes in by eth0: the route to 198.51.100.7 leads there"),
        (
            Topic.LISTENER,
            "for listener lb-1/tcp-80, 203.0.113.10:80; rsp-1 (primary/secondary)",
        ),
        (Topic.ACCESS, "no access control: everybody may come"),
        (Topic.BANDWIDTH, "no limit"),
        (Topic.FLOW, "not known: it would be a new one"),
        (Topic.CHOICE, "the primary serves: it always did"),
        (Topic.SERVER, "the primary s-1 (10.0.0.11:8080), weight 100, normal"),
        (
            Topic.HEADERS,
            "destination 203.0.113.10:80 → 10.0.0.11:8080; TTL 64 → 63; "
            "source MAC 02:00:00:00:00:01 → 02:00:00:00:00:02; "
            "destination MAC 02:00:00:00:00:02 → 02:00:00:00:00:01; checksums right",
        ),
        (
            Topic.WAY_OUT,
            "by eth1, another interface, to 02:00:00:00:00:01: "
            "to a server, as the first of its flow there [forward_new]",
        ),
    ]


def test_where_it_comes_in() -> None:
    facts = Case(trace=to(1, Chose.SLOT)).facts()

    def says(facts: Facts) -> str:
        return explain(facts).steps[0].words

    assert says(replace(facts, is_routed=False)) == "comes in by eth0, as the question says"
    assert says(replace(facts, is_sender_known=False)) == (
        "comes in by eth0: the route to 198.51.100.7 leads there; "
        "nobody knows its MAC yet, 02:00:00:00:00:01 stands for it"
    )


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        pytest.param(Wishes(), "no load balancer has the address 203.0.113.10", id="no VIP"),
        pytest.param(
            Wishes().lb().group().listener(80, state=ListenerState.STOPPED),
            "listener lb-1/tcp-80 is stopped",
            id="stopped",
        ),
        pytest.param(
            Wishes().lb(replace(LB, status=LoadBalancerStatus.INACTIVE)).group().listener(80),
            "load balancer lb-1 is inactive: its listener lb-1/tcp-80 forwards nothing",
            id="inactive",
        ),
        pytest.param(
            Wishes().lb().group().listener(81).listener(80, protocol=UDP),
            "load balancer lb-1 has no listener tcp-80; it has tcp-81, udp-80",
            id="other ports",
        ),
        pytest.param(Wishes().lb(), "it has none at all", id="no ports"),
    ],
)
def test_why_no_listener_was_found(wishes: Wishes, words: str) -> None:
    case = Case("pass_no_listener", Trace(), "XDP_PASS", wishes=wishes)
    assert words in case.says(Topic.LISTENER)
    explanation = case.explain()
    assert (explanation.outcome, explanation.listener, explanation.server) == (
        Outcome.PASSED, None, None,
    )  # fmt: skip
    assert explanation.summary.startswith("left to this host")
    assert case.says(Topic.WAY_OUT).endswith("[pass_no_listener]")


# -- gates -----------------------------------------------------------------------------------------


def with_acl(kind: AclType, *networks: str) -> Wishes:
    wishes = Wishes().lb().group().acl("acl-1", *networks)
    if networks:
        acl = wishes.desired.acls["acl-1"]
        entry = AclEntry(IPv4Network(networks[-1]), "office")
        wishes.desired = wishes.desired.update_acl(replace(acl, entries=(*acl.entries[:-1], entry)))
    return wishes.listener(80, acl=AclPolicy(kind, ("acl-1",)))


@pytest.mark.parametrize(
    ("wishes", "is_dropped", "words"),
    [
        pytest.param(
            with_acl(AclType.WHITE, "198.51.0.0/16", "198.51.100.0/24"),
            False,
            "198.51.100.0/24 (office) is in the white list acl-1: it may come",
            id="longest prefix",
        ),
        pytest.param(
            with_acl(AclType.WHITE, "192.0.2.0/24"),
            True,
            "198.51.100.7 is not in the white list acl-1: it may not come",
            id="not white",
        ),
        pytest.param(
            with_acl(AclType.WHITE),
            True,
            "the white list acl-1 is empty: nobody may come",
            id="empty white",
        ),
        pytest.param(
            with_acl(AclType.BLACK, "198.51.100.7/32"),
            True,
            "198.51.100.7/32 (office) is in the black list acl-1: it may not come",
            id="black",
        ),
        pytest.param(
            with_acl(AclType.BLACK),
            False,
            "198.51.100.7 is not in the black list acl-1: it may come",
            id="not black",
        ),
        pytest.param(
            with_acl(AclType.BLACK, "198.51.100.7/32"),
            False,
            "198.51.100.7/32 (office) is in the black list acl-1, "
            "but the data plane has not heard of that yet",
            id="just changed",
        ),
    ],
)
def test_access_control(wishes: Wishes, is_dropped: bool, words: str) -> None:
    dropped = Case("drop_acl", Trace(1), "XDP_DROP", wishes=wishes)
    case = dropped if is_dropped else Case(trace=to(1, Chose.SLOT), wishes=wishes)
    assert case.says(Topic.ACCESS) == words
    topics = {step.topic for step in case.explain().steps}
    assert (Topic.FLOW in topics) is not is_dropped


def test_bandwidth() -> None:
    wishes = Wishes().lb().group().listener(80, traffic=TrafficPolicy(bandwidth_mbps=5))
    within = Case(trace=to(1, Chose.SLOT), wishes=wishes)
    assert within.says(Topic.BANDWIDTH) == "5 Mbit/s: not used up"
    beyond = Case("drop_bandwidth", Trace(1), "XDP_DROP", wishes=wishes)
    assert beyond.says(Topic.BANDWIDTH) == "5 Mbit/s: used up at this moment"
    assert beyond.explain().summary == "dropped: it is beyond the listener's bandwidth"
    assert Topic.FLOW not in {step.topic for step in beyond.explain().steps}
