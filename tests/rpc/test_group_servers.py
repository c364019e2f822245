# SPDX-License-Identifier: Apache-2.0
"""Servers of weighted and default groups over the wire, one by one."""

from typing import Any

import grpc
import pytest

from tests.rpc.calls import GROUP, LB, Calls, refused
from tests.rpc.controller import Controller
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup

MANY, DEFAULT = "serverGroups/rsp-many", "serverGroups/rsp-default-web"


def server(server_id: str, port: int = 80, weight: int = 100) -> GroupServer:
    address = f"10.0.0.{ord(server_id[0])}"
    return GroupServer(server_id=server_id, port=port, weight=weight, address=address)


def keys(*words: str) -> list[pb.GroupServerKey]:
    pairs = (word.partition(":") for word in words)
    return [pb.GroupServerKey(server_id=name, port=int(port or 0)) for name, _, port in pairs]


def words_of(group: ServerGroup) -> str:
    return " ".join(f"{each.server_id}:{each.port}*{each.weight}" for each in group.servers)


@pytest.fixture
def group(calls: Calls) -> ServerGroup:
    """A weighted group of two servers."""
    calls.create_lb()
    wanted = ServerGroup(
        load_balancer=LB, kind="WEIGHTED", servers=[server("a", weight=5), server("b", weight=3)]
    )
    request = pb.CreateServerGroupRequest(server_group_id="rsp-many", server_group=wanted)
    created: ServerGroup = calls.client.groups.CreateServerGroup(request)
    return created


def test_a_weighted_group_has_no_sides(group: ServerGroup, calls: Calls) -> None:
    assert group.kind == ServerGroup.WEIGHTED
    assert not group.HasField("failover_policy")
    assert [each.role for each in group.servers] == [GroupServer.ROLE_UNSPECIFIED] * 2
    assert list(group.slots) == []
    assert calls.get_group(MANY) == group


def test_add(group: ServerGroup, calls: Calls) -> None:
    request = pb.AddServersRequest(name=MANY, servers=[server("a", 81), server("c", weight=0)])
    assert words_of(calls.client.groups.AddServers(request)) == "a:80*5 b:80*3 a:81*100 c:80*0"


def test_remove(group: ServerGroup, calls: Calls) -> None:
    request = pb.RemoveServersRequest(name=MANY, servers=keys("a:80"), etag=group.etag)
    assert words_of(calls.client.groups.RemoveServers(request)) == "b:80*3"
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        calls.client.groups.RemoveServers(request)
    request = pb.RemoveServersRequest(name=MANY, servers=keys("b:80", "a:80"))
    with refused(grpc.StatusCode.NOT_FOUND, "InvalidServerId.NotFound"):
        calls.client.groups.RemoveServers(request)
    assert words_of(calls.get_group(MANY)) == "b:80*3"


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ("a:80", [("c", 80)], "c:80*100 b:80*3"),
        ("b:80 a:80", [("c", 80), ("d", 80)], "d:80*100 c:80*100"),
        ("a:80", [("c", 80), ("d", 80)], "c:80*100 b:80*3 d:80*100"),
        ("a:80 b:80", [("c", 80)], "c:80*100"),
        ("a:80", [("a", 80)], "a:80*100 b:80*3"),
        ("a:80 b:80", [("b", 80), ("a", 80)], "b:80*100 a:80*100"),
    ],
)
def test_replace(
    group: ServerGroup, calls: Calls, old: str, new: list[tuple[str, int]], after: str
) -> None:
    request = pb.ReplaceServersRequest(
        name=MANY, old_servers=keys(*old.split()), new_servers=[server(*each) for each in new]
    )
    assert words_of(calls.client.groups.ReplaceServers(request)) == after


def test_weights(group: ServerGroup, calls: Calls) -> None:
    def weigh(name: str, **weights: int) -> Any:
        parts = [
            pb.GroupServerWeight(server_id=server_id, port=80, weight=weight)
            for server_id, weight in weights.items()
        ]
        return calls.client.groups.SetServerWeights(
            pb.SetServerWeightsRequest(name=name, weights=parts)
        )

    assert words_of(weigh(MANY, b=0)) == "a:80*5 b:80*0"
    calls.create_group()
    calls.create_listener()
    calls.start_listener()
    pair = weigh(GROUP, a=0)
    assert [each.weight for each in pair.servers] == [0, 100]
    assert pair.slots[0].serving == ServerGroup.SECONDARY


