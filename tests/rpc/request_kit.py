# SPDX-License-Identifier: Apache-2.0
"""A world, and requests to it that are in order but for what is given."""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from tests.rpc.calls import GROUP, LB, LISTENER, Calls, pair
from xdpair.api.v1 import access_control_list_service_pb2 as acl_pb
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.access_control_list_pb2 import AccessControlList, AclEntry, AclPolicy
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup
from xdpair.api.v1.server_pb2 import Server

MANY, DEFAULT = "serverGroups/rsp-many", "serverGroups/rsp-default-web"
HASHED, UNCHECKED = f"{LB}/listeners/tcp-81", f"{LB}/listeners/udp-53"
OFFICE, SIX = "accessControlLists/acl-office", "accessControlLists/acl-six"
NOBODY = {
    "lb": "loadBalancers/lb-none",
    "group": "serverGroups/rsp-none",
    "listener": f"{LB}/listeners/tcp-9",
    "server": "servers/none",
    "acl": "accessControlLists/acl-none",
}
A = {"server_id": "a", "address": "10.0.0.11", "port": 80}
B = {"server_id": "b", "address": "10.0.0.12", "port": 80}


def set_up(calls: Calls) -> None:
    """Make what the requests below speak of."""
    client = calls.client
    calls.create_all()
    calls.create_lb("lb-other", "192.0.2.11")
    client.load_balancers.CreateLoadBalancer(
        create_lb(id="lb-kept", address="192.0.2.12", delete_protection=True)
    )
    client.load_balancers.CreateLoadBalancer(
        create_lb(id="lb-once", address="192.0.2.13", request_id="once")
    )
    calls.create_lb("lb-full", "192.0.2.14")
    for port in range(1, 51):
        client.load_balancers.CreateListener(
            create_listener(lb="loadBalancers/lb-full", port=port, server_group="", server_port=80)
        )
    client.inventory.CreateServer(create_server(id="web1"))
    client.groups.CreateServerGroup(
        create_group(
            id="rsp-many",
            kind="WEIGHTED",
            servers=[A, B, {"server_id": "web1", "port": 80}],
        )
    )
    client.groups.CreateServerGroup(create_group(id="rsp-idle", servers=pair_of(A, B)))
    client.acls.CreateAccessControlList(create_acl(id="acl-office", display_name="office"))
    client.acls.CreateAccessControlList(
        create_acl(id="acl-six", display_name="six", ip_version="IPV6")
    )
    client.load_balancers.CreateListener(
        create_listener(
            port=81,
            server_group=MANY,
            traffic_policy={"scheduler": "SCH"},
            acl=AclPolicy(type="WHITE", access_control_lists=[OFFICE]),
        )
    )
    client.load_balancers.CreateListener(
        create_listener(protocol="UDP", port=53, health_check={"enabled": False})
    )


# -- requests, in order but for what is given ------------------------------------------------------


def create_lb(id: str = "lb-new", request_id: str = "", **fields: Any) -> Any:  # noqa: A002
    lb = LoadBalancer(**({"address": "192.0.2.99"} | fields))
    return lb_pb.CreateLoadBalancerRequest(
        load_balancer_id=id, load_balancer=lb, request_id=request_id
    )


def update_lb(*paths: str, **fields: Any) -> Any:
    return lb_pb.UpdateLoadBalancerRequest(
        load_balancer=LoadBalancer(**({"name": LB} | fields)), update_mask=FieldMask(paths=paths)
    )


def create_listener(lb: str = LB, **fields: Any) -> Any:
    given: dict[str, Any] = {"protocol": "TCP", "port": 99, "server_group": GROUP} | fields
    return lb_pb.CreateListenerRequest(parent=lb, listener=Listener(**given))


def update_listener(*paths: str, **fields: Any) -> Any:
    return lb_pb.UpdateListenerRequest(
        listener=Listener(**({"name": LISTENER} | fields)), update_mask=FieldMask(paths=paths)
    )


def check(**fields: Any) -> Any:
    return create_listener(health_check=fields)


def traffic(**fields: Any) -> Any:
    return create_listener(traffic_policy=fields)


def pair_of(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "PRIMARY"} | first, {"role": "SECONDARY"} | second]


def create_group(id: str = "rsp-new", **fields: Any) -> Any:  # noqa: A002
    given: dict[str, Any] = {"load_balancer": LB, "servers": pair()} | fields
    return group_pb.CreateServerGroupRequest(server_group_id=id, server_group=ServerGroup(**given))


def first_server(**fields: Any) -> Any:
    return create_group(servers=pair_of(A | fields, B))


def update_group(*paths: str, **fields: Any) -> Any:
    return group_pb.UpdateServerGroupRequest(
        server_group=ServerGroup(**({"name": GROUP} | fields)), update_mask=FieldMask(paths=paths)
    )


def add_servers(*servers: dict[str, Any], name: str = MANY) -> Any:
    return group_pb.AddServersRequest(name=name, servers=[GroupServer(**each) for each in servers])


def create_server(id: str = "web1", **fields: Any) -> Any:  # noqa: A002
    server = Server(**({"address": "10.0.0.21"} | fields))
    return inventory_pb.CreateServerRequest(server_id=id, server=server)


def create_acl(id: str = "acl-new", **fields: Any) -> Any:  # noqa: A002
    acl = AccessControlList(**({"display_name": "new"} | fields))
    return acl_pb.CreateAccessControlListRequest(access_control_list_id=id, access_control_list=acl)


def update_acl(*paths: str, **fields: Any) -> Any:
    return acl_pb.UpdateAccessControlListRequest(
        access_control_list=AccessControlList(**({"name": OFFICE} | fields)),
        update_mask=FieldMask(paths=paths),
    )


def add_entries(*cidrs: str, name: str = OFFICE, comment: str = "") -> Any:
    entries = [AclEntry(cidr=cidr, comment=comment) for cidr in cidrs]
    return acl_pb.AddEntriesRequest(name=name, entries=entries)


def seconds(number: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(number * 1e9))
    return duration


def prefixes(count: int) -> list[str]:
    return [f"10.{at // 256}.{at % 256}.0/24" for at in range(count)]
