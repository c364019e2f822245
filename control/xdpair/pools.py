# SPDX-License-Identifier: Apache-2.0
"""Weighted listeners at run time: which of many servers are fit, and what becomes of the flows of
those that are not.

As with pairs, a probe's verdict reaches the data plane without a wait in between: first the wheel
without the failed server, then the end of its flows.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address

from xdpair import units
from xdpair.checks import Check, CheckKey, Checks, Surroundings
from xdpair.core import pool as rules
from xdpair.core import wheel
from xdpair.core.compile import WeightedMember
from xdpair.core.desired import Desired
from xdpair.core.errors import LimitExceeded
from xdpair.core.events import Event, EventKind
from xdpair.core.indexes import listener_name, weighted_server_name
from xdpair.core.model import Listener, ListenerKey, Scheduler
from xdpair.core.pool import Fitness
from xdpair.core.status import ServerHealth
from xdpair.hooks import Hooks
from xdpair.pool import Pool, about, about_fitness, first_up, is_wanted, on_wheel, targets
from xdpair.ports import Datapath, PoolRecord
from xdpair.rebuilds import Rebuilds

#: A consistent hash over more servers than this takes so long to build that one who fails is first
#: only taken out of the wheel there is.
BUILT_AT_ONCE = 50


class Pools:
    """All weighted listeners. For the event loop's thread only.

    Args:
        remembered: what was down, from the store.
    """

    def __init__(
        self,
        datapath: Datapath,
        around: Surroundings,
        hooks: Hooks,
        remembered: Iterable[PoolRecord],
    ) -> None:
        self._datapath = datapath
        self._around = around
        self._hooks = hooks
        self._remembered = {record.listener: record for record in remembered}
        self._pools: dict[ListenerKey, Pool] = {}
        self._rebuilds = Rebuilds(lambda key: self._turn(self._pools[key]))
        #: Who has servers there.
        self._listeners_at: defaultdict[IPv4Address, set[ListenerKey]] = defaultdict(set)

    @property
    def counts_flows(self) -> bool:
        """Whether any scheduler goes by the number of flows."""
        schedulers = (pool.listener.traffic.scheduler for pool in self._pools.values())
        return any(scheduler is Scheduler.WLC for scheduler in schedulers)

    # -- following what users ask for --------------------------------------------------------------

    def leave(self, desired: Desired, changed: Collection[ListenerKey]) -> None:
        """End those that forward no more; to be called before the tables are applied: what a late
        probe says must not reach a row that is free.
        """
        for key in changed:
            listener = desired.listeners.get(key)
            if key in self._pools and (listener is None or not is_wanted(desired, listener)):
                self._drop(self._pools.pop(key))

    def clear_leftovers(self) -> None:
        """To be called once, when all that a start finds has been followed: what was down when a
        listener was stopped says nothing of the day on which it runs again.
        """
        for key in self._remembered:
            self._hooks.pool(PoolRecord(key, frozenset(), {}))
        self._remembered.clear()

    def follow(
        self,
        desired: Desired,
        changed: Collection[ListenerKey],
        row_of: Callable[[str], int],
        members_of: Callable[[ListenerKey], Iterable[WeightedMember]],
    ) -> None:
        """Make the pools of these listeners what they now have to be; to be called after the tables
        are applied, since a wheel names rows of servers.
        """
        for key in sorted(changed):
            listener = desired.listeners.get(key)
            if listener is None or not is_wanted(desired, listener):
                continue
            pool = self._pools.get(key) or self._make(listener, row_of(listener_name(key)))
            pool.listener = listener
            self._seat(pool, members_of(key))
            self._forget_others(pool)
            pool.checks.follow(dict(targets(pool)), first_up(pool))
            self._turn(pool)

    def follow_hops(self, addresses: Iterable[IPv4Address]) -> None:
        """The way to these was found or lost."""
        for key in {key for each in addresses for key in self._listeners_at.get(each, ())}:
            self._turn(self._pools[key], at_leisure=True)

    def close(self) -> None:
        """Leave wheels and flows as they are."""
        for pool in self._pools.values():
            pool.cancel_timers()
        self._rebuilds.close()

    def _make(self, listener: Listener, row: int) -> Pool:
        def on_result(key: CheckKey, check: Check, changed: bool) -> None:
            if changed:
                self._on_verdict(pool, str(key[1]), check.health.up)

        def about_check(key: CheckKey) -> Event:
            return about(pool, key)

        checks = Checks(self._around, on_result, about_check)
        pool = Pool(listener, row, checks, wheel=self._datapath.read_wheel(row))
        self._pools[listener.key] = pool
        past = self._remembered.pop(str(listener.key), None)
        if past is not None:
            pool.down = set(past.down)
            for name, until_s in past.draining.items():
                self._drain(pool, name, until_s)
        return pool

    def _drop(self, pool: Pool) -> None:
        pool.checks.stop()
        pool.cancel_timers()
        self._rebuilds.forget(pool.listener.key)
        self._seat(pool, ())
        self._forget_others(pool)

    def _seat(self, pool: Pool, members: Iterable[WeightedMember]) -> None:
        for address in {member.address for member in pool.members.values()}:
            self._listeners_at[address].discard(pool.listener.key)
            if not self._listeners_at[address]:
                del self._listeners_at[address]
        pool.members = {member.name: member for member in members}
        for member in pool.members.values():
            self._listeners_at[member.address].add(pool.listener.key)

    def _forget_others(self, pool: Pool) -> None:
        """What is known of servers that are gone, or no longer checked, counts no more."""
        known = pool.members if pool.listener.check.enabled else ()
        unknown = [name for name in pool.down if name not in known]
        for name in unknown:
            pool.down.discard(name)
            self._stop_draining(pool, name)
        if unknown:
            self._remember(pool)

    # -- verdicts ----------------------------------------------------------------------------------

    def _on_verdict(self, pool: Pool, name: str, up: bool) -> None:
        if up:
            pool.down.discard(name)
            self._stop_draining(pool, name)
        else:
            pool.down.add(name)
        self._turn(pool, at_leisure=True)
        if not up and pool.fitness is not Fitness.OPEN:
            self._give_up(pool, name)
        self._remember(pool)

    def _give_up(self, pool: Pool, name: str) -> None:
        """The flows of one that is down end, now or when they have drained."""
        drain_s = pool.listener.traffic.connection_drain_s
        if drain_s:
            self._drain(pool, name, time.time() + drain_s)
        else:
            self._end_flows(pool, name)

    def _drain(self, pool: Pool, name: str, until_s: float) -> None:
        pool.draining[name] = until_s
        delay_s = max(until_s - time.time(), 0.0)
        loop = asyncio.get_running_loop()
        pool.timers[name] = loop.call_later(delay_s, self._on_drained, pool, name)

    def _on_drained(self, pool: Pool, name: str) -> None:
        self._stop_draining(pool, name)
        self._end_flows(pool, name)
        self._remember(pool)

    def _stop_draining(self, pool: Pool, name: str) -> None:
        pool.draining.pop(name, None)
        timer = pool.timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _end_flows(self, pool: Pool, name: str) -> None:
        member = pool.members.get(name)
        if member is not None:
            self._datapath.end_flows(member.row)
            self._hooks.flows_ended()

    def _remember(self, pool: Pool) -> None:
        key = str(pool.listener.key)
        self._hooks.pool(PoolRecord(key, frozenset(pool.down), dict(pool.draining)))

    # -- wheels ------------------------------------------------------------------------------------

    def _turn(self, pool: Pool, *, at_leisure: bool = False) -> None:
        """Bring the wheel up to date; who may not be given new flows is off it at once, whatever
        its size.

        Args:
            at_leisure: where the true wheel takes long to build, it may come a bit later.
        """
        serving = rules.serving(
            pool.members.values(),
            pool.down,
            pool.listener.traffic.all_unhealthy,
            lambda member: self._around.is_reachable(member.address),
        )
        self._spin(pool, {member.row for member in serving.members}, at_leisure)
        before, pool.fitness = pool.fitness, serving.fitness
        if pool.fitness is not before:
            self._follow_fitness(pool, before)
            self._hooks.event(about_fitness(pool))

    def _spin(self, pool: Pool, rows: Collection[int], at_leisure: bool) -> None:
        """Args: rows: of the servers that may be given new flows."""
        scheduler = pool.listener.traffic.scheduler
        servers = [on_wheel(member, rows) for member in pool.members.values()]
        wanted = (scheduler, servers)
        if wanted == pool.built_for:
            return
        is_slow = scheduler.is_hash and len(servers) > BUILT_AT_ONCE
        if at_leisure and is_slow and pool.wheel:
            lost = {server.row for server in servers if not server.weight} & set(pool.wheel)
            if lost:
                self._write(pool, wheel.without(pool.wheel, lost, servers), rows)
            pool.built_for = None
            self._rebuilds.soon(pool.listener.key)
            return
        self._rebuilds.forget(pool.listener.key)
        is_there = self._write(pool, wheel.build(scheduler, servers, len(pool.wheel)), rows)
        pool.built_for = wanted if is_there else None

    def _write(self, pool: Pool, entries: Sequence[int], rows: Collection[int]) -> bool:
        """Where there is no room for it, each server is named once: a wheel that knows no weights
        is better than one that leads to a failed server.

        Returns:
            Whether there was room; else it is tried again when the wheel turns next.
        """
        eligible = {member.row: member.row in rows for member in pool.members.values()}
        refused: LimitExceeded | None = None
        for each in (entries, array("H", sorted(rows))):
            try:
                self._datapath.write_wheel(pool.row, each, eligible)
            except LimitExceeded as error:
                refused = refused or error
            else:
                pool.wheel = each
                break
        if refused is not None:
            words = f"new connections are not shared as they ought to be: {refused}"
            self._hooks.event(replace(about(pool, None), kind=EventKind.WARNING, message=words))
        return pool.wheel is entries

    def _follow_fitness(self, pool: Pool, before: Fitness) -> None:
        """While nobody is fit and all are tried, nobody's flows end; after it, they do."""
        if pool.fitness is Fitness.OPEN:
            for name in list(pool.draining):
                self._stop_draining(pool, name)
        elif before is Fitness.OPEN:
            for name in pool.down:
                self._give_up(pool, name)
        else:
            return
        self._remember(pool)

    # -- answers -----------------------------------------------------------------------------------

    def health(self, desired: Desired, listener: Listener) -> list[ServerHealth]:
        pool = self._pools.get(listener.key)
        found = []
        for member in desired.group(listener.group_id).members:
            address, port = desired.address_of(member), listener.port_of(member)
            name = weighted_server_name(listener.key, address, port)
            check = pool.checks.get((listener.key, name)) if pool else None
            found.append(units.health_of(desired, listener, member, check, None))
        return found
