# SPDX-License-Identifier: Apache-2.0
"""Server groups over the wire: the rules of a pair, and changes of it."""

import re
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from tests.rpc.calls import GROUP, LB, PRIMARY_IP, SECONDARY_IP, Calls, pair, refused
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb
from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, GroupServer, ServerGroup
from xdpair.api.v1.server_pb2 import Server

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
Fields = dict[str, Any]
A: Fields = {"server_id": "a", "address": PRIMARY_IP, "port": 80}
B: Fields = {"server_id": "b", "address": SECONDARY_IP, "port": 80}
PRIMARY: Fields = {"role": "PRIMARY"}
SECONDARY: Fields = {"role": "SECONDARY"}


def test_defaults_are_filled_in(calls: Calls) -> None:
    calls.create_lb()
    group = calls.create_group()
    assert (group.name, group.load_balancer) == (GROUP, LB)
    assert group.kind == ServerGroup.PRIMARY_SECONDARY
    assert [server.weight for server in group.servers] == [100, 100]
    assert [server.kind for server in group.servers] == [GroupServer.ECS] * 2
    assert group.failover_policy == FailoverPolicy(
        scope="LISTENER", failback="AUTO", hold_down=Duration()
    )
    assert not group.probe_secondary
    assert group.HasField("create_time")
    assert list(group.slots) == []
    assert calls.get_group() == group


def test_without_an_id_one_is_made_up(calls: Calls) -> None:
    calls.create_lb()
    assert re.fullmatch(r"serverGroups/rsp-[a-z0-9]{12}", calls.create_group(group_id="").name)


def test_no_role_means_primary(calls: Calls) -> None:
    calls.create_lb()
    group = calls.create_group([GroupServer(**A), GroupServer(**B, **SECONDARY)])
    assert [server.role for server in group.servers] == [
        GroupServer.PRIMARY,
        GroupServer.SECONDARY,
    ]


@pytest.mark.parametrize(
    ("servers", "reason"),
    [
        pytest.param([], "BACKEND_SERVERS_NUM_MUST_BE_TWO", id="none"),
        pytest.param([A | PRIMARY], "BACKEND_SERVERS_NUM_MUST_BE_TWO", id="one"),
        pytest.param(
            [A | PRIMARY, B | SECONDARY, B | SECONDARY | {"port": 81}],
            "BACKEND_SERVERS_NUM_MUST_BE_TWO",
            id="three",
        ),
        pytest.param(
            [A | PRIMARY, A | SECONDARY],
            "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID",
            id="same server and port",
        ),
        pytest.param(
            [A | PRIMARY, A | SECONDARY | {"server_id": "alias"}],
            "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID",
            id="same address and port",
        ),
        pytest.param(
            [A | PRIMARY, B | PRIMARY],
            "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE",
            id="two primaries",
        ),
        pytest.param(
            [A | SECONDARY, B | SECONDARY],
            "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE",
            id="two secondaries",
        ),
        pytest.param(
            [A, B], "BACKEND_SERVERS_CAN_ONLY_CONTAIN_ONE_MASTER_AND_ONE_SLAVE", id="no roles"
        ),
        pytest.param(
            [A | PRIMARY | {"server_id": ""}, B | SECONDARY],
            "BACKEND_SERVER_ID_CAN_NOT_EMPTY",
            id="no id",
        ),
        pytest.param([A | PRIMARY, B | {"role": 7}], "INVALID_SERVER_TYPE", id="unknown role"),
        pytest.param(
            [A | PRIMARY | {"port": 0}, B | SECONDARY],
            "BACKEND_SERVER_PORT_CAN_NOT_EMPTY",
            id="no port",
        ),
        pytest.param(
            [A | PRIMARY | {"port": 65536}, B | SECONDARY],
            "RealServerPortNotSupport",
            id="port too big",
        ),
        pytest.param(
            [A | PRIMARY | {"port": -1}, B | SECONDARY],
            "RealServerPortNotSupport",
            id="negative port",
        ),
        pytest.param(
            [A | PRIMARY | {"weight": 101}, B | SECONDARY],
            "InvalidWeight.Malformed",
            id="weight too big",
        ),
        pytest.param(
            [A | PRIMARY | {"kind": 9}, B | SECONDARY], "InvalidParameter", id="unknown kind"
        ),
        pytest.param(
            [A | PRIMARY | {"address": "10.0.0"}, B | SECONDARY],
            "InvalidParameter",
            id="no address",
        ),
    ],
)
def test_a_pair_has_its_rules(calls: Calls, servers: list[Fields], reason: str) -> None:
    calls.create_lb()
    with refused(INVALID, reason):
        calls.create_group([GroupServer(**server) for server in servers])
    with refused(NOT_FOUND, "InvalidParameter"):
        calls.get_group()


def test_the_same_server_on_two_ports_is_a_pair(calls: Calls) -> None:
    calls.create_lb()
    calls.create_group([GroupServer(**A), GroupServer(**A | {"port": 81}, **SECONDARY)])


def test_weight_zero_is_not_the_default(calls: Calls) -> None:
    calls.create_lb()
    group = calls.create_group([GroupServer(**A, weight=0), GroupServer(**B, **SECONDARY)])
    assert [server.weight for server in group.servers] == [0, 100]


