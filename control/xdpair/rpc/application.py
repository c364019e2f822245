# SPDX-License-Identifier: Apache-2.0
"""What the API needs of the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, TypeVar

from xdpair.core.desired import Desired
from xdpair.core.draft import Draft
from xdpair.core.events import Event
from xdpair.core.explain import Explanation
from xdpair.core.explain_facts import Question
from xdpair.core.model import ListenerKey, Side
from xdpair.core.status import Counters, ServerHealth, SlotStatus, SystemStatus

_T = TypeVar("_T")


class EventSource(Protocol):
    """What happened, and what happens."""

    def tail(self, n: int) -> Sequence[Event]:
        """Return the newest ``n`` events, or as many as are remembered, oldest first."""
        ...

    def subscribe(self, after_seq: int) -> AsyncIterator[Event]:
        """Yield the remembered events after ``after_seq``, then each new one, for ever."""
        ...


class SeenRequest(Protocol):
    """What came of a request that had an id."""

    @property
    def digest(self) -> str:
        """Of the request's content."""
        ...

    @property
    def resource(self) -> str:
        """Name of what was made."""
        ...


class Application(Protocol):
    """The controller as its users see it. Reads are answered from memory."""

    @property
    def desired(self) -> Desired: ...

    @property
    def events(self) -> EventSource: ...

    async def change(
        self,
        make: Callable[[Draft], _T],
        *,
        request: tuple[str, str, Callable[[_T], str]] | None = None,
        is_large: bool = False,
    ) -> _T:
        """Carry out whatever ``make`` does to a draft of all resources, as one.

        It is durable and in the data plane when this returns; if this raises an ``XdpairError``,
        nothing changed. No other change comes in between what ``make`` reads and what it writes.

        Args:
            request: a request id, a digest of the request's content, and what tells the name of
                the resource that was made.
            is_large: with thousands of resources ``make`` is run in a thread.
        """
        ...

    def request_seen(self, request_id: str) -> SeenRequest | None: ...

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

    async def counters(self) -> Counters: ...

    def system(self) -> SystemStatus: ...

    def explain(self, question: Question) -> Explanation:
        """Tell what would become of a packet; nothing changes."""
        ...
