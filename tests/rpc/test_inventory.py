# SPDX-License-Identifier: Apache-2.0
"""The inventory over the wire."""

from ipaddress import IPv4Address

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tests.rpc.calls import Calls, pair, refused
from tests.rpc.controller import Controller
from xdpair.api.v1 import inventory_service_pb2 as pb
from xdpair.api.v1.server_group_pb2 import GroupServer
from xdpair.api.v1.server_pb2 import Server

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


def test_what_is_created_is_there(calls: Calls) -> None:
    created = create(calls)
    assert (created.name, created.address) == ("servers/web1", "10.0.0.21")
    assert get(calls) == created
    with refused(grpc.StatusCode.ALREADY_EXISTS, "InvalidServerId.AlreadyExists"):
        create(calls)


@pytest.mark.parametrize(
    ("server_id", "address", "reason"),
    [
        ("", "10.0.0.21", "BACKEND_SERVER_ID_CAN_NOT_EMPTY"),
        ("-web1", "10.0.0.21", "InvalidParameter"),
        ("web1", "", "MissingParameter"),
        ("web1", "255.255.255.255", "InvalidParameter"),
    ],
)
def test_what_is_wrong_is_refused(calls: Calls, server_id: str, address: str, reason: str) -> None:
    with refused(INVALID, reason):
        create(calls, server_id, address)


def test_what_is_not_there_is_not_found(calls: Calls) -> None:
    with refused(NOT_FOUND, "InvalidServerId.NotFound"):
        get(calls)
    with refused(NOT_FOUND, "InvalidServerId.NotFound"):
        update(calls, Server(name="servers/web1", description="x"))
    with refused(NOT_FOUND, "InvalidServerId.NotFound"):
        delete(calls)


def test_a_group_follows_its_servers(controller: Controller, calls: Calls) -> None:
    create(calls)
    calls.create_lb()
    calls.create_group([GroupServer(server_id="web1", port=80), pair()[1]])
    calls.create_listener()
    calls.start_listener()
    update(calls, Server(name="servers/web1", address="10.0.0.22"))
    controller.probe("10.0.0.22", "")
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "OperationFailed.ServerInUse"):
        delete(calls)
    with refused(INVALID, "BACKEND_SERVERS_HAVE_SAME_PORT_AND_SERVERID"):
        update(calls, Server(name="servers/web1", address=pair()[1].address))
    assert controller.app.desired.server("web1").address == IPv4Address("10.0.0.22")


def test_masks_and_etags(calls: Calls) -> None:
    old = create(calls)
    new = update(calls, Server(name=old.name, address="10.0.0.9", description="x"), "description")
    assert (new.address, new.description) == ("10.0.0.21", "x")
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        update(calls, Server(name=old.name, description="late", etag=old.etag))
    with refused(INVALID, "MissingParameter"):
        update(calls, Server(name=old.name), "address")
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        delete(calls, old.etag)
    delete(calls, new.etag)


def test_pages_hold_a_thousand_at_most(controller: Controller, calls: Calls) -> None:
    for number in range(60):
        create(calls, f"web{number:02}", f"10.0.1.{number + 1}")
    first = calls.client.inventory.ListServers(pb.ListServersRequest())
    assert (len(first.servers), first.total_size) == (50, 60)
    request = pb.ListServersRequest(page_size=5000)
    everything = calls.client.inventory.ListServers(request)
    assert (len(everything.servers), everything.next_page_token) == (60, "")


def create(calls: Calls, server_id: str = "web1", address: str = "10.0.0.21") -> Server:
    request = pb.CreateServerRequest(server_id=server_id, server=Server(address=address))
    created: Server = calls.client.inventory.CreateServer(request)
    return created


def get(calls: Calls) -> Server:
    server: Server = calls.client.inventory.GetServer(pb.GetServerRequest(name="servers/web1"))
    return server


def update(calls: Calls, server: Server, *paths: str) -> Server:
    request = pb.UpdateServerRequest(server=server, update_mask=FieldMask(paths=paths))
    updated: Server = calls.client.inventory.UpdateServer(request)
    return updated


def delete(calls: Calls, etag: str = "") -> None:
    calls.client.inventory.DeleteServer(pb.DeleteServerRequest(name="servers/web1", etag=etag))
