# SPDX-License-Identifier: Apache-2.0
"""A frame that is only asked about takes the way that a real one would, and leaves no trace but the
one that it is asked for. Frames are preceded by a word of metadata then.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from tests import bpf_run
from tests.packet.balancer import TX, Balancer
from tests.packet.frames import ACK, FIN, RST, SYN, Endpoint, Hop, Packet, Udp
from tests.packet.kinds import EVERY_KIND, make_flows
from tests.packet.members import (
    DNS_MEMBERS,
    WEB_MEMBERS,
    Crowd,
    datagram_from,
    exclude,
    from_member,
    given_to,
    set_wheel,
)
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    CLIENTS_IF,
    CLIENTS_MAC,
    DNS_ROW,
    OTHER_GATEWAY_MAC,
    SERVERS_IF,
    SERVERS_MAC,
    WEB_ROW,
    WEB_SERVERS,
    Scene,
    from_dns,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.failover import Slot
from xdpair.core.tables import AclKey, Bandwidth, Schedule
from xdpair.datapath.constants import ABI

MAGIC = ABI["DRY_RUN_MAGIC"].to_bytes(8, sys.byteorder)
DRY_EXITS = 1
MAPS = (
    "lookup", "listeners", "slots", "servers", "flows", "peers", "links", "wheels", "cursors",
    "loads", "limits", "sweeps",
)  # fmt: skip
COUNTERS = {"listener_counters": range(1, 5), "server_counters": range(1, 30)}

LONG_HEADER = b"\xc3\0\0\0\1\x08%s\x08%s" + bytes(30)


def snapshot(balancer: Balancer) -> dict[str, Any]:
    """Everything but the trace and the rows that dry runs may move."""
    maps = balancer.maps
    state: dict[str, Any] = {name: getattr(maps, name).tobytes() for name in MAPS}
    state["exits"] = maps.counters("exits", 0)
    for name, rows in COUNTERS.items():
        state[name] = [maps.counters(name, row) for row in rows]
    return state


def ask(balancer: Balancer, sent: Packet | bytes) -> tuple[int, bytes, str, dict[str, int]]:
    """Verdict, frame, exit and trace; nothing else may move."""
    frame = sent if isinstance(sent, bytes) else sent.frame()
    ifindex = SERVERS_IF if frame[:6] == SERVERS_MAC else CLIENTS_IF
    before, exits = snapshot(balancer), balancer.maps.counters("exits", DRY_EXITS)
    balancer.maps.traces.view("u1").fill(0xEE)
    with balancer.namespace.inside():
        run = bpf_run.prog_run(
            balancer.datapath.program.fd, frame, ingress_ifindex=ifindex, metadata=MAGIC
        )
    after = balancer.maps.counters("exits", DRY_EXITS)
    assert snapshot(balancer) == before
    (moved,) = (name for name, count in after.items() if count != exits[name])
    assert after[moved] == exits[moved] + 1
    trace = balancer.maps.traces[0]
    return run.action, run.frame, moved, {name: int(trace[name]) for name in trace.dtype.names}


def assert_true(balancer: Balancer, sent: Packet | bytes) -> dict[str, int]:
    """The real frame meets what was told, then."""
    action, frame, exit_name, trace = ask(balancer, sent)
    out = balancer.run(sent)
    assert (action, exit_name) == (out.action, out.exit)
    if out.frame:
        assert frame == out.frame
    return trace


def trace(**fields: int) -> dict[str, int]:
    names = (
        "listener", "server", "chose", "flow_found", "flow_state", "reply", "ifindex",
        "flow_server", "zero",
    )  # fmt: skip
    return dict.fromkeys(names, 0) | fields


NOTHING, FLOW, SLOT, SCHEDULER, PERSISTENCE = (
    ABI[f"CHOSE_{name}"] for name in ("NOTHING", "FLOW", "SLOT", "SCHEDULER", "PERSISTENCE")
)
ESTABLISHED = ABI["FLOW_ESTABLISHED"]


# -- pairs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_frames_of_every_kind(balancer: Balancer, kind: str, is_known: bool) -> None:
    if is_known:
        make_flows(balancer)
    assert_true(balancer, EVERY_KIND[kind])


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("event", ["primary_fails", "primary_recovers", "nobody"])
def test_after_a_change(balancer: Balancer, pair: Pair, kind: str, event: str) -> None:
    make_flows(balancer)
    if event == "nobody":
        pair.weigh(0, 0)
    else:
        pair.primary_fails()
        if event == "primary_recovers":
            pair.primary_recovers()
    assert_true(balancer, EVERY_KIND[kind])


def test_the_trace_of_a_pair(balancer: Balancer, pair: Pair) -> None:
    primary, secondary = WEB_SERVERS
    told = assert_true(balancer, to_web(flags=SYN))
    assert told == trace(listener=WEB_ROW, server=primary, chose=SLOT, ifindex=SERVERS_IF)
    balancer.run(to_web())
    known = trace(
        listener=WEB_ROW,
        server=primary,
        chose=FLOW,
        flow_found=1,
        flow_state=ESTABLISHED,
        flow_server=primary,
    )
    assert ask(balancer, to_web())[3] == known | {"ifindex": SERVERS_IF}
    assert ask(balancer, from_web())[3] == known | {"ifindex": CLIENTS_IF, "reply": 1}
    pair.primary_fails()
    reset = known | {"server": 0, "chose": NOTHING}
    assert ask(balancer, to_web())[3] == reset | {"ifindex": CLIENTS_IF}
    assert ask(balancer, from_web())[3] == reset | {"reply": 1}
    told = ask(balancer, to_web(flags=SYN))[3]
    assert told == known | {"server": secondary, "chose": SLOT, "ifindex": SERVERS_IF}


def test_the_trace_of_a_rejection(balancer: Balancer, pair: Pair) -> None:
    pair.weigh(0, 0)
    for sent, row in ((to_web(flags=SYN), WEB_ROW), (to_dns(), DNS_ROW)):
        told = assert_true(balancer, sent)
        assert told == trace(listener=row, ifindex=CLIENTS_IF)


def test_the_trace_of_what_is_not_ours(balancer: Balancer) -> None:
    sent = to_web(dest=Endpoint(CLIENT.address, 1))
    assert assert_true(balancer, sent) == trace()


def test_an_answer_without_a_flow(balancer: Balancer) -> None:
    """Also one that a real frame would make a flow of."""
    told = assert_true(balancer, from_web())
    assert told["chose"] == NOTHING
    assert told["ifindex"] == CLIENTS_IF
    assert_true(balancer, from_web(flags=SYN | ACK))
    assert_true(balancer, from_dns())


def test_no_neighbour_is_learnt(balancer: Balancer) -> None:
    """Of a new flow, or of a known one that comes by another gateway."""
    ask(balancer, to_web(flags=SYN))
    assert not balancer.maps.peers.view("u1").any()
    make_flows(balancer)
    for sent in (to_web(), to_dns()):
        ask(balancer, replace(sent, hop=Hop(OTHER_GATEWAY_MAC, CLIENTS_MAC)))


# -- weighted listeners ----------------------------------------------------------------------------


@pytest.fixture
def crowd(balancer: Balancer) -> Balancer:
    return Crowd().put(balancer)


def test_the_trace_of_a_weighted_listener(crowd: Balancer) -> None:
    first, second, _ = WEB_MEMBERS
    for sent in (to_web(flags=SYN), to_web(flags=SYN)):
        told = ask(crowd, sent)[3]
        assert told == trace(listener=WEB_ROW, server=first, chose=SCHEDULER, ifindex=SERVERS_IF)
    assert_true(crowd, to_web(flags=SYN))
    crowd.run(to_web())
    known = trace(
        listener=WEB_ROW,
        server=first,
        chose=FLOW,
        flow_found=1,
        flow_state=ESTABLISHED,
        flow_server=first,
    )
    assert assert_true(crowd, to_web()) == known | {"ifindex": SERVERS_IF}
    assert assert_true(crowd, from_member(first)) == known | {"ifindex": CLIENTS_IF, "reply": 1}
    crowd.datapath.end_flows(first)
    ended = known | {"server": 0, "chose": NOTHING}
    assert assert_true(crowd, from_member(first)) == ended | {"reply": 1}
    assert ask(crowd, to_web())[3] == ended | {"ifindex": CLIENTS_IF}
    told = ask(crowd, to_web(flags=SYN))[3]
    assert (told["chose"], told["server"]) == (SCHEDULER, second)


@pytest.mark.parametrize("schedule", list(Schedule))
def test_every_scheduler(balancer: Balancer, schedule: Schedule) -> None:
    """Asked as often as one likes: it is the next real one that is told of."""
    Crowd(web={"schedule": schedule}, dns={"schedule": schedule}).put(balancer)
    for port in range(1, 12):
        for sent in (
            to_web(source=Endpoint(CLIENT.address, port), flags=SYN),
            to_dns(source=Endpoint(CLIENT.address, port), payload=b"\x43abcdefg%d" % port),
        ):
            ask(balancer, sent)
            told = assert_true(balancer, sent)
            assert told["chose"] == SCHEDULER


def test_persistence(balancer: Balancer) -> None:
    Crowd(web={"persistence_s": 100}).put(balancer)
    assert_true(balancer, to_web(flags=SYN))
    told = assert_true(balancer, to_web(source=Endpoint(CLIENT.address, 1), flags=SYN))
    assert (told["chose"], told["server"]) == (PERSISTENCE, WEB_MEMBERS[0])
    balancer.flows.age(CLIENT, WEB_ROW, 1)
    assert_true(balancer, to_web())


def test_quic(balancer: Balancer) -> None:
    """A server's long header ties nobody if it is only asked about."""
    Crowd(dns={"schedule": Schedule.QUIC}).put(balancer)
    asked = to_dns(payload=LONG_HEADER % (b"firstone", b"client01"))
    row = given_to(balancer.run(asked).frame)
    said: Udp = datagram_from(row, payload=LONG_HEADER % (b"client01", b"serverid"))
    assert_true(balancer, said)
    set_wheel(balancer, [each for each in DNS_MEMBERS if each != row], DNS_ROW)
    moved = to_dns(source=Endpoint(CLIENT.address + 1, 9), payload=b"\x43serverid" + bytes(20))
    told = assert_true(balancer, moved)
    assert (told["chose"], told["server"]) == (PERSISTENCE, row)


