# SPDX-License-Identifier: Apache-2.0
"""The real program with small maps: one frame in, everything it did out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests import bpf_run
from tests.packet import world
from tests.packet.flow_table import FlowTable
from tests.packet.frames import Packet
from tests.packet.namespace import balancer_namespace
from xdpair.core.failover import Slot
from xdpair.core.tables import TableChange
from xdpair.datapath.adapter import Datapath
from xdpair.datapath.pins import Sizes

DROP, PASS = bpf_run.XDP_DROP, bpf_run.XDP_PASS
TX, REDIRECT = bpf_run.XDP_TX, bpf_run.XDP_REDIRECT

SIZES = Sizes(max_listeners=128, max_servers=256, flow_buckets=1024)

#: Counter rows that tests use.
_ROWS = {"listener_counters": range(1, 5), "server_counters": range(10, 30)}
_INTERFACES = {world.SERVERS_MAC: world.SERVERS_IF, world.OTHER_MAC: world.OTHER_IF}

Changes = Mapping[int, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the program did with one frame.

    Attributes:
        frame: empty if dropped.
        exit: the one field of ``struct exits`` that moved, by one.
        listeners, servers: row -> counter -> by how much it moved, if it did.
    """

    action: int
    frame: bytes
    exit: str
    listeners: Changes
    servers: Changes


class Balancer:
    """The program under test, in a namespace of its own."""

    def __init__(self, pin_path: Path, state_dir: Path, sizes: Sizes = SIZES) -> None:
        self.pin_path = pin_path
        self.state_dir = state_dir
        self.sizes = sizes
        self.datapath = self.open_datapath()
        self.maps = self.datapath.maps
        self.flows = FlowTable(self.maps.flows)
        self.namespace = balancer_namespace()

    def open_datapath(self) -> Datapath:
        """As a controller that starts does."""
        return asyncio.run(Datapath.open(self.pin_path, self.state_dir, self.sizes))

    def close(self) -> None:
        self.namespace.close()
        self.datapath.close()

    def reset(self, scene: world.Scene, slot: Slot) -> None:
        """As if just started: these tables, both slots alike, no flows, nobody learnt."""
        self.datapath.apply(TableChange(whole=True))
        for rows in (self.maps.flows, self.maps.peers, self.maps.slots):
            rows.view(np.uint8).fill(0)
        self.set_scene(scene)
        self.write_slots(slot)

    def set_scene(self, scene: world.Scene) -> None:
        """Other tables; slots and flows stay."""
        self.datapath.apply(scene.tables())

    def write_slots(self, slot: Slot) -> None:
        """The same word for both listeners."""
        for row in (world.WEB_ROW, world.DNS_ROW):
            self.datapath.write_slot(row, slot)

    def run(self, sent: Packet | bytes, ingress_ifindex: int | None = None) -> Outcome:
        """Hand one frame to the program.

        Args:
            ingress_ifindex: by default the interface that the frame's destination MAC belongs to.
        """
        before = {name: self._counters(name) for name in _ROWS}
        exits_before = self.exits()
        action, frame = self.verdict(sent, ingress_ifindex)
        moved = _changes(exits_before, self.exits())
        assert list(moved.values()) == [1], f"not exactly one exit: {moved}"
        listeners, servers = (
            {
                row: changes
                for row, now in self._counters(name).items()
                if (changes := _changes(before[name][row], now))
            }
            for name in _ROWS
        )
        if action == DROP:
            frame = b""
        return Outcome(action, frame, next(iter(moved)), listeners, servers)

    def verdict(
        self, sent: Packet | bytes, ingress_ifindex: int | None = None
    ) -> tuple[int, bytes]:
        """Action and frame only, many times faster."""
        frame = sent.frame() if isinstance(sent, Packet) else sent
        if ingress_ifindex is None:
            ingress_ifindex = _INTERFACES.get(frame[:6], world.CLIENTS_IF)
        program_fd = self.datapath.program.fd
        with self.namespace.inside():
            done = bpf_run.prog_run(program_fd, frame, ingress_ifindex=ingress_ifindex)
        return done.action, done.frame

    def exits(self) -> Mapping[str, int]:
        return self.maps.counters("exits", 0)

    def _counters(self, name: str) -> Changes:
        return {row: self.maps.counters(name, row) for row in _ROWS[name]}


def _changes(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: after[name] - was for name, was in before.items() if after[name] != was}
