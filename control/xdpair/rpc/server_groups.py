# SPDX-License-Identifier: Apache-2.0
"""``ServerGroupService``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import server_group_pb2
from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.api.v1.server_group_service_pb2_grpc import ServerGroupServiceServicer
from xdpair.core.model import ListenerKey, PairGroup
from xdpair.core.status import SlotStatus
from xdpair.rpc import names
from xdpair.rpc.application import Application
from xdpair.rpc.changes import Changes
from xdpair.rpc.convert.server_group import (
    group_from_pb,
    group_to_pb,
    side_from_pb,
    slot_to_pb,
)
from xdpair.rpc.interceptor import Context
from xdpair.rpc.pages import page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import require_etag, updated

_Operation = Callable[[str, ListenerKey | None], Awaitable[Sequence[SlotStatus]]]


class ServerGroupServicer(ServerGroupServiceServicer):
    """Implements the service."""

    def __init__(self, app: Application, changes: Changes) -> None:
        self._app = app
        self._changes = changes

    async def CreateServerGroup(
        self, request: pb.CreateServerGroupRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        require_set(request, "server_group")
        group_id = request.server_group_id or names.new_id("rsp")
        wanted = group_from_pb(group_id, request.server_group)
        return self._with_slots(
            await self._changes.exclusively(lambda: self._app.create_group(wanted))
        )

    async def GetServerGroup(
        self, request: pb.GetServerGroupRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        return self._with_slots(self._app.desired.group(names.group_id(request.name)))

    async def ListServerGroups(
        self, request: pb.ListServerGroupsRequest, context: Context
    ) -> pb.ListServerGroupsResponse:
        everything = sorted(self._app.desired.groups.values(), key=lambda group: group.group_id)
        if request.load_balancer:
            wanted = names.load_balancer_id(request.load_balancer, "load_balancer")
            lb_id = self._app.desired.load_balancer(wanted).lb_id
            everything = [group for group in everything if group.lb_id == lb_id]
        groups, token = page(
            everything,
            lambda group: (group.group_id,),
            request.page_size,
            request.page_token,
            f"group {request.load_balancer}",
        )
        slots: dict[str, list[SlotStatus]] = {}
        for slot in self._app.slots():
            slots.setdefault(slot.group_id, []).append(slot)
        return pb.ListServerGroupsResponse(
            server_groups=[group_to_pb(group, slots.get(group.group_id, ())) for group in groups],
            next_page_token=token,
            total_size=len(everything),
        )

    async def UpdateServerGroup(
        self, request: pb.UpdateServerGroupRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        group_id = names.group_id(request.server_group.name, "server_group.name")

        async def change() -> PairGroup:
            stored = self._app.desired.group(group_id)
            message = updated(group_to_pb(stored, ()), request.server_group, request.update_mask)
            wanted = group_from_pb(group_id, message)
            return await self._app.update_group(replace(wanted, create_time_s=stored.create_time_s))

        return self._with_slots(await self._changes.exclusively(change))

    async def DeleteServerGroup(
        self, request: pb.DeleteServerGroupRequest, context: Context
    ) -> Empty:
        group_id = names.group_id(request.name)

        async def change() -> None:
            require_etag(group_to_pb(self._app.desired.group(group_id), ()).etag, request.etag)
            await self._app.delete_group(group_id)

        await self._changes.exclusively(change)
        return Empty()

    async def Switchover(
        self, request: pb.SwitchoverRequest, context: Context
    ) -> pb.SwitchoverResponse:
        to = side_from_pb(request.to, "to")

        async def move(group_id: str, listener: ListenerKey | None) -> Sequence[SlotStatus]:
            return await self._app.switchover(group_id, listener, to)

        return pb.SwitchoverResponse(slots=await self._operate(request, move))

    async def Failback(self, request: pb.FailbackRequest, context: Context) -> pb.FailbackResponse:
        return pb.FailbackResponse(slots=await self._operate(request, self._app.failback))

    async def Hold(self, request: pb.HoldRequest, context: Context) -> pb.HoldResponse:
        return pb.HoldResponse(slots=await self._operate(request, self._app.hold))

    async def Release(self, request: pb.ReleaseRequest, context: Context) -> pb.ReleaseResponse:
        return pb.ReleaseResponse(slots=await self._operate(request, self._app.release))

    async def _operate(
        self,
        request: pb.SwitchoverRequest | pb.FailbackRequest | pb.HoldRequest | pb.ReleaseRequest,
        operation: _Operation,
    ) -> list[server_group_pb2.SlotStatus]:
        """Does not wait for changes of resources: an operator's word is urgent."""
        group_id = names.group_id(request.name)
        listener = names.listener_key(request.listener, "listener") if request.listener else None
        slots = await self._changes.run(lambda: operation(group_id, listener))
        return [slot_to_pb(slot) for slot in slots]

    def _with_slots(self, group: PairGroup) -> server_group_pb2.ServerGroup:
        return group_to_pb(group, self._app.slots(group.group_id))
