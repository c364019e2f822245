# SPDX-License-Identifier: Apache-2.0
"""The listener methods of ``LoadBalancerService``."""

from __future__ import annotations

import time
from dataclasses import replace

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import listener_pb2
from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.api.v1.load_balancer_service_pb2_grpc import LoadBalancerServiceServicer
from xdpair.core.draft import Draft
from xdpair.core.model import Listener, ListenerState
from xdpair.core.view import View
from xdpair.rpc import filters, names, rules
from xdpair.rpc.application import Application
from xdpair.rpc.convert.listener import (
    listener_from_pb,
    listener_key_from_pb,
    listener_to_pb,
)
from xdpair.rpc.interceptor import Context
from xdpair.rpc.pages import Key, page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import require_etag, updated
from xdpair.rpc.writer import Writer

_FILTER_FIELDS: filters.Fields[Listener] = {
    "name": lambda listener: names.listener_name(listener.key),
    "id": lambda listener: names.listener_name(listener.key).rpartition("/")[2],
    "load_balancer": lambda listener: names.load_balancer_name(listener.key.lb_id),
    "protocol": lambda listener: listener.key.protocol.name,
    "port": lambda listener: str(listener.key.port),
    "server_group": lambda listener: names.group_name(listener.group_id),
    "description": lambda listener: listener.description,
    "state": lambda listener: listener.state.name,
}


class ListenerMethods(LoadBalancerServiceServicer):
    """Implements them; a part of ``LoadBalancerServicer``."""

    def __init__(self, app: Application, writer: Writer) -> None:
        self._app = app
        self._writer = writer

    async def CreateListener(
        self, request: pb.CreateListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        with rules.enforced(request, "listener"):
            require_set(request, "listener")
            lb_id = names.load_balancer_id(request.parent, "parent")
            self._app.desired.load_balancer(lb_id)
            key = listener_key_from_pb(lb_id, request.listener)
            wanted = listener_from_pb(key, request.listener)

        def make(draft: Draft) -> listener_pb2.Listener:
            listener = replace(wanted, create_time_s=time.time())
            draft.create_listener(listener)
            return listener_to_pb(listener, draft.acls)

        return await self._writer.create(
            request, make, find=_find, name_of=lambda listener: listener.name
        )

    async def GetListener(
        self, request: pb.GetListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        with rules.enforced(request):
            names.listener_key(request.name)
        return _find(self._app.desired, request.name)

    async def ListListeners(
        self, request: pb.ListListenersRequest, context: Context
    ) -> pb.ListListenersResponse:
        desired = self._app.desired
        with rules.enforced(request):
            wanted = filters.tagged(request.filter, _FILTER_FIELDS)
            lb_id = names.load_balancer_id(request.parent, "parent")
        if request.parent == names.ALL_LOAD_BALANCERS:
            found = sorted(
                wanted.among(desired.listeners.values()), key=lambda listener: listener.key
            )
        else:
            found = wanted.among(desired.listeners_of(desired.load_balancer(lb_id).lb_id))
        listeners, token = page(
            found,
            _order,
            request.page_size,
            request.page_token,
            f"listener {request.parent} {request.filter}",
        )
        return pb.ListListenersResponse(
            listeners=[listener_to_pb(listener, desired.acls) for listener in listeners],
            next_page_token=token,
            total_size=len(found),
        )

    async def UpdateListener(
        self, request: pb.UpdateListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        with rules.enforced(request):
            key = names.listener_key(request.listener.name, "listener.name")

        def make(draft: Draft) -> listener_pb2.Listener:
            stored = draft.listener(key)
            message = updated(
                listener_to_pb(stored, draft.acls), request.listener, request.update_mask
            )
            with rules.enforced(message, prefix="listener."):
                wanted = listener_from_pb(key, message)
            listener = replace(wanted, state=stored.state, create_time_s=stored.create_time_s)
            draft.update_listener(listener)
            return listener_to_pb(listener, draft.acls)

        return await self._writer.change(make)

    async def DeleteListener(self, request: pb.DeleteListenerRequest, context: Context) -> Empty:
        with rules.enforced(request):
            key = names.listener_key(request.name)

        def make(draft: Draft) -> None:
            require_etag(listener_to_pb(draft.listener(key), draft.acls).etag, request.etag)
            draft.delete_listener(key)

        await self._writer.change(make)
        return Empty()

    async def StartListener(
        self, request: pb.StartListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        return await self._set_state(request, ListenerState.RUNNING)

    async def StopListener(
        self, request: pb.StopListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        return await self._set_state(request, ListenerState.STOPPED)

    async def _set_state(
        self, request: pb.StartListenerRequest | pb.StopListenerRequest, state: ListenerState
    ) -> listener_pb2.Listener:
        with rules.enforced(request):
            key = names.listener_key(request.name)

        def make(draft: Draft) -> listener_pb2.Listener:
            draft.set_listener_state(key, state)
            return _find(draft, request.name)

        return await self._writer.change(make)


def _find(view: View, name: str) -> listener_pb2.Listener:
    return listener_to_pb(view.listener(names.listener_key(name)), view.acls)


def _order(listener: Listener) -> Key:
    key = listener.key
    return key.lb_id, int(key.protocol), key.port
