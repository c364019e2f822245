# SPDX-License-Identifier: Apache-2.0
"""Health over the wire, as probes find it."""

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from tests.rpc.calls import GROUP, LB, LISTENER, PRIMARY_IP, SECONDARY_IP, Calls, refused
from tests.rpc.controller import Controller
from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_service_pb2 import ServerHealth
from xdpair.api.v1.server_group_pb2 import ServerGroup

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


@pytest.fixture(autouse=True)
def _group(calls: Calls) -> None:
    calls.create_lb()
    calls.create_group()


def test_health_as_the_probes_find_it(controller: Controller, calls: Calls) -> None:
    calls.create_listener()
    calls.start_listener()
    primary, secondary = health(calls, LISTENER)
    assert (primary.address, secondary.address) == (PRIMARY_IP, SECONDARY_IP)
    assert primary.state == ServerHealth.UNAVAILABLE
    assert (primary.checked, secondary.checked) == (True, False)
    assert not primary.HasField("latency")
    controller.probe(PRIMARY_IP, "refused", "refused", "connection refused")
    for name in (LISTENER, LB, "loadBalancers/-"):
        primary, secondary = health(calls, name)
        assert primary.state == ServerHealth.ABNORMAL
        assert primary.error == "connection refused"
        assert primary.latency == Duration(nanos=2_000_000)
        assert primary.side == ServerGroup.PRIMARY
        assert secondary.state == ServerHealth.UNAVAILABLE
    controller.probe(PRIMARY_IP, "", "", "")
    assert health(calls, LISTENER)[0].state == ServerHealth.NORMAL


def test_health_of_what_is_not_checked(calls: Calls) -> None:
    listener = Listener(
        protocol="TCP", port=80, server_group=GROUP, health_check={"enabled": False}
    )
    request = pb.CreateListenerRequest(parent=LB, listener=listener)
    calls.client.load_balancers.CreateListener(request)
    with refused(NOT_FOUND, "CheckedListenerNotFound"):
        health(calls, LISTENER)
    assert [server.checked for server in health(calls, LB)] == [False, False]
    with refused(NOT_FOUND, "ListenerNotFound"):
        health(calls, f"{LB}/listeners/tcp-81")
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        health(calls, "loadBalancers/lb-none")
    with refused(INVALID, "MissingParameter"):
        health(calls, "")


def health(calls: Calls, name: str) -> list[ServerHealth]:
    request = pb.GetHealthStatusRequest(name=name)
    return list(calls.client.load_balancers.GetHealthStatus(request).servers)
