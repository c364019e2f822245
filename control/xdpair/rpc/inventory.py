# SPDX-License-Identifier: Apache-2.0
"""``InventoryService``."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import inventory_service_pb2 as pb
from xdpair.api.v1 import server_pb2
from xdpair.api.v1.inventory_service_pb2_grpc import InventoryServiceServicer
from xdpair.core.model import Server
from xdpair.rpc import names
from xdpair.rpc.application import Application
from xdpair.rpc.changes import Changes
from xdpair.rpc.convert.server import server_from_pb, server_to_pb
from xdpair.rpc.interceptor import Context
from xdpair.rpc.pages import page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import require_etag, updated


class InventoryServicer(InventoryServiceServicer):
    """Implements the service."""

    def __init__(self, app: Application, changes: Changes) -> None:
        self._app = app
        self._changes = changes

    async def CreateServer(
        self, request: pb.CreateServerRequest, context: Context
    ) -> server_pb2.Server:
        require_set(request, "server")
        wanted = server_from_pb(request.server_id, request.server)
        stored = await self._changes.exclusively(lambda: self._app.create_server(wanted))
        return server_to_pb(stored)

    async def GetServer(self, request: pb.GetServerRequest, context: Context) -> server_pb2.Server:
        return server_to_pb(self._app.desired.server(names.server_id(request.name)))

    async def ListServers(
        self, request: pb.ListServersRequest, context: Context
    ) -> pb.ListServersResponse:
        everything = sorted(self._app.desired.servers.values(), key=lambda server: server.server_id)
        servers, token = page(
            everything,
            lambda server: (server.server_id,),
            request.page_size,
            request.page_token,
            "server",
        )
        return pb.ListServersResponse(
            servers=map(server_to_pb, servers), next_page_token=token, total_size=len(everything)
        )

    async def UpdateServer(
        self, request: pb.UpdateServerRequest, context: Context
    ) -> server_pb2.Server:
        server_id = names.server_id(request.server.name, "server.name")

        async def change() -> Server:
            stored = server_to_pb(self._app.desired.server(server_id))
            message = updated(stored, request.server, request.update_mask)
            return await self._app.update_server(server_from_pb(server_id, message))

        return server_to_pb(await self._changes.exclusively(change))

    async def DeleteServer(self, request: pb.DeleteServerRequest, context: Context) -> Empty:
        server_id = names.server_id(request.name)

        async def change() -> None:
            require_etag(server_to_pb(self._app.desired.server(server_id)).etag, request.etag)
            await self._app.delete_server(server_id)

        await self._changes.exclusively(change)
        return Empty()
