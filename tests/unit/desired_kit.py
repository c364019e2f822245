# SPDX-License-Identifier: Apache-2.0
"""Small wishes, said in few words, for tests of what is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from hypothesis import strategies as st

from xdpair.core.desired import Desired
from xdpair.core.model import (
    AccessControlList,
    AclEntry,
    AclPolicy,
    DefaultGroup,
    FailoverPolicy,
    FailoverScope,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    TrafficPolicy,
    WeightedGroup,
)

LB = LoadBalancer("lb-1", IPv4Address("203.0.113.10"))
PRIMARY = Member("s-1", 8080, address=IPv4Address("10.0.0.11"))
SECONDARY = Member("s-2", 9090, address=IPv4Address("10.0.0.12"))


@dataclass
class Wishes:
    """Grows a ``Desired`` by the calls that users make."""

    desired: Desired = field(default_factory=Desired)

    def lb(self, lb: LoadBalancer = LB) -> Wishes:
        self.desired = self.desired.create_load_balancer(lb)
        return self

    def group(
        self,
        group_id: str = "rsp-1",
        *,
        lb_id: str = LB.lb_id,
        primary: Member = PRIMARY,
        secondary: Member = SECONDARY,
        scope: FailoverScope = FailoverScope.LISTENER,
    ) -> Wishes:
        group = PairGroup(group_id, lb_id, primary, secondary, failover=FailoverPolicy(scope))
        self.desired = self.desired.create_group(group)
        return self

    def weighted(self, group_id: str = "rsp-w", *members: Member, lb_id: str = LB.lb_id) -> Wishes:
        self.desired = self.desired.create_group(WeightedGroup(group_id, lb_id, members))
        return self

    def default(self, *members: Member, lb_id: str = LB.lb_id) -> Wishes:
        """Say who is in the load balancer's default group; their ports must be None."""
        self.desired = self.desired.update_group(DefaultGroup(lb_id, members))
        return self

    def acl(self, acl_id: str = "acl-1", *networks: str) -> Wishes:
        entries = tuple(AclEntry(IPv4Network(network)) for network in networks)
        acl = AccessControlList(acl_id, acl_id.removeprefix("acl-"), entries=entries)
        self.desired = self.desired.create_acl(acl)
        return self

    def listener(
        self,
        port: int,
        *,
        protocol: Protocol = Protocol.TCP,
        lb_id: str = LB.lb_id,
        group_id: str = "rsp-1",
        state: ListenerState = ListenerState.RUNNING,
        traffic: TrafficPolicy | None = None,
        server_port: int | None = None,
        acl: AclPolicy | None = None,
    ) -> Wishes:
        listener = Listener(
            ListenerKey(lb_id, protocol, port),
            group_id,
            state,
            traffic=traffic if traffic is not None else TrafficPolicy.default_for(protocol),
            server_port=server_port,
            acl=acl,
        )
        self.desired = self.desired.create_listener(listener)
        return self


@st.composite
def worlds(draw: st.DrawFn) -> Desired:
    """Two groups of few servers, and listeners with either; small, so that two draws overlap."""
    wishes = Wishes().lb()
    members = [
        Member(f"s-{number}", 8000 + number % 2, address=IPv4Address(0x0A000000 + number))
        for number in range(1, 6)
    ]
    for group_id in ("rsp-1", "rsp-2"):
        primary, secondary = draw(st.permutations(members))[:2]
        scope = draw(st.sampled_from(FailoverScope))
        wishes.group(group_id, primary=primary, secondary=secondary, scope=scope)
    for port in draw(st.sets(st.integers(80, 87))):
        wishes.listener(
            port,
            protocol=draw(st.sampled_from(Protocol)),
            group_id=draw(st.sampled_from(("rsp-1", "rsp-2"))),
            state=draw(st.sampled_from(ListenerState)),
        )
    return wishes.desired


def key(port: int, protocol: Protocol = Protocol.TCP, lb_id: str = LB.lb_id) -> ListenerKey:
    return ListenerKey(lb_id, protocol, port)
