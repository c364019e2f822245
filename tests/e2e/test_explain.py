# SPDX-License-Identifier: Apache-2.0
"""What is told of a packet is what a real one then meets, and asking changes nothing."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.checks import HTTP, UNCHECKED, check, duration
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.map_content import pinned_maps
from tests.e2e.world import World, world_of
from tests.lab.topology import SERVICE_PORT, SIDES
from xdpair.api.v1 import access_control_list_service_pb2 as acl_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1.access_control_list_pb2 import AccessControlList, AclEntry, AclPolicy
from xdpair.api.v1.explain_pb2 import Explanation, ExplanationStep
from xdpair.api.v1.explain_service_pb2 import ExplainRequest
from xdpair.api.v1.listener_pb2 import TrafficPolicy
from xdpair.api.v1.load_balancer_service_pb2 import ServerHealth
from xdpair.api.v1.server_group_pb2 import ServerGroup

pytestmark = [pytest.mark.root, pytest.mark.e2e]

CLIENT = "198.51.100.10"
FRONT_MAC, CLIENT_MAC = "02:00:00:00:01:01", "02:00:00:00:01:10"
_PORTS = itertools.count(20_000, 300)


@pytest.fixture
def port() -> int:
    """The first of some that no flow of an earlier test has."""
    return next(_PORTS)


def ask(world: World, vip: str, port: int, protocol: str = "TCP", **fields: Any) -> Explanation:
    """About the client's packet from that port."""
    request = ExplainRequest(
        source_address=CLIENT,
        source_port=port,
        destination_address=vip,
        destination_port=SERVICE_PORT,
        protocol=protocol,
        **fields,
    )
    answer: Explanation = world.client.explain.Explain(request)
    return answer


def ask_answer(world: World, side: str, port: int, **fields: Any) -> Explanation:
    """About what this server says to the client's port."""
    request = ExplainRequest(
        source_address=world.lab.hosts[side].address,  # type: ignore[index]
        source_port=SERVICE_PORT,
        destination_address=CLIENT,
        destination_port=port,
        protocol="TCP",
        **fields,
    )
    answer: Explanation = world.client.explain.Explain(request)
    return answer


def words_about(explanation: Explanation, topic: ExplanationStep.Topic) -> str:
    (words,) = [step.text for step in explanation.steps if step.topic == topic]
    return words


# -- pairs -----------------------------------------------------------------------------------------


def test_a_pair_before_during_and_after(world: World, port: int) -> None:
    pair = world.define(UNCHECKED)
    with Dialogue(world.lab, pair.vip, source_port=port + 1) as first:
        assert first.ask() == "primary"  # from now on all neighbours are known
    told = ask(world, pair.vip, port)
    assert (told.outcome, told.exit) == (Explanation.FORWARDED, "forward_new")
    assert (told.listener, told.server.server_id) == (pair.tcp, "primary")
    assert (told.interface_in, told.interface_out) == ("front", "to-primary")
    assert (told.sent.source_mac, told.sent.destination_mac) == (CLIENT_MAC, FRONT_MAC)
    assert told.left.destination_mac == "02:00:00:00:02:10"
    assert (told.left.destination_address, told.left.source_address) == ("203.0.113.10", CLIENT)
    assert (told.sent.ttl - told.left.ttl, told.left.checksums_ok) == (1, True)
    with Dialogue(world.lab, pair.vip, source_port=port) as dialogue:
        assert dialogue.ask() == "primary"
        known = ask(world, pair.vip, port, tcp_flags=["ACK"])
        assert known.exit == "forward"
        assert "established" in words_about(known, ExplanationStep.FLOW)
        back = ask_answer(world, "primary", port)
        assert (back.outcome, back.listener) == (Explanation.REPLIED, pair.tcp)
        assert (back.left.source_address, back.left.source_port) == (pair.vip, SERVICE_PORT)
        assert (back.interface_in, back.interface_out) == ("to-primary", "front")
        assert back.left.destination_mac == CLIENT_MAC
        assert dialogue.ask() == "primary"


