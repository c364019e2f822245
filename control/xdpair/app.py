# SPDX-License-Identifier: Apache-2.0
"""What users can do, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from xdpair.core import indexes
from xdpair.core.compile import Compiler
from xdpair.core.desired import Desired
from xdpair.core.draft import Draft
from xdpair.core.errors import CheckedListenerNotFound
from xdpair.core.explain import Explanation
from xdpair.core.explain_facts import Question
from xdpair.core.model import ListenerKey, PairGroup, Side
from xdpair.core.status import Counters, ServerHealth, SlotStatus, SystemStatus
from xdpair.events import EventLog
from xdpair.ports import Datapath, RequestRecord
from xdpair.requests import Requests
from xdpair.rollout import Rollout
from xdpair.supervisor import Supervisor

K = TypeVar("K")
T = TypeVar("T")

#: Counters that are read in one turn of the event loop.
READ_A_TURN = 500


class Application:
    """The controller as its users see it.

    Reads are answered from memory. A change is durable and in the data plane when its call returns;
    if it raises, nothing changed.

    Args:
        requests: request ids that were seen.
        settled: waits until what the supervisor decided is on disk.
        describe_system: what only the composition root knows.
        explain: tells what would become of a packet.
    """

    def __init__(
        self,
        *,
        rollout: Rollout,
        datapath: Datapath,
        compiler: Compiler,
        supervisor: Supervisor,
        events: EventLog,
        requests: Requests,
        settled: Callable[[], Awaitable[None]],
        describe_system: Callable[[], SystemStatus],
        explain: Callable[[Question], Explanation],
    ) -> None:
        self.events = events
        self._rollout = rollout
        self._datapath = datapath
        self._compiler = compiler
        self._supervisor = supervisor
        self._requests = requests
        self._settled = settled
        self.system = describe_system
        self.explain = explain

    @property
    def desired(self) -> Desired:
        """What users asked for, as far as it has come into force."""
        return self._rollout.desired

    # -- changes -----------------------------------------------------------------------------------

    async def change(
        self,
        make: Callable[[Draft], T],
        *,
        request: tuple[str, str, Callable[[T], str]] | None = None,
        is_large: bool = False,
    ) -> T:
        """Carry out whatever ``make`` does to a draft of all resources, as one.

        Args:
            request: a request id, a digest of the request's content, and what tells the name of
                the resource that was made.
            is_large: with thousands of resources ``make`` is run in a thread.
        """
        if request is None:
            return await self._rollout.change(make, is_large=is_large)
        request_id, digest, name_of = request
        made: list[RequestRecord] = []

        def record(result: T) -> RequestRecord:
            made.append(self._requests.record(request_id, digest, name_of(result)))
            return made[0]

        result = await self._rollout.change(make, record, is_large=is_large)
        self._requests.remember(made[0])
        return result

    def request_seen(self, request_id: str) -> RequestRecord | None:
        """What came of the request of this id, if there was one."""
        return self._requests.get(request_id)

    # -- operators ---------------------------------------------------------------------------------

    async def switchover(
        self, group_id: str, listener: ListenerKey | None, to: Side | None
    ) -> list[SlotStatus]:
        self.desired.pair_group(group_id)
        slots = self._supervisor.pairs.switchover(group_id, listener, to)
        await self._settled()
        return slots

    async def failback(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        self.desired.pair_group(group_id)
        slots = self._supervisor.pairs.failback(group_id, listener)
        await self._settled()
        return slots

    async def hold(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        self.desired.pair_group(group_id)
        slots = self._supervisor.pairs.hold(group_id, listener)
        await self._settled()
        return slots

    async def release(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        self.desired.pair_group(group_id)
        slots = self._supervisor.pairs.release(group_id, listener)
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
        """Who serves, of one group or all; a weighted group has none."""
        if group_id is not None:
            self.desired.group(group_id)
        return self._supervisor.pairs.slots(group_id)

    async def counters(self) -> Counters:
        """All of them: one system call each, so others have their turns in between."""
        row, desired = self._compiler.row, self.desired
        listeners = {key: row(indexes.listener_name(key)) for key in desired.listeners}
        pairs = {
            (group.group_id, side): row(
                indexes.server_name(group, side, desired.address_of(group.member(side)))
            )
            for group in desired.groups.values()
            if isinstance(group, PairGroup)
            for side in Side
        }
        members = {
            (key, member.address, member.port): member.row
            for key in desired.listeners
            for member in self._compiler.weighted_members(key)
        }
        return Counters(
            self._datapath.exit_counters(),
            await _read_all(listeners, self._datapath.listener_counters),
            await _read_all(pairs, self._datapath.server_counters),
            await _read_all(members, self._datapath.server_counters),
        )


async def _read_all(
    rows: Mapping[K, int], read: Callable[[int], dict[str, int]]
) -> dict[K, dict[str, int]]:
    found = {}
    for count, (key, row) in enumerate(rows.items(), start=1):
        found[key] = read(row)
        if count % READ_A_TURN == 0:
            await asyncio.sleep(0)
    return found
