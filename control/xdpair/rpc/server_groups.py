# SPDX-License-Identifier: Apache-2.0
"""``ServerGroupService``: groups, and what operators do with them. The methods that change single
servers are in ``group_servers``.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import server_group_pb2
from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.core.draft import Draft
from xdpair.core.model import Group, ListenerKey
from xdpair.core.status import SlotStatus
from xdpair.rpc import filters, names, rules
from xdpair.rpc.convert.server_group import (
    group_from_pb,
    group_to_pb,
    kind_of,
    side_from_pb,
    slot_to_pb,
)
from xdpair.rpc.group_servers import GroupServerMethods
from xdpair.rpc.interceptor import Context
from xdpair.rpc.pages import page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import updated

_Operation = Callable[[str, ListenerKey | None], Awaitable[Sequence[SlotStatus]]]

_FILTER_FIELDS: filters.Fields[Group] = {
    "name": lambda group: names.group_name(group.group_id),
    "id": lambda group: group.group_id,
    "display_name": lambda group: group.name,
    "load_balancer": lambda group: names.load_balancer_name(group.lb_id),
    "kind": kind_of,
}


class ServerGroupServicer(GroupServerMethods):
    """Implements the service."""

    async def CreateServerGroup(
        self, request: pb.CreateServerGroupRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        with rules.enforced(request, "server_group"):
            require_set(request, "server_group")
            group_id = request.server_group_id or names.new_id("rsp")
            wanted = group_from_pb(group_id, request.server_group)

        def make(draft: Draft) -> Group:
            group = replace(wanted, create_time_s=time.time())
            draft.create_group(group)
            return group

        return self._with_slots(
            await self._writer.create(
                request,
                make,
                find=lambda view, name: view.group(names.group_id(name)),
                name_of=lambda group: names.group_name(group.group_id),
            )
        )

    async def GetServerGroup(
        self, request: pb.GetServerGroupRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        with rules.enforced(request):
            group_id = names.group_id(request.name)
        return self._with_slots(self._app.desired.group(group_id))

    async def ListServerGroups(
        self, request: pb.ListServerGroupsRequest, context: Context
    ) -> pb.ListServerGroupsResponse:
        desired = self._app.desired
        with rules.enforced(request):
            wanted = filters.tagged(request.filter, _FILTER_FIELDS)
            lb_id = (
                names.load_balancer_id(request.load_balancer, "load_balancer")
                if request.load_balancer
                else ""
            )
        everything = (
            desired.groups_of(desired.load_balancer(lb_id).lb_id)
            if lb_id
            else desired.groups.values()
        )
        found = sorted(wanted.among(everything), key=lambda group: group.group_id)
        groups, token = page(
            found,
            lambda group: (group.group_id,),
            request.page_size,
            request.page_token,
            f"group {request.load_balancer} {request.filter}",
        )
        slots: dict[str, list[SlotStatus]] = {}
        for slot in self._app.slots():
            slots.setdefault(slot.group_id, []).append(slot)
        return pb.ListServerGroupsResponse(
            server_groups=[group_to_pb(group, slots.get(group.group_id, ())) for group in groups],
            next_page_token=token,
            total_size=len(found),
        )

    async def UpdateServerGroup(
        self, request: pb.UpdateServerGroupRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        with rules.enforced(request):
            group_id = names.group_id(request.server_group.name, "server_group.name")

        def make(draft: Draft) -> Group:
            stored = draft.group(group_id)
            message = updated(group_to_pb(stored, ()), request.server_group, request.update_mask)
            with rules.enforced(message, prefix="server_group."):
                wanted = group_from_pb(group_id, message)
            group = replace(wanted, create_time_s=stored.create_time_s)
            draft.update_group(group)
            return group

        return self._with_slots(await self._writer.change(make))

    async def DeleteServerGroup(
        self, request: pb.DeleteServerGroupRequest, context: Context
    ) -> Empty:
        with rules.enforced(request):
            group_id = names.group_id(request.name)

        def make(draft: Draft) -> None:
            self._require_etag(draft.group(group_id), request.etag)
            draft.delete_group(group_id)

        await self._writer.change(make)
        return Empty()

    async def Switchover(
        self, request: pb.SwitchoverRequest, context: Context
    ) -> pb.SwitchoverResponse:
        with rules.enforced(request):
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
        with rules.enforced(request):
            group_id = names.group_id(request.name)
            listener = (
                names.listener_key(request.listener, "listener") if request.listener else None
            )
        slots = await self._writer.to_the_end(lambda: operation(group_id, listener))
        return [slot_to_pb(slot) for slot in slots]
