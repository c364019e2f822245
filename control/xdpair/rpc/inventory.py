# SPDX-License-Identifier: Apache-2.0
"""``InventoryService``."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import inventory_service_pb2 as pb
from xdpair.api.v1 import server_pb2
from xdpair.api.v1.inventory_service_pb2_grpc import InventoryServiceServicer
from xdpair.core.draft import Draft
from xdpair.core.model import Server
from xdpair.rpc import filters, names, rules
from xdpair.rpc.application import Application
from xdpair.rpc.convert.server import server_from_pb, server_to_pb
from xdpair.rpc.interceptor import Context
from xdpair.rpc.pages import page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import require_etag, updated
from xdpair.rpc.writer import Writer

_FILTER_FIELDS: filters.Fields[Server] = {
    "name": lambda server: names.server_name(server.server_id),
    "id": lambda server: server.server_id,
    "address": lambda server: str(server.address),
    "description": lambda server: server.description,
}


class InventoryServicer(InventoryServiceServicer):
    """Implements the service."""

    def __init__(self, app: Application, writer: Writer) -> None:
        self._app = app
        self._writer = writer

    async def CreateServer(
        self, request: pb.CreateServerRequest, context: Context
    ) -> server_pb2.Server:
        with rules.enforced(request, "server"):
            require_set(request, "server")
            wanted = server_from_pb(request.server_id, request.server)

        def make(draft: Draft) -> server_pb2.Server:
            draft.create_server(wanted)
            return server_to_pb(wanted)

        return await self._writer.create(
            request,
            make,
            find=lambda view, name: server_to_pb(view.server(names.server_id(name))),
            name_of=lambda server: server.name,
        )

    async def GetServer(self, request: pb.GetServerRequest, context: Context) -> server_pb2.Server:
        with rules.enforced(request):
            server_id = names.server_id(request.name)
        return server_to_pb(self._app.desired.server(server_id))

    async def ListServers(
        self, request: pb.ListServersRequest, context: Context
    ) -> pb.ListServersResponse:
        with rules.enforced(request):
            wanted = filters.tagged(request.filter, _FILTER_FIELDS)
        found = sorted(
            wanted.among(self._app.desired.servers.values()), key=lambda server: server.server_id
        )
        servers, token = page(
            found,
            lambda server: (server.server_id,),
            request.page_size,
            request.page_token,
            f"server {request.filter}",
        )
        return pb.ListServersResponse(
            servers=map(server_to_pb, servers), next_page_token=token, total_size=len(found)
        )

    async def UpdateServer(
        self, request: pb.UpdateServerRequest, context: Context
    ) -> server_pb2.Server:
        with rules.enforced(request):
            server_id = names.server_id(request.server.name, "server.name")

        def make(draft: Draft) -> server_pb2.Server:
            stored = server_to_pb(draft.server(server_id))
            message = updated(stored, request.server, request.update_mask)
            with rules.enforced(message, prefix="server."):
                wanted = server_from_pb(server_id, message)
            draft.update_server(wanted)
            return server_to_pb(wanted)

        return await self._writer.change(make)

    async def DeleteServer(self, request: pb.DeleteServerRequest, context: Context) -> Empty:
        with rules.enforced(request):
            server_id = names.server_id(request.name)

        def make(draft: Draft) -> None:
            require_etag(server_to_pb(draft.server(server_id)).etag, request.etag)
            draft.delete_server(server_id)

        await self._writer.change(make)
        return Empty()
