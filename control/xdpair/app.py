# SPDX-License-Identifier: Apache-2.0
"""What users can do. Each change is checked, made durable, and applied to the data plane, in this
order.

desired -> rows -> tables -> kernel: a change of the API, a change of the network and a start of the
controller are all the same step, ``_apply``. Only a failover does not come this way: it is one
store into its slot.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import IPv4Address

from xdpair.core import indexes
from xdpair.core.compile import compile_tables
from xdpair.core.desired import Desired
from xdpair.core.errors import CheckedListenerNotFound, LimitExceeded
from xdpair.core.events import Event, EventKind
from xdpair.core.indexes import Limits
from xdpair.core.model import (
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    PairGroup,
    Server,
    Side,
)
from xdpair.core.status import Counters, ServerHealth, SlotStatus, SystemStatus
from xdpair.core.tables import Facts, Tables
from xdpair.events import EventLog
from xdpair.ports import Datapath, Network, Store
from xdpair.supervisor import Supervisor
from xdpair.vips import Vips

_log = logging.getLogger(__name__)

#: How long a start waits for the neighbours of servers to answer; the rest is followed up when they
#: do.
SETTLE_S = 0.5


class Application:
    """The controller as its users see it.

    Reads are answered from memory. A change is durable and in the data plane when its call returns;
    if it raises, nothing changed.

    Args:
        on_event: numbers, remembers and stores an event.
        on_flows_ended: clients may have to be told that their server is gone.
        settled: waits until what the supervisor decided is on disk.
        describe_system: what only the composition root knows.
    """

    def __init__(
        self,
        *,
        store: Store,
        datapath: Datapath,
        network: Network,
        supervisor: Supervisor,
        events: EventLog,
        on_event: Callable[[Event], None],
        on_flows_ended: Callable[[], None],
        settled: Callable[[], Awaitable[None]],
        describe_system: Callable[[], SystemStatus],
        limits: Limits,
        vips: Vips,
    ) -> None:
        self.desired = Desired()
        self.events = events
        self._store = store
        self._datapath = datapath
        self._network = network
        self._supervisor = supervisor
        self._on_event = on_event
        self._on_flows_ended = on_flows_ended
        self._settled = settled
        self.system = describe_system
        self._limits = limits
        self._vips = vips
        self._rows: dict[str, int] = {}
        self._tables = Tables()
        self._generation = 0
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Take up what the store knows, and make the data plane say the same.

        Raises:
            StoreError: it can not be read.
            LimitExceeded: the maps are too small for it.
        """
        desired = await asyncio.to_thread(self._store.load)
        stored_rows = await asyncio.to_thread(self._store.load_indexes)
        rows = indexes.allocate(stored_rows, desired, self._limits)
        stored_slots = await asyncio.to_thread(self._store.load_slots)
        stale = {record.unit for record in stored_slots} - indexes.units_of(desired)
        await asyncio.to_thread(self._store.save, desired, desired, rows, stale)
        self.desired, self._rows = desired, rows
        self._watch()
        await self._network.settle(SETTLE_S)
        self._apply(self._compile(desired, rows))
        await self._vips.follow(self.desired)

    def refresh(self) -> None:
        """The network or a drain changed: bring the tables up to date."""
        self._generation += 1
        try:
            self._write(self._compile(self.desired, self._rows))
        except LimitExceeded as error:
            words = f"the data plane stays as it is: {error}"
            self._on_event(Event(EventKind.WARNING, message=words))

    # -- changes -----------------------------------------------------------------------------------

    async def create_load_balancer(self, lb: LoadBalancer) -> LoadBalancer:
        stamped = replace(lb, create_time_s=time.time())
        await self._change(lambda desired: desired.create_load_balancer(stamped))
        return stamped

    async def update_load_balancer(self, lb: LoadBalancer) -> LoadBalancer:
        await self._change(lambda desired: desired.update_load_balancer(lb))
        return lb

    async def delete_load_balancer(self, lb_id: str) -> None:
        await self._change(lambda desired: desired.delete_load_balancer(lb_id))

    async def create_listener(self, listener: Listener) -> Listener:
        stamped = replace(listener, create_time_s=time.time())
        await self._change(lambda desired: desired.create_listener(stamped))
        return stamped

    async def update_listener(self, listener: Listener) -> Listener:
        await self._change(lambda desired: desired.update_listener(listener))
        return listener

    async def delete_listener(self, key: ListenerKey) -> None:
        await self._change(lambda desired: desired.delete_listener(key))

    async def start_listener(self, key: ListenerKey) -> Listener:
        await self._change(lambda desired: desired.set_listener_state(key, ListenerState.RUNNING))
        return self.desired.listener(key)

    async def stop_listener(self, key: ListenerKey) -> Listener:
        await self._change(lambda desired: desired.set_listener_state(key, ListenerState.STOPPED))
        return self.desired.listener(key)

    async def create_group(self, group: PairGroup) -> PairGroup:
        stamped = replace(group, create_time_s=time.time())
        await self._change(lambda desired: desired.create_group(stamped))
        return stamped

    async def update_group(self, group: PairGroup) -> PairGroup:
        await self._change(lambda desired: desired.update_group(group))
        return group

    async def delete_group(self, group_id: str) -> None:
        await self._change(lambda desired: desired.delete_group(group_id))

    async def create_server(self, server: Server) -> Server:
        await self._change(lambda desired: desired.create_server(server))
        return server

    async def update_server(self, server: Server) -> Server:
        await self._change(lambda desired: desired.update_server(server))
        return server

    async def delete_server(self, server_id: str) -> None:
        await self._change(lambda desired: desired.delete_server(server_id))

    async def _change(self, change: Callable[[Desired], Desired]) -> None:
        async with self._changing:
            old, new = self.desired, change(self.desired)
            rows = indexes.allocate(self._rows, new, self._limits)
            generation, tables = self._generation, self._compile(new, rows)
            self._datapath.check(tables)
            gone = indexes.units_of(old) - indexes.units_of(new)
            await asyncio.to_thread(self._store.save, old, new, rows, gone)
            self.desired, self._rows = new, rows
            self._watch()
            if self._generation != generation:  # the network changed while the disk was written
                tables = self._compile(new, rows)
            self._apply(tables)
            await self._vips.follow(self.desired)

    # -- the one step ------------------------------------------------------------------------------

    def _apply(self, tables: Tables) -> None:
        self._supervisor.prepare(self.desired, self._rows)
        self._write(tables)
        self._supervisor.follow(self.desired)

    def _write(self, tables: Tables) -> None:
        self._datapath.apply(tables)
        before, self._tables = self._tables, tables
        self._tell_next_hops(before, tables)
        if _may_end_flows(before, tables):
            self._on_flows_ended()

    def _tell_next_hops(self, before: Tables, after: Tables) -> None:
        reached, reachable = _reachable(before), _reachable(after)
        self._supervisor.reachable = reachable
        servers = {server.address for server in after.servers.values()}
        known = {server.address for server in before.servers.values()}
        for address in sorted(reachable - reached):
            words = f"the way to {address} is known"
            self._on_event(Event(EventKind.NEXT_HOP_FOUND, message=words))
        for address in sorted((servers - reachable) & (reached | (servers - known))):
            words = f"no way to {address} is known: nothing can be sent there"
            self._on_event(Event(EventKind.NEXT_HOP_LOST, message=words))

    def _compile(self, desired: Desired, rows: dict[str, int]) -> Tables:
        hops = {address: self._network.next_hop(address) for address in _server_addresses(desired)}
        facts = Facts(
            next_hops={address: hop for address, hop in hops.items() if hop is not None},
            local_addresses=self._network.local_addresses(),
            links=self._network.links(),
        )
        return compile_tables(desired, rows, facts, self._supervisor.drained)

    def _watch(self) -> None:
        self._network.watch(_server_addresses(self.desired))

    async def follow_vips(self) -> None:
        """Announce what could not be announced so far: an interface has come."""
        async with self._changing:
            await self._vips.follow(self.desired)

    # -- operators ---------------------------------------------------------------------------------

    async def switchover(
        self, group_id: str, listener: ListenerKey | None, to: Side | None
    ) -> list[SlotStatus]:
        self.desired.group(group_id)
        slots = self._supervisor.switchover(group_id, listener, to)
        await self._settled()
        return slots

    async def failback(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        self.desired.group(group_id)
        slots = self._supervisor.failback(group_id, listener)
        await self._settled()
        return slots

    async def hold(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        self.desired.group(group_id)
        slots = self._supervisor.hold(group_id, listener)
        await self._settled()
        return slots

    async def release(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        self.desired.group(group_id)
        slots = self._supervisor.release(group_id, listener)
        await self._settled()
        return slots

    # -- answers -----------------------------------------------------------------------------------

    def health(self, lb_id: str, key: ListenerKey | None) -> list[ServerHealth]:
        """Raises ``CheckedListenerNotFound`` for a listener without a check."""
        self.desired.load_balancer(lb_id)
        if key is None:
            return self._supervisor.health(self.desired, self.desired.listeners_of(lb_id))
        listener = self.desired.listener(key)
        if not listener.check.enabled:
            raise CheckedListenerNotFound(f"listener {key} has no health check", listener=key)
        return self._supervisor.health(self.desired, [listener])

    def slots(self, group_id: str | None = None) -> list[SlotStatus]:
        if group_id is not None:
            self.desired.group(group_id)
        return self._supervisor.slots(group_id)

    def counters(self) -> Counters:
        rows = self._rows
        listeners = {
            key: self._datapath.listener_counters(rows[indexes.listener_name(key)])
            for key in self.desired.listeners
        }
        servers = {
            (group.group_id, side): self._datapath.server_counters(
                rows[indexes.server_name(group, side, self.desired.address_of(group.member(side)))]
            )
            for group in self.desired.groups.values()
            for side in Side
        }
        return Counters(self._datapath.exit_counters(), listeners, servers)


def _server_addresses(desired: Desired) -> set[IPv4Address]:
    groups = desired.groups.values()
    return {desired.address_of(group.member(side)) for group in groups for side in Side}


def _reachable(tables: Tables) -> set[IPv4Address]:
    return {server.address for server in tables.servers.values() if server.hop is not None}


def _may_end_flows(before: Tables, after: Tables) -> bool:
    """Has a listener that goes on lost a server, or the permission to keep flows?"""
    for row, entry in after.listeners.items():
        old = before.listeners.get(row, entry)
        kept = (old.keep_primary, old.keep_secondary)
        if old.servers != entry.servers or kept != (entry.keep_primary, entry.keep_secondary):
            return True
    return False
