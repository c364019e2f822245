# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for the values of the core: everything legal, the odd corners included."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import strategies as st

from xdpair.core.desired import Desired
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import EPOCH_MODULUS, Cause, Slot, SlotState
from xdpair.core.model import (
    RESERVED_UDP_PORTS,
    CheckKind,
    FailbackMode,
    FailoverPolicy,
    FailoverScope,
    FlowAction,
    HealthCheck,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    Server,
    ServerKind,
    Side,
    TrafficPolicy,
)

UNICAST = st.integers(int(IPv4Address("1.0.0.0")), int(IPv4Address("126.255.255.255"))).map(
    IPv4Address
)
PORTS = st.integers(1, 65535)
TIMES_S = st.floats(0, 1e11)
SUFFIXES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,58}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z0-9\-/._]{0,80}", fullmatch=True)
DESCRIPTIONS = st.from_regex(r"[A-Za-z0-9\-/._ ]{0,256}", fullmatch=True)
SERVER_IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9\-._]{0,62}", fullmatch=True)
LB_IDS = SUFFIXES.map("lb-{}".format)
GROUP_IDS = SUFFIXES.map("rsp-{}".format)

SERVERS = st.builds(Server, server_id=SERVER_IDS, address=UNICAST, description=DESCRIPTIONS)
LOAD_BALANCERS = st.builds(
    LoadBalancer,
    lb_id=LB_IDS,
    address=UNICAST,
    name=NAMES,
    interface=st.from_regex(r"[a-z0-9]{0,15}", fullmatch=True),
    delete_protection=st.booleans(),
    create_time_s=TIMES_S,
)
MEMBERS = st.builds(
    Member,
    server_id=SERVER_IDS,
    port=PORTS,
    weight=st.integers(0, 100),
    kind=st.sampled_from(ServerKind),
    address=st.none() | UNICAST,
    description=DESCRIPTIONS,
)
FAILOVER_POLICIES = st.builds(
    FailoverPolicy,
    scope=st.sampled_from(FailoverScope),
    failback=st.sampled_from(FailbackMode),
    hold_down_ms=st.integers(0, 86_400_000),
)
GROUPS = (
    st.tuples(MEMBERS, MEMBERS)
    .filter(lambda pair: (pair[0].server_id, pair[0].port) != (pair[1].server_id, pair[1].port))
    .flatmap(
        lambda pair: st.builds(
            PairGroup,
            group_id=GROUP_IDS,
            lb_id=LB_IDS,
            primary=st.just(pair[0]),
            secondary=st.just(pair[1]),
            name=NAMES,
            failover=FAILOVER_POLICIES,
            probe_secondary=st.booleans(),
            create_time_s=TIMES_S,
        )
    )
)
LISTENER_KEYS = st.builds(
    ListenerKey, lb_id=LB_IDS, protocol=st.sampled_from(Protocol), port=PORTS
).filter(lambda key: key.protocol is Protocol.TCP or key.port not in RESERVED_UDP_PORTS)


def checks(kinds: st.SearchStrategy[CheckKind]) -> st.SearchStrategy[HealthCheck]:
    return st.builds(
        HealthCheck,
        kind=kinds,
        enabled=st.booleans(),
        interval_ms=st.integers(10, 50_000),
        timeout_ms=st.integers(10, 50_000),
        rise=st.integers(1, 10),
        fall=st.integers(1, 10),
        port=st.none() | PORTS,
        http_path=st.from_regex(r"/[A-Za-z0-9\-/.%?#&=_]{0,79}", fullmatch=True),
        http_host=st.from_regex(r"[A-Za-z0-9.\-]{0,80}", fullmatch=True),
        http_codes=st.frozensets(st.integers(1, 5), min_size=1),
        udp_request=st.binary(max_size=500),
        udp_expected=st.binary(max_size=500),
    )


TRAFFIC_POLICIES = st.builds(
    TrafficPolicy,
    on_failover=st.sampled_from(FlowAction),
    on_failback=st.sampled_from(FlowAction),
    drain_timeout_s=st.integers(0, 86_400),
)
LISTENERS = LISTENER_KEYS.flatmap(
    lambda key: st.builds(
        Listener,
        key=st.just(key),
        group_id=GROUP_IDS,
        state=st.sampled_from(ListenerState),
        description=DESCRIPTIONS,
        check=checks(
            st.sampled_from(CheckKind)
            if key.protocol is Protocol.UDP
            else st.sampled_from((CheckKind.TCP, CheckKind.HTTP))
        ),
        traffic=TRAFFIC_POLICIES,
        create_time_s=TIMES_S,
    )
)

SIDES = st.none() | st.sampled_from(Side)
EPOCHS = st.integers(0, EPOCH_MODULUS - 1)
SLOT_STATES = st.builds(
    SlotState,
    slot=st.builds(
        Slot,
        side=SIDES,
        epoch=EPOCHS,
        fence=st.tuples(EPOCHS, EPOCHS),
        silenced=st.tuples(st.booleans(), st.booleans()),
    ),
    cause=st.sampled_from(Cause),
    pinned=SIDES,
    primary_up=st.booleans(),
    up_since_ns=st.integers(0, 2**63),
)
#: What a server answered may hold any character, lone surrogates of undecodable octets included.
TEXTS = st.text(st.characters(), max_size=40)
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(EventKind),
    seq=st.integers(0, 2**63 - 1),
    time_s=TIMES_S,
    lb_id=LB_IDS,
    group_id=GROUP_IDS,
    listener=TEXTS,
    from_side=SIDES,
    to_side=SIDES,
    cause=TEXTS,
    check=TEXTS,
    error=TEXTS,
    decided_after_ms=TIMES_S,
    epoch=EPOCHS,
    message=TEXTS,
)


@st.composite
def desired(draw: st.DrawFn) -> Desired:
    """A small world whose parts fit together, of few names, so that two draws overlap."""
    lbs = draw(st.dictionaries(st.sampled_from(("lb-1", "lb-2", "lb-3")), LOAD_BALANCERS))
    world = Desired(
        load_balancers={key: replace(lb, lb_id=key) for key, lb in lbs.items()},
        servers={
            server.server_id: server
            for server in draw(st.lists(SERVERS, max_size=3, unique_by=lambda s: s.server_id))
        },
    )
    for lb_id in lbs:
        group = replace(draw(GROUPS), lb_id=lb_id, group_id=f"rsp-of-{lb_id}")
        world = replace(world, groups={**world.groups, group.group_id: group})
        for listener in draw(st.lists(LISTENERS, max_size=3)):
            key = replace(listener.key, lb_id=lb_id)
            fitting = replace(listener, key=key, group_id=group.group_id)
            world = replace(world, listeners={**world.listeners, key: fitting})
    return world
