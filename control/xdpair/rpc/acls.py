# SPDX-License-Identifier: Apache-2.0
"""``AccessControlListService``."""

from __future__ import annotations

import time
from dataclasses import replace

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import access_control_list_pb2
from xdpair.api.v1 import access_control_list_service_pb2 as pb
from xdpair.api.v1.access_control_list_service_pb2_grpc import AccessControlListServiceServicer
from xdpair.core.draft import Draft
from xdpair.core.model import AccessControlList, AclEntry
from xdpair.rpc import filters, names, rules
from xdpair.rpc.application import Application
from xdpair.rpc.convert.acl import acl_from_pb, acl_to_pb, entries_from_pb, networks_from_pb
from xdpair.rpc.interceptor import Context
from xdpair.rpc.pages import page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import require_etag, updated
from xdpair.rpc.writer import Writer

_FILTER_FIELDS: filters.Fields[AccessControlList] = {
    "name": lambda acl: names.acl_name(acl.acl_id),
    "id": lambda acl: acl.acl_id,
    "display_name": lambda acl: acl.name,
    "ip_version": lambda acl: acl.ip_version.name,
}


class AccessControlListServicer(AccessControlListServiceServicer):
    """Implements the service."""

    def __init__(self, app: Application, writer: Writer) -> None:
        self._app = app
        self._writer = writer

    async def CreateAccessControlList(
        self, request: pb.CreateAccessControlListRequest, context: Context
    ) -> access_control_list_pb2.AccessControlList:
        with rules.enforced(request, "access_control_list"):
            require_set(request, "access_control_list")
            acl_id = request.access_control_list_id or names.new_id("acl")
            wanted = acl_from_pb(acl_id, request.access_control_list)

        def make(draft: Draft) -> access_control_list_pb2.AccessControlList:
            acl = replace(wanted, create_time_s=time.time())
            draft.create_acl(acl)
            return acl_to_pb(acl)

        return await self._writer.create(
            request,
            make,
            find=lambda view, name: acl_to_pb(view.acl(names.acl_id(name))),
            name_of=lambda acl: acl.name,
        )

    async def GetAccessControlList(
        self, request: pb.GetAccessControlListRequest, context: Context
    ) -> access_control_list_pb2.AccessControlList:
        with rules.enforced(request):
            acl_id = names.acl_id(request.name)
        desired = self._app.desired
        return acl_to_pb(desired.acl(acl_id), desired.listeners_with_acl(acl_id))

    async def ListAccessControlLists(
        self, request: pb.ListAccessControlListsRequest, context: Context
    ) -> pb.ListAccessControlListsResponse:
        with rules.enforced(request):
            wanted = filters.tagged(request.filter, _FILTER_FIELDS)
        found = sorted(wanted.among(self._app.desired.acls.values()), key=lambda acl: acl.acl_id)
        acls, token = page(
            found,
            lambda acl: (acl.acl_id,),
            request.page_size,
            request.page_token,
            f"acl {request.filter}",
        )
        return pb.ListAccessControlListsResponse(
            access_control_lists=map(acl_to_pb, acls),
            next_page_token=token,
            total_size=len(found),
        )

    async def UpdateAccessControlList(
        self, request: pb.UpdateAccessControlListRequest, context: Context
    ) -> access_control_list_pb2.AccessControlList:
        with rules.enforced(request):
            acl_id = names.acl_id(request.access_control_list.name, "access_control_list.name")

        def make(draft: Draft) -> access_control_list_pb2.AccessControlList:
            stored = draft.acl(acl_id)
            message = updated(acl_to_pb(stored), request.access_control_list, request.update_mask)
            with rules.enforced(message, prefix="access_control_list."):
                wanted = acl_from_pb(acl_id, message)
            return _put(draft, replace(wanted, create_time_s=stored.create_time_s))

        return await self._writer.change(make)

    async def DeleteAccessControlList(
        self, request: pb.DeleteAccessControlListRequest, context: Context
    ) -> Empty:
        with rules.enforced(request):
            acl_id = names.acl_id(request.name)

        def make(draft: Draft) -> None:
            require_etag(acl_to_pb(draft.acl(acl_id)).etag, request.etag)
            draft.delete_acl(acl_id)

        await self._writer.change(make)
        return Empty()

    async def AddEntries(
        self, request: pb.AddEntriesRequest, context: Context
    ) -> access_control_list_pb2.AccessControlList:
        with rules.enforced(request):
            acl_id = names.acl_id(request.name)
            given = entries_from_pb(request.entries)

        def make(draft: Draft) -> access_control_list_pb2.AccessControlList:
            acl = draft.acl(acl_id)
            require_etag(acl_to_pb(acl).etag, request.etag)
            # The first of a prefix is kept, as the Server Load Balancer does.
            entries: dict[object, AclEntry] = {}
            for entry in (*acl.entries, *given):
                entries.setdefault(entry.network, entry)
            return _put(draft, replace(acl, entries=tuple(entries.values())))

        return await self._writer.change(make)

    async def RemoveEntries(
        self, request: pb.RemoveEntriesRequest, context: Context
    ) -> access_control_list_pb2.AccessControlList:
        with rules.enforced(request):
            acl_id = names.acl_id(request.name)
            networks = networks_from_pb(request.cidrs)

        def make(draft: Draft) -> access_control_list_pb2.AccessControlList:
            acl = draft.acl(acl_id)
            require_etag(acl_to_pb(acl).etag, request.etag)
            kept = tuple(entry for entry in acl.entries if entry.network not in networks)
            return _put(draft, replace(acl, entries=kept))

        return await self._writer.change(make)


def _put(draft: Draft, acl: AccessControlList) -> access_control_list_pb2.AccessControlList:
    draft.update_acl(acl)
    return acl_to_pb(acl)