def test_an_id_alone_means_the_inventory(calls: Calls) -> None:
    calls.create_lb()
    servers = [GroupServer(server_id="a", port=80), pair()[1]]
    with refused(NOT_FOUND, "InvalidServerId.NotFound"):
        calls.create_group(servers)
    calls.client.inventory.CreateServer(
        inventory_pb.CreateServerRequest(server_id="a", server=Server(address=PRIMARY_IP))
    )
    assert calls.create_group(servers).servers[0].address == ""


def test_a_group_belongs_to_a_load_balancer(calls: Calls) -> None:
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        calls.create_group()
    with refused(INVALID, "MissingParameter") as refusal:
        calls.create_group(lb="")
    assert refusal.metadata == {"field": "load_balancer"}
    calls.create_lb()
    calls.create_lb("lb-other", "192.0.2.11")
    calls.create_group()
    with refused(INVALID, "InvalidParameter") as refusal:
        update(calls, ServerGroup(name=GROUP, load_balancer="loadBalancers/lb-other"))
    assert refusal.metadata == {"field": "load_balancer"}


def test_ids_are_unique_and_have_their_form(calls: Calls) -> None:
    calls.create_lb()
    calls.create_group()
    with refused(grpc.StatusCode.ALREADY_EXISTS, "OperationFailed.GroupAlreadyExists"):
        calls.create_group()
    with refused(INVALID, "InvalidParameter"):
        calls.create_group(group_id="web")


def test_a_group_in_use_stays(calls: Calls) -> None:
    calls.create_all()
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "RspoolVipExist") as refusal:
        delete(calls)
    assert "lb-web/tcp-80" in refusal.message


def test_a_group_that_nobody_uses_can_go(calls: Calls) -> None:
    calls.create_lb()
    group = calls.create_group()
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        delete(calls, "other")
    delete(calls, group.etag)
    with refused(NOT_FOUND, "InvalidParameter") as refusal:
        delete(calls)
    assert "The specified MasterSlaveGroupId does not exist" in refusal.message


def test_a_path_into_the_policy_leaves_the_rest(calls: Calls) -> None:
    calls.create_lb()
    calls.create_group()
    update(calls, ServerGroup(name=GROUP, failover_policy={"failback": "MANUAL"}))
    group = update(
        calls,
        ServerGroup(name=GROUP, failover_policy={"scope": "GROUP", "hold_down": ms(1500)}),
        "failover_policy.hold_down",
    )
    assert group.failover_policy == FailoverPolicy(
        scope="LISTENER", failback="MANUAL", hold_down=ms(1500)
    )
    reset = update(calls, ServerGroup(name=GROUP), "failover_policy")
    assert reset.failover_policy == FailoverPolicy(
        scope="LISTENER", failback="AUTO", hold_down=Duration()
    )


def test_servers_change_as_a_whole(calls: Calls) -> None:
    calls.create_all()
    servers = pair()
    servers[0].weight = 0
    group = update(calls, ServerGroup(name=GROUP, servers=servers))
    assert group.servers[0].weight == 0
    assert group.slots[0].serving == ServerGroup.SECONDARY
    with refused(INVALID, "BACKEND_SERVERS_NUM_MUST_BE_TWO"):
        update(calls, ServerGroup(name=GROUP, servers=servers[:1]))
    with refused(INVALID, "BACKEND_SERVERS_NUM_MUST_BE_TWO"):
        update(calls, ServerGroup(name=GROUP), "servers")
    with refused(INVALID, "InvalidParameter"):
        update(calls, ServerGroup(name=GROUP), "servers.weight")
    assert calls.get_group().servers[0].weight == 0


def test_fractions_of_a_millisecond_are_refused(calls: Calls) -> None:
    calls.create_lb()
    calls.create_group()
    fraction = FailoverPolicy(hold_down=Duration(nanos=1_500_000))
    with refused(INVALID, "InvalidParameter") as refusal:
        update(calls, ServerGroup(name=GROUP, failover_policy=fraction))
    assert refusal.metadata == {"field": "failover_policy.hold_down"}


def test_groups_are_listed_by_load_balancer(calls: Calls) -> None:
    calls.create_lb()
    calls.create_lb("lb-other", "192.0.2.11")
    calls.create_group()
    calls.create_group(group_id="rsp-other", lb="loadBalancers/lb-other")
    defaults = ["serverGroups/rsp-default-other", "serverGroups/rsp-default-web"]
    assert list_names(calls, "") == [*defaults, "serverGroups/rsp-other", GROUP]
    assert list_names(calls, LB) == [defaults[1], GROUP]
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        list_names(calls, "loadBalancers/lb-none")


def test_the_etag_does_not_depend_on_who_serves(calls: Calls) -> None:
    calls.create_all()
    before = calls.get_group()
    calls.client.groups.Switchover(pb.SwitchoverRequest(name=GROUP))
    after = calls.get_group()
    assert before.slots != after.slots
    assert before.etag == after.etag


def ms(duration_ms: int) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(duration_ms)
    return duration


def update(calls: Calls, group: ServerGroup, *paths: str) -> ServerGroup:
    request = pb.UpdateServerGroupRequest(server_group=group, update_mask=FieldMask(paths=paths))
    updated: ServerGroup = calls.client.groups.UpdateServerGroup(request)
    return updated


def delete(calls: Calls, etag: str = "") -> None:
    calls.client.groups.DeleteServerGroup(pb.DeleteServerGroupRequest(name=GROUP, etag=etag))


def list_names(calls: Calls, lb: str) -> list[str]:
    request = pb.ListServerGroupsRequest(load_balancer=lb)
    return [each.name for each in calls.client.groups.ListServerGroups(request).server_groups]
