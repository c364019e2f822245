# SPDX-License-Identifier: Apache-2.0
"""Answers what would become of a packet: asks the loaded program, and gathers what explains its
word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.compile import Compiler
from xdpair.core.desired import Desired
from xdpair.core.explain import Explanation, explain
from xdpair.core.explain_exits import EXITS, Outcome
from xdpair.core.explain_facts import (
    Chose,
    Facts,
    FlowState,
    KnownServer,
    Origin,
    Question,
    Run,
    Trace,
)
from xdpair.core.indexes import listener_name, server_name
from xdpair.core.model import (
    AccessControlList,
    Group,
    Listener,
    ListenerKey,
    LoadBalancer,
    PairGroup,
    Protocol,
)
from xdpair.core.packet import NO_FLAGS, Headers, Segment, TcpFlags, Unreadable, read
from xdpair.core.status import ServerHealth, SlotStatus
from xdpair.core.tables import Link
from xdpair.ports import Datapath, DryRun, Network
from xdpair.supervisor import Supervisor

#: Of a sender whose MAC nobody knows: a legal one that nobody has.
UNKNOWN_MAC = bytes.fromhex("020000000000")
#: Numbers of a TCP segment that is asked about, so that an answer's can be told apart.
SEQ, ACK = 1000, 2000

#: Exits of packets for a listener that were stopped before the trace began.
_AT_THE_GATE = frozenset({"drop_acl", "drop_bandwidth"})


class Explainer:
    """For the event loop's thread only: then nothing changes between the run and the look around.

    Args:
        desired: what users asked for, as far as it has come into force.
        find_origin: where packets from an address come in; None: no way leads there.
    """

    def __init__(
        self,
        desired: Callable[[], Desired],
        datapath: Datapath,
        network: Network,
        compiler: Compiler,
        supervisor: Supervisor,
        find_origin: Callable[[IPv4Address], Origin | None],
    ) -> None:
        self._desired = desired
        self._datapath = datapath
        self._network = network
        self._compiler = compiler
        self._supervisor = supervisor
        self._find_origin = find_origin

    def explain(self, question: Question) -> Explanation:
        """Tell what would become of a packet; nothing changes.

        Raises:
            InvalidInput: it can not come in by that interface, or nobody knows by which.
            DatapathError, NetworkError: the kernel refused.
        """
        desired = self._desired()
        origin = self._find_origin(question.source.address)
        link = self._link(question, origin)
        asked = replace(
            question,
            interface=link.name,
            flags=_flags(question, is_to_vip=_at(desired, question.dest.address) is not None),
        )
        mac = origin.mac if origin is not None and origin.ifindex == link.ifindex else None
        frame = _frame(asked, mac or UNKNOWN_MAC, link.mac)
        run = _run(self._datapath.dry_run(frame, link.ifindex))
        facts = Facts(asked, not question.interface, read(frame), run, mac is not None)
        return explain(self._with_target(self._with_listener(facts, desired), desired))

    # -- where it comes in -------------------------------------------------------------------------

    def _link(self, question: Question, origin: Origin | None) -> Link:
        links = self._network.links()
        known = ", ".join(link.name for link in links) or "none"
        source = question.source.address
        if question.interface:
            found = [link for link in links if link.name == question.interface]
            words = f"the data plane is not on {question.interface}: it is on {known}"
        elif origin is None:
            found = []
            words = f"no route leads to {source}: say by which interface it comes in, of {known}"
        else:
            found = [link for link in links if link.ifindex == origin.ifindex]
            words = (
                f"the route to {source} leads to an interface that the data plane is not on: "
                f"say by which it comes in, of {known}"
            )
        if not found:
            raise errors.InvalidInput(words, field="interface", allowed=known)
        return found[0]

    # -- what explains it --------------------------------------------------------------------------

    def _with_listener(self, facts: Facts, desired: Desired) -> Facts:
        listener = self._listener(facts, desired)
        if listener is None:
            return facts
        group = desired.group(listener.group_id)
        servers = self._servers(desired, listener, group)
        return replace(
            facts,
            listener=listener,
            vip=desired.load_balancer(listener.key.lb_id).address,
            group=group,
            slot=self._slot(listener, group),
            servers=_with_departed(servers, facts),
            wheel=self._wheel(listener, group),
            acls=_acls(desired, listener),
        )

    def _listener(self, facts: Facts, desired: Desired) -> Listener | None:
        key = self._compiler.listener_at(facts.run.trace.listener)
        if facts.run.exit in _AT_THE_GATE and key is None:
            key = _meant(desired, facts.question)
        return desired.listeners.get(key) if key is not None else None

    def _slot(self, listener: Listener, group: Group) -> SlotStatus | None:
        slots = self._supervisor.pairs.slots(group.group_id)
        return next((slot for slot in slots if listener.key in slot.listeners), None)

    def _wheel(self, listener: Listener, group: Group) -> frozenset[int]:
        if isinstance(group, PairGroup):
            return frozenset()
        row = self._compiler.row(listener_name(listener.key))
        return frozenset(self._datapath.read_wheel(row))

    def _servers(
        self, desired: Desired, listener: Listener, group: Group
    ) -> tuple[KnownServer, ...]:
        healths = self._supervisor.health(desired, [listener])
        if isinstance(group, PairGroup):
            return tuple(
                _known(
                    health,
                    self._compiler.row(server_name(group, health.side, health.address)),
                    group.member(health.side).weight,
                )
                for health in healths
                if health.side is not None
            )
        by_place = {(health.address, health.port): health for health in healths}
        return tuple(
            _known(by_place[member.address, member.port], member.row, member.weight)
            for member in self._compiler.weighted_members(listener.key)
        )

    def _with_target(self, facts: Facts, desired: Desired) -> Facts:
        names = {link.ifindex: link.name for link in self._network.links()}
        interface_out = names.get(facts.run.trace.ifindex)
        lb = _at(desired, facts.question.dest.address)
        ports = tuple(desired.listeners_of(lb.lb_id)) if lb else ()
        return replace(facts, target=lb, ports=ports, interface_out=interface_out)


def _flags(question: Question, *, is_to_vip: bool) -> TcpFlags | None:
    if question.protocol is not Protocol.TCP or question.flags is not None:
        return question.flags
    return TcpFlags.SYN if is_to_vip else TcpFlags.ACK


def _frame(question: Question, source_mac: bytes, dest_mac: bytes) -> bytes:
    flags = question.flags or NO_FLAGS
    return Segment(
        source_mac=source_mac,
        dest_mac=dest_mac,
        source=question.source,
        dest=question.dest,
        protocol=question.protocol,
        flags=flags,
        seq=SEQ,
        ack=ACK if TcpFlags.ACK in flags else 0,
        payload=question.payload,
    ).frame()


def _run(run: DryRun) -> Run:
    left: Headers | None = None
    if run.verdict in {"XDP_TX", "XDP_REDIRECT"}:
        try:
            left = read(run.frame)
        except Unreadable as error:
            raise errors.DatapathError(f"what would leave is no packet: {error}") from error
    trace = run.trace
    return Run(
        run.verdict,
        run.exit,
        left,
        Trace(
            listener=trace["listener"],
            server=trace["server"],
            chose=Chose(trace["chose"]),
            flow_found=bool(trace["flow_found"]),
            flow_state=FlowState(trace["flow_state"]),
            reply=bool(trace["reply"]),
            ifindex=trace["ifindex"],
            flow_server=trace["flow_server"],
        ),
    )


def _at(desired: Desired, address: IPv4Address) -> LoadBalancer | None:
    """The load balancer whose address it is."""
    lb_id = next(iter(desired.indexes.lbs_at.get(address, ())), None)
    return desired.load_balancer(lb_id) if lb_id is not None else None


def _meant(desired: Desired, question: Question) -> ListenerKey | None:
    lb = _at(desired, question.dest.address)
    return ListenerKey(lb.lb_id, question.protocol, question.dest.port) if lb else None


def _acls(desired: Desired, listener: Listener) -> tuple[AccessControlList, ...]:
    return tuple(desired.acl(acl_id) for acl_id in listener.acl.acl_ids) if listener.acl else ()


def _known(health: ServerHealth, row: int, weight: int) -> KnownServer:
    return KnownServer(
        row=row,
        server_id=health.server_id,
        address=health.address,
        port=health.port,
        side=health.side,
        weight=weight,
        health=health.status,
        checked=health.checked,
        error=health.error,
    )


def _with_departed(servers: tuple[KnownServer, ...], facts: Facts) -> tuple[KnownServer, ...]:
    """And the server that the packet goes to, or is from, where the group knows it no more."""
    run, row = facts.run, facts.run.trace.server
    if not row or any(server.row == row for server in servers):
        return servers
    if run.trace.reply:
        endpoint = facts.question.source
    elif run.left is not None and EXITS[run.exit].outcome is Outcome.FORWARDED:
        endpoint = run.left.dest
    else:
        return servers
    return (*servers, KnownServer(row, "", endpoint.address, endpoint.port))
