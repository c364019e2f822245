# SPDX-License-Identifier: Apache-2.0
"""Calls that many tests make, and what errors look like to a client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup
from xdpair.cli.client import Client

LB = "loadBalancers/lb-web"
GROUP = "serverGroups/rsp-web"
LISTENER = f"{LB}/listeners/tcp-80"
PRIMARY_IP, SECONDARY_IP = "10.0.0.11", "10.0.0.12"


@dataclass
class Refusal:
    """What a client learns of an error."""

    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: dict[str, str] = field(default_factory=dict)


@contextmanager
def refused(code: grpc.StatusCode, reason: str) -> Iterator[Refusal]:
    """Expect a call to be refused; what is yielded is filled in at the end."""
    refusal = Refusal()
    with pytest.raises(grpc.RpcError) as caught:
        yield refusal
    vars(refusal).update(vars(refusal_of(caught.value)))
    assert (refusal.code, refusal.reason) == (code, reason), refusal


def refusal_of(error: grpc.RpcError) -> Refusal:
    """Read the error as clients do."""
    assert isinstance(error, grpc.Call)
    status = rpc_status.from_call(error)
    assert status is not None, error
    info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert [detail.Unpack(info) for detail in status.details].count(True) == 1
    assert [detail.Unpack(bad_request) for detail in status.details].count(True) <= 1
    assert (info.domain, status.message) == ("xdpair", error.details())
    violations = {each.field: each.description for each in bad_request.field_violations}
    return Refusal(error.code(), status.message, info.reason, dict(info.metadata), violations)


def pair() -> list[GroupServer]:
    """Return the servers of a group that is in order."""
    return [
        GroupServer(server_id="a", address=PRIMARY_IP, port=80, role="PRIMARY"),
        GroupServer(server_id="b", address=SECONDARY_IP, port=80, role="SECONDARY"),
    ]


class Calls:
    """Short forms. Each creates what the others need under the names above."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def create_lb(self, lb_id: str = "lb-web", address: str = "192.0.2.10") -> LoadBalancer:
        request = lb_pb.CreateLoadBalancerRequest(
            load_balancer_id=lb_id, load_balancer=LoadBalancer(address=address)
        )
        created: LoadBalancer = self.client.load_balancers.CreateLoadBalancer(request)
        return created

    def create_lb_within(self, timeout_s: float) -> None:
        """Create the load balancer, but wait for the answer no longer than this."""
        request = lb_pb.CreateLoadBalancerRequest(
            load_balancer_id="lb-web", load_balancer=LoadBalancer(address="192.0.2.10")
        )
        self.client.load_balancers.CreateLoadBalancer(request, timeout=timeout_s)

    def update_lb_later(self, **fields: Any) -> grpc.Future[LoadBalancer]:
        """Begin to change the load balancer."""
        request = lb_pb.UpdateLoadBalancerRequest(load_balancer=LoadBalancer(name=LB, **fields))
        update: grpc.Future[LoadBalancer] = self.client.load_balancers.UpdateLoadBalancer.future(
            request
        )
        return update

    def create_group(
        self, servers: list[GroupServer] | None = None, group_id: str = "rsp-web", lb: str = LB
    ) -> ServerGroup:
        group = ServerGroup(load_balancer=lb, servers=pair() if servers is None else servers)
        request = group_pb.CreateServerGroupRequest(server_group_id=group_id, server_group=group)
        created: ServerGroup = self.client.groups.CreateServerGroup(request)
        return created

    def create_listener(
        self, port: int = 80, protocol: str = "TCP", lb: str = LB, group: str = GROUP
    ) -> Listener:
        request = lb_pb.CreateListenerRequest(
            parent=lb, listener=Listener(protocol=protocol, port=port, server_group=group)
        )
        created: Listener = self.client.load_balancers.CreateListener(request)
        return created

    def start_listener(self, name: str = LISTENER) -> Listener:
        request = lb_pb.StartListenerRequest(name=name)
        started: Listener = self.client.load_balancers.StartListener(request)
        return started

    def create_all(self) -> None:
        """Create a load balancer, its group and a running listener."""
        self.create_lb()
        self.create_group()
        self.create_listener()
        self.start_listener()

    def get_lb(self, name: str = LB) -> LoadBalancer:
        request = lb_pb.GetLoadBalancerRequest(name=name)
        lb: LoadBalancer = self.client.load_balancers.GetLoadBalancer(request)
        return lb

    def get_group(self, name: str = GROUP) -> ServerGroup:
        request = group_pb.GetServerGroupRequest(name=name)
        group: ServerGroup = self.client.groups.GetServerGroup(request)
        return group

    def get_listener(self, name: str = LISTENER) -> Listener:
        request = lb_pb.GetListenerRequest(name=name)
        listener: Listener = self.client.load_balancers.GetListener(request)
        return listener
