# SPDX-License-Identifier: Apache-2.0
"""Which values of single resources are refused, and how.

Written a second time, from the comments of the protos, for the tests that compare the API with a
model of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from ipaddress import AddressValueError, IPv4Address, ip_network

import grpc

from tests.rpc.api_plain import Plain

INVALID = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED
Codes = set[grpc.StatusCode]

MS, S = 10**6, 10**9
_NAME = re.compile(r"[A-Za-z0-9\-/._]{0,80}")
_DESCRIPTION = re.compile(r"[A-Za-z0-9\-/._ ]{0,256}")
_COMMENT = re.compile(r"[A-Za-z0-9\-/._ ]{0,100}")
_SERVER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._]{0,62}")
_HTTP_PATH = re.compile(r"/[A-Za-z0-9\-/.%?#&=_]{0,79}")
_HTTP_HOST = re.compile(r"[A-Za-z0-9.\-]{0,80}")
_CIDR = re.compile(r"[0-9A-Fa-f:.]+(/(0|[1-9][0-9]*))?")


class Faults(set[grpc.StatusCode]):
    """Status codes of all that is wrong."""

    def need(self, condition: bool, code: grpc.StatusCode = INVALID) -> None:
        if not condition:
            self.add(code)

    def need_one_of(self, value: str | int, *names: str) -> None:
        self.need(value in names)


def is_address(text: str) -> bool:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return False
    return not (
        address.is_multicast
        or address.is_loopback
        or address.is_link_local
        or int(address) in (0, 2**32 - 1)
    )


def is_server_id(text: str) -> bool:
    return _SERVER_ID.fullmatch(text) is not None


def network(text: str) -> str | None:
    """Return a prefix as the API writes it."""
    try:
        return str(ip_network(text)) if _CIDR.fullmatch(text) else None
    except ValueError:
        return None


def _of_tags(tags: dict[str, str], faults: Faults) -> None:
    def is_fit(text: str) -> bool:
        return not text.startswith(("aliyun", "acs:")) and not re.search("https?://", text)

    faults.need(len(tags) <= 20, EXHAUSTED)
    for key, value in tags.items():
        faults.need(1 <= len(key) <= 64 and is_fit(key))
        faults.need(len(value) <= 128 and is_fit(value))


# -- load balancers, servers, access control lists -------------------------------------------------


def of_load_balancer(lb: Plain) -> Faults:
    faults = Faults()
    faults.need(_NAME.fullmatch(lb["display_name"]) is not None)
    faults.need(is_address(lb["address"]))
    faults.need(len(lb["interface"]) <= 15)
    faults.need_one_of(lb["status"], "ACTIVE", "INACTIVE")
    _of_tags(lb["tags"], faults)
    return faults


def of_server(server: Plain) -> Faults:
    faults = Faults()
    faults.need(is_address(server["address"]))
    faults.need(_DESCRIPTION.fullmatch(server["description"]) is not None)
    _of_tags(server["tags"], faults)
    return faults


def of_acl(acl: Plain) -> Faults:
    faults = of_entries(acl["entries"])
    faults.need(bool(acl["display_name"]) and _NAME.fullmatch(acl["display_name"]) is not None)
    faults.need_one_of(acl["ip_version"], "IPV4", "IPV6")
    cidrs = [entry["cidr"] for entry in acl["entries"]]
    faults.need(len(set(cidrs)) == len(cidrs))
    faults.need(all((":" in cidr) == (acl["ip_version"] == "IPV6") for cidr in cidrs))
    _of_tags(acl["tags"], faults)
    return faults


def of_entries(entries: Collection[Plain]) -> Faults:
    faults = Faults()
    faults.need(len(entries) <= 300, EXHAUSTED)
    for entry in entries:
        faults.need(network(entry["cidr"]) is not None)
        faults.need(_COMMENT.fullmatch(entry["comment"]) is not None)
    return faults


# -- groups ----------------------------------------------------------------------------------------


def of_group(group: Plain) -> Faults:
    faults = Faults()
    faults.need(_NAME.fullmatch(group["display_name"]) is not None)
    faults.need_one_of(group["kind"], "PRIMARY_SECONDARY", "WEIGHTED", "DEFAULT")
    faults.need(group["kind"] != "DEFAULT" or not group["display_name"])
    faults |= of_members(group["kind"], group["servers"])
    if group["kind"] == "PRIMARY_SECONDARY":
        policy = group["failover_policy"]
        faults.need_one_of(policy["scope"], "LISTENER", "GROUP")
        faults.need_one_of(policy["failback"], "AUTO", "MANUAL")
        _whole(policy["hold_down"], 0, 86_400 * S, MS, faults)
    else:
        faults.need("failover_policy" not in group and not group["probe_secondary"])
    _of_tags(group["tags"], faults)
    return faults


def of_members(kind: str, members: Collection[Plain]) -> Faults:
    """What is wrong with the servers of a group, seen by themselves."""
    faults = Faults()
    keys = Counter((member["server_id"], member["port"]) for member in members)
    faults.need(all(count == 1 for count in keys.values()))
    if kind == "PRIMARY_SECONDARY":
        roles = [member["role"] for member in members]
        faults.need(sorted(map(str, roles)) == ["PRIMARY", "SECONDARY"])
    else:
        faults.need(all(member["role"] == "ROLE_UNSPECIFIED" for member in members))
        faults.need(len(members) <= 2000, EXHAUSTED)
    for member in members:
        faults.need((member["port"] == 0) == (kind == "DEFAULT"))
        faults |= of_member(member)
    return faults


def of_member(member: Plain) -> Faults:
    """What is wrong with a server of a group of whatever kind."""
    faults = Faults()
    faults.need(is_server_id(member["server_id"]))
    faults.need(0 <= member["port"] <= 65535)
    faults.need(0 <= member["weight"] <= 100)
    faults.need_one_of(member["role"], "ROLE_UNSPECIFIED", "PRIMARY", "SECONDARY")
    faults.need_one_of(member["kind"], "ECS", "ENI", "ECI")
    faults.need(not member["address"] or is_address(member["address"]))
    faults.need(_DESCRIPTION.fullmatch(member["description"]) is not None)
    return faults


# -- listeners -------------------------------------------------------------------------------------


def of_listener(listener: Plain) -> Faults:
    faults = Faults()
    protocol, port = listener["protocol"], listener["port"]
    faults.need(protocol not in ("HTTP", "HTTPS"), UNIMPLEMENTED)
    faults.need_one_of(protocol, "TCP", "UDP", "HTTP", "HTTPS")
    faults.need(1 <= port <= 65535)
    faults.need(protocol != "UDP" or port not in (250, 4789, 4790))
    faults.need(is_name("serverGroups", listener["server_group"]))
    faults.need(_DESCRIPTION.fullmatch(listener["description"]) is not None)
    faults.need(0 <= listener["server_port"] <= 65535)
    faults.need(not listener["proxy_protocol_v2_enabled"], UNIMPLEMENTED)
    _of_check(listener["health_check"], protocol, faults)
    _of_traffic(listener["traffic_policy"], protocol, faults)
    if "acl" in listener:
        names = listener["acl"]["access_control_lists"]
        faults.need_one_of(listener["acl"]["type"], "WHITE", "BLACK")
        faults.need(bool(names) and len(set(names)) == len(names))
        faults.need(all(is_name("accessControlLists", name) for name in names))
    _of_tags(listener["tags"], faults)
    return faults


def _of_check(check: Plain, protocol: str, faults: Faults) -> None:
    faults.need_one_of(check["type"], "TCP", "HTTP", "UDP")
    # A check that is off may be anything: switching it on is when it matters.
    faults.need(check["type"] != "UDP" or protocol == "UDP" or not check["enabled"])
    _whole(check["interval"], 10 * MS, 50 * S, MS, faults)
    _whole(check["timeout"], 10 * MS, 50 * S, MS, faults)
    faults.need(1 <= check["healthy_threshold"] <= 10)
    faults.need(1 <= check["unhealthy_threshold"] <= 10)
    faults.need(0 <= check["port"] <= 65535)
    faults.need(_HTTP_PATH.fullmatch(check["http_path"]) is not None)
    faults.need(_HTTP_HOST.fullmatch(check["http_host"]) is not None)
    for code in check["http_codes"]:
        faults.need_one_of(code, *(f"HTTP_{digit}XX" for digit in range(1, 6)))
    faults.need(len(check["udp_request"]) <= 500)
    faults.need(len(check["udp_expected"]) <= 500)


def _of_traffic(traffic: Plain, protocol: str, faults: Faults) -> None:
    faults.need_one_of(traffic["on_failover"], "KEEP", "RESET")
    faults.need_one_of(traffic["on_failback"], "KEEP", "RESET")
    faults.need_one_of(traffic["scheduler"], "WRR", "RR", "WLC", "SCH", "TCH", "QCH")
    faults.need(traffic["scheduler"] != "QCH" or protocol == "UDP")
    faults.need_one_of(traffic["all_unhealthy"], "REJECT", "FAIL_OPEN")
    _whole(traffic["drain_timeout"], 0, 86_400 * S, S, faults)
    _whole(traffic["persistence_timeout"], 0, 3600 * S, S, faults)
    faults.need(not traffic["persistence_timeout"] or protocol == "TCP")
    _whole(traffic["established_timeout"], 10 * S, 900 * S, S, faults)
    if traffic["connection_drain_timeout"]:
        _whole(traffic["connection_drain_timeout"], 10 * S, 900 * S, S, faults)
    faults.need(traffic["bandwidth_mbps"] == -1 or 1 <= traffic["bandwidth_mbps"] <= 5120)


def _whole(time_ns: int, least_ns: int, most_ns: int, unit_ns: int, faults: Faults) -> None:
    faults.need(least_ns <= time_ns <= most_ns and time_ns % unit_ns == 0)


def is_name(collection: str, text: str) -> bool:
    return re.fullmatch(rf"{collection}/[^/]+", text, re.DOTALL) is not None
