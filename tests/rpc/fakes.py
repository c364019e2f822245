# SPDX-License-Identifier: Apache-2.0
"""The world around the controller, without a kernel: what is behind the ports of the core."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from ipaddress import IPv4Address

from xdpair.core.failover import Slot
from xdpair.core.tables import Link, NextHop, TableChange
from xdpair.ports import DryRun, ProbeResult, ProbeTarget, Swept, WaitingFlow


class FakeDatapath:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}
        self.wheels: dict[int, list[int]] = {}
        self.changes: list[TableChange] = []

    def write_slot(self, row: int, slot: Slot) -> None:
        self.slots[row] = slot

    def read_slot(self, row: int) -> Slot | None:
        return self.slots.get(row)

    def used_slots(self) -> Sequence[int]:
        return list(self.slots)

    def check(self, change: TableChange) -> None:
        """There is room for all."""

    def apply(self, change: TableChange) -> None:
        self.changes.append(change)

    def write_wheel(self, row: int, wheel: Sequence[int], eligible: Mapping[int, bool]) -> None:
        self.wheels[row] = list(wheel)

    def read_wheel(self, row: int) -> Sequence[int]:
        return self.wheels.get(row, [])

    def end_flows(self, server_row: int) -> None:
        """There are none."""

    def count_loads(self) -> None:
        """There are none."""

    def sweep(self) -> Swept:
        return Swept(0, 0)

    def dry_run(self, frame: bytes, ifindex: int) -> DryRun:
        raise NotImplementedError

    def waiting_flows(self) -> Sequence[WaitingFlow]:
        return ()

    def exit_counters(self) -> dict[str, int]:
        return {"forward_known": 2**40, "pass_no_listener": 3, "drop_truncated": 0}

    def listener_counters(self, row: int) -> dict[str, int]:
        return {"packets": 10 + row}

    def server_counters(self, row: int) -> dict[str, int]:
        return {"packets": 20 + row}


class FakeNetwork:
    """One segment on which every neighbour answers."""

    def __init__(self) -> None:
        self.announced: set[IPv4Address] = set()
        self.on_change: Callable[[], None] = lambda: None
        self.on_link: Callable[[str, bool], None] = lambda _interface, _up: None

    async def settle(self, timeout_s: float) -> bool:
        return True

    def watch(self, added: Collection[IPv4Address], removed: Collection[IPv4Address] = ()) -> None:
        pass

    def take_changed(self) -> frozenset[IPv4Address]:
        return frozenset()

    def next_hop(self, address: IPv4Address) -> NextHop | None:
        return NextHop(
            ifindex=2,
            interface="eth0",
            source_mac=b"\x02\0\0\0\0\1",
            dest_mac=b"\x02\0" + address.packed,
            mtu_bytes=1500,
            source_address=IPv4Address("192.0.2.1"),
        )

    def local_addresses(self) -> frozenset[IPv4Address]:
        return frozenset({IPv4Address("192.0.2.1")})

    def links(self) -> tuple[Link, ...]:
        return (Link(2, "eth0", b"\x02\0\0\0\0\1", 1500),)

    async def announce(self, vip: IPv4Address, interface: str | None) -> str:
        self.announced.add(vip)
        return interface or "eth0"

    async def withdraw(self, vip: IPv4Address) -> None:
        self.announced.discard(vip)


class FakeProber:
    """Probes nothing; a test says what a probe found."""

    def __init__(self) -> None:
        self._probes: dict[Hashable, tuple[ProbeTarget, Callable[[ProbeResult], None]]] = {}

    def start(
        self,
        key: Hashable,
        target: ProbeTarget,
        on_result: Callable[[ProbeResult], None],
        *,
        first_now: bool = False,
    ) -> None:
        self._probes[key] = target, on_result

    def stop(self, key: Hashable) -> None:
        del self._probes[key]

    def stop_all(self) -> None:
        self._probes.clear()

    def report(self, address: str, *errors: str) -> None:
        """Say what consecutive probes of an address found; an empty error: it answered."""
        callbacks = [
            on_result
            for target, on_result in self._probes.values()
            if str(target.address) == address
        ]
        assert callbacks, f"nobody probes {address}"
        for error in errors:
            now_ns = time.monotonic_ns()
            result = ProbeResult(
                passed=not error, error=error, started_ns=now_ns - 2_000_000, ended_ns=now_ns
            )
            for on_result in callbacks:
                on_result(result)
