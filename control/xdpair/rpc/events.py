# SPDX-License-Identifier: Apache-2.0
"""``EventService``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from xdpair.api.v1 import event_pb2
from xdpair.api.v1 import event_service_pb2 as pb
from xdpair.api.v1.event_service_pb2_grpc import EventServiceServicer
from xdpair.core import errors
from xdpair.core.events import Event
from xdpair.rpc import filters, names, rules
from xdpair.rpc.application import Application
from xdpair.rpc.convert.event import event_to_pb, listener_name
from xdpair.rpc.interceptor import Context
from xdpair.rpc.pages import page

_FILTER_FIELDS: filters.Fields[Event] = {
    "kind": lambda event: event.kind.name,
    "load_balancer": lambda event: names.load_balancer_name(event.lb_id) if event.lb_id else "",
    "server_group": lambda event: names.group_name(event.group_id) if event.group_id else "",
    "listener": lambda event: listener_name(event.listener),
    "cause": lambda event: event.cause,
    "error": lambda event: event.error,
    "message": lambda event: event.message,
}


class EventServicer(EventServiceServicer):
    """Implements the service."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._closing = asyncio.Event()

    def close(self) -> None:
        """End all streams: their clients are told that the controller stops."""
        self._closing.set()

    async def ListEvents(
        self, request: pb.ListEventsRequest, context: Context
    ) -> pb.ListEventsResponse:
        with rules.enforced(request):
            group_id = _group_id(request.server_group)
            wanted = filters.untagged(request.filter, _FILTER_FIELDS)
        newest_first = [
            event
            for event in reversed(self._app.events.tail(sys.maxsize))
            if event.seq > request.after_seq and _concerns(event, group_id) and wanted(event)
        ]
        events, token = page(
            newest_first,
            lambda event: (-event.seq,),
            request.page_size,
            request.page_token,
            f"event {request.server_group} {request.after_seq} {request.filter}",
        )
        return pb.ListEventsResponse(events=map(event_to_pb, events), next_page_token=token)

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, context: Context
    ) -> AsyncIterator[event_pb2.Event]:
        with rules.enforced(request):
            group_id = _group_id(request.server_group)
        after_seq = request.after_seq if request.HasField("after_seq") else self._last_seq()
        events = self._app.events.subscribe(after_seq)
        await context.send_initial_metadata(())
        async for event in self._until_closing(events):
            if _concerns(event, group_id):
                yield event_to_pb(event)

    def _last_seq(self) -> int:
        newest = self._app.events.tail(1)
        return newest[0].seq if newest else 0

    async def _until_closing(self, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        closing = asyncio.ensure_future(self._closing.wait())
        upcoming: asyncio.Future[Event] | None = None
        try:
            while True:
                upcoming = asyncio.ensure_future(anext(events))
                await asyncio.wait({upcoming, closing}, return_when=asyncio.FIRST_COMPLETED)
                if not upcoming.done():
                    raise errors.Unavailable("the controller stops")
                try:
                    event = upcoming.result()
                except StopAsyncIteration:
                    return
                yield event
        finally:
            closing.cancel()
            if upcoming is not None:
                upcoming.cancel()


def _group_id(name: str) -> str:
    return names.group_id(name, "server_group") if name else ""


def _concerns(event: Event, group_id: str) -> bool:
    """Whether someone who asked for one group, or for all, wants to know."""
    return not group_id or event.group_id in ("", group_id)
