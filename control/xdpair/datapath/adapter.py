# SPDX-License-Identifier: Apache-2.0
"""Writes what the core decided into the maps, and reads back what the data plane knows.

Only differences are written, in an order in which every packet between two writes still finds its
way: rows before the keys that lead to them, keys before rows that nothing leads to any more.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np

from xdpair.core.failover import Slot
from xdpair.core.lookup_table import EMPTY, Geometry, Place, Plan, plan
from xdpair.core.model import Side
from xdpair.core.tables import Link, ListenerEntry, LookupKey, ServerEntry, Tables
from xdpair.datapath import program as programs
from xdpair.datapath.flows import waiting_flows
from xdpair.datapath.maps import Array, Maps
from xdpair.datapath.pins import Loading, Pins, Sizes
from xdpair.datapath.program import Program
from xdpair.ports import WaitingFlow

#: struct lookup_key with kind KIND_TOMBSTONE and nothing else.
_TOMBSTONE = int.from_bytes(b"\0" * 7 + b"\xff", sys.byteorder)
_SIDE_NONE = 0xFF
_SERVER_RESOLVED = 1
_KEEP_PRIMARY, _KEEP_SECONDARY = 1, 2
_LINKS = 256


class Datapath:
    """The loaded program. Not for more than one thread."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.maps = Maps(program)
        keys = self.maps.lookup["keys"]
        self._key_words: Array = np.ndarray(
            keys.shape, np.uint64, self.maps.lookup, 0, keys.strides[:2]
        )
        self._geometry = Geometry(program.sizes.lookup_buckets)
        self._places, self._tombstones = self._read_places()
        self._written = Tables()

    @classmethod
    async def open(
        cls, pin_path: Path, state_dir: Path, sizes: Sizes, loading: Loading | None = None
    ) -> Datapath:
        """Adopt what is pinned or load it.

        Args:
            loading: of the same paths and sizes, if somebody has begun it already.

        Raises:
            DatapathError: the kernel or the compiler refused.
        """
        loading = loading or Loading(Pins.of(pin_path, state_dir, sizes))
        return cls(await programs.obtain(loading))

    def close(self) -> None:
        """Let go. The program goes on with what it was told last."""
        self.maps.close()

    # -- slots -------------------------------------------------------------------------------------

    def write_slot(self, row: int, slot: Slot) -> None:
        """One aligned 64-bit store: this is the failover."""
        self.maps.slot_words[row] = _slot_word(slot)

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
            side=None if side == _SIDE_NONE else Side(side),
            epoch=int(row_value["epoch"]),
            fence=(primary, secondary),
            silenced=(bool(silenced & 1), bool(silenced & 2)),
        )

    # -- what it knows -----------------------------------------------------------------------------

    def waiting_flows(self) -> list[WaitingFlow]:
        """Clients that have to be told; 10 ms or so a million flows: call it in a thread."""
        running = np.zeros(self.program.sizes.max_listeners, bool)
        running[list(self._written.listeners)] = True
        return waiting_flows(self.maps, running)

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

    # -- tables ------------------------------------------------------------------------------------

    def check(self, tables: Tables) -> None:
        """Would ``apply`` find room? Writes nothing.

        Raises:
            LimitExceeded: the lookup table is too full.
        """
        words = {_lookup_word(key) for key in tables.lookup}
        plan(self._geometry, self._places, self._tombstones, words)

    def apply(self, tables: Tables) -> None:
        """Make the maps say what ``tables`` says, from whatever they say now.

        Raises:
            LimitExceeded: the lookup table is too full; nothing was written.
        """
        words = {_lookup_word(key): value for key, value in tables.lookup.items()}
        change = plan(self._geometry, self._places, self._tombstones, set(words))
        self._write_rows(tables)
        self._write_lookup(change, words)
        self._written = tables

    def _write_rows(self, tables: Tables) -> None:
        for row, server in tables.servers.items():
            if self._written.servers.get(row) != server:
                place = self.maps.servers[row : row + 1]
                if not _is_about(place, _server_identity(server)):
                    self.maps.clear_counters("server_counters", row)
                _fill_server(place, server)
        for row, listener in tables.listeners.items():
            if self._written.listeners.get(row) != listener:
                place = self.maps.listeners[row : row + 1]
                if not _is_about(place, _listener_identity(listener)):
                    self.maps.clear_counters("listener_counters", row)
                _fill_listener(place, listener)
        if tables.links != self._written.links or not self._written.links:
            self._write_links(tables.links)

    def _write_links(self, links: tuple[Link, ...]) -> None:
        wanted = {link.ifindex % _LINKS: link for link in reversed(links)}
        for place in range(_LINKS):
            row = self.maps.links[place : place + 1]
            link = wanted.get(place)
            if link is None:
                row["ifindex"] = 0
                continue
            row.view(np.uint64)[0] = _mac_word(link.mac, min(link.mtu_bytes, 0xFFFF))
            row["ifindex"] = link.ifindex

    def _write_lookup(self, change: Plan, words: Mapping[int, int]) -> None:
        for place in change.freed:
            self._key_words[place] = _TOMBSTONE
        values = self.maps.lookup["values"]
        for word, place in change.placed.items():
            values[place] = words[word]
        for place, word in change.added.items():
            self._key_words[place] = word
        for place in change.cleared:
            self._key_words[place] = EMPTY
        self._places = change.placed
        self._tombstones = (
            (self._tombstones | set(change.freed)) - set(change.added) - set(change.cleared)
        )

    def _read_places(self) -> tuple[dict[int, Place], set[Place]]:
        places: dict[int, Place] = {}
        tombstones: set[Place] = set()
        for bucket, way in np.argwhere(self._key_words).tolist():
            word = int(self._key_words[bucket, way])
            if word == _TOMBSTONE:
                tombstones.add((bucket, way))
            else:
                places[word] = (bucket, way)
        return places, tombstones


