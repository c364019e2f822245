# SPDX-License-Identifier: Apache-2.0
"""Random changes of small worlds, of few names, so that they get in each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from hypothesis import strategies as st

from tests.unit.desired_kit import PRIMARY, SECONDARY, Wishes
from xdpair.core.desired import Desired
from xdpair.core.draft import Draft
from xdpair.core.errors import AlreadyExists, InvalidInput, XdpairError
from xdpair.core.model import (
    AccessControlList,
    AclEntry,
    AclPolicy,
    AclType,
    AllUnhealthy,
    DefaultGroup,
    FailoverPolicy,
    FailoverScope,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    LoadBalancerStatus,
    Member,
    PairGroup,
    Protocol,
    Scheduler,
    Server,
    TrafficPolicy,
    WeightedGroup,
    default_group_id,
)

#: What to do (``put_acl``, ``delete_acl``) and with what. Legal by itself,
#: perhaps not with all the rest.
Step = tuple[str, Any]

#: Load balancer -> its address, primary/secondary and weighted group.
_OF_LB = {
    "lb-1": (IPv4Address("203.0.113.10"), "rsp-1", "rsp-3"),
    "lb-2": (IPv4Address("203.0.113.20"), "rsp-2", "rsp-4"),
}
_LB_IDS = st.sampled_from(sorted(_OF_LB))
_GROUP_IDS = st.sampled_from(("rsp-1", "rsp-2", "rsp-3", "rsp-4"))
_SERVER_IDS = st.sampled_from(("s-1", "s-2", "s-3"))
_ACL_IDS = st.sampled_from(("acl-1", "acl-2"))
_ADDRESSES = st.integers(1, 4).map(lambda number: IPv4Address(0x0A000000 + number))
_LBS = st.builds(
    lambda lb_id, name, status: LoadBalancer(lb_id, _OF_LB[lb_id][0], name, status=status),
    _LB_IDS,
    st.sampled_from(("", "web")),
    st.sampled_from(LoadBalancerStatus),
)


def _members(ports: st.SearchStrategy[int | None]) -> st.SearchStrategy[Member]:
    return st.builds(
        Member,
        server_id=_SERVER_IDS,
        port=ports,
        weight=st.sampled_from((0, 30, 100)),
        address=st.none() | _ADDRESSES,
    )


def _distinct_members(
    ports: st.SearchStrategy[int | None], least: int = 0, most: int = 4
) -> st.SearchStrategy[tuple[Member, ...]]:
    return st.lists(
        _members(ports),
        min_size=least,
        max_size=most,
        unique_by=lambda member: (member.server_id, member.port),
    ).map(tuple)


_TWO_PORTS = st.sampled_from((8000, 8001))
_PAIRS = st.builds(
    lambda lb_id, members, scope: PairGroup(
        _OF_LB[lb_id][1], lb_id, members[0], members[1], failover=FailoverPolicy(scope)
    ),
    _LB_IDS,
    _distinct_members(_TWO_PORTS, least=2, most=2),
    st.sampled_from(FailoverScope),
)
_WEIGHTED = st.builds(
    lambda lb_id, members: WeightedGroup(_OF_LB[lb_id][2], lb_id, members),
    _LB_IDS,
    _distinct_members(_TWO_PORTS),
)
_DEFAULTS = st.builds(DefaultGroup, lb_id=_LB_IDS, members=_distinct_members(st.none()))
_KEYS = st.builds(
    ListenerKey, lb_id=_LB_IDS, protocol=st.sampled_from(Protocol), port=st.sampled_from((80, 81))
)


@st.composite
def _listeners(draw: st.DrawFn) -> Listener:
    key = draw(_KEYS)
    default = default_group_id(key.lb_id)
    group_id = draw(st.sampled_from((*_OF_LB[key.lb_id][1:], default)))
    traffic = TrafficPolicy(
        scheduler=draw(st.sampled_from((Scheduler.WRR, Scheduler.WLC, Scheduler.SCH))),
        connection_drain_s=draw(st.sampled_from((0, 10))),
        bandwidth_mbps=draw(st.sampled_from((-1, 1))),
        all_unhealthy=draw(st.sampled_from(AllUnhealthy)),
    )
    acl_ids = draw(st.lists(_ACL_IDS, unique=True))
    return Listener(
        key,
        group_id,
        draw(st.sampled_from(ListenerState)),
        traffic=traffic,
        server_port=8080 if group_id == default else None,
        acl=AclPolicy(draw(st.sampled_from(AclType)), tuple(acl_ids)) if acl_ids else None,
    )


_SERVERS = st.builds(Server, server_id=_SERVER_IDS, address=_ADDRESSES)
_ACLS = st.builds(
    AccessControlList,
    acl_id=_ACL_IDS,
    name=st.sampled_from(("office", "home")),
    entries=st.sampled_from(("10.0.0.0/8", "10.1.0.0/16")).map(
        lambda network: (AclEntry(IPv4Network(network)),)
    ),
)


def _steps(
    kind: str, values: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]
) -> st.SearchStrategy[Step]:
    put = st.tuples(st.just(f"put_{kind}"), values)
    return st.one_of(put, put, put, put, st.tuples(st.just(f"delete_{kind}"), keys))


STEPS: st.SearchStrategy[Step] = st.one_of(
    _steps("load_balancer", _LBS, _LB_IDS),
    _steps("group", _PAIRS, _GROUP_IDS),
    _steps("group", _WEIGHTED | _DEFAULTS, _GROUP_IDS),
    _steps("listener", _listeners(), _KEYS),
    _steps("listener", _listeners(), _KEYS),
    _steps("server", _SERVERS, _SERVER_IDS),
    _steps("acl", _ACLS, _ACL_IDS),
)


def take(draft: Draft, steps: Sequence[Step]) -> list[Step]:
    """Take these steps, but those that are refused, and return those that were not."""
    taken = []
    for name, argument in steps:
        try:
            _take_one(draft, name, argument)
        except XdpairError:
            continue
        taken.append((name, argument))
    return taken


def _take_one(draft: Draft, name: str, argument: Any) -> None:
    """``put_`` means: create, or else update."""
    verb, _, kind = name.partition("_")
    if verb == "delete":
        getattr(draft, name)(argument)
        return
    try:
        getattr(draft, f"create_{kind}")(argument)
    except (AlreadyExists, InvalidInput):
        getattr(draft, f"update_{kind}")(argument)


def full_world() -> Desired:
    """One of each kind under the names that ``STEPS`` go by, so that most steps find their way."""
    two = PRIMARY, SECONDARY
    servers = [Server(f"s-{number}", IPv4Address(0x0A000000 + number)) for number in (1, 2, 3)]
    return (
        Wishes(Desired(servers={server.server_id: server for server in servers}))
        .lb()
        .lb(LoadBalancer("lb-2", IPv4Address("203.0.113.20")))
        .group("rsp-1")
        .weighted("rsp-3", *two, Member("s-3", 8000, 30))
        .default(Member("s-3", None))
        .acl("acl-1", "10.0.0.0/8")
        .listener(80, acl=AclPolicy(AclType.BLACK, ("acl-1",)))
        .listener(81, group_id="rsp-3")
        .listener(81, group_id=default_group_id("lb-1"), server_port=8080, protocol=Protocol.UDP)
        .desired
    )
