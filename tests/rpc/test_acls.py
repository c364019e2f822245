# SPDX-License-Identifier: Apache-2.0
"""Access control lists over the wire."""

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tests.rpc.calls import LISTENER, Calls, refused
from xdpair.api.v1 import access_control_list_service_pb2 as pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1.access_control_list_pb2 import AccessControlList, AclEntry, AclPolicy
from xdpair.api.v1.listener_pb2 import Listener

NAME = "accessControlLists/acl-office"


def create(calls: Calls, *cidrs: str) -> AccessControlList:
    acl = AccessControlList(
        display_name="office", entries=[AclEntry(cidr=cidr, comment="first") for cidr in cidrs]
    )
    request = pb.CreateAccessControlListRequest(
        access_control_list_id="acl-office", access_control_list=acl
    )
    created: AccessControlList = calls.client.acls.CreateAccessControlList(request)
    return created


def get(calls: Calls) -> AccessControlList:
    request = pb.GetAccessControlListRequest(name=NAME)
    acl: AccessControlList = calls.client.acls.GetAccessControlList(request)
    return acl


def add(calls: Calls, *cidrs: str, etag: str = "") -> list[str]:
    entries = [AclEntry(cidr=cidr, comment="second") for cidr in cidrs]
    request = pb.AddEntriesRequest(name=NAME, entries=entries, etag=etag)
    return [entry.cidr for entry in calls.client.acls.AddEntries(request).entries]


def remove(calls: Calls, *cidrs: str) -> list[str]:
    request = pb.RemoveEntriesRequest(name=NAME, cidrs=cidrs)
    return [entry.cidr for entry in calls.client.acls.RemoveEntries(request).entries]


def use(calls: Calls, **policy: object) -> Listener:
    listener = Listener(name=LISTENER, acl=AclPolicy(**policy))  # type: ignore[arg-type]
    request = lb_pb.UpdateListenerRequest(listener=listener, update_mask=FieldMask(paths=["acl"]))
    updated: Listener = calls.client.load_balancers.UpdateListener(request)
    return updated


def test_an_entry_is_written_in_one_way(calls: Calls) -> None:
    assert [entry.cidr for entry in create(calls, "192.0.2.7", "10.0.0.0/8").entries] == [
        "192.0.2.7/32",
        "10.0.0.0/8",
    ]
    assert add(calls, "192.0.2.7/32", "0.0.0.0/0")[2:] == ["0.0.0.0/0"]
    assert remove(calls, "192.0.2.7", "172.16.0.0/12") == ["10.0.0.0/8", "0.0.0.0/0"]


def test_a_duplicate_is_skipped_and_keeps_its_comment(calls: Calls) -> None:
    create(calls, "10.0.0.0/8")
    assert add(calls, "10.0.0.0/8", "192.0.2.0/24", "192.0.2.0/24") == [
        "10.0.0.0/8",
        "192.0.2.0/24",
    ]
    assert [entry.comment for entry in get(calls).entries] == ["first", "second"]


def test_three_hundred_at_most(calls: Calls) -> None:
    create(calls, "192.0.2.0/24")
    prefixes = [f"10.{at // 256}.{at % 256}.0/24" for at in range(300)]
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "AclEntryExceedLimit"):
        add(calls, *prefixes)
    assert len(add(calls, *prefixes[1:])) == 300


def test_who_uses_a_list_is_told(calls: Calls) -> None:
    calls.create_all()
    created = create(calls)
    listener = use(calls, type="WHITE", access_control_lists=[NAME])
    assert "acl-office" in listener.warnings[0]
    acl = get(calls)
    (related,) = acl.related_listeners
    assert (related.listener, related.type) == (LISTENER, AclPolicy.WHITE)
    assert acl.etag == created.etag
    add(calls, "10.0.0.0/8")
    assert list(calls.get_listener().warnings) == []
    assert calls.get_listener().etag == listener.etag
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "OperationFailed.AclInUse"):
        calls.client.acls.DeleteAccessControlList(pb.DeleteAccessControlListRequest(name=NAME))


def test_without_a_policy_everybody_may_come(calls: Calls) -> None:
    calls.create_all()
    create(calls)
    use(calls, type="BLACK", access_control_lists=[NAME])
    assert calls.get_listener().HasField("acl")
    request = lb_pb.UpdateListenerRequest(
        listener=Listener(name=LISTENER), update_mask=FieldMask(paths=["acl"])
    )
    assert not calls.client.load_balancers.UpdateListener(request).HasField("acl")


def test_an_etag_guards_entries(calls: Calls) -> None:
    old = create(calls)
    add(calls, "10.0.0.0/8", etag=old.etag)
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        add(calls, "192.0.2.0/24", etag=old.etag)


def test_an_update_takes_entries_as_a_whole(calls: Calls) -> None:
    create(calls, "10.0.0.0/8")
    acl = AccessControlList(name=NAME, entries=[AclEntry(cidr="192.0.2.0/24")])
    request = pb.UpdateAccessControlListRequest(access_control_list=acl)
    updated = calls.client.acls.UpdateAccessControlList(request)
    assert [entry.cidr for entry in updated.entries] == ["192.0.2.0/24"]
    assert updated.display_name == "office"


@pytest.mark.parametrize(("version", "cidr"), [("IPV4", "10.0.0.0/8"), ("IPV6", "2001:db8::/32")])
def test_lists_by_version(calls: Calls, version: str, cidr: str) -> None:
    for name in ("IPV4", "IPV6"):
        acl = AccessControlList(display_name=name, ip_version=name)
        request = pb.CreateAccessControlListRequest(access_control_list=acl)
        acl_name = calls.client.acls.CreateAccessControlList(request).name
        if name == version:
            entries = [AclEntry(cidr=cidr)]
            calls.client.acls.AddEntries(pb.AddEntriesRequest(name=acl_name, entries=entries))
    listing = pb.ListAccessControlListsRequest(filter=f"ip_version = {version}")
    response = calls.client.acls.ListAccessControlLists(listing)
    assert response.total_size == 1
    assert [entry.cidr for entry in response.access_control_lists[0].entries] == [cidr]
