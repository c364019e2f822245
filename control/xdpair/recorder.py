# SPDX-License-Identifier: Apache-2.0
"""Writes slot states and events to the store in the background: a failover must not wait for a
disk.

Losing the last of them in a crash does little harm: who serves a pair is read from the data plane's
own slot at the next start, and a weighted listener's checks find again what had just failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque

from xdpair.core.errors import StoreError
from xdpair.core.events import Event
from xdpair.core.failover import SlotState
from xdpair.events import REMEMBERED
from xdpair.ports import PoolRecord, SlotRecord, Store

_log = logging.getLogger(__name__)

RETRY_S = 1.0


class Recorder:
    """Collects what has to be stored; ``run`` stores it. For the event loop's thread only."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._slots: dict[str, SlotState] = {}
        self._pools: dict[str, PoolRecord] = {}
        #: The newest: what a disk refuses for long must not fill the memory.
        self._events = deque[Event](maxlen=REMEMBERED)
        self._work = asyncio.Event()
        self._flushing = asyncio.Lock()

    def slot(self, unit: str, state: SlotState) -> None:
        """Only the newest state of a unit is written."""
        self._slots[unit] = state
        self._work.set()

    def pool(self, record: PoolRecord) -> None:
        """Only the newest state of a weighted listener is written."""
        self._pools[record.listener] = record
        self._work.set()

    def event(self, event: Event) -> None:
        self._events.append(event)
        self._work.set()

    async def run(self) -> None:
        """Store what is collected, for ever; a refusing disk is reported and tried again."""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                await self.flush()
            except StoreError as error:
                _log.error("events and slot states wait to be stored: %s", error)
                await asyncio.sleep(RETRY_S)
                self._work.set()

    async def settled(self) -> None:
        """Wait until everything collected so far is stored. If the disk refuses, ``run`` says so
        and tries again: what was decided stays decided.
        """
        with contextlib.suppress(StoreError):
            await self.flush()

    async def flush(self) -> None:
        """Store everything collected so far.

        Raises:
            StoreError: it stays collected.
        """
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        slots, self._slots = self._slots, {}
        pools, self._pools = self._pools, {}
        events, self._events = list(self._events), deque(maxlen=REMEMBERED)
        try:
            if slots:
                records = [SlotRecord(unit, state) for unit, state in slots.items()]
                await asyncio.to_thread(self._store.save_slots, records)
                slots = {}
            if pools:
                await asyncio.to_thread(self._store.save_pools, list(pools.values()))
                pools = {}
            if events:
                await asyncio.to_thread(self._store.append_events, events)
                events = []
        finally:
            self._slots = {**slots, **self._slots}
            self._pools = {**pools, **self._pools}
            self._events = deque([*events, *self._events], maxlen=REMEMBERED)
