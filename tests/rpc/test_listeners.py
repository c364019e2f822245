# SPDX-License-Identifier: Apache-2.0
"""Listeners over the wire."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from tests.rpc.calls import (
    GROUP,
    LB,
    LISTENER,
    Calls,
    refusal_of,
    refused,
)
from tests.rpc.controller import Controller
from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener, TrafficPolicy

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
HALF_A_SECOND = Duration(nanos=500_000_000)


@pytest.fixture(autouse=True)
def _group(calls: Calls) -> None:
    calls.create_lb()
    calls.create_group()


def test_defaults_are_filled_in(calls: Calls) -> None:
    listener = calls.create_listener()
    assert listener.name == LISTENER
    assert listener.state == Listener.STOPPED
    assert listener.health_check == HealthCheck(
        type="TCP",
        enabled=True,
        interval=HALF_A_SECOND,
        timeout=HALF_A_SECOND,
        healthy_threshold=3,
        unhealthy_threshold=3,
        http_path="/",
        http_codes=["HTTP_2XX"],
    )
    assert listener.traffic_policy == TrafficPolicy(
        on_failover="RESET",
        on_failback="KEEP",
        drain_timeout=Duration(),
        scheduler="WRR",
        persistence_timeout=Duration(),
        established_timeout=Duration(seconds=900),
        connection_drain_timeout=Duration(),
        bandwidth_mbps=-1,
        all_unhealthy="REJECT",
    )
    assert calls.get_listener() == listener


def test_udp_has_its_own_defaults_and_may_share_the_port(calls: Calls) -> None:
    calls.create_listener()
    listener = calls.create_listener(protocol="UDP")
    assert listener.name == f"{LB}/listeners/udp-80"
    assert listener.health_check.type == HealthCheck.UDP
    assert listener.traffic_policy.on_failback == TrafficPolicy.RESET


def test_the_timeout_is_as_long_as_the_interval(calls: Calls) -> None:
    check = HealthCheck(interval=Duration(seconds=2))
    assert create(calls, health_check=check).health_check.timeout == Duration(seconds=2)


def test_start_and_stop(controller: Controller, calls: Calls) -> None:
    calls.create_listener()
    for _ in range(2):  # the second time is no error
        assert calls.start_listener().state == Listener.RUNNING
        assert controller.datapath.changes
        assert len(calls.get_group().slots) == 1
    for _ in range(2):
        request = pb.StopListenerRequest(name=LISTENER)
        assert calls.client.load_balancers.StopListener(request).state == Listener.STOPPED
    assert calls.get_listener().state == Listener.STOPPED


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"protocol": "PROTOCOL_UNSPECIFIED"}, "MissingParameter"),
        ({"protocol": 9}, "InvalidParameter"),
        ({"port": 0}, "InvalidParameter"),
        ({"port": 65536}, "InvalidParameter"),
        ({"server_group": ""}, "MissingParameter"),
        ({"server_group": "rsp-web"}, "InvalidParameter"),
        ({"description": "ä"}, "InvalidParameter"),
        ({"protocol": "UDP", "port": 4789}, "UnsupportedOperationonfixedprotocalport"),
        ({"health_check": {"type": "UDP"}}, "InvalidParameter"),
        ({"health_check": {"type": 9}}, "InvalidParameter"),
        ({"health_check": {"interval": Duration(nanos=9_000_000)}}, "InvalidParameter"),
        ({"health_check": {"interval": Duration(nanos=10_500_000)}}, "InvalidParameter"),
        ({"health_check": {"timeout": Duration(seconds=51)}}, "InvalidParameter"),
        ({"health_check": {"timeout": Duration()}}, "InvalidParameter"),
        ({"health_check": {"healthy_threshold": 0}}, "InvalidParameter"),
        ({"health_check": {"unhealthy_threshold": 11}}, "InvalidParameter"),
        ({"health_check": {"port": -1}}, "InvalidParameter"),
        ({"health_check": {"http_path": "no-slash"}}, "InvalidParameter"),
        ({"health_check": {"http_codes": [0]}}, "InvalidParameter"),
        ({"health_check": {"udp_request": b"x" * 501}}, "InvalidParamLength.HealthCheckReq"),
        ({"health_check": {"udp_expected": b"x" * 501}}, "InvalidParamLength.HealthCheckExp"),
        ({"traffic_policy": {"on_failover": 9}}, "InvalidParameter"),
        ({"traffic_policy": {"drain_timeout": Duration(nanos=1)}}, "InvalidParameter"),
        ({"traffic_policy": {"drain_timeout": Duration(seconds=86_401)}}, "InvalidParameter"),
    ],
)
def test_what_is_wrong_is_refused(calls: Calls, fields: dict[str, object], reason: str) -> None:
    with refused(INVALID, reason):
        create(calls, **fields)
    assert list_names(calls, LB) == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"port": 65536}, "port"),
        ({"server_group": ""}, "server_port"),  # for the default group, it is missing
        ({"health_check": {"type": "UDP"}}, "health_check.type"),
        ({"health_check": {"interval": Duration(seconds=51)}}, "health_check.interval"),
        ({"health_check": {"interval": Duration(nanos=1)}}, "health_check.interval"),
        ({"health_check": {"timeout": Duration(seconds=51)}}, "health_check.timeout"),
        ({"health_check": {"healthy_threshold": 11}}, "health_check.healthy_threshold"),
        ({"health_check": {"unhealthy_threshold": 0}}, "health_check.unhealthy_threshold"),
        ({"health_check": {"port": 65536}}, "health_check.port"),
        ({"health_check": {"http_path": "x"}}, "health_check.http_path"),
        ({"health_check": {"http_host": "_"}}, "health_check.http_host"),
        ({"health_check": {"http_codes": [0]}}, "health_check.http_codes"),
        (
            {"traffic_policy": {"drain_timeout": Duration(seconds=90_000)}},
            "traffic_policy.drain_timeout",
        ),
    ],
)
def test_an_error_names_the_field(calls: Calls, fields: dict[str, object], path: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        create(calls, **fields)
    assert refusal_of(caught.value).metadata == {"field": path}


def test_a_listener_exists_once(calls: Calls) -> None:
    calls.create_listener()
    with refused(grpc.StatusCode.ALREADY_EXISTS, "ListenerAlreadyExists"):
        calls.create_listener()


def test_there_are_fifty_at_most(calls: Calls) -> None:
    for port in range(1, 51):
        calls.create_listener(port)
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "ListenerNumberOverLimit"):
        calls.create_listener(51)
    names = list_names(calls, LB)
    assert names == [f"{LB}/listeners/tcp-{port}" for port in range(1, 51)]


def test_the_group_must_fit(calls: Calls) -> None:
    calls.create_lb("lb-other", "192.0.2.11")
    with refused(INVALID, "VipNotMatchRspool"):
        calls.create_listener(lb="loadBalancers/lb-other")
    with refused(NOT_FOUND, "InvalidParameter"):
        calls.create_listener(group="serverGroups/rsp-none")


def test_what_is_not_there_is_not_found(calls: Calls) -> None:
    with refused(NOT_FOUND, "ListenerNotFound"):
        calls.get_listener()
    with refused(NOT_FOUND, "ListenerNotFound"):
        calls.start_listener()
    with refused(NOT_FOUND, "ListenerNotFound"):
        delete(calls)
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        calls.get_listener("loadBalancers/lb-none/listeners/tcp-80")
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        calls.create_listener(lb="loadBalancers/lb-none")
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        list_names(calls, "loadBalancers/lb-none")


@pytest.mark.parametrize("listener", ["80", "tcp-0", "tcp-080", "sctp-80", "TCP-80", "tcp-123456"])
def test_a_name_has_its_form(calls: Calls, listener: str) -> None:
    with refused(INVALID, "InvalidParameter"):
        calls.get_listener(f"{LB}/listeners/{listener}")


def test_an_update_leaves_what_is_not_named(calls: Calls) -> None:
    created = create(calls, description="shop", health_check={"type": "HTTP", "http_path": "/up"})
    calls.start_listener()
    listener = update(calls, Listener(name=LISTENER, health_check={"healthy_threshold": 1}))
    assert listener.state == Listener.RUNNING
    assert listener.create_time == created.create_time
    expected = HealthCheck()
    expected.CopyFrom(created.health_check)
    expected.healthy_threshold = 1
    assert listener.health_check == expected
    assert listener.description == "shop"


def test_a_path_that_is_not_set_becomes_the_default(calls: Calls) -> None:
    create(calls, description="shop", health_check={"type": "HTTP", "http_path": "/up"})
    listener = update(calls, Listener(name=LISTENER), "health_check.http_path", "description")
    assert (listener.health_check.http_path, listener.description) == ("/", "")
    assert listener.health_check.type == HealthCheck.HTTP


def test_what_names_a_listener_can_not_change(calls: Calls) -> None:
    calls.create_listener()
    for change in (Listener(name=LISTENER, port=81), Listener(name=LISTENER, protocol="UDP")):
        with refused(INVALID, "InvalidParameter"):
            update(calls, change)


def test_an_etag_guards_a_change(calls: Calls) -> None:
    old = calls.create_listener()
    new = calls.start_listener()
    assert old.etag != new.etag
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        update(calls, Listener(name=LISTENER, description="late", etag=old.etag))
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        delete(calls, old.etag)
    delete(calls, new.etag)
    assert list_names(calls, LB) == []


def test_all_listeners_by_pages(calls: Calls) -> None:
    calls.create_lb("lb-a", "192.0.2.11")
    calls.create_group(group_id="rsp-a", lb="loadBalancers/lb-a")
    for port in (9, 80, 443):
        calls.create_listener(port)
        calls.create_listener(port, "UDP")
        calls.create_listener(port, lb="loadBalancers/lb-a", group="serverGroups/rsp-a")
    names, token = [], ""
    while True:
        request = pb.ListListenersRequest(parent="loadBalancers/-", page_size=2, page_token=token)
        response = calls.client.load_balancers.ListListeners(request)
        names += [listener.name for listener in response.listeners]
        token = response.next_page_token
        if not token:
            break
        if len(names) == 2:  # what goes meanwhile is not missed for it, and nothing comes twice
            delete_named(calls, names[0])
    assert names == [
        *(f"loadBalancers/lb-a/listeners/tcp-{port}" for port in (9, 80, 443)),
        *(f"{LB}/listeners/{proto}-{port}" for proto in ("tcp", "udp") for port in (9, 80, 443)),
    ]


def test_a_token_is_good_for_its_own_request_only(calls: Calls) -> None:
    for port in (80, 81):
        calls.create_listener(port)
    request = pb.ListListenersRequest(parent=LB, page_size=1)
    token = calls.client.load_balancers.ListListeners(request).next_page_token
    with refused(INVALID, "InvalidParameter") as refusal:
        list_names(calls, "loadBalancers/-", token)
    assert refusal.metadata == {"field": "page_token"}


def create(calls: Calls, **fields: object) -> Listener:
    given: dict[str, object] = {"protocol": "TCP", "port": 80, "server_group": GROUP} | fields
    listener = Listener(**given)  # type: ignore[arg-type]
    request = pb.CreateListenerRequest(parent=LB, listener=listener)
    created: Listener = calls.client.load_balancers.CreateListener(request)
    return created


def update(calls: Calls, listener: Listener, *paths: str) -> Listener:
    request = pb.UpdateListenerRequest(listener=listener, update_mask=FieldMask(paths=paths))
    updated: Listener = calls.client.load_balancers.UpdateListener(request)
    return updated


def delete(calls: Calls, etag: str = "") -> None:
    request = pb.DeleteListenerRequest(name=LISTENER, etag=etag)
    calls.client.load_balancers.DeleteListener(request)


def delete_named(calls: Calls, name: str) -> None:
    calls.client.load_balancers.DeleteListener(pb.DeleteListenerRequest(name=name))


def list_names(calls: Calls, parent: str, token: str = "") -> list[str]:
    request = pb.ListListenersRequest(parent=parent, page_token=token)
    response = calls.client.load_balancers.ListListeners(request)
    return [listener.name for listener in response.listeners]
