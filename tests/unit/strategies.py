# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies for the values of the core: everything legal, the odd corners included."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from string import ascii_letters, ascii_lowercase, digits

from hypothesis import strategies as st

from xdpair.core.desired import Desired
from xdpair.core.model import (
    RESERVED_UDP_PORTS,
    AccessControlList,
    AclEntry,
    AclPolicy,
    AclType,
    AllUnhealthy,
    CheckKind,
    DefaultGroup,
    FailbackMode,
    FailoverPolicy,
    FailoverScope,
    FlowAction,
    Group,
    HealthCheck,
    IpVersion,
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
    ServerKind,
    TrafficPolicy,
    WeightedGroup,
)

UNICAST = st.integers(int(IPv4Address("1.0.0.0")), int(IPv4Address("126.255.255.255"))).map(
    IPv4Address
)
PORTS = st.integers(1, 65535)
TIMES_S = st.floats(0, 1e11)
_LOWER = ascii_lowercase + digits
_ALPHANUMERIC = ascii_letters + digits


def _led_by(first: str, rest: str, most: int) -> st.SearchStrategy[str]:
    """One character of the first alphabet, then up to so many of the second; several times faster
    than a regular expression.
    """
    return st.builds(str.__add__, st.sampled_from(first), st.text(rest, max_size=most))


SUFFIXES = _led_by(_LOWER, _LOWER + "-", 58)
NAMES = st.text(_ALPHANUMERIC + "-/._", max_size=80)
DESCRIPTIONS = st.text(_ALPHANUMERIC + "-/._ ", max_size=256)
SERVER_IDS = _led_by(_ALPHANUMERIC, _ALPHANUMERIC + "-._", 62)
LB_IDS = SUFFIXES.map("lb-{}".format)
GROUP_IDS = SUFFIXES.filter(lambda suffix: not suffix.startswith("default-")).map("rsp-{}".format)
ACL_IDS = SUFFIXES.map("acl-{}".format)


def _is_tag_text(text: str) -> bool:
    reserved = text.startswith(("aliyun", "acs:"))
    return not reserved and "http://" not in text and "https://" not in text


#: Any characters that can be sent, so without lone surrogates.
_TAG_CHARACTERS = st.characters(codec="utf-8")
TAGS = st.dictionaries(
    st.text(_TAG_CHARACTERS, min_size=1, max_size=64).filter(_is_tag_text),
    st.text(_TAG_CHARACTERS, max_size=128).filter(_is_tag_text),
    max_size=3,
)

SERVERS = st.builds(
    Server, server_id=SERVER_IDS, address=UNICAST, description=DESCRIPTIONS, tags=TAGS
)
LOAD_BALANCERS = st.builds(
    LoadBalancer,
    lb_id=LB_IDS,
    address=UNICAST,
    name=NAMES,
    interface=st.text(_LOWER, max_size=15),
    delete_protection=st.booleans(),
    create_time_s=TIMES_S,
    status=st.sampled_from(LoadBalancerStatus),
    tags=TAGS,
)


def members(ports: st.SearchStrategy[int | None]) -> st.SearchStrategy[Member]:
    return st.builds(
        Member,
        server_id=SERVER_IDS,
        port=ports,
        weight=st.integers(0, 100),
        kind=st.sampled_from(ServerKind),
        address=st.none() | UNICAST,
        description=DESCRIPTIONS,
    )


def distinct_members(
    ports: st.SearchStrategy[int | None], least: int = 0, most: int = 4
) -> st.SearchStrategy[tuple[Member, ...]]:
    return st.lists(
        members(ports),
        min_size=least,
        max_size=most,
        unique_by=lambda member: (member.server_id, member.port),
    ).map(tuple)


FAILOVER_POLICIES = st.builds(
    FailoverPolicy,
    scope=st.sampled_from(FailoverScope),
    failback=st.sampled_from(FailbackMode),
    hold_down_ms=st.integers(0, 86_400_000),
)
PAIR_GROUPS = distinct_members(PORTS, least=2, most=2).flatmap(
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
        tags=TAGS,
    )
)
WEIGHTED_GROUPS = st.builds(
    WeightedGroup,
    group_id=GROUP_IDS,
    lb_id=LB_IDS,
    members=distinct_members(PORTS),
    name=NAMES,
    create_time_s=TIMES_S,
    tags=TAGS,
)
DEFAULT_GROUPS = st.builds(
    DefaultGroup,
    lb_id=LB_IDS,
    members=distinct_members(st.none()),
    create_time_s=TIMES_S,
    tags=TAGS,
)
GROUPS = PAIR_GROUPS | WEIGHTED_GROUPS | DEFAULT_GROUPS

