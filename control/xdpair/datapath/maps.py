# SPDX-License-Identifier: Apache-2.0
"""The program's maps as numpy arrays in this process's memory, and its counters.

What the controller writes under traffic are single aligned words; numpy stores each by one
instruction, so the program sees the old word or the new one.
"""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np

from xdpair.core.errors import DatapathError
from xdpair.datapath import syscalls
from xdpair.datapath.constants import ABI
from xdpair.datapath.program import Program

Array = np.ndarray[Any, np.dtype[Any]]


def map_array(fd: int, dtype: np.dtype[Any], rows: int) -> Array:
    """Map a whole BPF_F_MMAPABLE array, shape ``(rows,)``.

    Raises:
        DatapathError: the kernel refused.
    """
    octets = -(-rows * dtype.itemsize // mmap.PAGESIZE) * mmap.PAGESIZE
    try:
        memory = mmap.mmap(fd, octets, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    except OSError as error:
        raise DatapathError(
            f"a map of {octets} octets can not be mapped: {error.strerror}"
        ) from error
    return np.frombuffer(memory, dtype=dtype, count=rows)


def words_of(rows: Array) -> Array:
    """The same memory as 64-bit words, which are stored one at a time; shape ``(*rows.shape,
    words)``, or without the last axis where a value is one word.
    """
    words = rows.view(np.uint64)
    per_value = rows.dtype.itemsize // 8
    return words if per_value == 1 else words.reshape(*rows.shape, per_value)


class Maps:
    """All maps of one program; see bpf/maps.h for what each is for."""

    def __init__(self, program: Program) -> None:
        sizes = program.sizes
        self._program = program
        self.lookup = self._map("lookup", sizes.lookup_buckets)
        self.listeners = self._map("listeners", sizes.max_listeners)
        self.slots = self._map("slots", sizes.max_listeners)
        self.slot_words = words_of(self.slots)
        self.servers = self._map("servers", sizes.max_servers)
        self.flows = self._map("flows", sizes.flow_buckets)
        self.peers = self._map("peers", ABI["PEER_BUCKETS"])
        self.links = self._map("links", ABI["LINKS"])
        self.wheels = self._map("wheels", sizes.wheel_words)
        self.cursors = self._map("cursors", sizes.max_listeners)
        self.loads = self._map("loads", sizes.max_servers)
        self.limits = self._map("limits", sizes.max_listeners)
        self.sweeps = self._map("sweeps", 1)
        self.traces = self._map("traces", 1)
        self._counters = {
            name: CounterMap(program.map_fds[name], program.dtypes[name])
            for name in ("exits", "listener_counters", "server_counters")
        }

    def counters(self, name: str, index: int) -> dict[str, int]:
        """Named totals of one row of ``exits``, ``listener_counters`` or ``server_counters``."""
        return self._counters[name].read(index)

    def clear_counters(self, name: str, index: int) -> None:
        """Start a row that changes hands from zero."""
        self._counters[name].clear(index)

    def close(self) -> None:
        """Give the descriptors back. Pins, and with them program and maps, stay."""
        program = self._program
        for fd in (program.fd, *program.map_fds.values()):
            os.close(fd)

    def _map(self, name: str, rows: int) -> Array:
        return map_array(self._program.map_fds[name], self._program.dtypes[name], rows)


class CounterMap:
    """A per-CPU array of structs of 64-bit counters."""

    def __init__(self, fd: int, dtype: np.dtype[Any]) -> None:
        self._dtype = dtype
        self._cpus = syscalls.possible_cpus()
        self._names: tuple[str, ...] = dtype.names or ()
        self._rows = syscalls.MapRows(fd, self._cpus * dtype.itemsize)

    def read(self, index: int) -> dict[str, int]:
        """Field name -> total over all CPUs since the maps were made."""
        row = np.frombuffer(self._rows.read(index), dtype=np.uint64).reshape(
            self._cpus, len(self._names)
        )
        return dict(zip(self._names, map(int, row.sum(axis=0)), strict=True))

    def clear(self, index: int) -> None:
        self._rows.write(index, bytes(self._cpus * self._dtype.itemsize))
