# SPDX-License-Identifier: Apache-2.0
"""The listener methods of ``LoadBalancerService``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import listener_pb2
from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.api.v1.load_balancer_service_pb2_grpc import LoadBalancerServiceServicer
from xdpair.core.model import Listener, ListenerKey
from xdpair.rpc import names
from xdpair.rpc.application import Application
from xdpair.rpc.changes import Changes
from xdpair.rpc.convert.listener import (
    listener_from_pb,
    listener_key_from_pb,
    listener_to_pb,
)
from xdpair.rpc.interceptor import Context
from xdpair.rpc.pages import Key, page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import require_etag, updated


class ListenerMethods(LoadBalancerServiceServicer):
    """Implements them; a part of ``LoadBalancerServicer``."""

    def __init__(self, app: Application, changes: Changes) -> None:
        self._app = app
        self._changes = changes

    async def CreateListener(
        self, request: pb.CreateListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        require_set(request, "listener")
        lb_id = names.load_balancer_id(request.parent, "parent")
        self._app.desired.load_balancer(lb_id)
        key = listener_key_from_pb(lb_id, request.listener)
        wanted = listener_from_pb(key, request.listener)
        stored = await self._changes.exclusively(lambda: self._app.create_listener(wanted))
        return listener_to_pb(stored)

    async def GetListener(
        self, request: pb.GetListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        return listener_to_pb(self._app.desired.listener(names.listener_key(request.name)))

    async def ListListeners(
        self, request: pb.ListListenersRequest, context: Context
    ) -> pb.ListListenersResponse:
        desired = self._app.desired
        if request.parent == names.ALL_LOAD_BALANCERS:
            everything = [listener for _, listener in sorted(desired.listeners.items())]
        else:
            lb_id = names.load_balancer_id(request.parent, "parent")
            everything = desired.listeners_of(desired.load_balancer(lb_id).lb_id)
        listeners, token = page(
            everything,
            _order,
            request.page_size,
            request.page_token,
            f"listener {request.parent}",
        )
        return pb.ListListenersResponse(
            listeners=map(listener_to_pb, listeners),
            next_page_token=token,
            total_size=len(everything),
        )

    async def UpdateListener(
        self, request: pb.UpdateListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        key = names.listener_key(request.listener.name, "listener.name")

        async def change() -> Listener:
            stored = self._app.desired.listener(key)
            message = updated(listener_to_pb(stored), request.listener, request.update_mask)
            wanted = listener_from_pb(key, message)
            return await self._app.update_listener(
                replace(wanted, state=stored.state, create_time_s=stored.create_time_s)
            )

        return listener_to_pb(await self._changes.exclusively(change))

    async def DeleteListener(self, request: pb.DeleteListenerRequest, context: Context) -> Empty:
        key = names.listener_key(request.name)

        async def change() -> None:
            require_etag(listener_to_pb(self._app.desired.listener(key)).etag, request.etag)
            await self._app.delete_listener(key)

        await self._changes.exclusively(change)
        return Empty()

    async def StartListener(
        self, request: pb.StartListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        return await self._set_state(request.name, self._app.start_listener)

    async def StopListener(
        self, request: pb.StopListenerRequest, context: Context
    ) -> listener_pb2.Listener:
        return await self._set_state(request.name, self._app.stop_listener)

    async def _set_state(
        self, name: str, set_state: Callable[[ListenerKey], Awaitable[object]]
    ) -> listener_pb2.Listener:
        key = names.listener_key(name)

        async def change() -> Listener:
            await set_state(key)
            return self._app.desired.listener(key)

        return listener_to_pb(await self._changes.exclusively(change))


def _order(listener: Listener) -> Key:
    key = listener.key
    return key.lb_id, int(key.protocol), key.port