def test_after_a_failover(world: World, port: int) -> None:
    pair = world.define(HTTP)
    with Dialogue(world.lab, pair.vip, source_port=port) as old:
        assert old.ask() == "primary"
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary")
        new = ask(world, pair.vip, port + 1)
        assert (new.server.server_id, new.server.side) == ("secondary", ServerGroup.SECONDARY)
        why = words_about(new, ExplanationStep.CHOICE)
        assert "the primary's health check failed" in why
        assert "HTTP 500" in why
        fenced = ask_answer(world, "primary", port)
        assert (fenced.outcome, fenced.exit) == (Explanation.DROPPED, "drop_fenced")
    with Dialogue(world.lab, pair.vip, source_port=port + 1) as dialogue:
        assert dialogue.ask() == "secondary"


def test_a_reset_with_its_numbers(world: World, port: int) -> None:
    """The client does not know yet; nothing tells it before it says something."""
    pair = world.define(UNCHECKED)
    with Dialogue(world.lab, pair.vip, source_port=port) as old:
        assert old.ask() == "primary"
        pair.switchover()
        told = ask(world, pair.vip, port, tcp_flags=["ACK"])
        assert (told.outcome, told.exit) == (Explanation.ANSWERED, "reset_client")
        assert list(told.left.tcp_flags) == ["RST"]
        assert (told.left.tcp_seq, told.left.checksums_ok) == (2000, True)
        assert (told.left.source_address, told.left.destination_port) == (pair.vip, port)
        assert told.interface_out == "front"
        with pytest.raises(ConnectionResetError):
            old.ask()


def test_nobody_serves(world: World, port: int) -> None:
    pair = world.define(UNCHECKED, UNCHECKED)
    pair.set_weights(0, 0)
    tcp = ask(world, pair.vip, port)
    assert (tcp.exit, list(tcp.left.tcp_flags)) == ("reject_tcp", ["RST", "ACK"])
    assert tcp.left.tcp_ack == 1001
    udp = ask(world, pair.vip, port, "UDP", payload=b"ping")
    assert (udp.exit, udp.left.icmp_type, udp.left.icmp_code) == ("reject_udp", 3, 3)
    assert udp.left.checksums_ok
    assert words_about(udp, ExplanationStep.CHOICE).startswith("nobody serves: ")
    with pytest.raises(ConnectionRefusedError):
        Dialogue(world.lab, pair.vip, source_port=port)
    with (
        Datagrams(world.lab, pair.vip, source_port=port) as one,
        pytest.raises(OSError, match="ref"),
    ):
        one.ask()


# -- many servers ----------------------------------------------------------------------------------


def test_a_weighted_group_by_turns(world: World, port: int) -> None:
    pair = world.share(check(), weights=(75, 25))
    sides = []
    for source_port in range(port, port + 12):
        told = ask(world, pair.vip, source_port)
        assert "wrr" in words_about(told, ExplanationStep.CHOICE)
        assert ask(world, pair.vip, source_port) == told
        with Dialogue(world.lab, pair.vip, source_port=source_port) as dialogue:
            sides.append(dialogue.ask())
        assert told.server.server_id == sides[-1]
    assert (sides.count("primary"), sides.count("secondary")) == (9, 3)


@pytest.mark.parametrize("scheduler", ["RR", "WLC", "SCH", "TCH"])
def test_every_scheduler(world: World, port: int, scheduler: str) -> None:
    pair = world.share(check(), tcp_traffic=TrafficPolicy(scheduler=scheduler))
    for source_port in range(port, port + 8):
        told = ask(world, pair.vip, source_port)
        with Dialogue(world.lab, pair.vip, source_port=source_port) as dialogue:
            assert dialogue.ask() == told.server.server_id


def test_quic_connection_ids(world: World, port: int) -> None:
    pair = world.share(check(), UNCHECKED, udp_traffic=TrafficPolicy(scheduler="QCH"))
    sides = set()
    for number in range(8):
        payload = b"\x40" + number.to_bytes(8, "big") + b"rest"
        told = ask(world, pair.vip, port + number, "UDP", payload=payload)
        assert payload[1:9].hex() in words_about(told, ExplanationStep.CHOICE)
        with Datagrams(world.lab, pair.vip, source_port=port + number) as datagrams:
            sides.add(datagrams.ask(payload))
            assert told.server.server_id in sides
    assert sides == set(SIDES)


