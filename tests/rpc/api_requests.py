# SPDX-License-Identifier: Apache-2.0
"""Requests to send: every method that changes something or reads one thing, legal or not."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.rpc.api_plain import Plain, Request
from tests.rpc.api_random import Drawn, a_dict, a_list, merged, mostly, one_of, pick
from tests.rpc.api_updates import paths_of
from tests.rpc.api_values import (
    ACL_IDS,
    ACLS,
    ADDRESSES,
    CIDRS4,
    CIDRS6,
    DEFAULT_GROUPS,
    GROUP_IDS,
    GROUPS,
    LB_IDS,
    LBS,
    PORTS,
    SERVER_IDS,
    fields,
)

#: Etags that whoever sends the request replaces by the present one, and by one of the past.
NOW, OLD = "@now", "@old"

_LISTENER_NAMES = tuple(
    f"{lb}/listeners/{protocol}-{port}"
    for lb in LBS
    for protocol in ("tcp", "udp")
    for port in PORTS
)
LB_NAMES = mostly(pick(*LBS), "", "lb-a", "loadBalancers/", "loadBalancers/a/b", "loadBalancers/-")
_BAD_LISTENER_NAMES: tuple[str, ...] = (
    "",
    LBS[0],
    f"{LBS[0]}/listeners/tcp-0",
    f"{LBS[0]}/listeners/sctp-80",
)
_BAD_LISTENER_NAMES += (f"{LBS[0]}/listeners/tcp-80\n", f"{LBS[0]}/listeners/tcp-99999")
LISTENER_NAMES = mostly(pick(*_LISTENER_NAMES), *_BAD_LISTENER_NAMES)
GROUP_NAMES = mostly(
    pick(*GROUPS, *GROUPS, *DEFAULT_GROUPS), "", "rsp-1", "serverGroups/", "serverGroups/rsp-1\n"
)
_SERVER_NAMES = mostly(pick(*(f"servers/{each}" for each in SERVER_IDS)), "", "s1", "servers/\0")
_ACL_NAMES = mostly(pick(*ACLS), "", "acl-1", "accessControlLists/é")
_ETAGS = pick("", "", NOW, NOW, OLD)
#: Few, so that they are used twice.
_REQUEST_IDS = mostly(pick("", "", "", "r1", "r2"), "a b", "x" * 65, "x\n", "é")
_NAMES = {
    "load_balancers": LB_NAMES,
    "listeners": LISTENER_NAMES,
    "server_groups": GROUP_NAMES,
    "servers": _SERVER_NAMES,
    "access_control_lists": _ACL_NAMES,
}

# -- resources -------------------------------------------------------------------------------------


def _members(ports: Drawn[int], least: int = 0) -> Drawn[list[Plain]]:
    member = fields("members", server_id=pick(*SERVER_IDS), port=ports)
    return a_list(member, least, 3, lambda each: (each["server_id"], each["port"]))


def _pair(random: Random) -> list[Plain]:
    """Draw two servers, mostly of two addresses."""
    own = {"address": pick(ADDRESSES[0])}
    first = fields("members", server_id=pick("s1"), port=pick(80), **own)(random)
    second = fields("members", server_id=pick(*SERVER_IDS), port=pick(*PORTS))(random)
    roles = random.choice((("SECONDARY", 0), ("PRIMARY", "SECONDARY")))
    return [{"role": role} | one for role, one in zip(roles, (first, second), strict=True)]


_PORTED, _PORTLESS = _members(pick(*PORTS)), _members(pick(0))
_BOOLEANS = pick(True, False)
_ACL_POLICIES = a_dict(
    {"type": pick("WHITE", "BLACK"), "access_control_lists": a_list(pick(*ACLS), 1, 2)}, {}
)
_ENTRIES = a_list(
    a_dict({"cidr": pick(*CIDRS4)}, {"comment": pick("", "a b", "x" * 100)}),
    0,
    3,
    lambda entry: entry["cidr"].removesuffix("/32"),
)
_ENTRIES6 = a_list(a_dict({"cidr": pick(*CIDRS6)}, {}), 0, 2)


def _some(kind: str, /, **sometimes: Drawn[Any]) -> Drawn[Plain]:
    """Some fields of a resource, and some of these."""
    return merged(a_dict({}, sometimes), fields(kind))


def _any_group(kinds: Drawn[Any], servers: Drawn[Any], **sometimes: Drawn[Any]) -> Drawn[Plain]:
    group = fields("server_groups", load_balancer=pick(*LBS), kind=kinds, servers=servers)
    return merged(a_dict({}, sometimes), group)


_PAIR_PARTS = {"failover_policy": fields("failover_policy"), "probe_secondary": _BOOLEANS}
_LISTENER_PARTS = {
    "health_check": fields("health_check"),
    "traffic_policy": fields("traffic_policy"),
    "acl": _ACL_POLICIES,
}
_LISTENERS = merged(
    a_dict({"protocol": pick("TCP", "UDP"), "port": pick(*PORTS)}, _LISTENER_PARTS),
    one_of(
        fields("listeners", server_group=pick(*GROUPS)), fields("listeners", server_port=pick(8080))
    ),
)
_NEW = {
    "load_balancer": fields("load_balancers", address=pick(*ADDRESSES)),
    "server": fields("servers", address=pick(*ADDRESSES)),
    "access_control_list": one_of(
        fields("access_control_lists", display_name=pick("one", "two"), entries=_ENTRIES),
        fields("access_control_lists", display_name=pick("six"), ip_version=pick("IPV6")),
    ),
    "server_group": one_of(
        _any_group(pick(0, "PRIMARY_SECONDARY"), _pair, **_PAIR_PARTS),
        _any_group(pick("WEIGHTED"), _PORTED),
    ),
}
_CHANGED = {
    "load_balancers": _some("load_balancers", address=pick(*ADDRESSES)),
    "listeners": _some(
        "listeners",
        server_group=pick(*GROUPS, *DEFAULT_GROUPS),
        server_port=pick(0, 8080),
        protocol=pick("TCP", "UDP"),
        **_LISTENER_PARTS,
    ),
    "server_groups": _some(
        "server_groups",
        servers=one_of(_pair, _PORTED, _PORTLESS),
        kind=pick(0, "PRIMARY_SECONDARY", "WEIGHTED", "DEFAULT"),
        **_PAIR_PARTS,
    ),
    "servers": _some("servers", address=pick(*ADDRESSES)),
    "access_control_lists": _some(
        "access_control_lists", display_name=pick("one", "two"), entries=_ENTRIES
    ),
}

# -- requests --------------------------------------------------------------------------------------


def _request(method: str, **parts: Drawn[Any]) -> Drawn[Request]:
    drawn = a_dict(parts, {})
    return lambda random: Request(method, drawn(random))


def _create(word: str, field: str, ids: Drawn[str]) -> Drawn[Request]:
    parts = {f"{field}_id": ids, field: _NEW[field], "request_id": _REQUEST_IDS}
    return mostly(_request(f"Create{word}", **parts), Request(f"Create{word}", {}))


def _update(word: str, field: str, kind: str) -> Drawn[Request]:
    paths = mostly(
        one_of(pick([], ["*"]), a_list(pick(*paths_of(kind)), 1, 3)),
        ["nope"],
        [""],
        ["tags.team"],
        ["health_check.nope"],
        ["traffic_policy.drain_timeout.seconds"],
        ["create_time.seconds"],
        ["display_name", "Display_name"],
    )
    resource = merged(_CHANGED[kind], a_dict({"name": _NAMES[kind], "etag": _ETAGS}, {}))
    return _request(
        f"Update{word}", **{field: resource, "update_mask": a_dict({"paths": paths}, {})}
    )


def _named(method: str, names: Drawn[str], **parts: Drawn[Any]) -> Drawn[Request]:
    return _request(method, name=names, **parts)


def _change(method: str, names: Drawn[str], **parts: Drawn[Any]) -> Drawn[Request]:
    return _request(method, name=names, etag=_ETAGS, **parts)


_KEY = {"server_id": mostly(pick("s1", *SERVER_IDS), "", "x y"), "port": pick(0, 80, 80)}
_KEYS = mostly(a_list(a_dict(_KEY, {}), 1, 2), [])
_WEIGHT = mostly(pick(0, 50, 100), -1, 101)
_WEIGHTS = mostly(a_list(a_dict(_KEY | {"weight": _WEIGHT}, {}), 1, 2), [])
_JOINING = mostly(one_of(_members(pick(*PORTS), 1), _members(pick(0), 1)), [])
_OPERATED = {"listener": mostly(pick("", "", *_LISTENER_NAMES), "x", "loadBalancers/lb-a")}
_SCHEDULERS = a_dict({"scheduler": pick("WRR", "RR", "SCH", "TCH")}, {})
_RESCHEDULED = a_dict({"name": LISTENER_NAMES, "traffic_policy": _SCHEDULERS}, {})
_PROTECTED = a_dict({"name": LB_NAMES, "delete_protection": pick(True)}, {})
_SHARING = one_of(pick(GROUPS[1], *DEFAULT_GROUPS), GROUP_NAMES)
_CREATIONS = (
    _create("LoadBalancer", "load_balancer", mostly(pick(*LB_IDS), "", "lb-", "lb-A", "x")),
    _create("ServerGroup", "server_group", mostly(pick(*GROUP_IDS), "", "rsp-default-x", "rsp-é")),
    _create("Server", "server", mostly(pick(*SERVER_IDS), "", ".x", "s1\n")),
    _create("AccessControlList", "access_control_list", mostly(pick(*ACL_IDS), "", "acl-1\n")),
    _request("CreateListener", parent=LB_NAMES, listener=_LISTENERS, request_id=_REQUEST_IDS),
)
_UPDATES = (
    _update("LoadBalancer", "load_balancer", "load_balancers"),
    _update("Listener", "listener", "listeners"),
    _update("ServerGroup", "server_group", "server_groups"),
    _update("Server", "server", "servers"),
    _update("AccessControlList", "access_control_list", "access_control_lists"),
    _request("UpdateListener", listener=_RESCHEDULED),
    _request("UpdateLoadBalancer", load_balancer=_PROTECTED),
    _named("StartListener", LISTENER_NAMES),
    _named("StopListener", LISTENER_NAMES),
    _change("AddServers", _SHARING, servers=_JOINING),
    _change("RemoveServers", _SHARING, servers=_KEYS),
    _change("ReplaceServers", _SHARING, old_servers=_KEYS, new_servers=_JOINING),
    _change("SetServerWeights", GROUP_NAMES, weights=_WEIGHTS),
    _change("AddEntries", _ACL_NAMES, entries=one_of(_ENTRIES, _ENTRIES6)),
    _change("RemoveEntries", _ACL_NAMES, cidrs=a_list(pick(*CIDRS4), 0, 2)),
    _named("Switchover", GROUP_NAMES, to=mostly(pick(0, 1, 2), 3, 9), **_OPERATED),
    *(_named(method, GROUP_NAMES, **_OPERATED) for method in ("Failback", "Hold", "Release")),
)
_DELETIONS = (
    _change("DeleteLoadBalancer", LB_NAMES),
    _change("DeleteListener", LISTENER_NAMES),
    _change("DeleteServerGroup", GROUP_NAMES),
    _change("DeleteServer", _SERVER_NAMES),
    _change("DeleteAccessControlList", _ACL_NAMES),
)
READS = (
    _named("GetLoadBalancer", LB_NAMES),
    _named("GetHealthStatus", one_of(LB_NAMES, LISTENER_NAMES)),
    _named("GetListener", LISTENER_NAMES),
    _named("GetServerGroup", GROUP_NAMES),
    _named("GetServer", _SERVER_NAMES),
    _named("GetAccessControlList", _ACL_NAMES),
)
#: Each by itself; a deletion takes much along, so they are few.
CHANGES = (*_CREATIONS * 4, *_UPDATES * 3, *_DELETIONS[1:] * 2, _DELETIONS[0])
