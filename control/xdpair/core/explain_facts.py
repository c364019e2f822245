# SPDX-License-Identifier: Apache-2.0
"""What is asked about a packet, and everything that an answer is put together from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.model import AccessControlList, Group, Listener, LoadBalancer, Protocol, Side
from xdpair.core.packet import Endpoint, Headers, TcpFlags
from xdpair.core.rules import require, require_range
from xdpair.core.status import HealthState, SlotStatus

#: Octets; with all headers it is a frame that fits one page, as a test run has to.
MAX_PAYLOAD = 3000

#: In place of a server in a flow: the client asked a server itself. FLOW_DIRECT of bpf/abi.h.
DIRECT = 0xFFFF


class Chose(IntEnum):
    """Who chose the server; the numbers are those of bpf/abi.h."""

    NOTHING = 0
    FLOW = 1
    SLOT = 2
    SCHEDULER = 3
    PERSISTENCE = 4


class FlowState(IntEnum):
    """The numbers are those of bpf/abi.h."""

    NEW = 0
    ESTABLISHED = 1
    CLIENT_FIN = 2
    SERVER_FIN = 3
    CLOSED = 4
    RESET = 5


@dataclass(frozen=True, slots=True)
class Question:
    """What would become of this packet?

    Attributes:
        source, dest: ports of 1 to 65535.
        flags: TCP only; None: SYN to a VIP, else ACK.
        payload: at most ``MAX_PAYLOAD`` octets.
        interface: where it comes in; empty: where the route to its source leads.
    """

    source: Endpoint
    dest: Endpoint
    protocol: Protocol
    flags: TcpFlags | None = None
    payload: bytes = b""
    interface: str = ""

    def __post_init__(self) -> None:
        require_range("source_port", self.source.port, 1, 65535)
        require_range("destination_port", self.dest.port, 1, 65535)
        require(
            self.flags is None or self.protocol is Protocol.TCP,
            errors.InvalidInput,
            "flags are for TCP: a UDP datagram has none",
            field="tcp_flags",
        )
        require(
            len(self.payload) <= MAX_PAYLOAD,
            errors.InvalidInput,
            f"the payload has at most {MAX_PAYLOAD} octets, not {len(self.payload)}",
            field="payload",
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """The neighbour that packets from an address come from, as far as the kernel's routes say.

    Attributes:
        mac: 6 octets; None: nobody has asked for it yet.
    """

    ifindex: int
    mac: bytes | None


@dataclass(frozen=True, slots=True)
class Trace:
    """``struct trace`` of bpf/abi.h.

    Attributes:
        listener, server, flow_server: rows; 0: none.
        ifindex: of the way out; 0: none.
    """

    listener: int = 0
    server: int = 0
    chose: Chose = Chose.NOTHING
    flow_found: bool = False
    flow_state: FlowState = FlowState.NEW
    reply: bool = False
    ifindex: int = 0
    flow_server: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """What the program would do.

    Attributes:
        verdict: ``XDP_PASS`` and so on.
        exit: the field of ``struct exits``.
        left: the frame as it would leave; None where it is no packet that can be read.
    """

    verdict: str
    exit: str
    left: Headers | None
    trace: Trace


@dataclass(frozen=True, slots=True)
class KnownServer:
    """One server as the listener sees it now.

    Attributes:
        row: of ``servers``.
        server_id: empty: it has left the group, and flows that it has may go on.
        side: None: the group is no pair.
        error: what the last probe said, empty if it passed.
    """

    row: int
    server_id: str
    address: IPv4Address
    port: int
    side: Side | None = None
    weight: int = 0
    health: HealthState = HealthState.UNAVAILABLE
    checked: bool = False
    error: str = ""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of the packet's way.

    Attributes:
        question: with its flags and interface filled in.
        is_routed: the interface was found by the route, not said.
        sent: what was asked about.
        is_sender_known: else the source MAC only stands for the sender's.
        listener: the one that the program found; None: it found none.
        vip: the listener's address.
        group: the listener's.
        slot: who serves, of a pair.
        servers: of the listener, and the one that the packet goes to, if it is none of these.
        wheel: rows of servers that get new flows, of a weighted listener.
        acls: those of the listener, in its order.
        target: the load balancer whose address the packet is for, whether it forwards or not.
        ports: listeners of the target.
        interface_out: None: nothing leaves, or by an interface that is not ours.
    """

    question: Question
    is_routed: bool
    sent: Headers
    run: Run
    is_sender_known: bool = True
    listener: Listener | None = None
    vip: IPv4Address | None = None
    group: Group | None = None
    slot: SlotStatus | None = None
    servers: tuple[KnownServer, ...] = ()
    wheel: frozenset[int] = frozenset()
    acls: tuple[AccessControlList, ...] = ()
    target: LoadBalancer | None = None
    ports: tuple[Listener, ...] = ()
    interface_out: str | None = None

    def server(self, row: int) -> KnownServer | None:
        return next((server for server in self.servers if server.row == row), None)

    @property
    def serving(self) -> KnownServer | None:
        """The server of a pair that gets new flows."""
        side = self.slot.serving if self.slot else None
        return next((each for each in self.servers if side is not None and each.side is side), None)

    @property
    def chosen(self) -> KnownServer | None:
        """The one that the packet goes to, or is from."""
        if not self.run.trace.reply:
            return self.server(self.run.trace.server)
        speaker = self.server(self.run.trace.server) or self.server(self.run.trace.flow_server)
        if speaker is not None and speaker.endpoint == self.question.source:
            return speaker
        return next((s for s in self.servers if s.endpoint == self.question.source), None)


class Topic(Enum):
    """What a step is about, in the order of the way."""

    INTERFACE = "interface"
    LISTENER = "listener"
    ACCESS = "access"
    BANDWIDTH = "bandwidth"
    FLOW = "flow"
    CHOICE = "choice"
    SERVER = "server"
    HEADERS = "headers"
    WAY_OUT = "way out"


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the answer, in words."""

    topic: Topic
    words: str
