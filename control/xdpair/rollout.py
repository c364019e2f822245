# SPDX-License-Identifier: Apache-2.0
"""The one step from what users ask for to the data plane.

desired -> plan -> disk -> maps: a change of the API, the end of a drain and a start of the
controller all come this way, one at a time. A change of the network comes by a shorter one, since
it must not wait for a disk. Only a failover does not come here at all: it is one store into its
slot, or a turn of its wheel.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from itertools import islice
from typing import TypeVar

from xdpair.core.changes import Delta
from xdpair.core.compile import Compiler, Plan
from xdpair.core.desired import Desired
from xdpair.core.draft import Draft
from xdpair.core.errors import LimitExceeded, XdpairError
from xdpair.core.events import Event, EventKind
from xdpair.core.model import ListenerKey
from xdpair.core.tables import TableChange, in_steps, switched_last
from xdpair.departures import Departures
from xdpair.hops import Hops
from xdpair.ports import Commit, Datapath, Network, RequestRecord, Store
from xdpair.supervisor import Supervisor
from xdpair.vips import Vips

_log = logging.getLogger(__name__)

T = TypeVar("T")

#: How long a start waits for the neighbours of servers to answer; the rest is followed up when they
#: do.
SETTLE_S = 0.5
#: What is done in one go, and how long one turn of the event loop may take: probes and failovers of
#: others must not wait.
LISTENERS_AT_ONCE = 10
ENTRIES_AT_ONCE = 200
TURN_S = 0.01
#: When the disk is asked again that has refused the end of a drain.
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Reactions:
    """What else follows from a change.

    Attributes:
        event: something to tell.
        flows_ended: clients may have to be told that their server is gone.
        changed: old, new and the difference: for those who keep a record.
    """

    event: Callable[[Event], None]
    flows_ended: Callable[[], None]
    changed: Callable[[Desired, Desired, Delta], None]


class Rollout:
    """For the event loop's thread only.

    Attributes:
        desired: what users asked for: it is on disk, and the data plane has it.
    """

    def __init__(
        self,
        *,
        store: Store,
        datapath: Datapath,
        network: Network,
        compiler: Compiler,
        supervisor: Supervisor,
        vips: Vips,
        reactions: Reactions,
    ) -> None:
        self.desired = Desired()
        self._store = store
        self._datapath = datapath
        self._network = network
        self._compiler = compiler
        self._supervisor = supervisor
        self._vips = vips
        self._reactions = reactions
        self._hops = Hops(compiler, reactions.event)
        self._departures = Departures(lambda: self._has_overdue.set())
        self._one_at_a_time = asyncio.Lock()
        #: Listeners whose drains have changed.
        self._overdue: set[ListenerKey] = set()
        self._has_overdue = asyncio.Event()
        #: While tables are planned or written, what the network says has to wait: a moment.
        self._busy = False
        self._network_changed = False

    # -- users -------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what the store knows, and make the data plane say the same.

        Raises:
            StoreError: it can not be read.
            LimitExceeded: the maps are too small for it.
        """
        desired = await asyncio.to_thread(self._store.load)
        departures = await asyncio.to_thread(self._store.load_departures)
        plan = self._compiler.plan_all(
            desired, now_s=time.time(), departures=departures, drained=self._supervisor.drained
        )
        self._network.watch(plan.watch_added)
        await self._network.settle(SETTLE_S)
        self._departures.follow(departures)
        await self._roll_out(desired, Delta(), plan, None)

    async def change(
        self,
        make: Callable[[Draft], T],
        request: Callable[[T], RequestRecord] | None = None,
        *,
        is_large: bool = False,
    ) -> T:
        """Carry a change out. When this returns, it is on disk and in the data plane; if it raises,
        nothing changed.

        Args:
            request: the request id that asked for it, if any, once the result is known.
            is_large: planning it takes so long that others have to go on meanwhile.
        """
        results: list[T] = []

        def prepare() -> tuple[Desired, Delta, Plan]:
            desired, delta = self.desired.change(lambda draft: results.append(make(draft)))
            return desired, delta, self._plan(desired, delta)

        async with self._one_at_a_time:
            if is_large:
                with self._undisturbed():
                    desired, delta, plan = await asyncio.to_thread(prepare)
            else:
                desired, delta, plan = prepare()
            await self._roll_out(desired, delta, plan, request(results[0]) if request else None)
        return results[0]

    def close(self) -> None:
        self._departures.close()

    # -- time and network --------------------------------------------------------------------------

    def drained(self, key: ListenerKey) -> None:
        """A drain of this listener is over, or no longer is."""
        self._overdue.add(key)
        self._has_overdue.set()

    async def run(self) -> None:
        """End what has drained for long enough, for ever; a refusing disk is reported and tried
        again.
        """
        while True:
            await self._has_overdue.wait()
            try:
                async with self._one_at_a_time:
                    await self._end_overdue()
            except XdpairError as error:
                _log.error("flows that have drained for long enough go on: %s", error)
                await asyncio.sleep(RETRY_S)
                self._has_overdue.set()

    async def _end_overdue(self) -> None:
        self._has_overdue.clear()
        keys, self._overdue = self._overdue, set()
        delta = Delta(listeners=frozenset(key for key in keys if key in self.desired.listeners))
        try:
            plan = self._plan(self.desired, delta, frozenset(self._departures.over))
            await self._roll_out(self.desired, delta, plan)
        except XdpairError:
            self._overdue |= keys
            raise

    def refresh(self) -> None:
        """The network changed: bring the tables up to date."""
        if self._busy:
            self._network_changed = True
            return
        self._network_changed = False
        self._take_network(self._network.take_changed())

    def _take_network(self, addresses: Collection[IPv4Address]) -> None:
        with self._hops.watched(addresses):
            change = self._compiler.follow_network(addresses)
            try:
                self._datapath.apply(change)
            except LimitExceeded as error:
                self._datapath.apply(replace(change, lookup={}))
                words = f"the data plane does not know all addresses of this host: {error}"
                self._reactions.event(Event(EventKind.WARNING, message=words))
            self._supervisor.follow_hops(addresses)

    async def follow_vips(self) -> None:
        """Announce what could not be announced so far: an interface has come."""
        async with self._one_at_a_time:
            await self._vips.follow(self.desired)

    # -- the one step ------------------------------------------------------------------------------

    def _plan(self, desired: Desired, delta: Delta, over: Collection[str] = ()) -> Plan:
        departures = {
            name: departure
            for name, departure in self._departures.current.items()
            if name not in over
        }
        plan = self._compiler.plan(
            desired,
            delta,
            now_s=time.time(),
            departures=departures,
            drained=self._supervisor.drained,
        )
        self._datapath.check(plan.change)
        return plan

    async def _roll_out(
        self, desired: Desired, delta: Delta, plan: Plan, request: RequestRecord | None = None
    ) -> None:
        commit = Commit(desired, delta, plan.rows, plan.gone, plan.departures, request)
        await asyncio.to_thread(self._store.save, commit)
        before, self.desired = self.desired, desired
        self._network.watch(plan.watch_added, plan.watch_removed)
        self._departures.follow(plan.departures)
        with self._undisturbed():
            self._compiler.commit(plan)
            units = self._supervisor.touch(desired, plan.listeners)
            async for names in _by_turns(units, LISTENERS_AT_ONCE):
                self._supervisor.prepare(desired, names)
            if plan.change.whole:
                self._supervisor.pairs.clear_leftovers()
            coming, switching = switched_last(plan.change)
            await self._apply(coming)
            async for keys in _by_turns(sorted(plan.listeners), 1):  # a wheel may take its time
                self._supervisor.follow_pools(desired, keys)
            await self._apply(switching)
            async for names in _by_turns(units, LISTENERS_AT_ONCE):
                self._supervisor.follow_pairs(desired, names)
            if plan.change.whole:
                self._supervisor.clear_leftovers()
        self._hops.expect(plan.watch_added)
        if plan.may_end_flows:
            self._reactions.flows_ended()
        self._reactions.changed(before, desired, delta)
        await self._vips.follow(desired)

    async def _apply(self, change: TableChange) -> None:
        async for changes in _by_turns(in_steps(change, ENTRIES_AT_ONCE), 1):
            self._datapath.apply(changes[0])

    @contextlib.contextmanager
    def _undisturbed(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            if self._network_changed:
                self.refresh()


async def _by_turns(items: Iterable[T], size: int) -> AsyncIterator[list[T]]:
    """So many at a time, and a turn of the event loop for others whenever this one was long."""
    rest = iter(items)
    start_s = time.monotonic()
    while batch := list(islice(rest, size)):
        yield batch
        if time.monotonic() - start_s > TURN_S:
            await asyncio.sleep(0)
            start_s = time.monotonic()
