# SPDX-License-Identifier: Apache-2.0
"""Packets about which something is to be said: what the program said, and all around it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from tests.unit.desired_kit import LB, Wishes, key
from xdpair.core.explain import Explanation, explain
from xdpair.core.explain_facts import (
    Chose,
    Facts,
    KnownServer,
    Question,
    Run,
    Topic,
    Trace,
)
from xdpair.core.failover import Cause
from xdpair.core.model import (
    Protocol,
    Scheduler,
    Side,
    TrafficPolicy,
)
from xdpair.core.packet import Endpoint, Headers, Segment, read
from xdpair.core.status import HealthState, SlotStatus

CLIENT = Endpoint(IPv4Address("198.51.100.7"), 4000)
VIP = Endpoint(LB.address, 80)
HERE, THERE = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
TCP, UDP = Protocol.TCP, Protocol.UDP
NORMAL, ABNORMAL, UNKNOWN = HealthState.NORMAL, HealthState.ABNORMAL, HealthState.UNAVAILABLE
REFUSED = "connection refused"


def known(
    row: int, name: str, port: int, side: Side | None = None, **fields: object
) -> KnownServer:
    address = IPv4Address("10.0.0.10") + row
    values = {"weight": 100, "health": NORMAL, "checked": True, **fields}
    return KnownServer(row, name, address, port, side, **values)  # type: ignore[arg-type]


PRIMARY = known(1, "s-1", 8080, Side.PRIMARY)
SECONDARY = known(2, "s-2", 9090, Side.SECONDARY)
PAIR = PRIMARY, SECONDARY
SLOT = SlotStatus("rsp-1", LB.lb_id, (key(80),), Side.PRIMARY, Cause.START, None, 1, True)


@dataclass
class Case:
    """A packet for a listener on port 80, or an answer of its; what differs is said."""

    exit: str = "forward_new"
    trace: Trace = field(default_factory=Trace)
    verdict: str = "XDP_REDIRECT"
    left: Headers | None = None
    protocol: Protocol = TCP
    wishes: Wishes = field(default_factory=lambda: Wishes().lb().group().listener(80))
    servers: tuple[KnownServer, ...] = PAIR
    slot: SlotStatus | None = SLOT
    wheel: frozenset[int] = frozenset()
    payload: bytes = b""

    def facts(self) -> Facts:
        desired = self.wishes.desired
        listener = desired.listeners[key(80, self.protocol)] if self.trace.listener else None
        source, dest = CLIENT, VIP
        if self.trace.reply:
            chosen = next((s for s in self.servers if s.row == self.trace.server), PRIMARY)
            source, dest = chosen.endpoint, CLIENT
        policy = listener.acl if listener else None
        return Facts(
            question=Question(source, dest, self.protocol, payload=self.payload, interface="eth0"),
            is_routed=True,
            sent=headers(source, dest, self.protocol),
            run=Run(self.verdict, self.exit, self.left, self.trace),
            listener=listener,
            vip=LB.address,
            group=desired.groups[listener.group_id] if listener else None,
            slot=self.slot,
            servers=self.servers,
            wheel=self.wheel,
            acls=tuple(desired.acls[acl_id] for acl_id in policy.acl_ids) if policy else (),
            target=desired.load_balancers.get(LB.lb_id),
            ports=tuple(desired.listeners_of(LB.lb_id)),
            interface_out="eth1",
        )

    def explain(self) -> Explanation:
        return explain(self.facts())

    def says(self, topic: Topic) -> str:
        """The words of the only step about it."""
        (words,) = [step.words for step in self.explain().steps if step.topic is topic]
        return words


@functools.cache
def headers(source: Endpoint, dest: Endpoint, protocol: Protocol = TCP, ttl: int = 64) -> Headers:
    return read(Segment(source_mac=HERE, dest_mac=THERE, source=source, dest=dest,
                        protocol=protocol, ttl=ttl).frame())  # fmt: skip


def to(server: int, chose: Chose, **fields: object) -> Trace:
    return Trace(1, server, chose, ifindex=3, **fields)  # type: ignore[arg-type]


A = known(1, "a", 80, weight=5)
B = known(2, "b", 80, weight=3)
C = known(3, "c", 80, weight=2, health=ABNORMAL, error=REFUSED)
D = known(4, "d", 80, weight=0)


def weighted(scheduler: Scheduler, protocol: Protocol = TCP, **fields: object) -> Case:
    traffic = TrafficPolicy(scheduler=scheduler, persistence_timeout_s=60 if protocol is TCP else 0)
    wishes = Wishes().lb().weighted()
    wishes.listener(80, group_id="rsp-w", traffic=traffic, protocol=protocol)
    values = {"trace": to(1, Chose.SCHEDULER), "servers": (A, B, C, D), "wheel": frozenset({1, 2}),
              "slot": None, "wishes": wishes, "protocol": protocol, **fields}  # fmt: skip
    return Case(**values)  # type: ignore[arg-type]
