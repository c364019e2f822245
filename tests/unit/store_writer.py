# SPDX-License-Identifier: Apache-2.0
"""Writes to a store without end and says which round is acknowledged; started to be killed.

Round n creates server ``s-n``, raises the slot's epoch to n, a row to n, and appends event n.
"""

from __future__ import annotations

import itertools
import sys
from ipaddress import IPv4Address
from pathlib import Path

from xdpair.core.changes import Delta
from xdpair.core.desired import Desired
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import Slot, SlotState
from xdpair.core.indexes import RowChange
from xdpair.core.model import Server
from xdpair.ports import Commit, SlotRecord
from xdpair.store.sqlite import SqliteStore


def main(path: Path) -> None:
    store = SqliteStore.open(path)
    world = Desired()
    for number in itertools.count(1):
        server = Server(f"s-{number}", IPv4Address("192.0.2.1"))
        world = world.create_server(server)
        store.save(Commit(world, Delta(servers=frozenset({server.server_id}))))
        store.save_slots([SlotRecord("unit", SlotState(slot=Slot(epoch=number)))])
        store.save(Commit(world, Delta(), RowChange({"server": number})))
        store.append_events([Event(EventKind.FAILOVER, seq=number)])
        print(number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
