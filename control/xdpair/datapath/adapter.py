# SPDX-License-Identifier: Apache-2.0
"""Writes what the core decided into the maps, and reads back what the data plane knows.

Only differences are written, in an order in which every packet between two writes still finds its
way: rows before the keys that lead to them, keys before rows that nothing leads to any more.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from xdpair.core.failover import Slot
from xdpair.core.model import Side
from xdpair.core.tables import TableChange
from xdpair.datapath import program as programs
from xdpair.datapath import syscalls
from xdpair.datapath.acls import AccessLists
from xdpair.datapath.constants import ABI
from xdpair.datapath.dry_run import dry_run
from xdpair.datapath.flows import count_flows, waiting_flows
from xdpair.datapath.links import write_links
from xdpair.datapath.listeners import ListenerRows
from xdpair.datapath.lookup import LookupKeys
from xdpair.datapath.maps import Maps
from xdpair.datapath.pins import Loading, Pins, Sizes
from xdpair.datapath.program import Program
from xdpair.datapath.servers import ServerRows
from xdpair.datapath.sweeps import sweep
from xdpair.datapath.wheels import Wheels
from xdpair.datapath.words import slot_word
from xdpair.ports import DryRun, Swept, WaitingFlow

_Entry = TypeVar("_Entry")


class Datapath:
    """The loaded program. Not for more than one thread, but where a method says so.

    What it needs to know of the maps' content it reads from them when it starts, so that a program
    which ran on alone is taken over as it is.
    """

    def __init__(self, program: Program, loading: Loading) -> None:
        self.program = program
        self._loading = loading
        self._sweep_fd = -1
        self.maps = Maps(program)
        self._lookup = LookupKeys(self.maps)
        self._lists = AccessLists(program)
        self._servers = ServerRows(self.maps)
        self._wheels = Wheels(self.maps, self._servers)
        self._listeners = ListenerRows(self.maps, self._servers, self._wheels)
        self._running = np.zeros(program.sizes.max_listeners, bool)
        self._running[self._lookup.listener_rows()] = True

    @classmethod
    async def open(
        cls, pin_path: Path, state_dir: Path, sizes: Sizes, loading: Loading | None = None
    ) -> Datapath:
        """Adopt what is pinned or load it.

        Args:
            loading: of the same paths and sizes, if somebody has begun it already; then it is the
                caller who waits until the program is ``complete``.

        Raises:
            DatapathError: the kernel or the compiler refused.
        """
        begun = loading or Loading(Pins.of(pin_path, state_dir, sizes))
        datapath = cls(await programs.obtain(begun), begun)
        if loading is None:
            await datapath.complete()
        return datapath

    async def complete(self) -> None:
        """Wait until the programs are there that the program calls; without them weighted listeners
        forward nothing. No older program may be replaced before.

        Raises:
            DatapathError: the kernel or the compiler refused.
        """
        await asyncio.to_thread(self._loading.finish)
        if self._sweep_fd < 0:
            self._sweep_fd = syscalls.obj_get(self._loading.pins.sweep)

    def close(self) -> None:
        """Let go. The program goes on with what it was told last."""
        self.maps.close()
        if self._sweep_fd >= 0:
            os.close(self._sweep_fd)

    # -- slots -------------------------------------------------------------------------------------

    def write_slot(self, row: int, slot: Slot) -> None:
        """One aligned 64-bit store: this is the failover."""
        self.maps.slot_words[row] = slot_word(slot)

    def used_slots(self) -> list[int]:
        """Rows that were ever written."""
        rows: list[int] = np.flatnonzero(self.maps.slot_words).tolist()
        return rows

    def read_slot(self, row: int) -> Slot | None:
        """What the data plane goes by; None if it was never written."""
        if not self.maps.slot_words[row]:
            return None
        row_value = self.maps.slots[row]
        side = int(row_value["side"])
        silenced = int(row_value["silenced"])
        primary, secondary = (int(value) for value in row_value["fence"])
        return Slot(
            side=None if side == ABI["SIDE_NONE"] else Side(side),
            epoch=int(row_value["epoch"]),
            fence=(primary, secondary),
            silenced=(bool(silenced & 1), bool(silenced & 2)),
        )

    # -- tables ------------------------------------------------------------------------------------

    def check(self, change: TableChange) -> None:
        """Would ``apply`` find room? Writes nothing.

        Raises:
            LimitExceeded: the lookup table or the access control lists are too full.
        """
        self._lookup.plan(change.lookup, whole=change.whole)
        self._lists.check(change.acls)

    def apply(self, change: TableChange) -> None:
        """Write it.

        Raises:
            LimitExceeded: the lookup table or the access control lists are too full; nothing was
                written.
        """
        keys = self._lookup.plan(change.lookup, whole=change.whole)
        self._lists.check(change.acls)
        listeners, servers = _present(change.listeners), _present(change.servers)
        self._lists.add(change.acls)
        self._servers.write(servers)
        self._listeners.write(listeners)
        if change.links is not None:
            write_links(self.maps.links, change.links)
        self._lookup.write(keys)
        if change.whole:
            self._wheels.remove_others(listeners)
            self._servers.remove_others(servers)
        else:
            self._wheels.remove(_absent(change.listeners))
            self._servers.remove(_absent(change.servers))
        self._note_running(change)
        self._lists.remove(change.acls, whole=change.whole)

    def _note_running(self, change: TableChange) -> None:
        """In another array: a walk over the flows may be reading this one."""
        running = np.zeros_like(self._running) if change.whole else self._running.copy()
        running[_absent(change.listeners)] = False
        running[list(_present(change.listeners))] = True
        self._running = running

    # -- weighted listeners ------------------------------------------------------------------------

    def write_wheel(self, row: int, wheel: Sequence[int], eligible: Mapping[int, bool]) -> None:
        """Give a listener another wheel, by one store; an empty one rejects. The row need not be a
        weighted listener's yet.

        Raises:
            LimitExceeded: no room for a wheel of that size; the old one stays.
        """
        self._wheels.write(row, wheel, eligible)

    def read_wheel(self, row: int) -> list[int]:
        """What the data plane goes by; empty if there is none."""
        return self._wheels.read(row)

    def end_flows(self, server_row: int) -> None:
        """End all flows of a weighted listener's server: one store."""
        self._servers.end_flows(server_row)

    def count_loads(self) -> None:
        """Count the flows of all weighted listeners' servers anew; for a thread of its own."""
        counts, loads = count_flows(self.maps), self.maps.loads
        changed = np.flatnonzero(loads != counts)
        loads[changed] = counts[changed]

    # -- what it knows -----------------------------------------------------------------------------

    def sweep(self) -> Swept:
        """Time out what was silent for too long; for a thread of its own, one at a time.

        Raises:
            DatapathError: the kernel refused.
        """
        if self._sweep_fd < 0:
            return Swept(0, 0)
        return sweep(self._sweep_fd, self.program, self.maps)

    def dry_run(self, frame: bytes, ifindex: int) -> DryRun:
        """What would become of a frame that came by that interface now.

        Raises:
            DatapathError: no such interface, or no such frame can be.
        """
        return dry_run(self.program, self.maps, frame, ifindex)

    def waiting_flows(self) -> list[WaitingFlow]:
        """Clients that have to be told; for a thread of its own."""
        return waiting_flows(self.maps, self._running)

    def exit_counters(self) -> dict[str, int]:
        """Packets by the exit they took; names and meanings are those of ``struct exits`` in
        bpf/abi.h.
        """
        return self.maps.counters("exits", 0)

    def listener_counters(self, row: int) -> dict[str, int]:
        """``struct listener_counters`` of one row, added up over all CPUs."""
        return self.maps.counters("listener_counters", row)

    def server_counters(self, row: int) -> dict[str, int]:
        """``struct server_counters`` of one row, added up over all CPUs."""
        return self.maps.counters("server_counters", row)


def _present(rows: Mapping[int, _Entry | None]) -> dict[int, _Entry]:
    return {row: entry for row, entry in rows.items() if entry is not None}


def _absent(rows: Mapping[int, _Entry | None]) -> list[int]:
    return [row for row, entry in rows.items() if entry is None]