@pytest.mark.parametrize(
    "sent",
    [to_web(flags=RST), to_web(flags=FIN | ACK), to_web(), from_member(21, flags=RST), to_dns()],
)
def test_states_do_not_change(crowd: Balancer, sent: Packet) -> None:
    for before in (to_web(flags=SYN), to_web(), to_dns()):
        crowd.run(before)
    crowd.flows.age(CLIENT, WEB_ROW, 5)
    crowd.flows.age(CLIENT, DNS_ROW, 5)
    assert_true(crowd, sent)


def test_who_gets_nothing_new(crowd: Balancer) -> None:
    crowd.run(to_web(flags=SYN))
    exclude(crowd, WEB_MEMBERS[0])
    assert_true(crowd, to_web(flags=SYN))
    set_wheel(crowd, ())
    assert_true(crowd, to_web(source=Endpoint(CLIENT.address, 1), flags=SYN))


# -- the gate --------------------------------------------------------------------------------------


def test_lists_and_limits(balancer: Balancer) -> None:
    """No bucket is emptied by asking."""
    key = AclKey(5, IPv4Network("198.51.100.0/24"))
    Crowd(web={"acl": 5}, dns={"bandwidth": Bandwidth(1)}, acls=[key]).put(balancer)
    told = assert_true(balancer, to_web(flags=SYN))
    assert told == trace(listener=WEB_ROW)
    big = to_dns(payload=bytes(1400))
    for _ in range(30):
        assert ask(balancer, big)[2] == "forward_new"
    balancer.maps.limits["full_at_ns"][DNS_ROW] = 2**62
    told = assert_true(balancer, big)
    assert told == trace(listener=DNS_ROW)


# -- the metadata ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata", [bytes(4), bytes(8), MAGIC[:4], MAGIC[::-1], MAGIC + bytes(4), bytes(4) + MAGIC]
)
def test_metadata_of_others(balancer: Balancer, metadata: bytes) -> None:
    """Frames of real networks may have some, of whoever ran before: they are real."""
    before = balancer.maps.counters("exits", DRY_EXITS)
    with balancer.namespace.inside():
        run = bpf_run.prog_run(
            balancer.datapath.program.fd,
            to_web(flags=SYN).frame(),
            ingress_ifindex=CLIENTS_IF,
            metadata=metadata,
        )
    is_magic = metadata[:8] == MAGIC
    assert (balancer.maps.counters("exits", DRY_EXITS) != before) is is_magic
    assert (balancer.flows.get(CLIENT, WEB_ROW) is None) is is_magic
    assert run.action != TX


def test_cut_frames(balancer: Balancer) -> None:
    frame = to_web(flags=SYN).frame()
    for octets in range(14, len(frame) + 1):
        assert_true(balancer, frame[:octets])
        balancer.reset(Scene(), Slot())
