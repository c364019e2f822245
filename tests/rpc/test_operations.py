# SPDX-License-Identifier: Apache-2.0
"""Switchover, failback, hold and release over the wire, and the failovers between them."""

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tests.rpc.calls import GROUP, LB, LISTENER, PRIMARY_IP, Calls, pair, refused
from tests.rpc.controller import Controller
from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.api.v1.server_group_pb2 import ServerGroup, SlotStatus

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
PRIMARY, SECONDARY, NOBODY = ServerGroup.PRIMARY, ServerGroup.SECONDARY, ServerGroup.NOBODY
UNSPECIFIED = ServerGroup.SIDE_UNSPECIFIED
FAILURES = ("connection refused",) * 3


@pytest.fixture(autouse=True)
def _everything(calls: Calls) -> None:
    calls.create_all()


def test_at_first_the_primary_serves(calls: Calls) -> None:
    slot = the_slot(calls)
    assert (slot.serving, slot.pinned, slot.cause) == (PRIMARY, UNSPECIFIED, SlotStatus.START)
    assert slot.primary_healthy
    assert not slot.HasField("change_time")
    assert list(slot.listeners) == [LISTENER]


def test_failover_and_failback_by_health(controller: Controller, calls: Calls) -> None:
    before = the_slot(calls)
    controller.probe(PRIMARY_IP, *FAILURES)
    slot = the_slot(calls)
    assert (slot.serving, slot.cause) == (SECONDARY, SlotStatus.HEALTH)
    assert not slot.primary_healthy
    assert slot.epoch == before.epoch + 1
    assert slot.HasField("change_time")
    controller.probe(PRIMARY_IP, "", "", "")
    assert the_slot(calls).serving == PRIMARY


def test_switchover_there_and_back(controller: Controller, calls: Calls) -> None:
    (slot,) = switchover(calls)
    assert (slot.serving, slot.pinned, slot.cause) == (SECONDARY, SECONDARY, SlotStatus.OPERATOR)
    assert slot == the_slot(calls)
    controller.probe(PRIMARY_IP, "", "", "")
    assert the_slot(calls).serving == SECONDARY
    (slot,) = switchover(calls)
    assert (slot.serving, slot.pinned) == (PRIMARY, PRIMARY)
    (slot,) = switchover(calls, to=PRIMARY)
    assert (slot.serving, slot.pinned) == (PRIMARY, PRIMARY)


def test_failback_releases(calls: Calls) -> None:
    switchover(calls)
    (slot,) = calls.client.groups.Failback(pb.FailbackRequest(name=GROUP)).slots
    assert (slot.serving, slot.pinned) == (PRIMARY, UNSPECIFIED)


def test_failback_to_a_dead_primary_is_refused(controller: Controller, calls: Calls) -> None:
    controller.probe(PRIMARY_IP, *FAILURES)
    with refused(PRECONDITION, "OperationFailed.PrimaryUnhealthy"):
        calls.client.groups.Failback(pb.FailbackRequest(name=GROUP))
    assert the_slot(calls).serving == SECONDARY


def test_a_hold_is_stronger_than_health(controller: Controller, calls: Calls) -> None:
    (slot,) = calls.client.groups.Hold(pb.HoldRequest(name=GROUP)).slots
    assert slot.pinned == PRIMARY
    controller.probe(PRIMARY_IP, *FAILURES)
    assert the_slot(calls).serving == PRIMARY
    (slot,) = calls.client.groups.Release(pb.ReleaseRequest(name=GROUP)).slots
    assert (slot.serving, slot.pinned) == (SECONDARY, UNSPECIFIED)


def test_one_listener_of_many(calls: Calls) -> None:
    calls.create_listener(443)
    other = f"{LB}/listeners/tcp-443"
    calls.start_listener(other)
    (slot,) = switchover(calls, other)
    assert list(slot.listeners) == [other]
    serving = {each.listeners[0]: each.serving for each in calls.get_group().slots}
    assert serving == {LISTENER: PRIMARY, other: SECONDARY}


def test_a_weight_of_zero_takes_no_traffic(calls: Calls) -> None:
    set_weights(calls, 100, 0)
    with refused(PRECONDITION, "OperationFailed.ServerHasWeightZero"):
        switchover(calls)
    set_weights(calls, 0, 0)
    assert the_slot(calls).serving == NOBODY
    with refused(PRECONDITION, "Operation.NotAllowed"):
        calls.client.groups.Hold(pb.HoldRequest(name=GROUP))
    set_weights(calls, 0, 100)
    slot = the_slot(calls)
    assert (slot.serving, slot.cause) == (SECONDARY, SlotStatus.WEIGHT)


def test_what_is_wrong_is_refused(calls: Calls) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "InvalidParameter") as refusal:
        switchover(calls, to=NOBODY)
    assert refusal.metadata == {"field": "to"}
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "InvalidParameter") as refusal:
        switchover(calls, "lb-web/tcp-80")
    assert refusal.metadata == {"field": "listener"}
    with refused(grpc.StatusCode.NOT_FOUND, "InvalidParameter"):
        calls.client.groups.Hold(pb.HoldRequest(name="serverGroups/rsp-none"))
    with refused(grpc.StatusCode.NOT_FOUND, "ListenerNotFound"):
        switchover(calls, f"{LB}/listeners/tcp-81")


def the_slot(calls: Calls) -> SlotStatus:
    (slot,) = calls.get_group().slots
    return slot


def switchover(
    calls: Calls, listener: str = "", to: ServerGroup.Side = UNSPECIFIED
) -> list[SlotStatus]:
    request = pb.SwitchoverRequest(name=GROUP, listener=listener, to=to)
    return list(calls.client.groups.Switchover(request).slots)


def set_weights(calls: Calls, primary: int, secondary: int) -> None:
    servers = pair()
    for server, weight in zip(servers, (primary, secondary), strict=True):
        server.weight = weight
    request = pb.UpdateServerGroupRequest(
        server_group=ServerGroup(name=GROUP, servers=servers),
        update_mask=FieldMask(paths=["servers"]),
    )
    calls.client.groups.UpdateServerGroup(request)
