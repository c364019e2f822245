# SPDX-License-Identifier: Apache-2.0
"""`Explain` and `xdpair explain` over the wire; what the program would say is made up here."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import grpc
import pytest

from tests.rpc.calls import GROUP, LB, LISTENER, PRIMARY_IP, SECONDARY_IP, Calls, refused
from tests.rpc.controller import Controller
from tests.rpc.fakes import FakeDatapath
from tests.rpc.shell import Shell
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1.explain_pb2 import Explanation, ExplanationStep
from xdpair.api.v1.explain_service_pb2 import ExplainRequest
from xdpair.api.v1.load_balancer_service_pb2 import ServerHealth
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup
from xdpair.api.v1.server_group_service_pb2 import CreateServerGroupRequest
from xdpair.core.explain_facts import Chose, Origin
from xdpair.core.model import Protocol
from xdpair.core.packet import Endpoint, Headers, Segment, TcpFlags, read
from xdpair.core.tables import Kind, LookupKey
from xdpair.explainer import UNKNOWN_MAC, Explainer
from xdpair.ports import DryRun

INVALID = grpc.StatusCode.INVALID_ARGUMENT
VIP = "192.0.2.10"
CLIENT = "203.0.113.7"
FAILURES = ("connection refused",) * 3
#: What FakeNetwork says of the only interface.
ETH0, ETH0_MAC = 2, bytes.fromhex("020000000001")
GATEWAY_MAC = bytes.fromhex("0200000000fe")


class Program(FakeDatapath):
    """Answers as the program would where nothing is known but listeners and who serves.

    Attributes:
        asked: frames, and by which interface they came.
        said: parts of the answers that a test wants otherwise.
    """

    def __init__(self, told: FakeDatapath) -> None:
        super().__init__()
        self._told = told
        self.asked: list[tuple[bytes, int]] = []
        self.said: dict[str, Any] = {}
        self.traced: dict[str, int] = {}

    def read_wheel(self, row: int) -> list[int]:
        return list(self._told.read_wheel(row))

    def dry_run(self, frame: bytes, ifindex: int) -> DryRun:
        self.asked.append((frame, ifindex))
        trace = dict.fromkeys(("listener", "server", "chose", "flow_found", "flow_state", "reply",
                               "ifindex", "flow_server"), 0)  # fmt: skip
        headers = read(frame)
        row = self._found(headers)
        if not row:
            return replace(DryRun("XDP_PASS", "pass_no_listener", frame, trace), **self.said)
        trace |= {"listener": row, "ifindex": ETH0} | self._choice(row) | self.traced
        left = Segment(
            source_mac=headers.dest_mac,
            dest_mac=GATEWAY_MAC,
            source=headers.source,
            dest=Endpoint(IPv4Address(PRIMARY_IP), 80),
            protocol=Protocol(headers.protocol),
            flags=headers.flags,
            seq=headers.seq,
            ack=headers.ack,
            ttl=headers.ttl - 1,
        ).frame()
        return replace(DryRun("XDP_TX", "forward_new", left, trace), **self.said)

    def _found(self, headers: Headers) -> int:
        kinds = (Kind.LISTENER, headers.dest, 0), (Kind.ENDPOINT, headers.source, 2)
        for kind, (address, port), shift in kinds:
            key = LookupKey(kind, address, port, headers.protocol)
            for change in reversed(self._told.changes):
                if change.lookup.get(key):
                    return (change.lookup[key] or 0) >> shift
                if key in change.lookup:
                    break
        return 0

    def _choice(self, row: int) -> dict[str, int]:
        entry = next(c.listeners[row] for c in reversed(self._told.changes) if row in c.listeners)
        assert entry is not None
        if entry.schedule is not None:
            return {"server": self.read_wheel(row)[0], "chose": Chose.SCHEDULER}
        side = self._told.slots[entry.slot].side
        assert side is not None
        return {"server": entry.servers[side], "chose": Chose.SLOT}


@pytest.fixture
def program(controller: Controller) -> Program:
    """Put it where the controller asks."""
    program = Program(controller.datapath)
    inside = vars(controller.app)
    origins = {
        IPv4Address(CLIENT): Origin(ETH0, GATEWAY_MAC),
        IPv4Address(PRIMARY_IP): Origin(ETH0, None),
        IPv4Address("9.9.9.9"): Origin(7, None),
    }
    inside["explain"] = Explainer(
        lambda: controller.app.desired,
        program,
        controller.network,
        inside["_compiler"],
        inside["_supervisor"],
        origins.get,
    ).explain
    return program


@pytest.fixture
def ask(controller: Controller, program: Program) -> Any:
    def ask(**fields: Any) -> Explanation:
        values = {"source_address": CLIENT, "source_port": 4000, "destination_address": VIP,
                  "destination_port": 80, "protocol": "TCP"}  # fmt: skip
        request = ExplainRequest(**{**values, **fields})
        answer: Explanation = controller.client.explain.Explain(request)
        return answer

    return ask


def words_about(explanation: Explanation, topic: ExplanationStep.Topic) -> str:
    (words,) = [step.text for step in explanation.steps if step.topic == topic]
    return words


# -- answers ---------------------------------------------------------------------------------------


def test_a_new_connection(calls: Calls, ask: Any, program: Program) -> None:
    calls.create_all()
    explanation = ask()
    assert explanation.outcome == Explanation.FORWARDED
    assert explanation.listener == LISTENER
    assert (explanation.exit, explanation.verdict) == ("forward_new", "XDP_TX")
    server = explanation.server
    assert (server.server_id, server.address, server.port) == ("a", PRIMARY_IP, 80)
    assert (server.side, server.weight) == (ServerGroup.PRIMARY, 100)
    assert server.health == ServerHealth.UNAVAILABLE
    assert (explanation.interface_in, explanation.interface_out) == ("eth0", "eth0")
    sent, left = explanation.sent, explanation.left
    assert (sent.source_address, sent.source_port) == (CLIENT, 4000)
    assert (sent.destination_address, left.destination_address) == (VIP, PRIMARY_IP)
    assert (sent.ttl, left.ttl) == (64, 63)
    assert list(sent.tcp_flags) == ["SYN"]
    assert sent.checksums_ok
    assert left.checksums_ok
    assert [step.topic for step in explanation.steps] == [
        ExplanationStep.INTERFACE,
        ExplanationStep.LISTENER,
        ExplanationStep.ACCESS,
        ExplanationStep.BANDWIDTH,
        ExplanationStep.FLOW,
        ExplanationStep.CHOICE,
        ExplanationStep.SERVER,
        ExplanationStep.HEADERS,
        ExplanationStep.WAY_OUT,
    ]


def test_the_frame_that_is_asked_about(calls: Calls, ask: Any, program: Program) -> None:
    calls.create_all()
    ask(tcp_flags=["ACK", "PSH"], payload=b"hello")
    ((frame, ifindex),) = program.asked
    assert ifindex == ETH0
    assert (
        frame
        == Segment(
            source_mac=GATEWAY_MAC,
            dest_mac=ETH0_MAC,
            source=Endpoint(IPv4Address(CLIENT), 4000),
            dest=Endpoint(IPv4Address(VIP), 80),
            protocol=Protocol.TCP,
            flags=TcpFlags.ACK | TcpFlags.PSH,
            seq=1000,
            ack=2000,
            payload=b"hello",
        ).frame()
    )


def test_what_is_not_said(calls: Calls, ask: Any, program: Program) -> None:
    """SYN to a VIP, ACK from a server; a datagram has none. A MAC that nobody knows."""
    calls.create_all()
    client = ask()
    ask(protocol="UDP")
    server = ask(source_address=PRIMARY_IP, source_port=80, destination_address=CLIENT)
    sent = [read(frame) for frame, _ in program.asked]
    assert [each.flags for each in sent] == [TcpFlags.SYN, TcpFlags(0), TcpFlags.ACK]
    assert sent[2].source_mac == UNKNOWN_MAC
    told = [words_about(each, ExplanationStep.INTERFACE) for each in (client, server)]
    assert ["nobody knows its MAC" in words for words in told] == [False, True]


def test_health_kept_the_primary_out(controller: Controller, calls: Calls, ask: Any) -> None:
    calls.create_all()
    controller.probe(PRIMARY_IP, *FAILURES)
    explanation = ask()
    assert (explanation.server.server_id, explanation.server.side) == ("b", ServerGroup.SECONDARY)
    why = words_about(explanation, ExplanationStep.CHOICE)
    assert why.startswith("the secondary serves since 2")
    assert "the primary's health check failed" in why
    assert why.endswith(f"the primary a ({PRIMARY_IP}:80) is abnormal: connection refused")


def test_a_weighted_group(controller: Controller, calls: Calls, ask: Any) -> None:
    calls.create_lb()
    servers = [
        GroupServer(server_id=name, address=address, port=80, weight=weight)
        for name, address, weight in (("a", PRIMARY_IP, 5), ("b", SECONDARY_IP, 3))
    ]
    calls.client.groups.CreateServerGroup(weighted_group(servers))
    calls.create_listener()
    calls.start_listener()
    controller.probe(SECONDARY_IP, *FAILURES)
    explanation = ask()
    assert (explanation.server.server_id, explanation.server.weight) == ("a", 5)
    assert explanation.server.side == ServerGroup.SIDE_UNSPECIFIED
    assert words_about(explanation, ExplanationStep.CHOICE) == (
        "wrr: in turn, in proportion to weight; of a (weight 5); "
        "without b (abnormal: connection refused)"
    )


def weighted_group(servers: list[GroupServer]) -> CreateServerGroupRequest:
    group = ServerGroup(load_balancer=LB, kind="WEIGHTED", servers=servers)
    return CreateServerGroupRequest(server_group_id=GROUP.partition("/")[2], server_group=group)


def test_a_stopped_listener(calls: Calls, ask: Any) -> None:
    calls.create_all()
    calls.client.load_balancers.StopListener(lb_pb.StopListenerRequest(name=LISTENER))
    explanation = ask()
    assert (explanation.outcome, explanation.listener) == (Explanation.PASSED, "")
    assert words_about(explanation, ExplanationStep.LISTENER) == "listener lb-web/tcp-80 is stopped"
    assert not explanation.HasField("server")
    assert not explanation.HasField("left")
    assert explanation.interface_out == ""


def test_a_drop_at_the_gate_tells_the_listener(calls: Calls, ask: Any, program: Program) -> None:
    """The program drops before it has written down whose packet it is."""
    calls.create_all()
    trace = program.dry_run(program_frame(), ETH0).trace
    program.said = {"verdict": "XDP_DROP", "exit": "drop_acl", "trace": dict.fromkeys(trace, 0)}
    explanation = ask()
    assert (explanation.outcome, explanation.listener) == (Explanation.DROPPED, LISTENER)


def program_frame() -> bytes:
    here, there = Endpoint(IPv4Address(CLIENT), 1), Endpoint(IPv4Address(VIP), 80)
    return Segment(source_mac=GATEWAY_MAC, dest_mac=ETH0_MAC, source=here, dest=there,
                   protocol=Protocol.TCP).frame()  # fmt: skip


def test_a_servers_answer(calls: Calls, ask: Any, program: Program) -> None:
    calls.create_all()
    calls.create_listener(81)
    program.said = {"exit": "drop_fenced", "verdict": "XDP_DROP"}
    program.traced = {"reply": 1}
    explanation = ask(
        source_address=SECONDARY_IP, source_port=80, destination_address=CLIENT,
        destination_port=4000, interface="eth0",
    )  # fmt: skip
    assert (explanation.outcome, explanation.listener) == (Explanation.DROPPED, LISTENER)
    assert explanation.server.server_id == "b"
    assert "fenced" in words_about(explanation, ExplanationStep.SERVER)


def test_a_server_that_has_left(calls: Calls, ask: Any, program: Program) -> None:
    calls.create_all()
    program.traced = {"server": 999, "chose": Chose.FLOW, "flow_found": 1, "flow_server": 999}
    server = ask().server
    assert (server.server_id, server.address, server.port) == ("", PRIMARY_IP, 80)


def test_an_answer_that_is_no_packet_is_the_data_planes_fault(
    calls: Calls, ask: Any, program: Program
) -> None:
    calls.create_all()
    program.said = {"frame": b"\0" * 20}
    with refused(grpc.StatusCode.UNAVAILABLE, "OperationFailed.Datapath"):
        ask()


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"source_address": "2001:db8::1"}, "source_address", "IPv6"),
        ({"destination_address": "::ffff:192.0.2.10"}, "destination_address", "IPv6"),
        ({"source_address": "client"}, "source_address", "not an IPv4 address"),
        ({"source_port": 0}, "source_port", "1 to 65535"),
        ({"destination_port": 70000}, "destination_port", "1 to 65535"),
        ({"protocol": "HTTP"}, "protocol", "TCP, UDP"),
        ({"protocol": 0}, "protocol", "TCP, UDP"),
        ({"protocol": "UDP", "tcp_flags": ["SYN"]}, "tcp_flags", "TCP"),
        ({"tcp_flags": [9]}, "tcp_flags", "FIN, SYN, RST, PSH, ACK, URG"),
        ({"tcp_flags": [0]}, "tcp_flags", "FIN, SYN, RST, PSH, ACK, URG"),
        ({"payload": b"x" * 3001}, "payload", "3000"),
        ({"interface": "eth9"}, "interface", "it is on eth0"),
        ({"interface": "x" * 16}, "interface", ""),
        ({"source_address": "8.8.8.8"}, "interface", "no route leads to 8.8.8.8"),
        ({"source_address": "9.9.9.9"}, "interface", "of eth0"),
    ],
)
def test_a_wrong_question(
    ask: Any, program: Program, fields: dict[str, Any], field: str, words: str
) -> None:
    with refused(INVALID, "InvalidParameter") as refusal:
        ask(**fields)
    assert refusal.metadata["field"] == field
    assert words in refusal.message
    assert program.asked == []


@pytest.mark.parametrize("field", ["source_address", "destination_address"])
def test_a_missing_address(ask: Any, field: str) -> None:
    with refused(INVALID, "MissingParameter") as refusal:
        ask(**{field: ""})
    assert refusal.metadata["field"] == field


# -- the command -----------------------------------------------------------------------------------


def test_the_command_tells_it_in_words(ready: Shell, program: Program) -> None:
    run = ready(f"explain --from {CLIENT}:4000 --to {VIP}:80 --proto tcp --flags syn")
    assert run.status == 0
    lines = run.out.splitlines()
    assert lines[0] == f"interface  comes in by eth0: the route to {CLIENT} leads there"
    assert [line.split("  ")[0] for line in lines[:9]] == [
        "interface", "listener", "access", "bandwidth", "flow", "choice", "server", "headers",
        "way out",
    ]  # fmt: skip
    assert lines[-1] == f"forwarded to the primary a ({PRIMARY_IP}:80)"


def test_the_command_as_json(ready: Shell, program: Program) -> None:
    answer = ready(f"explain --from {CLIENT}:4000 --to {VIP}:80 --output json").json
    assert (answer["outcome"], answer["exit"]) == ("FORWARDED", "forward_new")
    assert answer["server"]["address"] == PRIMARY_IP
    assert answer["sent"]["tcp_flags"] == ["SYN"]
    assert answer["steps"][0]["topic"] == "INTERFACE"


def test_the_command_passes_everything_on(ready: Shell, program: Program) -> None:
    ready(f"explain --from {CLIENT}:1 --to {VIP}:53 --proto UDP --payload c0ffee --interface eth0")
    ((frame, _),) = program.asked
    assert frame.endswith(b"\xc0\xff\xee")
    headers = read(frame)
    assert (headers.protocol, headers.source.port, headers.dest.port) == (Protocol.UDP, 1, 53)
    ready(f"explain --from {CLIENT}:1 --to {VIP}:53 --flags fin,Ack")
    assert read(program.asked[1][0]).flags == TcpFlags.FIN | TcpFlags.ACK


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (f"--from {CLIENT} --to {VIP}:80", 2, "IP:PORT"),
        (f"--from {CLIENT}:0 --to {VIP}:80", 2, "1 to 65535"),
        (f"--from {CLIENT}:1 --to {VIP}:80 --flags SYN,FOO", 2, "FIN, SYN, RST, PSH, ACK, URG"),
        (f"--from {CLIENT}:1 --to {VIP}:80 --payload xyz", 2, "hexadecimal"),
        (f"--from {CLIENT}:1 --to {VIP}:80 --proto icmp", 2, "icmp"),
        (f"--to {VIP}:80", 2, "--from"),
        (f"--from [2001:db8::1]:1 --to {VIP}:80", 1, "IPv6"),
        (f"--from {CLIENT}:1 --to {VIP}:80 --interface lo", 1, "it is on eth0"),
    ],
)
def test_a_wrong_command_line(
    ready: Shell, program: Program, words: str, status: int, told: str
) -> None:
    run = ready(f"explain {words}")
    assert run.status == status
    assert told in run.err
    assert program.asked == []
