# SPDX-License-Identifier: Apache-2.0
"""The event log: numbered, remembered, followed by any number of readers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

from xdpair.core.events import Event, EventKind

#: How many events are kept in memory, and so how far a slow reader may lag behind.
REMEMBERED = 10_000


class EventLog:
    """What happened on this host, in order. For the event loop's thread only.

    Args:
        history: what an earlier process stored, oldest first: numbers go on from there.
    """

    def __init__(
        self, history: Iterable[Event] = (), now_s: Callable[[], float] = time.time
    ) -> None:
        self._events = deque(history, maxlen=REMEMBERED)
        self._last_seq = self._events[-1].seq if self._events else 0
        self._now_s = now_s
        self._news = asyncio.Event()

    def append(self, event: Event) -> Event:
        """Number and time the event, remember it and wake the readers."""
        self._last_seq += 1
        numbered = replace(event, seq=self._last_seq, time_s=self._now_s())
        self._events.append(numbered)
        self._news.set()
        self._news = asyncio.Event()
        return numbered

    def tail(self, n: int) -> list[Event]:
        """The newest ``n``, oldest first."""
        return list(self._events)[-n:] if n > 0 else []

    async def subscribe(self, after_seq: int) -> AsyncIterator[Event]:
        """Everything remembered after ``after_seq``, then each new event, for ever.

        A reader that is too slow, or asks for what is forgotten, is told how many events it missed.
        """
        seen = after_seq
        if after_seq > self._last_seq:
            words = f"events after {self._last_seq} were lost in a crash; their numbers come again"
            yield Event(EventKind.WARNING, seq=self._last_seq, time_s=self._now_s(), message=words)
            seen = self._last_seq
        while True:
            news = self._news
            for event in self._after(seen):
                missed = event.seq - seen - 1
                if missed > 0:
                    words = f"{missed} events were not kept long enough to be shown"
                    yield Event(
                        EventKind.WARNING, seq=event.seq - 1, time_s=event.time_s, message=words
                    )
                seen = event.seq
                yield event
            await news.wait()

    def _after(self, seq: int) -> list[Event]:
        newer = min(len(self._events), max(0, self._last_seq - seq))
        return self.tail(newer)
