# SPDX-License-Identifier: Apache-2.0
"""What no client of ours would send: garbage, too much of everything, unknown methods."""

from __future__ import annotations

import base64
import importlib
import pkgutil
from collections.abc import Iterator
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.field_mask_pb2 import FieldMask

import xdpair.api.v1
from tests.rpc.calls import GROUP, LB, LISTENER, Calls, Refusal, refusal_of
from tests.rpc.controller import Controller
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb

INVALID, UNIMPLEMENTED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
GARBAGE = {
    "cut off": b"\x0a\xff",
    "groups that do not end": b"\x0b" * 1000,
    "a tag too long": b"\xff" * 10,
    "no tag": b"\x00\x00",
}


@pytest.fixture(autouse=True)
def _lives_on(controller: Controller, calls: Calls) -> Iterator[None]:
    """Whatever was sent, the next call is answered, and nothing has changed."""
    calls.create_all()
    before = calls.get_lb(), calls.get_listener(), calls.get_group()
    yield
    assert (calls.get_lb(), calls.get_listener(), calls.get_group()) == before


def methods() -> Iterator[MethodDescriptor]:
    """Yield all of the API but those that answer for ever."""
    for module in pkgutil.iter_modules(xdpair.api.v1.__path__):
        if module.name.endswith("_service_pb2"):
            file = importlib.import_module(f"xdpair.api.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                yield from (one for one in service.methods if not one.server_streaming)


def sent_raw(controller: Controller, path: str, request: bytes) -> Refusal:
    """Send octets as a request, and return how it was refused, code ``OK`` if it was not."""
    with grpc.insecure_channel(controller.address) as channel:
        method: Any = channel.unary_unary(path)  # neither encodes nor decodes
        try:
            method(request, timeout=20)
        except grpc.RpcError as error:
            return refusal_of(error)
    return Refusal()


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_refused_by_every_method(controller: Controller, garbage: bytes) -> None:
    for method in methods():
        path = f"/{method.containing_service.full_name}/{method.name}"
        assert sent_raw(controller, path, garbage).code is INVALID, path


def test_random_octets_are_no_bug_of_the_server(controller: Controller) -> None:
    random = Random(0)
    everything = [m for m in methods() if m.containing_service.name != "ExplainService"]
    for _ in range(300):
        method = random.choice(everything)
        path = f"/{method.containing_service.full_name}/{method.name}"
        refusal = sent_raw(controller, path, random.randbytes(random.randrange(1, 40)))
        assert refusal.code in (grpc.StatusCode.OK, INVALID), (path, refusal)


def test_a_message_of_another_kind_is_refused(controller: Controller) -> None:
    listener = lb_pb.UpdateListenerRequest(listener={"name": LISTENER}).SerializeToString()
    for method in ("GetLoadBalancer", "DeleteLoadBalancer", "StartListener"):
        path = f"/xdpair.api.v1.LoadBalancerService/{method}"
        assert sent_raw(controller, path, listener).code is INVALID


@pytest.mark.parametrize(
    "path",
    [
        "/xdpair.api.v1.LoadBalancerService/CreateRules",
        "/xdpair.api.v1.LoadBalancerService/getLoadBalancer",
        "/xdpair.api.v1.LoadBalancerService/",
        "/xdpair.api.v1.RuleService/CreateRule",
        "/xdpair.api.v2.LoadBalancerService/GetLoadBalancer",
        "/xdpair.api.",
        pytest.param("/xdpair.api.v1." + "x" * 5000, id="long"),
    ],
)
def test_methods_that_are_not_there(controller: Controller, path: str) -> None:
    refusal = sent_raw(controller, path, b"\xff")
    assert (refusal.code, refusal.reason) == (UNIMPLEMENTED, "OperationFailed.ActionNotSupport")


@pytest.mark.parametrize("path", ["/", "/x/y", "/grpc.health.v1.Health/Nothing"])
def test_methods_of_others_are_unknown(controller: Controller, path: str) -> None:
    with grpc.insecure_channel(controller.address) as channel:
        method: Any = channel.unary_unary(path)
        with pytest.raises(grpc.RpcError) as caught:
            method(b"", timeout=20)
    assert caught.value.code() is UNIMPLEMENTED


@pytest.mark.parametrize("letter", ["x", "é", "𝄞", "\0"])
@pytest.mark.parametrize("count", [1000, 3000, 100_000, 5_000_000])
def test_however_long_a_name_is_the_error_arrives(
    controller: Controller, letter: str, count: int
) -> None:
    """What is quoted in an error must not make it longer than a client takes."""
    client, text = controller.client, letter * count
    for refusal in (
        refused_by(client.load_balancers.GetLoadBalancer, lb_pb.GetLoadBalancerRequest(name=text)),
        refused_by(
            client.load_balancers.UpdateLoadBalancer,
            lb_pb.UpdateLoadBalancerRequest(
                load_balancer={"name": LB}, update_mask=FieldMask(paths=[text])
            ),
        ),
        refused_by(
            client.inventory.CreateServer,
            inventory_pb.CreateServerRequest(
                server_id="s", server={"address": "10.0.0.1", "tags": {text: text}}
            ),
        ),
    ):
        assert refusal.code is INVALID
        assert refusal.violations


def test_of_many_faults_the_first_are_told(controller: Controller) -> None:
    servers = [
        {"server_id": f"é{number}" * 50, "weight": 1000, "description": "é" * 300, "port": -1}
        for number in range(500)
    ]
    request = group_pb.AddServersRequest(name=GROUP, servers=servers)
    refusal = refused_by(controller.client.groups.AddServers, request)
    assert refusal.code is INVALID
    assert refusal.violations


@pytest.mark.parametrize("depth", [10, 1000, 1_000_000])
@pytest.mark.parametrize("bracket", ["[", '{"a":', '["lb ", ['])
def test_page_tokens_made_by_hand(controller: Controller, bracket: str, depth: int) -> None:
    token = base64.urlsafe_b64encode((bracket * depth).encode()).decode()
    request = lb_pb.ListLoadBalancersRequest(page_token=token)
    assert refused_by(controller.client.load_balancers.ListLoadBalancers, request).code is INVALID


def test_a_long_filter_is_refused_at_once(controller: Controller) -> None:
    """Reading one takes the square of its length: nobody else would be served meanwhile."""
    request = lb_pb.ListLoadBalancersRequest(filter=" AND ".join(["id = x"] * 1_000_000))
    assert refused_by(controller.client.load_balancers.ListLoadBalancers, request).code is INVALID


def test_a_message_that_is_too_large_is_refused(controller: Controller) -> None:
    """By gRPC itself, which knows nothing of reasons."""
    with grpc.insecure_channel(controller.address) as channel:
        method: Any = channel.unary_unary("/xdpair.api.v1.LoadBalancerService/GetLoadBalancer")
        with pytest.raises(grpc.RpcError) as caught:
            method(bytes(65 * 2**20), timeout=30)
    assert caught.value.code() is EXHAUSTED


def refused_by(method: Any, request: Any) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        method(request, timeout=30)
    return refusal_of(caught.value)
