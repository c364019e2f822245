# SPDX-License-Identifier: Apache-2.0
"""The controller's shell, from store to maps, without a network, a kernel or an API."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from tests.rpc.fakes import FakeDatapath, FakeNetwork, FakeProber
from xdpair.audit_changes import note_changes
from xdpair.core.compile import Compiler
from xdpair.core.draft import Draft
from xdpair.core.errors import LimitExceeded, StoreError
from xdpair.core.events import Event
from xdpair.core.indexes import Limits, Rows
from xdpair.core.model import ListenerKey, Member
from xdpair.core.tables import Kind, TableChange
from xdpair.hooks import Hooks
from xdpair.ports import Commit
from xdpair.recorder import Recorder
from xdpair.rollout import Reactions, Rollout
from xdpair.store.sqlite import SqliteStore
from xdpair.supervisor import Supervisor
from xdpair.vips import Vips


class FullDisk(SqliteStore):
    """Refuses changes while ``is_full``."""

    is_full = False

    def save(self, commit: Commit) -> None:
        if self.is_full:
            raise StoreError("database or disk is full")
        super().save(commit)


class WatchedDatapath(FakeDatapath):
    """Notes in which order things are written, and has little room if told so."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.ended: list[int] = []
        self.wheel_room = 1 << 16

    def apply(self, change: TableChange) -> None:
        super().apply(change)
        self.notes += [
            f"key {row}"
            for key, row in change.lookup.items()
            if key.kind is Kind.LISTENER and row is not None
        ]
        self.notes += [f"server {row}" for row, entry in change.servers.items() if entry]
        self.notes += [f"no server {row}" for row, entry in change.servers.items() if not entry]

    def write_wheel(self, row: int, wheel: Sequence[int], eligible: Mapping[int, bool]) -> None:
        if len(wheel) > self.wheel_room:
            raise LimitExceeded(f"no room for a wheel of {len(wheel)} entries")
        super().write_wheel(row, wheel, eligible)
        self.notes.append(f"wheel {row}")

    def end_flows(self, server_row: int) -> None:
        self.ended.append(server_row)


class Shell:
    """One life of a controller. What another one left in the store, it finds."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.datapath = WatchedDatapath()
        self.network = FakeNetwork()
        self.prober = FakeProber()
        self.events: list[Event] = []
        self.recorder = Recorder(store)
        hooks = Hooks(
            event=self.events.append,
            state=self.recorder.slot,
            pool=self.recorder.pool,
            drained=lambda key: self.rollout.drained(key),
            flows_ended=_nothing,
        )
        self.compiler = Compiler(Rows(store.load_rows(), Limits()), self.network)
        slots = {record.unit: record.state for record in store.load_slots()}
        self.supervisor = Supervisor(
            self.datapath, self.prober, self.compiler, hooks, slots, {}, store.load_pools()
        )
        self.rollout = Rollout(
            store=store,
            datapath=self.datapath,
            network=self.network,
            compiler=self.compiler,
            supervisor=self.supervisor,
            vips=Vips(self.network, self.events.append, enabled=True),
            reactions=Reactions(self.events.append, _nothing, note_changes),
        )

    async def change(self, *steps: Callable[[Draft], object]) -> None:
        def make(draft: Draft) -> None:
            for step in steps:
                step(draft)

        await self.rollout.change(make)

    def row_at(self, address: str) -> int:
        """Of the one server there."""
        (row,) = {
            row
            for change in self.datapath.changes
            for row, entry in change.servers.items()
            if entry is not None and str(entry.address) == address
        }
        return row

    def row_of(self, member: Member, key: ListenerKey) -> int:
        """Of a weighted listener's server."""
        (row,) = {each.row for each in self.compiler.weighted_members(key) if each.member == member}
        return row

    def words(self) -> list[str]:
        return [event.message for event in self.events]

    def close(self) -> None:
        self.supervisor.close()
        self.rollout.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - any condition, not only what is signalled
            await asyncio.sleep(0.01)


def _nothing() -> None:
    """Nobody has to be told."""