def _slot_word(slot: Slot) -> int:
    side = _SIDE_NONE if slot.side is None else int(slot.side)
    silenced = slot.silenced[0] | slot.silenced[1] << 1
    order = sys.byteorder
    octets = bytes((side, silenced)) + b"".join(
        n.to_bytes(2, order) for n in (slot.epoch, *slot.fence)
    )
    return int.from_bytes(octets, order)


def _lookup_word(key: LookupKey) -> int:
    octets = key.address.packed + key.port.to_bytes(2, "big") + bytes((key.protocol, key.kind))
    return int.from_bytes(octets, sys.byteorder)


def _address_be(address: IPv4Address) -> int:
    return int.from_bytes(address.packed, sys.byteorder)


def _port_be(port: int) -> int:
    return int.from_bytes(port.to_bytes(2, "big"), sys.byteorder)


def _is_about(row: Array, identity: Mapping[str, int]) -> bool:
    """Does the row speak of this already? One that was freed still says of what it spoke."""
    return all(int(row[name][0]) == value for name, value in identity.items())


def _listener_identity(entry: ListenerEntry) -> dict[str, int]:
    return {
        "vip_be": _address_be(entry.vip),
        "port_be": _port_be(entry.port),
        "proto": int(entry.protocol),
    }


def _server_identity(entry: ServerEntry) -> dict[str, int]:
    return {"addr_be": _address_be(entry.address), "port_be": _port_be(entry.port)}


def _fill(row: Array, identity: Mapping[str, int]) -> None:
    for name, value in identity.items():
        row[name] = value


def _fill_listener(row: Array, entry: ListenerEntry) -> None:
    _fill(row, _listener_identity(entry))
    row["slot"] = entry.slot
    row["server"][0] = entry.servers
    row["next"][0] = entry.next_links
    row["flags"] = entry.keep_primary * _KEEP_PRIMARY | entry.keep_secondary * _KEEP_SECONDARY


def _mac_word(mac: bytes, mtu: int) -> int:
    return int.from_bytes(mac + mtu.to_bytes(2, sys.byteorder), sys.byteorder)


def _fill_server(row: Array, entry: ServerEntry) -> None:
    _fill(row, _server_identity(entry))
    if entry.hop is None:
        row["flags"] = 0
        return
    # Each MAC with what follows it is one word, so that no packet leaves for half of a new one.
    words = row.view(np.uint64)
    words[1] = _mac_word(entry.hop.dest_mac, min(entry.hop.mtu_bytes, 0xFFFF))
    words[2] = _mac_word(entry.hop.source_mac, 0)
    row["ifindex"] = entry.hop.ifindex
    row["flags"] = _SERVER_RESOLVED
