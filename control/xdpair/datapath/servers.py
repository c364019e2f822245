# SPDX-License-Identifier: Apache-2.0
"""Rows of ``servers``.

A row is 4 words. The first holds address, port and flags, so that no packet finds another address
behind flags that spoke of the former one; the last holds the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from xdpair.core.tables import ServerEntry
from xdpair.datapath.constants import ABI
from xdpair.datapath.maps import Array, Maps, words_of
from xdpair.datapath.words import addresses_be, macs_of, ports_be

RESOLVED = ABI["SERVER_RESOLVED"]
DRAINING = ABI["SERVER_DRAINING"]
ELIGIBLE = ABI["SERVER_ELIGIBLE"]

_HOP_FIELDS = ("dest_mac", "mtu", "source_mac", "ifindex")
_LARGEST_MTU_BYTES = 0xFFFF
#: No flow's epoch is that far from its slot's.
_HALF_A_CIRCLE = 0x8000


class ServerRows:
    """Writes rows. Nobody else writes them: what is read back is what was written last."""

    def __init__(self, maps: Maps) -> None:
        self._maps = maps
        self._rows = maps.servers
        self._words = words_of(maps.servers)
        self._flags = maps.servers["flags"]
        self._epochs = maps.servers["epoch"]

    def write(self, entries: Mapping[int, ServerEntry]) -> None:
        """Make the rows speak of these servers. One that spoke of another starts anew: its flows
        have ended, and it is to be declared eligible again. One that drains is not eligible: whom
        clients are tied to is asked no more.
        """
        if not entries:
            return
        rows = np.fromiter(entries, np.intp, len(entries))
        found = self._rows[rows]
        wanted = _encode(list(entries.values()), found.dtype)
        same = (found["addr_be"] == wanted["addr_be"]) & (found["port_be"] == wanted["port_be"])
        wanted["epoch"] = found["epoch"] + ~same
        stays = same & (wanted["flags"] & DRAINING == 0)
        wanted["flags"] |= np.where(stays, found["flags"] & ELIGIBLE, 0)
        # What a flag does not vouch for stays: packets that saw the flag a moment ago still use it.
        pathless = (wanted["flags"] & RESOLVED) == 0
        for name in _HOP_FIELDS:
            wanted[name][pathless] = found[name][pathless]

        changed = (words_of(found) != words_of(wanted)).any(axis=1)
        self._vacate(rows[~same])
        rows, words = rows[changed], words_of(wanted)[changed]
        # Each MAC with what follows it is one word, so that no packet leaves for half of a new one.
        for column in (1, 2, 3, 0):
            self._words[rows, column] = words[:, column]

    def remove(self, rows: Sequence[int]) -> None:
        """Nothing leads there any more; flows that remember one of them have ended."""
        for row in rows:
            self._flags[row] = 0
            self.end_flows(row)

    def remove_others(self, wanted: Collection[int]) -> None:
        """All that are in use but these."""
        self.remove([row for row in np.flatnonzero(self._flags).tolist() if row not in wanted])

    def end_flows(self, row: int) -> None:
        """One store: flows that were made in another epoch have ended."""
        self._epochs[row] = int(self._epochs[row]) + 1 & 0xFFFF

    def end_flows_of_pair(self, row: int, slot_epoch: int) -> None:
        """A listener was this server's pair's and is a weighted one now: flows of it that remember
        the slot's epochs must not be taken for those of a server.
        """
        self._epochs[row] = (slot_epoch + _HALF_A_CIRCLE) & 0xFFFF

    def set_eligible(self, row: int, *, eligible: bool) -> None:
        """May it be given new flows?"""
        flags = int(self._flags[row])
        self._flags[row] = flags | ELIGIBLE if eligible else flags & ~ELIGIBLE

    def _vacate(self, rows: Array) -> None:
        """They are about to speak of others."""
        self._flags[rows] = 0
        self._maps.loads[rows] = 0
        for row in rows.tolist():
            self._maps.clear_counters("server_counters", row)


def _encode(entries: Sequence[ServerEntry], dtype: np.dtype[Any]) -> Array:
    rows = np.zeros(len(entries), dtype)
    rows["addr_be"] = addresses_be(entry.address for entry in entries)
    rows["port_be"] = ports_be(entry.port for entry in entries)
    rows["weight"] = [entry.weight for entry in entries]
    rows["flags"] = [
        RESOLVED * (entry.hop is not None) | DRAINING * entry.draining for entry in entries
    ]
    hops = [(place, entry.hop) for place, entry in enumerate(entries) if entry.hop is not None]
    places = [place for place, _ in hops]
    rows["ifindex"][places] = [hop.ifindex for _, hop in hops]
    rows["mtu"][places] = [min(hop.mtu_bytes, _LARGEST_MTU_BYTES) for _, hop in hops]
    rows["dest_mac"][places] = macs_of(hop.dest_mac for _, hop in hops)
    rows["source_mac"][places] = macs_of(hop.source_mac for _, hop in hops)
    return rows
