# SPDX-License-Identifier: Apache-2.0
"""Resources to send, most of them legal, of so few names that they meet each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from tests.rpc.api_plain import Plain
from tests.rpc.api_random import Drawn, a_dict, merged, one_of, pick

LB_IDS = ("lb-a", "lb-b")
LBS = tuple(f"loadBalancers/{lb_id}" for lb_id in LB_IDS)
GROUP_IDS = ("rsp-1", "rsp-2", "rsp-3")
GROUPS = tuple(f"serverGroups/{group_id}" for group_id in GROUP_IDS)
DEFAULT_GROUPS = ("serverGroups/rsp-default-a", "serverGroups/rsp-default-b")
SERVER_IDS = ("s1", "S.2", "3")
ACL_IDS = ("acl-1", "acl-2", "acl-3")
ACLS = tuple(f"accessControlLists/{acl_id}" for acl_id in ACL_IDS)
ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
PORTS = (80, 443, 8080)
CIDRS4 = ("10.0.0.0/8", "10.1.0.0/16", "192.0.2.1", "192.0.2.1/32", "0.0.0.0/0")
CIDRS6 = ("2001:db8::/32", "2001:DB8:0::/32", "::/0", "::1", "::ffff:192.0.2.1")
#: Durations are given by seconds and nanoseconds.
_BAD_TIMES = ((-1, 0), (0, 1), (0, 1_500), (2**40, 0), (-(2**63), 0), (1, 500_000))

Values = Mapping[str, Sequence[Any]]


def _time(seconds: int, nanos: int = 0) -> Plain:
    return {"seconds": seconds, "nanos": nanos}


def _times(*seconds_and_nanos: tuple[int, int]) -> list[Plain]:
    return [_time(*each) for each in (*_BAD_TIMES, *seconds_and_nanos)]


_TAGS: tuple[dict[str, str], ...] = (
    {},
    {"team": "db"},
    {"a b": "", "é\n": '"x"'},
    {"k" * 64: "v" * 128},
)
_BAD_TAGS: tuple[dict[str, str], ...] = (
    {"": "x"},
    {"k" * 65: ""},
    {"k": "v" * 129},
    {"aliyun": ""},
    {"k": "acs:"},
)
_BAD_TAGS += ({"http://x": ""}, {"k": "see https://x"}, {str(n): "" for n in range(21)})
_BAD_NAMES = ("a b", "é", "x" * 81, "\n", "a\n", "a\0")
_DESCRIPTIONS = ("", "the first", "a/b-c._d", "x" * 256)
_BAD_DESCRIPTIONS = ("x" * 257, "a,b", "é", "x\n")
_BAD_ADDRESSES: tuple[str, ...] = (
    "1",
    "10.0.0",
    "10.0.0.256",
    "010.0.0.1",
    "::1",
    "127.0.0.1",
    "0.0.0.0",
)
_BAD_ADDRESSES += ("224.0.0.1", "255.255.255.255", "169.254.0.1", "10.0.0.1 ", "１.1.1.1", "x" * 99)
_BAD_ENUM = (9, -1)
_BAD_PORTS = (-1, 65536, 2**31 - 1)

GOOD: Mapping[str, Values] = {
    "load_balancers": {
        "display_name": ("", "web", "a/b-c._d", "x" * 80),
        "interface": ("", "eth0", "x" * 15),
        "delete_protection": (True, False, False),
        "status": (0, "ACTIVE", "INACTIVE"),
        "tags": _TAGS,
    },
    "servers": {"description": _DESCRIPTIONS, "tags": _TAGS},
    "access_control_lists": {"ip_version": (0, "IPV4"), "tags": _TAGS},
    "server_groups": {"display_name": ("", "db", "x" * 80), "tags": _TAGS},
    "members": {
        "weight": (0, 1, 100),
        "kind": (0, "ECS", "ENI", "ECI"),
        "description": _DESCRIPTIONS,
        "address": ADDRESSES,
    },
    "failover_policy": {
        "scope": (0, "LISTENER", "GROUP"),
        "failback": (0, "AUTO", "MANUAL"),
        "hold_down": (_time(0), _time(0, 10**6), _time(86_400)),
    },
    "listeners": {
        "description": _DESCRIPTIONS,
        "proxy_protocol_v2_enabled": (False,),
        "state": ("RUNNING",),
        "tags": _TAGS,
    },
    "health_check": {
        "type": (0, "TCP", "HTTP"),
        "enabled": (True, False),
        "interval": (_time(0, 10**7), _time(1), _time(50)),
        "timeout": (_time(0, 10**7), _time(0, 999_000_000), _time(50)),
        "healthy_threshold": (1, 10),
        "unhealthy_threshold": (1, 10),
        "port": (0, 1, 65535),
        "http_path": ("", "/", "/a?b=c&d", "/" + "x" * 79),
        "http_host": ("", "a.example", "x" * 80),
        "http_codes": (["HTTP_5XX", "HTTP_2XX"], ["HTTP_1XX"], ["HTTP_3XX"] * 2),
        "udp_request": (b"", b"\0\xff", b"x" * 500),
        "udp_expected": (b"", b"x" * 500),
    },
    "traffic_policy": {
        "on_failover": (0, "KEEP", "RESET"),
        "on_failback": (0, "KEEP", "RESET"),
        "drain_timeout": (_time(0), _time(1), _time(86_400)),
        "scheduler": (0, "WRR", "RR", "WLC", "SCH", "TCH"),
        "established_timeout": (_time(10), _time(900)),
        "connection_drain_timeout": (_time(0), _time(10), _time(900)),
        "bandwidth_mbps": (-1, 1, 5120),
        "all_unhealthy": (0, "REJECT", "FAIL_OPEN"),
    },
}
BAD: Mapping[str, Values] = {
    "load_balancers": {
        "display_name": _BAD_NAMES,
        "address": ("", *_BAD_ADDRESSES),
        "interface": ("x" * 16,),
        "status": _BAD_ENUM,
        "tags": _BAD_TAGS,
    },
    "servers": {
        "description": _BAD_DESCRIPTIONS,
        "address": ("", *_BAD_ADDRESSES),
        "tags": _BAD_TAGS,
    },
    "access_control_lists": {
        "display_name": ("", *_BAD_NAMES),
        "ip_version": (*_BAD_ENUM, "IPV6"),
        "entries": (
            [{"cidr": "10.0.0.1/8"}],
            [{"cidr": ""}],
            [{"cidr": "fe80::1%eth0"}],
            [{"cidr": "10.0.0.0/255.0.0.0"}],
            [{"cidr": "10.0.0.0/08"}],
            [{"cidr": "10.0.0.0/33"}],
            [{"cidr": "10.0.0.0/8", "comment": "a,b"}],
            [{"cidr": "10.0.0.0/8", "comment": "x" * 101}],
            [{"cidr": "192.0.2.1"}, {"cidr": "192.0.2.1/32"}],
            [{"cidr": "2001:db8::/32"}, {"cidr": "10.0.0.0/8"}],
            [{"cidr": f"10.0.{n // 256}.{n % 256}"} for n in range(301)],
        ),
        "tags": _BAD_TAGS,
    },
    "server_groups": {
        "display_name": _BAD_NAMES,
        "kind": (*_BAD_ENUM, "DEFAULT"),
        "load_balancer": ("", "lb-a", "loadBalancers/lb-none", "loadBalancers/", "loadBalancers/-"),
        "probe_secondary": (True,),
        "failover_policy": ({}, {"hold_down": _time(0)}),
        "servers": ([], [{}], [{"server_id": "s1", "port": 80}]),
        "tags": _BAD_TAGS,
    },
    "members": {
        "server_id": ("", "-a", "x" * 64, "a b", "none"),
        "port": _BAD_PORTS,
        "weight": (-1, 101, 2**31 - 1),
        "kind": _BAD_ENUM,
        "role": (*_BAD_ENUM, "PRIMARY", "SECONDARY"),
        "address": _BAD_ADDRESSES,
        "description": _BAD_DESCRIPTIONS,
    },
    "failover_policy": {
        "scope": _BAD_ENUM,
        "failback": _BAD_ENUM,
        "hold_down": _times((86_400, 1_000_000), (86_401, 0)),
    },
    "listeners": {
        "protocol": (0, "HTTP", "HTTPS", *_BAD_ENUM),
        "port": (0, *_BAD_PORTS),
        "server_group": ("rsp-1", "serverGroups/rsp-none", "serverGroups/", "serverGroups/a/b"),
        "server_port": _BAD_PORTS,
        "description": _BAD_DESCRIPTIONS,
        "proxy_protocol_v2_enabled": (True,),
        "acl": (
            {},
            {"type": "WHITE"},
            {"access_control_lists": [ACLS[0]]},
            {"type": 9, "access_control_lists": [ACLS[0]]},
            {"type": "BLACK", "access_control_lists": [ACLS[0]] * 2},
            {"type": "BLACK", "access_control_lists": ["accessControlLists/acl-none"]},
            {"type": "BLACK", "access_control_lists": ["acl-1"]},
        ),
        "tags": _BAD_TAGS,
    },
    "health_check": {
        "type": ("UDP", *_BAD_ENUM),
        "interval": _times((0, 0), (0, 9_000_000), (50, 1_000_000)),
        "timeout": _times((0, 0), (0, 9_000_000), (50, 1_000_000)),
        "healthy_threshold": (0, 11, -1),
        "unhealthy_threshold": (0, 11, -1),
        "port": _BAD_PORTS,
        "http_path": ("x", "/é", "/" + "x" * 80, "/a b", "/\n"),
        "http_host": ("a_b", "x" * 81, "a\n"),
        "http_codes": ([0], ["HTTP_2XX", 7]),
        "udp_request": (b"x" * 501,),
        "udp_expected": (b"x" * 501,),
    },
    "traffic_policy": {
        "on_failover": _BAD_ENUM,
        "on_failback": _BAD_ENUM,
        "drain_timeout": _times((86_401, 0)),
        "scheduler": ("QCH", *_BAD_ENUM),
        "persistence_timeout": _times((3601, 0), (1, 0), (3600, 0)),
        "established_timeout": _times((0, 0), (9, 0), (901, 0)),
        "connection_drain_timeout": _times((1, 0), (9, 0), (901, 0)),
        "bandwidth_mbps": (0, -2, 5121),
        "all_unhealthy": _BAD_ENUM,
    },
}


def fields(kind: str, /, **always: Drawn[Any]) -> Drawn[Plain]:
    """Some fields of a message, now and then one of them bad.

    Args:
        always: fields that are there in any case.
    """
    good = {name: pick(*values) for name, values in GOOD[kind].items() if name not in always}
    bad = one_of(*(_only(name, values) for name, values in BAD[kind].items()))
    return merged(a_dict(always, good), lambda random: _one_in_six(random, bad))


def _only(name: str, values: Sequence[Any]) -> Drawn[Plain]:
    return lambda random: {name: random.choice(values)}


def _one_in_six(random: Random, bad: Drawn[Plain]) -> Plain:
    return bad(random) if random.random() < 1 / 6 else {}
