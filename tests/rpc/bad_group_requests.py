# SPDX-License-Identifier: Apache-2.0
"""What ``ServerGroupService`` refuses, by the words of docs/errors.md."""

from __future__ import annotations

from google.protobuf.message import Message

from tests.rpc.calls import GROUP, pair
from tests.rpc.request_kit import (
    DEFAULT,
    MANY,
    NOBODY,
    A,
    B,
    add_servers,
    create_group,
    first_server,
    pair_of,
    seconds,
    update_group,
)
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.server_group_pb2 import GroupServer

REQUESTS: dict[str, dict[str, Message]] = {
    "CreateServerGroup": {
        "no `server_group`": group_pb.CreateServerGroupRequest(),
        "`server_group_id` not in its form": create_group(id="web"),
        "`server_group_id` of a default group": create_group(id="rsp-default-x"),
        "`server_group_id` is taken": create_group(id="rsp-web"),
        "`load_balancer` missing": create_group(load_balancer=""),
        "no such load balancer": create_group(load_balancer=NOBODY["lb"]),
        "`kind` unknown": create_group(kind=9),
        "`kind` DEFAULT": create_group(kind="DEFAULT", servers=[]),
        "a pair of one server": create_group(servers=pair()[:1]),
        "a pair of three servers": create_group(servers=[*pair(), A]),
        "a pair of two primaries": create_group(servers=[A, B]),
        "a pair of one server and port": create_group(servers=pair_of(A, A)),
        "a pair of one address and port": create_group(servers=pair_of(A, A | {"server_id": "x"})),
        "`role` unknown": create_group(servers=[A, B | {"role": 9}]),
        "`role` in a weighted group": create_group(kind="WEIGHTED"),
        "`failover_policy` of a weighted group": create_group(
            kind="WEIGHTED", servers=[A], failover_policy={}
        ),
        "`server_id` missing": first_server(server_id=""),
        "`server_id` not in its form": first_server(server_id="a b"),
        "a server that the inventory has not": first_server(server_id="none", address=""),
        "server's `port` missing": first_server(port=0),
        "server's `port` above 65535": first_server(port=65536),
        "`weight` above 100": first_server(weight=101),
        "server's `kind` unknown": first_server(kind=9),
        "server's `address` not unicast": first_server(address="127.0.0.1"),
        "a server and port twice": create_group(kind="WEIGHTED", servers=[A, A]),
        "2001 servers": create_group(
            kind="WEIGHTED",
            servers=[A | {"port": at} for at in range(1, 2002)],
        ),
        "`hold_down` above 24 h": create_group(failover_policy={"hold_down": seconds(86_401)}),
        "`failback` unknown": create_group(failover_policy={"failback": 9}),
        "a tag's key contains `https://`": create_group(tags={"https://": ""}),
    },
    "GetServerGroup": {
        "`name` not in its form": group_pb.GetServerGroupRequest(name="rsp-web"),
        "no such group": group_pb.GetServerGroupRequest(name=NOBODY["group"]),
    },
    "ListServerGroups": {
        "no such load balancer": group_pb.ListServerGroupsRequest(load_balancer=NOBODY["lb"]),
        "`page_token` not of this request": group_pb.ListServerGroupsRequest(page_token="x"),
        "`filter` not understood": group_pb.ListServerGroupsRequest(filter="= x"),
    },
    "UpdateServerGroup": {
        "no such group": update_group(name=NOBODY["group"]),
        "`load_balancer` differs": update_group(load_balancer="loadBalancers/lb-other"),
        "`kind` differs": update_group(kind="WEIGHTED"),
        "a pair of one server": update_group(servers=pair()[:1]),
        "`display_name` of a default group": update_group(name=DEFAULT, display_name="x"),
        "`port` in a default group": update_group(name=DEFAULT, servers=[A]),
        "`etag` of an older state": update_group(etag="old", display_name="x"),
    },
    "DeleteServerGroup": {
        "no such group": group_pb.DeleteServerGroupRequest(name=NOBODY["group"]),
        "a listener uses the group": group_pb.DeleteServerGroupRequest(name=GROUP),
        "a default group": group_pb.DeleteServerGroupRequest(name=DEFAULT),
        "`etag` of an older state": group_pb.DeleteServerGroupRequest(name=GROUP, etag="old"),
    },
    "AddServers": {
        "no such group": add_servers(A, name=NOBODY["group"]),
        "a primary/secondary group": add_servers(A | {"port": 81}, name=GROUP),
        "no `servers`": add_servers(),
        "a server and port that the group has": add_servers(A),
        "`port` missing": add_servers(A | {"port": 0}),
        "`port` in a default group": add_servers(A, name=DEFAULT),
        "`role` given": add_servers(A | {"port": 81, "role": "PRIMARY"}),
        "`weight` above 100": add_servers(A | {"port": 81, "weight": 101}),
        "more than 2000 servers": add_servers(*(A | {"port": at} for at in range(100, 2098))),
        "a server that the inventory has not": add_servers({"server_id": "none", "port": 80}),
        "`etag` of an older state": group_pb.AddServersRequest(
            name=MANY, etag="old", servers=[GroupServer(server_id="web1", port=81)]
        ),
    },
    "RemoveServers": {
        "no such group": group_pb.RemoveServersRequest(
            name=NOBODY["group"], servers=[{"server_id": "a", "port": 80}]
        ),
        "a primary/secondary group": group_pb.RemoveServersRequest(
            name=GROUP, servers=[{"server_id": "a", "port": 80}]
        ),
        "no `servers`": group_pb.RemoveServersRequest(name=MANY),
        "not in the group": group_pb.RemoveServersRequest(
            name=MANY, servers=[{"server_id": "a", "port": 81}]
        ),
        "a server named twice": group_pb.RemoveServersRequest(
            name=MANY, servers=[{"server_id": "a", "port": 80}] * 2
        ),
    },
    "ReplaceServers": {
        "a primary/secondary group": group_pb.ReplaceServersRequest(
            name=GROUP, old_servers=[{"server_id": "a", "port": 80}], new_servers=[A]
        ),
        "old one not in the group": group_pb.ReplaceServersRequest(
            name=MANY, old_servers=[{"server_id": "x", "port": 80}], new_servers=[A | {"port": 81}]
        ),
        "new one is in the group": group_pb.ReplaceServersRequest(
            name=MANY, old_servers=[{"server_id": "a", "port": 80}], new_servers=[B]
        ),
        "no `new_servers`": group_pb.ReplaceServersRequest(
            name=MANY, old_servers=[{"server_id": "a", "port": 80}]
        ),
    },
    "SetServerWeights": {
        "no `weights`": group_pb.SetServerWeightsRequest(name=MANY),
        "`weight` missing": group_pb.SetServerWeightsRequest(
            name=MANY, weights=[{"server_id": "a", "port": 80}]
        ),
        "`weight` above 100": group_pb.SetServerWeightsRequest(
            name=MANY, weights=[{"server_id": "a", "port": 80, "weight": 101}]
        ),
        "not in the group": group_pb.SetServerWeightsRequest(
            name=GROUP, weights=[{"server_id": "x", "port": 80, "weight": 1}]
        ),
        "no such group": group_pb.SetServerWeightsRequest(
            name=NOBODY["group"], weights=[{"server_id": "a", "port": 80, "weight": 1}]
        ),
    },
    "Switchover": {
        "no such group": group_pb.SwitchoverRequest(name=NOBODY["group"]),
        "a weighted group": group_pb.SwitchoverRequest(name=MANY),
        "no listener uses the group": group_pb.SwitchoverRequest(name="serverGroups/rsp-idle"),
        "`to` NOBODY": group_pb.SwitchoverRequest(name=GROUP, to="NOBODY"),
        "`listener` not in its form": group_pb.SwitchoverRequest(name=GROUP, listener="tcp-80"),
    },
    "Failback": {
        "no such group": group_pb.FailbackRequest(name=NOBODY["group"]),
        "a weighted group": group_pb.FailbackRequest(name=MANY),
    },
    "Hold": {
        "no such group": group_pb.HoldRequest(name=NOBODY["group"]),
        "a default group": group_pb.HoldRequest(name=DEFAULT),
    },
    "Release": {
        "no such group": group_pb.ReleaseRequest(name=NOBODY["group"]),
        "a weighted group": group_pb.ReleaseRequest(name=MANY),
    },
}
