# SPDX-License-Identifier: Apache-2.0
"""A request that is sent twice creates once (AIP-155)."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.rpc.calls import LB, Calls, pair, refused
from tests.rpc.controller import Controller
from xdpair.api.v1 import access_control_list_service_pb2 as acl_pb
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb

CONFLICT = (grpc.StatusCode.INVALID_ARGUMENT, "LX_REQUEST_TOKEN_CONFLICT")

#: Service, method, request; each makes up its id, or has one.
CREATES: list[tuple[str, str, Any]] = [
    (
        "load_balancers",
        "CreateLoadBalancer",
        lb_pb.CreateLoadBalancerRequest(load_balancer={"address": "192.0.2.20"}),
    ),
    (
        "groups",
        "CreateServerGroup",
        group_pb.CreateServerGroupRequest(server_group={"load_balancer": LB, "servers": pair()}),
    ),
    (
        "load_balancers",
        "CreateListener",
        lb_pb.CreateListenerRequest(
            parent=LB, listener={"protocol": "TCP", "port": 80, "server_port": 80}
        ),
    ),
    (
        "inventory",
        "CreateServer",
        inventory_pb.CreateServerRequest(server_id="a", server={"address": "10.0.0.1"}),
    ),
    (
        "acls",
        "CreateAccessControlList",
        acl_pb.CreateAccessControlListRequest(access_control_list={"display_name": "x"}),
    ),
]


def with_id(request: Any, request_id: str) -> Any:
    copy = type(request)()
    copy.CopyFrom(request)
    copy.request_id = request_id
    return copy


@pytest.mark.parametrize(
    ("service", "method", "request_"), CREATES, ids=lambda each: str(each)[:24]
)
def test_the_same_request_has_the_same_answer(
    calls: Calls, service: str, method: str, request_: Any
) -> None:
    calls.create_lb()
    create = getattr(getattr(calls.client, service), method)
    first = create(with_id(request_, "r-1"))
    assert create(with_id(request_, "r-1")) == first


def test_another_request_is_refused(calls: Calls) -> None:
    create = calls.client.load_balancers.CreateLoadBalancer
    request = with_id(CREATES[0][2], "r-1")
    create(request)
    request.load_balancer.display_name = "other"
    with refused(*CONFLICT):
        create(request)
    server = with_id(CREATES[3][2], "r-1")  # ids are shared by all methods
    with refused(*CONFLICT):
        calls.client.inventory.CreateServer(server)


def test_a_request_that_failed_may_be_sent_again(calls: Calls) -> None:
    group = with_id(CREATES[1][2], "r-1")
    with refused(grpc.StatusCode.NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        calls.client.groups.CreateServerGroup(group)
    calls.create_lb()
    created = calls.client.groups.CreateServerGroup(group)
    assert calls.client.groups.CreateServerGroup(group) == created


def test_what_was_made_may_have_changed_or_gone(calls: Calls) -> None:
    server = with_id(CREATES[3][2], "r-1")
    calls.client.inventory.CreateServer(server)
    calls.client.inventory.UpdateServer(
        inventory_pb.UpdateServerRequest(server={"name": "servers/a", "address": "10.0.0.2"})
    )
    assert calls.client.inventory.CreateServer(server).address == "10.0.0.2"
    calls.client.inventory.DeleteServer(inventory_pb.DeleteServerRequest(name="servers/a"))
    with refused(grpc.StatusCode.NOT_FOUND, "InvalidServerId.NotFound"):
        calls.client.inventory.CreateServer(server)


def test_an_id_outlives_the_controller(tmp_path: Path) -> None:
    request = with_id(CREATES[0][2], "r-1")
    with Controller(tmp_path) as controller:
        first = controller.client.load_balancers.CreateLoadBalancer(request)
    with Controller(tmp_path) as controller:
        assert controller.client.load_balancers.CreateLoadBalancer(request) == first


def test_many_at_once_make_one(calls: Calls) -> None:
    request = with_id(CREATES[0][2], "r-1")
    futures = [calls.client.load_balancers.CreateLoadBalancer.future(request) for _ in range(20)]
    names = {future.result().name for future in futures}
    assert len(names) == 1
    listing = calls.client.load_balancers.ListLoadBalancers(lb_pb.ListLoadBalancersRequest())
    assert listing.total_size == 1
