# SPDX-License-Identifier: Apache-2.0
"""What the API needs of the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from xdpair.core.desired import Desired
from xdpair.core.events import Event
from xdpair.core.model import Listener, ListenerKey, LoadBalancer, PairGroup, Server, Side
from xdpair.core.status import Counters, ServerHealth, SlotStatus, SystemStatus


class EventSource(Protocol):
    """What happened, and what happens."""

    def tail(self, n: int) -> Sequence[Event]:
        """Return the newest ``n`` events, or as many as are remembered, oldest first."""
        ...

    def subscribe(self, after_seq: int) -> AsyncIterator[Event]:
        """Yield the remembered events after ``after_seq``, then each new one, for ever."""
        ...


class Application(Protocol):
    """The controller as its users see it.

    Reads are answered from memory. A change is durable and in the data plane when its call
    returns; if it raises an ``XdpairError``, nothing changed. ``create_…`` stamps the creation
    time.
    """

    @property
    def desired(self) -> Desired: ...

    @property
    def events(self) -> EventSource: ...

    async def create_load_balancer(self, lb: LoadBalancer) -> LoadBalancer: ...

    async def update_load_balancer(self, lb: LoadBalancer) -> LoadBalancer: ...

    async def delete_load_balancer(self, lb_id: str) -> object: ...

    async def create_listener(self, listener: Listener) -> Listener: ...

    async def update_listener(self, listener: Listener) -> Listener: ...

    async def delete_listener(self, key: ListenerKey) -> object: ...

    async def start_listener(self, key: ListenerKey) -> Listener: ...

    async def stop_listener(self, key: ListenerKey) -> Listener: ...

    async def create_group(self, group: PairGroup) -> PairGroup: ...

    async def update_group(self, group: PairGroup) -> PairGroup: ...

    async def delete_group(self, group_id: str) -> object: ...

    async def create_server(self, server: Server) -> Server: ...

    async def update_server(self, server: Server) -> Server: ...

    async def delete_server(self, server_id: str) -> object: ...

    def health(self, lb_id: str, key: ListenerKey | None) -> Sequence[ServerHealth]: ...

    def slots(self, group_id: str | None = None) -> Sequence[SlotStatus]: ...

    async def switchover(
        self, group_id: str, listener: ListenerKey | None, to: Side | None
    ) -> Sequence[SlotStatus]: ...

    async def failback(
        self, group_id: str, listener: ListenerKey | None
    ) -> Sequence[SlotStatus]: ...

    async def hold(self, group_id: str, listener: ListenerKey | None) -> Sequence[SlotStatus]: ...

    async def release(
        self, group_id: str, listener: ListenerKey | None
    ) -> Sequence[SlotStatus]: ...

    def counters(self) -> Counters: ...

    def system(self) -> SystemStatus: ...
