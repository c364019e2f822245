# SPDX-License-Identifier: Apache-2.0
"""xdpair's data plane with one listener for TCP and one for UDP, without the controller."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from tests.bench.frames import Endpoint
from xdpair.core.failover import Slot
from xdpair.core.model import Protocol, Scheduler, Side
from xdpair.core.tables import (
    Kind,
    Link,
    ListenerEntry,
    LookupKey,
    NextHop,
    Schedule,
    ServerEntry,
    TableChange,
    endpoint_value,
)
from xdpair.core.wheel import WheelServer, build
from xdpair.datapath.adapter import Datapath
from xdpair.datapath.pins import Sizes

_SLOT = 1
_PRIMARY, _SECONDARY = 1, 2
_LISTENERS = {Protocol.TCP: 1, Protocol.UDP: 2}


class Subject:
    """The loaded program. A context manager: leaving it removes program and maps.

    Args:
        vip: what clients dial; its MAC is not looked at.
        server: the primary, with the MAC of its next hop. The secondary is never used.
        front: the interface that clients are behind.
        back: the interface that the server is behind.
        sizes: of the maps; without, what users get.
    """

    def __init__(
        self,
        vip: Endpoint,
        server: Endpoint,
        front: Link,
        back: Link,
        sizes: Sizes | None = None,
    ) -> None:
        self._pin_path = Path(f"/sys/fs/bpf/xdpair-bench-{os.getpid()}")
        try:
            with tempfile.TemporaryDirectory(prefix="xdpair-bench-") as state_dir:
                opening = Datapath.open(self._pin_path, Path(state_dir), sizes or Sizes())
                self._datapath = asyncio.run(opening)
        finally:  # descriptors keep alive what is loaded; no pin outlives a killed benchmark
            shutil.rmtree(self._pin_path, ignore_errors=True)
        self._datapath.write_slot(_SLOT, Slot(side=Side.PRIMARY))
        tables = _tables(vip, server, front, back)
        self._datapath.apply(tables)
        listener, primary = tables.listeners[1], tables.servers[_PRIMARY]
        assert listener is not None
        assert primary is not None
        self._listener, self._server = listener, primary
        self._free_listener, self._free_server = 10, 10
        self.fd = self._datapath.program.fd

    def share(self, vip: Endpoint, scheduler: Scheduler, servers: int) -> None:
        """Add a weighted TCP listener. All of its servers are reached where the first one is, so
        that packets of all come out alike.
        """
        row, first = self._free_listener, self._free_server
        self._free_listener, self._free_server = row + 1, first + servers
        rows = range(first, first + servers)
        entry = replace(self._listener, port=vip.port, servers=(0, 0), slot=0)
        schedule = Schedule.SOURCE if scheduler is Scheduler.SCH else Schedule.IN_TURN
        change = TableChange(
            {LookupKey(Kind.LISTENER, vip.address, vip.port, Protocol.TCP): row},
            {row: replace(entry, schedule=schedule)},
            dict.fromkeys(rows, replace(self._server, weight=100)),
        )
        self._datapath.apply(change)
        members = [WheelServer(each, each.to_bytes(4, "big"), 100) for each in rows]
        self._datapath.write_wheel(row, build(scheduler, members), dict.fromkeys(rows, True))

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self._datapath.close()

    def exits(self) -> dict[str, int]:
        """Packets so far, by the exit they took."""
        return self._datapath.exit_counters()

    def detours_from(self, exit_name: str) -> Callable[[], int]:
        """Counts packets that took any other exit."""

        def count() -> int:
            return sum(packets for name, packets in self.exits().items() if name != exit_name)

        return count


def _tables(vip: Endpoint, server: Endpoint, front: Link, back: Link) -> TableChange:
    lookup = {LookupKey(Kind.VIP, vip.address): 1}
    listeners = {}
    for protocol, row in _LISTENERS.items():
        lookup[LookupKey(Kind.LISTENER, vip.address, vip.port, protocol)] = row
        endpoint = LookupKey(Kind.ENDPOINT, server.address, server.port, protocol)
        lookup[endpoint] = endpoint_value(row, Side.PRIMARY, shared=False)
        listeners[row] = ListenerEntry(
            vip=vip.address,
            port=vip.port,
            protocol=protocol,
            slot=_SLOT,
            servers=(_PRIMARY, _SECONDARY),
            keep_primary=False,
            keep_secondary=True,
        )
    hop = NextHop(
        back.ifindex, back.name, back.mac, server.mac, back.mtu_bytes, IPv4Address("192.0.2.1")
    )
    servers = {
        _PRIMARY: ServerEntry(server.address, server.port, hop),
        _SECONDARY: ServerEntry(IPv4Address("192.0.2.2"), server.port, None),
    }
    links = (front,) if front == back else (front, back)
    return TableChange(lookup, listeners, servers, links=links, whole=True)
