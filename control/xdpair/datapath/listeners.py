# SPDX-License-Identifier: Apache-2.0
"""Rows of ``listeners``, with those of ``limits`` and ``cursors`` beside them.

A row is 4 words: address and flags; slot and pair; the wheel; all other settings. What a flag
vouches for is written before it, and taken away after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xdpair.core.tables import Bandwidth, ListenerEntry
from xdpair.datapath import clock
from xdpair.datapath.constants import ABI
from xdpair.datapath.maps import Array, Maps, words_of
from xdpair.datapath.servers import ServerRows
from xdpair.datapath.wheels import Wheels
from xdpair.datapath.words import addresses_be, ports_be

_KEEP_PRIMARY = ABI["LISTENER_KEEP_PRIMARY"]
_KEEP_SECONDARY = ABI["LISTENER_KEEP_SECONDARY"]
_WHITE, _BLACK = ABI["LISTENER_ACL_WHITE"], ABI["LISTENER_ACL_BLACK"]
_WEIGHTED, _LIMITED = ABI["LISTENER_WEIGHTED"], ABI["LISTENER_LIMITED"]

#: Columns of words.
_FLAGS, _PAIR, _WHEEL, _SETTINGS = range(4)
_AS_PAIR, _AS_WEIGHTED = (_PAIR, _SETTINGS, _FLAGS), (_SETTINGS, _FLAGS, _PAIR)
#: What a byte takes at 1 Mbit/s.
_PS_PER_BYTE = 8_000_000


class ListenerRows:
    """Writes rows. Nobody else writes them but ``Wheels``, and it only their wheels."""

    def __init__(self, maps: Maps, servers: ServerRows, wheels: Wheels) -> None:
        self._maps = maps
        self._servers = servers
        self._wheels = wheels
        self._rows = maps.listeners
        self._words = words_of(maps.listeners)

    def write(self, entries: Mapping[int, ListenerEntry]) -> None:
        """Make the rows speak of these listeners. One that spoke of another starts anew, as does a
        pair's that becomes a weighted one's (which may have its wheel already), or the other way
        round.
        """
        if not entries:
            return
        rows = np.fromiter(entries, np.intp, len(entries))
        values = list(entries.values())
        before = self._rows[rows]
        wanted = _encode(values, before.dtype)
        same = _is_about_the_same(before, wanted)
        was_weighted, is_weighted = (each["flags"] & _WEIGHTED != 0 for each in (before, wanted))
        turned = same & (was_weighted != is_weighted)
        wanted["wheel"][same] = before["wheel"][same]

        self._wheels.remove(rows[~same].tolist())
        self._start_anew(rows[~same | turned])
        self._write_limits(rows, values, same & ~turned & (before["flags"] & _LIMITED != 0))
        changed = (words_of(before) != words_of(wanted)).any(axis=1)
        self._open_lists(rows, before, wanted, changed & same)
        self._store(rows[changed & ~is_weighted], wanted[changed & ~is_weighted], _AS_PAIR)
        self._store(rows[changed & is_weighted], wanted[changed & is_weighted], _AS_WEIGHTED)
        self._wheels.remove(rows[turned & ~is_weighted].tolist())
        self._leave_pairs(before[turned & is_weighted])

    def _store(self, rows: Array, wanted: Array, columns: Sequence[int]) -> None:
        words = words_of(wanted)
        for column in columns:
            self._words[rows, column] = words[:, column]

    def _start_anew(self, rows: Array) -> None:
        self._maps.cursors[rows] = 0
        for row in rows.tolist():
            self._maps.clear_counters("listener_counters", row)

    def _leave_pairs(self, rows: Array) -> None:
        """Flows that were made while they were pairs' have ended."""
        epochs = self._maps.slots["epoch"][rows["slot"]]
        for pair, epoch in zip(rows["server"].tolist(), epochs.tolist(), strict=True):
            for server in pair:
                self._servers.end_flows_of_pair(server, epoch)

    def _write_limits(
        self, rows: Array, entries: Sequence[ListenerEntry], limited_already: Array
    ) -> None:
        limits, words = self._maps.limits, words_of(self._maps.limits)
        is_limited = np.array([entry.bandwidth is not None for entry in entries], bool)
        limits["full_at_ns"][rows[is_limited & ~limited_already]] = 0
        rates = np.zeros(len(rows), limits.dtype)
        for rate, entry in zip(rates, entries, strict=True):
            if entry.bandwidth is not None:
                _encode_limit(rate, entry.bandwidth)
        # Rate and burst are one word: no packet is measured by one of each.
        words[rows[is_limited], 0] = words_of(rates)[is_limited, 0]

    def _open_lists(self, rows: Array, before: Array, wanted: Array, changed: Array) -> None:
        """Where both the list and its meaning change, or the list goes, all may come for as long as
        two stores take: no packet is judged by a list that was never meant that way.
        """
        listed = _WHITE | _BLACK
        turned = changed & ((before["flags"] ^ wanted["flags"]) & listed != 0)
        turned &= before["acl"] != wanted["acl"]
        self._rows["flags"][rows[turned]] = before["flags"][turned] & ~np.uint8(listed)


def _encode(entries: Sequence[ListenerEntry], dtype: np.dtype[Any]) -> Array:
    rows = np.zeros(len(entries), dtype)
    rows["vip_be"] = addresses_be(entry.vip for entry in entries)
    rows["port_be"] = ports_be(entry.port for entry in entries)
    rows["proto"] = [int(entry.protocol) for entry in entries]
    rows["flags"] = [_flags(entry) for entry in entries]
    rows["slot"] = [entry.slot for entry in entries]
    rows["server"] = [entry.servers for entry in entries]
    rows["persist_ticks"] = [clock.ticks_of(entry.persistence_s) for entry in entries]
    rows["idle_ticks"] = [clock.ticks_of(entry.established_timeout_s) for entry in entries]
    rows["acl"] = [entry.acl for entry in entries]
    rows["scheduler"] = [int(entry.schedule or 0) for entry in entries]
    return rows


def _flags(entry: ListenerEntry) -> int:
    listed = (_WHITE if entry.acl_is_white else _BLACK) if entry.acl else 0
    return (
        _KEEP_PRIMARY * entry.keep_primary
        | _KEEP_SECONDARY * entry.keep_secondary
        | _WEIGHTED * (entry.schedule is not None)
        | _LIMITED * (entry.bandwidth is not None)
        | listed
    )


def _is_about_the_same(before: Array, wanted: Array) -> Array:
    """Row by row. One that was freed still says of whom it spoke."""
    same = np.ones(len(before), bool)
    for name in ("vip_be", "port_be", "proto"):
        same &= before[name] == wanted[name]
    return same


def _encode_limit(row: Any, bandwidth: Bandwidth) -> None:
    row["ps_per_byte"] = _PS_PER_BYTE // bandwidth.mbps
    row["burst_us"] = bandwidth.burst_ms * 1000
