# SPDX-License-Identifier: Apache-2.0
"""The methods of ``ServerGroupService`` that change single servers of a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from xdpair.api.v1 import server_group_pb2
from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.api.v1.server_group_service_pb2_grpc import ServerGroupServiceServicer
from xdpair.core import errors
from xdpair.core.draft import Draft
from xdpair.core.model import Group
from xdpair.rpc import members, names, rules
from xdpair.rpc.application import Application
from xdpair.rpc.convert.server_group import group_to_pb, members_from_pb
from xdpair.rpc.interceptor import Context
from xdpair.rpc.members import MemberKey
from xdpair.rpc.updates import require_etag
from xdpair.rpc.writer import Writer


class GroupServerMethods(ServerGroupServiceServicer):
    """Implements them; a part of ``ServerGroupServicer``."""

    def __init__(self, app: Application, writer: Writer) -> None:
        self._app = app
        self._writer = writer

    async def AddServers(
        self, request: pb.AddServersRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        with rules.enforced(request):
            group_id = names.group_id(request.name)
            _require_some(request.servers, "servers")
            new = members_from_pb(request.servers)
        return await self._change(
            group_id,
            request.etag,
            lambda draft: members.added(draft.weighted_group(group_id), new),
        )

    async def RemoveServers(
        self, request: pb.RemoveServersRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        with rules.enforced(request):
            group_id = names.group_id(request.name)
            old = _keys(request.servers, "servers")
        return await self._change(
            group_id,
            request.etag,
            lambda draft: members.removed(draft.weighted_group(group_id), old),
        )

    async def ReplaceServers(
        self, request: pb.ReplaceServersRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        with rules.enforced(request):
            group_id = names.group_id(request.name)
            old = _keys(request.old_servers, "old_servers")
            _require_some(request.new_servers, "new_servers")
            new = members_from_pb(request.new_servers)
        return await self._change(
            group_id,
            request.etag,
            lambda draft: members.replaced(draft.weighted_group(group_id), old, new),
        )

    async def SetServerWeights(
        self, request: pb.SetServerWeightsRequest, context: Context
    ) -> server_group_pb2.ServerGroup:
        with rules.enforced(request):
            group_id = names.group_id(request.name)
            keys = _keys(request.weights, "weights")
            weights = dict(zip(keys, _weights(request.weights), strict=True))
        return await self._change(
            group_id, request.etag, lambda draft: members.weighed(draft.group(group_id), weights)
        )

    async def _change(
        self, group_id: str, etag: str, edited: Callable[[Draft], Group]
    ) -> server_group_pb2.ServerGroup:
        def make(draft: Draft) -> Group:
            self._require_etag(draft.group(group_id), etag)
            group = edited(draft)
            draft.update_group(group)
            return group

        return self._with_slots(await self._writer.change(make))

    def _require_etag(self, group: Group, given: str) -> None:
        if given:  # that of a large group takes its time
            require_etag(group_to_pb(group, ()).etag, given)

    def _with_slots(self, group: Group) -> server_group_pb2.ServerGroup:
        is_there = group.group_id in self._app.desired.groups  # or has gone in this moment
        return group_to_pb(group, self._app.slots(group.group_id) if is_there else ())


def _keys(
    servers: Sequence[pb.GroupServerKey] | Sequence[pb.GroupServerWeight], field: str
) -> list[MemberKey]:
    """Raises ``MissingParameter`` if there are none, ``InvalidInput`` if one is named twice."""
    _require_some(servers, field)
    keys = [(server.server_id, server.port or None) for server in servers]
    if len(set(keys)) != len(keys):
        raise errors.InvalidInput("a server is named twice", field=field)
    return keys


def _require_some(given: Sequence[object], field: str) -> None:
    if not given:
        raise errors.MissingParameter(f"{field} is missing", field=field)


def _weights(weights: Iterable[pb.GroupServerWeight]) -> list[int]:
    """Raises ``MissingParameter``, or ``InvalidWeight`` for what is not 0 to 100."""
    for each in weights:
        if not each.HasField("weight"):
            raise errors.MissingParameter("a weight is missing", field="weights.weight")
        if not 0 <= each.weight <= 100:
            raise errors.InvalidWeight(
                f"weight must be 0 to 100, not {each.weight}", server=each.server_id
            )
    return [each.weight for each in weights]