def test_persistence(world: World, port: int) -> None:
    traffic = TrafficPolicy(persistence_timeout=duration(60_000))
    pair = world.share(check(), tcp_traffic=traffic)
    with Dialogue(world.lab, pair.vip, source_port=port) as dialogue:
        side = dialogue.ask()
    told = ask(world, pair.vip, port + 1)
    assert told.server.server_id == side
    assert words_about(told, ExplanationStep.CHOICE).startswith("session persistence")


def test_health_keeps_a_server_out(world: World, port: int) -> None:
    pair = world.share(check())
    world.lab.servers["primary"].kill()
    pair.await_down("primary")
    for source_port in range(port, port + 4):
        told = ask(world, pair.vip, source_port)
        assert (told.server.server_id, told.server.health) == ("secondary", ServerHealth.NORMAL)
        assert "without primary (abnormal" in words_about(told, ExplanationStep.CHOICE)


# -- gates -----------------------------------------------------------------------------------------


@pytest.fixture
def acl(world: World) -> Iterator[str]:
    """A white list that the client is not on."""
    entries = [AclEntry(cidr="192.0.2.0/24", comment="others")]
    world.client.acls.CreateAccessControlList(
        acl_pb.CreateAccessControlListRequest(
            access_control_list_id="acl-told",
            access_control_list=AccessControlList(display_name="told", entries=entries),
        )
    )
    name = "accessControlLists/acl-told"
    yield name
    world.clear()
    world.client.acls.DeleteAccessControlList(acl_pb.DeleteAccessControlListRequest(name=name))


def test_access_control(world: World, port: int, acl: str) -> None:
    pair = world.share()
    pair.listen("TCP", UNCHECKED, acl=AclPolicy(type="WHITE", access_control_lists=[acl]))
    told = ask(world, pair.vip, port)
    assert (told.outcome, told.exit, told.listener) == (
        Explanation.DROPPED, "drop_acl", pair.tcp,
    )  # fmt: skip
    assert "not in the white list acl-told" in words_about(told, ExplanationStep.ACCESS)
    with pytest.raises(TimeoutError):
        Dialogue(world.lab, pair.vip, source_port=port, timeout_s=0.3)
    entry = AclEntry(cidr=f"{CLIENT}/32", comment="lab")
    world.client.acls.AddEntries(acl_pb.AddEntriesRequest(name=acl, entries=[entry]))
    told = ask(world, pair.vip, port + 1)
    assert f"{CLIENT}/32 (lab) is in the white list" in words_about(told, ExplanationStep.ACCESS)
    with Dialogue(world.lab, pair.vip, source_port=port + 1) as dialogue:
        assert dialogue.ask() == told.server.server_id


# -- what is not balanced --------------------------------------------------------------------------


def test_a_stopped_listener_and_a_port_without_one(world: World, port: int) -> None:
    pair = world.define(UNCHECKED)
    udp = ask(world, pair.vip, port, "UDP")
    assert (udp.outcome, udp.exit) == (Explanation.PASSED, "pass_no_listener")
    assert "has no listener udp-80; it has tcp-80" in words_about(udp, ExplanationStep.LISTENER)
    world.client.load_balancers.StopListener(lb_pb.StopListenerRequest(name=pair.tcp))
    told = ask(world, pair.vip, port)
    assert told.outcome == Explanation.PASSED
    assert words_about(told, ExplanationStep.LISTENER).endswith("is stopped")
    with pytest.raises(ConnectionRefusedError):
        Dialogue(world.lab, pair.vip, source_port=port)


def test_a_martian(world: World, port: int) -> None:
    pair = world.define(UNCHECKED)
    request = ExplainRequest(
        source_address=pair.vip, source_port=port, destination_address=pair.vip,
        destination_port=SERVICE_PORT, protocol="TCP", interface="front",
    )  # fmt: skip
    told = world.client.explain.Explain(request)
    assert (told.outcome, told.exit) == (Explanation.DROPPED, "drop_martian")


