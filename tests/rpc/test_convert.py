# SPDX-License-Identifier: Apache-2.0
"""Whatever the core can hold goes over the wire and comes back the same."""

from dataclasses import replace
from enum import Enum
from ipaddress import IPv4Network

import pytest
from hypothesis import given

from tests.unit import strategies
from xdpair.api.v1.access_control_list_pb2 import AccessControlList as AccessControlListPb
from xdpair.api.v1.access_control_list_pb2 import AclPolicy as AclPolicyPb
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.listener_pb2 import HealthCheck as HealthCheckPb
from xdpair.api.v1.listener_pb2 import Listener as ListenerPb
from xdpair.api.v1.listener_pb2 import TrafficPolicy as TrafficPolicyPb
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer as LoadBalancerPb
from xdpair.api.v1.load_balancer_service_pb2 import ServerHealth
from xdpair.api.v1.server_group_pb2 import FailoverPolicy as FailoverPolicyPb
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup, SlotStatus
from xdpair.core.events import EventKind
from xdpair.core.failover import Cause
from xdpair.core.model import (
    AccessControlList,
    AclEntry,
    AclPolicy,
    AclType,
    AllUnhealthy,
    CheckKind,
    FailbackMode,
    FailoverScope,
    FlowAction,
    Group,
    HealthCheck,
    IpVersion,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    LoadBalancerStatus,
    Protocol,
    Scheduler,
    Server,
    ServerKind,
    Side,
    TrafficPolicy,
)
from xdpair.core.status import HealthState
from xdpair.rpc import names
from xdpair.rpc.convert.acl import acl_from_pb, acl_to_pb
from xdpair.rpc.convert.listener import listener_from_pb, listener_key_from_pb, listener_to_pb
from xdpair.rpc.convert.load_balancer import load_balancer_from_pb, load_balancer_to_pb
from xdpair.rpc.convert.scalars import EnumNames, ms_from_pb, ms_to_pb
from xdpair.rpc.convert.server import server_from_pb, server_to_pb
from xdpair.rpc.convert.server_group import group_from_pb, group_to_pb


@given(strategies.LOAD_BALANCERS)
def test_load_balancer(lb: LoadBalancer) -> None:
    message = load_balancer_to_pb(lb)
    lb_id = names.load_balancer_id(message.name)
    assert load_balancer_from_pb(lb_id, message) == replace(lb, create_time_s=0.0)


@given(strategies.LISTENERS)
def test_listener(listener: Listener) -> None:
    acl_ids = listener.acl.acl_ids if listener.acl else ()
    message = listener_to_pb(listener, {acl_id: empty_acl(acl_id) for acl_id in acl_ids})
    key = names.listener_key(message.name)
    assert listener_key_from_pb(key.lb_id, message) == key
    back = listener_from_pb(key, message)
    assert back == replace(listener, state=ListenerState.STOPPED, create_time_s=0.0)


@given(strategies.GROUPS)
def test_group(group: Group) -> None:
    message = group_to_pb(group, ())
    group_id = names.group_id(message.name)
    assert group_from_pb(group_id, message) == replace(group, create_time_s=0.0)


@given(strategies.ACLS)
def test_access_control_list(acl: AccessControlList) -> None:
    message = acl_to_pb(acl)
    acl_id = names.acl_id(message.name)
    assert acl_from_pb(acl_id, message) == replace(acl, create_time_s=0.0)


def empty_acl(acl_id: str) -> AccessControlList:
    return AccessControlList(acl_id, "empty")


@pytest.mark.parametrize(
    ("type_", "entries", "warned"),
    [
        (AclType.WHITE, (0, 0), True),
        (AclType.WHITE, (0, 1), False),
        (AclType.BLACK, (0, 0), False),
    ],
)
def test_empty_white_lists_are_warned_of(
    type_: AclType, entries: tuple[int, ...], warned: bool
) -> None:
    entry = AclEntry(IPv4Network("192.0.2.0/24"))
    acls = {
        f"acl-{at}": replace(empty_acl(f"acl-{at}"), entries=(entry,) * count)
        for at, count in enumerate(entries)
    }
    key = ListenerKey("lb-web", Protocol.TCP, 80)
    message = listener_to_pb(Listener(key, "rsp-web", acl=AclPolicy(type_, tuple(acls))), acls)
    assert bool(message.warnings) == warned
    without = listener_to_pb(
        Listener(key, "rsp-web", acl=AclPolicy(type_, tuple(acls))),
        {acl_id: replace(acl, entries=(entry,)) for acl_id, acl in acls.items()},
    )
    assert message.etag == without.etag  # the lists are resources of their own


@given(strategies.SERVERS)
def test_server(server: Server) -> None:
    message = server_to_pb(server)
    assert server_from_pb(names.server_id(message.name), message) == server


@pytest.mark.parametrize("duration_ms", [0, 1, 999, 1000, 1001, 50_000, 86_400_000])
def test_milliseconds(duration_ms: int) -> None:
    assert ms_from_pb(ms_to_pb(duration_ms), "interval") == duration_ms


@pytest.mark.parametrize("protocol", Protocol)
def test_an_empty_message_means_the_defaults_of_the_core(protocol: Protocol) -> None:
    key = ListenerKey("lb-web", protocol, 80)
    expected = Listener(
        key,
        "rsp-web",
        check=HealthCheck(CheckKind.UDP if protocol is Protocol.UDP else CheckKind.TCP),
        traffic=TrafficPolicy.default_for(protocol),
    )
    assert listener_from_pb(key, ListenerPb(server_group="serverGroups/rsp-web")) == expected


@pytest.mark.parametrize(
    ("core", "names_of_api", "only_in_api"),
    [
        (Protocol, ListenerPb.Protocol, {"HTTP", "HTTPS"}),
        (Scheduler, TrafficPolicyPb.Scheduler, set()),
        (AllUnhealthy, TrafficPolicyPb.AllUnhealthy, set()),
        (AclType, AclPolicyPb.Type, set()),
        (IpVersion, AccessControlListPb.IpVersion, set()),
        (LoadBalancerStatus, LoadBalancerPb.Status, set()),
        (ListenerState, ListenerPb.State, set()),
        (CheckKind, HealthCheckPb.Type, set()),
        (FlowAction, TrafficPolicyPb.FlowAction, set()),
        (Side, ServerGroup.Side, {"NOBODY"}),
        (Side, GroupServer.Role, set()),
        (ServerKind, GroupServer.Kind, set()),
        (FailoverScope, FailoverPolicyPb.Scope, set()),
        (FailbackMode, FailoverPolicyPb.Failback, set()),
        (Cause, SlotStatus.Cause, set()),
        (HealthState, ServerHealth.State, set()),
        (EventKind, Event.Kind, set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_enums_are_spelled_alike(
    core: type[Enum], names_of_api: EnumNames, only_in_api: set[str]
) -> None:
    in_api = {
        names_of_api.Name(number)
        for number in range(1, 100)
        if number in names_of_api.DESCRIPTOR.values_by_number  # type: ignore[attr-defined]
    }
    assert in_api - only_in_api == set(core.__members__)