def test_the_default_group_lives_with_its_load_balancer(calls: Calls) -> None:
    calls.create_lb()
    default = calls.get_group(DEFAULT)
    assert (default.kind, default.load_balancer) == (ServerGroup.DEFAULT, LB)
    servers = [GroupServer(server_id="a", address="10.0.0.11")]
    request = pb.AddServersRequest(name=DEFAULT, servers=servers)
    assert words_of(calls.client.groups.AddServers(request)) == "a:0*100"
    update = pb.UpdateServerGroupRequest(server_group=ServerGroup(name=DEFAULT, tags={"a": "b"}))
    assert dict(calls.client.groups.UpdateServerGroup(update).tags) == {"a": "b"}
    for name in (DEFAULT, "serverGroups/rsp-none"):
        with pytest.raises(grpc.RpcError):
            calls.client.groups.DeleteServerGroup(pb.DeleteServerGroupRequest(name=name))
    calls.client.load_balancers.DeleteLoadBalancer(lb_pb.DeleteLoadBalancerRequest(name=LB))
    with refused(grpc.StatusCode.NOT_FOUND, "InvalidParameter"):
        calls.get_group(DEFAULT)


def test_a_listener_without_a_group_uses_the_default_one(calls: Calls) -> None:
    calls.create_lb()
    servers = [GroupServer(server_id="a", address="10.0.0.11")]
    calls.client.groups.AddServers(pb.AddServersRequest(name=DEFAULT, servers=servers))
    for port in (8080, 9090):
        request = lb_pb.CreateListenerRequest(
            parent=LB, listener=Listener(protocol="TCP", port=port, server_port=port + 1)
        )
        listener = calls.client.load_balancers.CreateListener(request)
        assert (listener.server_group, listener.server_port) == (DEFAULT, port + 1)
        calls.start_listener(listener.name)
    health = calls.client.load_balancers.GetHealthStatus(lb_pb.GetHealthStatusRequest(name=LB))
    assert [(each.server_id, each.port, each.side) for each in health.servers] == [
        ("a", 8081, ServerGroup.SIDE_UNSPECIFIED),
        ("a", 9091, ServerGroup.SIDE_UNSPECIFIED),
    ]


def test_health_has_the_time_of_the_last_probe(
    group: ServerGroup, controller: Controller, calls: Calls
) -> None:
    listener = calls.create_listener(group=MANY)
    calls.start_listener(listener.name)
    controller.probe("10.0.0.97", *("connection refused",) * 3)
    health = calls.client.load_balancers.GetHealthStatus(lb_pb.GetHealthStatusRequest(name=LB))
    first, second = health.servers
    assert (first.state, first.error) == (lb_pb.ServerHealth.ABNORMAL, "connection refused")
    assert first.last_probe_time.ToDatetime() > group.create_time.ToDatetime()
    assert (second.state, second.checked) == (lb_pb.ServerHealth.UNAVAILABLE, True)
    assert not second.HasField("last_probe_time")


def test_a_member_may_be_known_by_the_inventory(group: ServerGroup, calls: Calls) -> None:
    request = pb.AddServersRequest(name=MANY, servers=[GroupServer(server_id="x", port=80)])
    with refused(grpc.StatusCode.NOT_FOUND, "InvalidServerId.NotFound"):
        calls.client.groups.AddServers(request)
    calls.client.inventory.CreateServer(
        inventory_pb.CreateServerRequest(server_id="x", server={"address": "10.0.0.99"})
    )
    assert len(calls.client.groups.AddServers(request).servers) == 3


def test_groups_by_kind(group: ServerGroup, calls: Calls) -> None:
    calls.create_group()
    for kind, names in (("WEIGHTED", [MANY]), ("DEFAULT", [DEFAULT])):
        request = pb.ListServerGroupsRequest(load_balancer=LB, filter=f"kind = {kind}")
        response = calls.client.groups.ListServerGroups(request)
        assert [each.name for each in response.server_groups] == names
        assert response.total_size == 1
