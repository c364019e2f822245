# SPDX-License-Identifier: Apache-2.0
"""What a resource is like of which not everything was said: the defaults that the protos name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.rpc.api_plain import Plain
from tests.rpc.api_rules import MS, S, network

_BLANK: dict[str, Plain] = {
    "load_balancers": {"display_name": "", "address": "", "interface": "", "status": "ACTIVE"}
    | {"delete_protection": False},
    "servers": {"address": "", "description": ""},
    "access_control_lists": {"display_name": "", "ip_version": "IPV4"},
    "server_groups": {"display_name": "", "load_balancer": "", "kind": "PRIMARY_SECONDARY"}
    | {"probe_secondary": False},
    "listeners": {"protocol": "PROTOCOL_UNSPECIFIED", "port": 0, "server_group": ""}
    | {"description": "", "server_port": 0, "proxy_protocol_v2_enabled": False}
    | {"state": "STOPPED"},
}
_CHECK: Plain = {"enabled": True, "interval": 500 * MS, "healthy_threshold": 3, "port": 0}
_CHECK |= {"unhealthy_threshold": 3, "http_path": "/", "http_host": "", "udp_request": b""}
_CHECK |= {"http_codes": ["HTTP_2XX"], "udp_expected": b""}
_TRAFFIC: Plain = {"on_failover": "RESET", "drain_timeout": 0, "scheduler": "WRR"}
_TRAFFIC |= {"persistence_timeout": 0, "established_timeout": 900 * S, "bandwidth_mbps": -1}
_TRAFFIC |= {"connection_drain_timeout": 0, "all_unhealthy": "REJECT"}
_ACL: Plain = {"type": "TYPE_UNSPECIFIED", "access_control_lists": []}
_POLICY: Plain = {"scope": "LISTENER", "failback": "AUTO", "hold_down": 0}
_MEMBER: Plain = {"server_id": "", "port": 0, "weight": 100, "kind": "ECS", "address": ""}
_MEMBER |= {"description": "", "role": "ROLE_UNSPECIFIED"}
#: Of these, "not set" and "set to zero" are two things.
_HAVE_PRESENCE = frozenset(
    {"enabled", "healthy_threshold", "unhealthy_threshold", "bandwidth_mbps", "weight"}
    | {"interval", "timeout", "drain_timeout", "persistence_timeout", "established_timeout"}
    | {"connection_drain_timeout", "hold_down"}
)


def is_said(field: str, value: Any) -> bool:
    """Whether a field of a message is set."""
    if isinstance(value, str):
        return bool(value) and not value.endswith("_UNSPECIFIED")
    return field in _HAVE_PRESENCE or bool(value)


def over(defaults: Plain, said: Plain) -> Plain:
    return defaults | {
        field: value for field, value in said.items() if field in defaults and is_said(field, value)
    }


def filled(kind: str, name: str, said: Plain) -> Plain:
    """Return a resource as the API shows it, but for what is output only."""
    resource = over(_BLANK[kind], said) | {"name": name, "tags": dict(said.get("tags", {}))}
    if kind == "listeners":
        lb_id = name.partition("/listeners/")[0].removeprefix("loadBalancers/lb-")
        resource["server_group"] = resource["server_group"] or f"serverGroups/rsp-default-{lb_id}"
        return resource | _with_parts(resource["protocol"], said)
    if kind == "server_groups":
        return resource | _with_members(resource["kind"], said)
    if kind == "access_control_lists":
        resource["entries"] = canonical(said.get("entries", ()))
    return resource


def canonical(entries: Iterable[Plain]) -> list[Plain]:
    """Return entries with their prefixes as the API writes them."""
    return [entry | {"cidr": network(entry["cidr"]) or entry["cidr"]} for entry in entries]


def members_of(kind: str, said: Iterable[Plain]) -> list[Plain]:
    """Return servers of a group, in the order in which the API shows them."""
    blank = _MEMBER | ({"role": "PRIMARY"} if kind == "PRIMARY_SECONDARY" else {})
    members = [over(blank, member) for member in said]
    if kind == "PRIMARY_SECONDARY":
        members.sort(key=lambda member: member["role"] == "SECONDARY")
    return members


def _with_members(kind: str, said: Plain) -> Plain:
    parts: Plain = {"servers": members_of(kind, said.get("servers", ()))}
    if kind == "PRIMARY_SECONDARY":
        parts["failover_policy"] = over(_POLICY, said.get("failover_policy", {}))
    elif "failover_policy" in said:
        parts["failover_policy"] = said["failover_policy"]
    return parts


def _with_parts(protocol: str, said: Plain) -> Plain:
    check = said.get("health_check", {})
    defaults = _CHECK | {"type": "UDP" if protocol == "UDP" else "TCP"}
    defaults["timeout"] = check.get("interval", defaults["interval"])
    check = over(defaults, check)
    check["http_codes"] = sorted(set(check["http_codes"]), key=str)
    traffic = _TRAFFIC | {"on_failback": "RESET" if protocol == "UDP" else "KEEP"}
    parts: Plain = {
        "health_check": check,
        "traffic_policy": over(traffic, said.get("traffic_policy", {})),
    }
    return parts | ({"acl": _ACL | said["acl"]} if "acl" in said else {})
