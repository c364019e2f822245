# SPDX-License-Identifier: Apache-2.0
"""A file as xdpair wrote it when its schema was version 1, and what it has to become."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from xdpair.core.desired import Desired
from xdpair.core.model import (
    CheckKind,
    DefaultGroup,
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
    TrafficPolicy,
)
from xdpair.store import schema

#: Table -> key -> document.
DOCUMENTS: dict[str, dict[str, dict[str, Any]]] = {
    "load_balancers": {
        "lb-web": {
            "lb_id": "lb-web",
            "address": "198.51.100.1",
            "name": "web",
            "interface": "eth0",
            "delete_protection": True,
            "create_time_s": 1763700000.25,
        },
        "lb-idle": {
            "lb_id": "lb-idle",
            "address": "198.51.100.2",
            "name": "",
            "interface": "",
            "delete_protection": False,
            "create_time_s": 0.0,
        },
    },
    "server_groups": {
        "rsp-web": {
            "group_id": "rsp-web",
            "lb_id": "lb-web",
            "primary": {
                "server_id": "a",
                "port": 8080,
                "weight": 100,
                "kind": "ecs",
                "address": None,
                "description": "",
            },
            "secondary": {
                "server_id": "b",
                "port": 8081,
                "weight": 0,
                "kind": "eni",
                "address": "192.0.2.2",
                "description": "spare",
            },
            "name": "pair",
            "failover": {"scope": "group", "failback": "manual", "hold_down_ms": 500},
            "probe_secondary": True,
            "create_time_s": 1763700001.5,
        },
    },
    "listeners": {
        "lb-web/tcp-80": {
            "key": {"lb_id": "lb-web", "protocol": "tcp", "port": 80},
            "group_id": "rsp-web",
            "state": "running",
            "description": "front",
            "check": {
                "kind": "http",
                "enabled": True,
                "interval_ms": 200,
                "timeout_ms": 300,
                "rise": 2,
                "fall": 4,
                "port": None,
                "http_path": "/up",
                "http_host": "web.example",
                "http_codes": [2, 3],
                "udp_request": "",
                "udp_expected": "",
            },
            "traffic": {"on_failover": "keep", "on_failback": "reset", "drain_timeout_s": 30},
            "create_time_s": 1763700002.0,
        },
    },
    "servers": {
        "a": {"server_id": "a", "address": "192.0.2.1", "description": "rack 1"},
    },
}
SLOT = {
    "slot": {
        "side": "secondary",
        "epoch": 7,
        "fence": {"primary": 7, "secondary": 1},
        "silenced": {"primary": True, "secondary": False},
    },
    "cause": "health",
    "pinned": None,
    "primary_up": False,
    "up_since_ns": 0,
}
ROWS = {"listener:lb-web/tcp-80": 1, "slot:rsp-web": 1, "cursor:slot": 1}

MIGRATED = Desired(
    load_balancers={
        "lb-web": LoadBalancer(
            "lb-web",
            IPv4Address("198.51.100.1"),
            "web",
            "eth0",
            delete_protection=True,
            create_time_s=1763700000.25,
        ),
        "lb-idle": LoadBalancer("lb-idle", IPv4Address("198.51.100.2")),
    },
    listeners={
        ListenerKey("lb-web", Protocol.TCP, 80): Listener(
            ListenerKey("lb-web", Protocol.TCP, 80),
            "rsp-web",
            ListenerState.RUNNING,
            "front",
            HealthCheck(
                CheckKind.HTTP,
                interval_ms=200,
                timeout_ms=300,
                rise=2,
                fall=4,
                http_path="/up",
                http_host="web.example",
                http_codes=frozenset({2, 3}),
            ),
            TrafficPolicy(FlowAction.KEEP, FlowAction.RESET, 30),
            create_time_s=1763700002.0,
        ),
    },
    groups={
        "rsp-web": PairGroup(
            "rsp-web",
            "lb-web",
            Member("a", 8080),
            Member("b", 8081, 0, ServerKind.ENI, IPv4Address("192.0.2.2"), "spare"),
            "pair",
            FailoverPolicy(FailoverScope.GROUP, FailbackMode.MANUAL, 500),
            probe_secondary=True,
            create_time_s=1763700001.5,
        ),
        "rsp-default-web": DefaultGroup("lb-web", create_time_s=1763700000.25),
        "rsp-default-idle": DefaultGroup("lb-idle"),
    },
    servers={"a": Server("a", IPv4Address("192.0.2.1"), "rack 1")},
)


def write(path: Path) -> None:
    """Make the file."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        schema.migrate(db, schema.MIGRATIONS[:1])
        db.execute("BEGIN")
        for table, documents in DOCUMENTS.items():
            db.executemany(
                f"INSERT INTO {table} (key, document) VALUES (?, ?)",
                ((key, json.dumps(document)) for key, document in documents.items()),
            )
        db.execute("INSERT INTO slots VALUES (?, ?)", ("rsp-web", json.dumps(SLOT)))
        db.executemany("INSERT INTO map_indexes VALUES (?, ?)", ROWS.items())
        db.execute("COMMIT")