def test_too_big_for_the_way_out(world: World, port: int) -> None:
    pair = world.define(check(), UNCHECKED)
    told = ask(world, pair.vip, port, "UDP", payload=b"x" * 1500)
    assert (told.exit, told.left.icmp_type, told.left.icmp_code) == ("too_big", 3, 4)
    assert told.left.icmp_mtu == 1500


# -- nothing changes -------------------------------------------------------------------------------


def test_a_hundred_questions_change_nothing() -> None:
    """Of what the program and the controller hold not one octet, and not one counter."""
    with world_of() as world:  # where no server still speaks of a connection of before
        pair = world.define(UNCHECKED, UNCHECKED)
        # Not by wlc: then the controller itself would count flows anew meanwhile.
        traffic = TrafficPolicy(scheduler="WRR", bandwidth_mbps=100)
        many = world.share(UNCHECKED, UNCHECKED, tcp_traffic=traffic)
        with (
            Dialogue(world.lab, pair.vip, source_port=1) as one,
            Dialogue(world.lab, many.vip, source_port=2) as other,
        ):
            assert one.ask() == "primary"
            assert other.ask() in SIDES
            time.sleep(0.3)  # for the last acknowledgements
            before, exits = pinned_maps(world.lab), quiet(world.exits())
            assert ask_a_hundred(world, pair.vip, many.vip) >= 100
            assert quiet(world.exits()) == exits
            after = pinned_maps(world.lab)
        assert {name for name in before if before[name] != after[name]} <= {"exits", "sweeps"}
        assert len(before) > 10


def ask_a_hundred(world: World, pair_vip: str, many_vip: str) -> int:
    """About flows that there are, and about new ones; packets that would change a lot."""
    exits = []
    for port in range(100, 110):
        for vip, known in ((pair_vip, 1), (many_vip, 2)):
            exits += [
                ask(world, vip, known, tcp_flags=["ACK"]).exit,
                ask(world, vip, known, tcp_flags=["FIN", "ACK"]).exit,
                ask(world, vip, port).exit,
                ask(world, vip, port, "UDP", payload=b"x").exit,
            ]
        exits += [
            ask_answer(world, "primary", 1, tcp_flags=["RST"]).exit,
            ask_answer(world, "secondary", port, tcp_flags=["SYN", "ACK"]).exit,
        ]
    assert {"forward", "forward_new", "reply", "pass_direct"} <= set(exits)
    return len(exits)


def quiet(exits: dict[str, int]) -> dict[str, int]:
    """Without what neighbours say to each other at any time."""
    return {
        name: count
        for name, count in exits.items()
        if name not in {"pass_not_ipv4", "pass_multicast"}
    }


def test_the_maps_would_tell(world: World, port: int) -> None:
    """The comparison above sees what a real connection does."""
    pair = world.define(UNCHECKED)
    many = world.share(UNCHECKED)
    before = pinned_maps(world.lab)
    with Dialogue(world.lab, pair.vip, source_port=port) as one:
        one.ask()
        assert many.sides_of(1)
        after = pinned_maps(world.lab)
    changed = {name for name in before if before[name] != after[name]}
    assert {"flows", "cursors", "exits", "listener_counters", "server_counters"} <= changed


# -- the command -----------------------------------------------------------------------------------


def test_the_command(world: World, port: int) -> None:
    pair = world.define(check())
    words = "explain", "--from", f"{CLIENT}:{port}", "--to", f"{pair.vip}:80", "--flags", "SYN"
    text = world.daemon.cli(*words).stdout.splitlines()
    assert text[0] == f"interface  comes in by front: the route to {CLIENT} leads there"
    assert text[-1] == "forwarded to the primary primary (203.0.113.10:80)"
    answer = json.loads(world.daemon.cli(*words, "--output", "json").stdout)
    assert (answer["outcome"], answer["exit"]) == ("FORWARDED", "forward_new")
