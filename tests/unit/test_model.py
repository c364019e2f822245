# SPDX-License-Identifier: Apache-2.0
"""The values of the core are legal or are not made at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Any

import pytest

from xdpair.core import errors
from xdpair.core.model import (
    AclPolicy,
    AclType,
    AllUnhealthy,
    CheckKind,
    FailoverPolicy,
    FlowAction,
    HealthCheck,
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
    Side,
    TrafficPolicy,
)

A, B = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
TCP_80 = ListenerKey("lb-1", Protocol.TCP, 80)
UDP_53 = ListenerKey("lb-1", Protocol.UDP, 53)
PERSISTENT = TrafficPolicy(persistence_timeout_s=60)


def server(**changes: Any) -> Server:
    return Server(**{"server_id": "a", "address": A, **changes})


def member(**changes: Any) -> Member:
    return Member(**{"server_id": "a", "port": 80, **changes})


def group(**changes: Any) -> PairGroup:
    parts = {
        "group_id": "rsp-1",
        "lb_id": "lb-1",
        "primary": member(),
        "secondary": member(server_id="b"),
    }
    return PairGroup(**{**parts, **changes})


def listener(**changes: Any) -> Listener:
    return Listener(**{"key": TCP_80, "group_id": "rsp-1", **changes})


def load_balancer(**changes: Any) -> LoadBalancer:
    return LoadBalancer(**{"lb_id": "lb-1", "address": A, **changes})


MAKERS: list[Callable[..., Any]] = [
    server, member, group, listener, load_balancer, HealthCheck, FailoverPolicy, TrafficPolicy,
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "changes", "error"),
    [
        (server, {"server_id": ""}, errors.ServerIdEmpty),
        (server, {"server_id": "-a"}, errors.InvalidInput),
        (server, {"server_id": "a" * 64}, errors.InvalidInput),
        (server, {"server_id": "a b"}, errors.InvalidInput),
        (server, {"server_id": "a\n"}, errors.InvalidInput),
        (server, {"description": "ä"}, errors.InvalidInput),
        (server, {"description": "d" * 257}, errors.InvalidInput),
        (server, {"address": IPv4Address("224.0.0.1")}, errors.InvalidInput),
        (server, {"address": IPv4Address("0.0.0.0")}, errors.InvalidInput),
        (server, {"address": IPv4Address("127.0.0.1")}, errors.InvalidInput),
        (server, {"address": IPv4Address("169.254.0.1")}, errors.InvalidInput),
        (server, {"address": IPv4Address("255.255.255.255")}, errors.InvalidInput),
        (member, {"server_id": ""}, errors.ServerIdEmpty),
        (member, {"server_id": "a/b"}, errors.InvalidInput),
        (member, {"port": 0}, errors.ServerPortEmpty),
        (member, {"port": -1}, errors.ServerPortNotSupported),
        (member, {"port": 65536}, errors.ServerPortNotSupported),
        (member, {"weight": -1}, errors.InvalidWeight),
        (member, {"weight": 101}, errors.InvalidWeight),
        (member, {"description": "!"}, errors.InvalidInput),
        (member, {"address": IPv4Address("239.1.1.1")}, errors.InvalidInput),
        (group, {"group_id": "lb-1"}, errors.InvalidInput),
        (group, {"group_id": "rsp-"}, errors.InvalidInput),
        (group, {"group_id": "rsp-UPPER"}, errors.InvalidInput),
        (group, {"group_id": "rsp-" + "a" * 60}, errors.InvalidInput),
        (group, {"name": "n" * 81}, errors.InvalidInput),
        (group, {"name": "two words"}, errors.InvalidInput),
        (group, {"secondary": member()}, errors.SameServerAndPort),
        (group, {"secondary": member(address=B, weight=1)}, errors.SameServerAndPort),
        (listener, {"key": ListenerKey("lb-1", Protocol.TCP, 0)}, errors.InvalidInput),
        (listener, {"key": ListenerKey("lb-1", Protocol.TCP, 65536)}, errors.InvalidInput),
        (listener, {"key": ListenerKey("lb-1", Protocol.UDP, 250)}, errors.ReservedPort),
        (listener, {"key": ListenerKey("lb-1", Protocol.UDP, 4789)}, errors.ReservedPort),
        (listener, {"key": ListenerKey("lb-1", Protocol.UDP, 4790)}, errors.ReservedPort),
        (listener, {"group_id": ""}, errors.MissingParameter),
        (listener, {"description": "?"}, errors.InvalidInput),
        (listener, {"check": HealthCheck(CheckKind.UDP)}, errors.InvalidInput),
        (listener, {"server_port": 0}, errors.InvalidInput),
        (listener, {"server_port": 65536}, errors.InvalidInput),
        (listener, {"traffic": TrafficPolicy(scheduler=Scheduler.QCH)}, errors.InvalidInput),
        (listener, {"key": UDP_53, "traffic": PERSISTENT}, errors.InvalidInput),
        (load_balancer, {"lb_id": "rsp-1"}, errors.InvalidInput),
        (load_balancer, {"lb_id": "lb--"}, errors.InvalidInput),
        (load_balancer, {"name": "n" * 81}, errors.InvalidInput),
        (load_balancer, {"address": IPv4Address("127.0.0.1")}, errors.InvalidInput),
        (load_balancer, {"interface": "i" * 16}, errors.InvalidInput),
        (HealthCheck, {"interval_ms": 9}, errors.InvalidInput),
        (HealthCheck, {"interval_ms": 50_001}, errors.InvalidInput),
        (HealthCheck, {"timeout_ms": 9}, errors.InvalidInput),
        (HealthCheck, {"timeout_ms": 50_001}, errors.InvalidInput),
        (HealthCheck, {"rise": 0}, errors.InvalidInput),
        (HealthCheck, {"rise": 11}, errors.InvalidInput),
        (HealthCheck, {"fall": 0}, errors.InvalidInput),
        (HealthCheck, {"fall": 11}, errors.InvalidInput),
        (HealthCheck, {"port": 0}, errors.InvalidInput),
        (HealthCheck, {"port": 65536}, errors.InvalidInput),
        (HealthCheck, {"http_path": ""}, errors.InvalidInput),
        (HealthCheck, {"http_path": "index.html"}, errors.InvalidInput),
        (HealthCheck, {"http_path": "/a b"}, errors.InvalidInput),
        (HealthCheck, {"http_path": "/\r\nX: y"}, errors.InvalidInput),
        (HealthCheck, {"http_path": "/" + "a" * 80}, errors.InvalidInput),
        (HealthCheck, {"http_host": "a:80"}, errors.InvalidInput),
        (HealthCheck, {"http_host": "h" * 81}, errors.InvalidInput),
        (HealthCheck, {"http_codes": frozenset()}, errors.InvalidInput),
        (HealthCheck, {"http_codes": frozenset({2, 6})}, errors.InvalidInput),
        (HealthCheck, {"udp_request": b"x" * 501}, errors.CheckRequestTooLong),
        (HealthCheck, {"udp_expected": b"x" * 501}, errors.CheckExpectationTooLong),
        (FailoverPolicy, {"hold_down_ms": -1}, errors.InvalidInput),
        (FailoverPolicy, {"hold_down_ms": 86_400_001}, errors.InvalidInput),
        (TrafficPolicy, {"drain_timeout_s": -1}, errors.InvalidInput),
        (TrafficPolicy, {"drain_timeout_s": 86_401}, errors.InvalidInput),
        (TrafficPolicy, {"persistence_timeout_s": -1}, errors.InvalidInput),
        (TrafficPolicy, {"persistence_timeout_s": 3601}, errors.InvalidInput),
        (TrafficPolicy, {"established_timeout_s": 9}, errors.InvalidInput),
        (TrafficPolicy, {"established_timeout_s": 901}, errors.InvalidInput),
        (TrafficPolicy, {"connection_drain_s": -1}, errors.InvalidInput),
        (TrafficPolicy, {"connection_drain_s": 9}, errors.InvalidInput),
        (TrafficPolicy, {"connection_drain_s": 901}, errors.InvalidInput),
        (TrafficPolicy, {"bandwidth_mbps": -2}, errors.InvalidInput),
        (TrafficPolicy, {"bandwidth_mbps": 0}, errors.InvalidInput),
        (TrafficPolicy, {"bandwidth_mbps": 5121}, errors.InvalidInput),
    ],
)
def test_rule(make: Callable[..., Any], changes: dict[str, Any], error: type[Exception]) -> None:
    make()
    with pytest.raises(error) as caught:
        make(**changes)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (server, {"server_id": "A1.b_c-d"}),
        (server, {"server_id": "a" * 63, "description": "d" * 256}),
        (server, {"address": IPv4Address("10.0.0.0")}),
        (member, {"port": 1, "weight": 0}),
        (member, {"port": 65535, "weight": 100, "address": A}),
        (group, {"group_id": "rsp-" + "a" * 59, "name": "n" * 80}),
        (group, {"secondary": member(port=81)}),
        (listener, {"key": ListenerKey("lb-1", Protocol.TCP, 250)}),
        (listener, {"key": ListenerKey("lb-1", Protocol.TCP, 65535)}),
        (listener, {"key": UDP_53, "check": HealthCheck(CheckKind.UDP)}),
        (listener, {"key": UDP_53, "check": HealthCheck(CheckKind.HTTP)}),
        (listener, {"check": HealthCheck(CheckKind.UDP, enabled=False)}),
        (load_balancer, {"lb_id": "lb-" + "a" * 59, "interface": "i" * 15}),
        (HealthCheck, {"interval_ms": 10, "timeout_ms": 50_000, "rise": 1, "fall": 10}),
        (HealthCheck, {"port": 65535, "http_path": "/" + "a" * 79, "http_host": "h" * 80}),
        (HealthCheck, {"http_path": "/a-b/c.d%20?e=f_g&h#i"}),
        (HealthCheck, {"http_codes": frozenset({1, 2, 3, 4, 5})}),
        (HealthCheck, {"udp_request": b"\0" * 500, "udp_expected": b"\xff" * 500}),
        (FailoverPolicy, {"hold_down_ms": 86_400_000}),
        (TrafficPolicy, {"drain_timeout_s": 86_400}),
        (TrafficPolicy, {"persistence_timeout_s": 3600, "established_timeout_s": 10}),
        (TrafficPolicy, {"established_timeout_s": 900, "connection_drain_s": 10}),
        (TrafficPolicy, {"connection_drain_s": 900, "bandwidth_mbps": 1}),
        (TrafficPolicy, {"connection_drain_s": 0, "bandwidth_mbps": 5120}),
        (listener, {"server_port": 1, "traffic": PERSISTENT}),
        (listener, {"server_port": 65535}),
        (listener, {"key": UDP_53, "traffic": TrafficPolicy(scheduler=Scheduler.QCH)}),
        (listener, {"acl": AclPolicy(AclType.BLACK, ("acl-1",))}),
        (load_balancer, {"status": LoadBalancerStatus.INACTIVE}),
    ],
)
def test_limits_are_inside(make: Callable[..., Any], changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        assert getattr(make(**changes), name) == value


@pytest.mark.parametrize("make", MAKERS)
def test_values_can_not_be_changed(make: Callable[..., Any]) -> None:
    value = make()
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)


def test_defaults_follow_the_server_load_balancer() -> None:
    assert listener().state is ListenerState.STOPPED
    assert (listener().server_port, listener().acl) == (None, None)
    assert load_balancer().status is LoadBalancerStatus.ACTIVE
    traffic = TrafficPolicy()
    assert (traffic.scheduler, traffic.all_unhealthy) == (Scheduler.WRR, AllUnhealthy.REJECT)
    assert (traffic.persistence_timeout_s, traffic.connection_drain_s) == (0, 0)
    assert (traffic.established_timeout_s, traffic.bandwidth_mbps) == (900, -1)
    assert member().weight == 100
    assert not group().probe_secondary
    check = HealthCheck()
    assert (check.interval_ms, check.rise, check.fall, check.port) == (500, 3, 3, None)
    assert (check.http_path, check.http_codes) == ("/", frozenset({2}))


def test_datagrams_return_to_the_primary_and_connections_run_out() -> None:
    assert TrafficPolicy.default_for(Protocol.TCP) == TrafficPolicy(
        on_failover=FlowAction.RESET, on_failback=FlowAction.KEEP
    )
    assert TrafficPolicy.default_for(Protocol.UDP) == TrafficPolicy(
        on_failover=FlowAction.RESET, on_failback=FlowAction.RESET
    )


def test_sides() -> None:
    assert (Side.PRIMARY.other, Side.SECONDARY.other) == (Side.SECONDARY, Side.PRIMARY)
    pair = group()
    assert (pair.member(Side.PRIMARY), pair.member(Side.SECONDARY)) == (
        pair.primary,
        pair.secondary,
    )


def test_three_schedulers_hash() -> None:
    assert {each for each in Scheduler if each.is_hash} == {
        Scheduler.SCH, Scheduler.TCH, Scheduler.QCH,
    }  # fmt: skip


def test_listener_keys_read_well_and_sort() -> None:
    assert str(UDP_53) == "lb-1/udp-53"
    assert sorted([UDP_53, TCP_80]) == [TCP_80, UDP_53]


def all_errors(root: type[errors.XdpairError]) -> list[type[errors.XdpairError]]:
    """Of the core: adapters refine them, and are imported by other tests or not."""
    found = [root, *(e for child in root.__subclasses__() for e in all_errors(child))]
    return [error for error in found if error.__module__ == errors.__name__]


@pytest.mark.parametrize("error", all_errors(errors.XdpairError))
def test_reasons_are_short_codes(error: type[errors.XdpairError]) -> None:
    assert 0 < len(error.reason) <= 63
    assert " " not in error.reason
    raised = error("words", port=80, server=None)
    assert (str(raised), raised.metadata) == ("words", {"port": "80", "server": "None"})