ACL_NETWORKS = {
    IpVersion.IPV4: st.builds(
        lambda bits, length: IPv4Network((bits, length), strict=False),
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
    IpVersion.IPV6: st.builds(
        lambda bits, length: IPv6Network((bits, length), strict=False),
        st.integers(0, 2**128 - 1),
        st.integers(0, 128),
    ),
}
ACL_COMMENTS = st.text(_ALPHANUMERIC + "-/._ ", max_size=100)
ACLS = st.sampled_from(IpVersion).flatmap(
    lambda version: st.builds(
        AccessControlList,
        acl_id=ACL_IDS,
        name=NAMES.filter(bool),
        ip_version=st.just(version),
        entries=st.lists(
            st.builds(AclEntry, network=ACL_NETWORKS[version], comment=ACL_COMMENTS),
            max_size=5,
            unique_by=lambda entry: entry.network,
        ).map(tuple),
        create_time_s=TIMES_S,
        tags=TAGS,
    )
)
ACL_POLICIES = st.builds(
    AclPolicy,
    type=st.sampled_from(AclType),
    acl_ids=st.lists(ACL_IDS, min_size=1, max_size=4, unique=True).map(tuple),
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
        http_path=_led_by("/", _ALPHANUMERIC + "-/.%?#&=_", 79),
        http_host=st.text(_ALPHANUMERIC + ".-", max_size=80),
        http_codes=st.frozensets(st.integers(1, 5), min_size=1),
        udp_request=st.binary(max_size=500),
        udp_expected=st.binary(max_size=500),
    )


def traffic_policies(protocol: Protocol) -> st.SearchStrategy[TrafficPolicy]:
    is_udp = protocol is Protocol.UDP
    return st.builds(
        TrafficPolicy,
        on_failover=st.sampled_from(FlowAction),
        on_failback=st.sampled_from(FlowAction),
        drain_timeout_s=st.integers(0, 86_400),
        scheduler=st.sampled_from([s for s in Scheduler if is_udp or s is not Scheduler.QCH]),
        persistence_timeout_s=st.just(0) if is_udp else st.integers(0, 3600),
        established_timeout_s=st.integers(10, 900),
        connection_drain_s=st.just(0) | st.integers(10, 900),
        bandwidth_mbps=st.just(-1) | st.integers(1, 5120),
        all_unhealthy=st.sampled_from(AllUnhealthy),
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
        traffic=traffic_policies(key.protocol),
        create_time_s=TIMES_S,
        server_port=st.none() | PORTS,
        acl=st.none() | ACL_POLICIES,
        tags=TAGS,
    )
)


@st.composite
def desired(draw: st.DrawFn) -> Desired:
    """A small world whose parts fit together, of few names, so that two draws overlap."""
    lbs = draw(st.dictionaries(st.sampled_from(("lb-1", "lb-2", "lb-3")), LOAD_BALANCERS))
    servers = draw(st.lists(SERVERS, max_size=3, unique_by=lambda server: server.server_id))
    acls = draw(st.dictionaries(st.sampled_from(("acl-1", "acl-2")), ACLS))
    groups: dict[str, Group] = {}
    listeners: dict[ListenerKey, Listener] = {}
    for lb_id in lbs:
        pair = replace(draw(PAIR_GROUPS), lb_id=lb_id, group_id=f"rsp-pair-{lb_id}")
        weighted = replace(draw(WEIGHTED_GROUPS), lb_id=lb_id, group_id=f"rsp-of-{lb_id}")
        default = replace(draw(DEFAULT_GROUPS), lb_id=lb_id)
        its_groups: tuple[Group, ...] = (pair, weighted, default)
        groups |= {group.group_id: group for group in its_groups}
        for listener in draw(st.lists(LISTENERS, max_size=2)):
            group = draw(st.sampled_from(its_groups))
            fitting = replace(
                listener,
                key=replace(listener.key, lb_id=lb_id),
                group_id=group.group_id,
                server_port=draw(PORTS) if group is default else None,
                acl=draw(st.none() | acl_policies_of(acls)),
            )
            listeners[fitting.key] = fitting
    return Desired(
        load_balancers={lb_id: replace(lb, lb_id=lb_id) for lb_id, lb in lbs.items()},
        listeners=listeners,
        groups=groups,
        servers={server.server_id: server for server in servers},
        acls={acl_id: replace(acl, acl_id=acl_id) for acl_id, acl in acls.items()},
    )


def acl_policies_of(acl_ids: Iterable[str]) -> st.SearchStrategy[AclPolicy]:
    """Policies that name some of these lists."""
    ids = sorted(acl_ids)
    if not ids:
        return st.nothing()
    return st.builds(
        AclPolicy,
        type=st.sampled_from(AclType),
        acl_ids=st.lists(st.sampled_from(ids), min_size=1, unique=True).map(tuple),
    )
