# SPDX-License-Identifier: Apache-2.0
"""What the controller needs of the world, as Protocols, and the values that cross them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address
from typing import Protocol as Port

from xdpair.core.desired import Desired
from xdpair.core.events import Event
from xdpair.core.failover import Slot, SlotState
from xdpair.core.model import HealthCheck
from xdpair.core.tables import Link, NextHop, Tables


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One thing to probe.

    Attributes:
        interface: the probe leaves by this one (SO_BINDTODEVICE), as the data plane's packets do;
            None: the kernel decides.
    """

    address: IPv4Address
    port: int
    check: HealthCheck
    interface: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one probe found out.

    Attributes:
        error: empty if passed, else words for a person: ``connection refused``, ``HTTP 500``.
        started_ns, ended_ns: CLOCK_MONOTONIC.
        local_fault: this host could not probe (no descriptors, no memory): says nothing
            about the server.
    """

    passed: bool
    error: str
    started_ns: int
    ended_ns: int
    local_fault: bool = False


class Prober(Port):
    """Runs probes at their fixed rate. Callbacks come in the event loop, never after ``stop``."""

    def start(
        self,
        key: Hashable,
        target: ProbeTarget,
        on_result: Callable[[ProbeResult], None],
        *,
        first_now: bool = False,
    ) -> None: ...

    def stop(self, key: Hashable) -> None: ...

    def stop_all(self) -> None: ...


class XdpMode(Enum):
    NATIVE = "native"
    GENERIC = "generic"


class Network(Port):
    """Links, routes, neighbours and VIP announcement of this host. Reads are from a cache, without
    I/O.
    """

    on_change: Callable[[], None]
    on_link: Callable[[str, bool], None]

    async def settle(self, timeout_s: float) -> bool:
        """Wait until every watched address has a next hop or is known to have none."""
        ...

    def watch(self, addresses: Collection[IPv4Address]) -> None: ...

    def next_hop(self, address: IPv4Address) -> NextHop | None: ...

    def local_addresses(self) -> frozenset[IPv4Address]: ...

    def links(self) -> tuple[Link, ...]:
        """The interfaces the controller was told to use, as far as they are there."""
        ...

    async def announce(self, vip: IPv4Address, interface: str | None) -> str: ...

    async def withdraw(self, vip: IPv4Address) -> None: ...


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """What must survive a restart: a unit's slot, and what the operator said of it."""

    unit: str
    state: SlotState


@dataclass(frozen=True, slots=True)
class WaitingFlow:
    """One client that has to be told; ports in the host's order."""

    vip: IPv4Address
    port: int
    client: IPv4Address
    client_port: int


class Datapath(Port):
    """The loaded program's maps."""

    def write_slot(self, row: int, slot: Slot) -> None:
        """One aligned 64-bit store: this is the failover."""
        ...

    def used_slots(self) -> Sequence[int]:
        """Rows that were ever written."""
        ...

    def read_slot(self, row: int) -> Slot | None:
        """What the data plane goes by; None if the row was never written."""
        ...

    def check(self, tables: Tables) -> None:
        """Would ``apply`` find room? Writes nothing.

        Raises:
            LimitExceeded: the lookup table is too full.
        """
        ...

    def apply(self, tables: Tables) -> None:
        """Make the maps say what ``tables`` says; only differences are written.

        Raises:
            LimitExceeded: the lookup table is too full; nothing was written.
        """
        ...

    def waiting_flows(self) -> Sequence[WaitingFlow]:
        """TCP flows whose server no longer serves them and whose client does not know yet. Slow:
        call it in a thread.
        """
        ...

    def exit_counters(self) -> dict[str, int]: ...

    def listener_counters(self, row: int) -> dict[str, int]: ...

    def server_counters(self, row: int) -> dict[str, int]: ...


class Store(Port):
    """Durable memory. Each call returns only when its change is on disk; all of them block: call
    them in a thread.

    Raises:
        StoreError: the change did not happen.
    """

    def load(self) -> Desired: ...

    def save(
        self,
        old: Desired,
        new: Desired,
        indexes: Mapping[str, int] | None = None,
        gone: Collection[str] = (),
    ) -> None:
        """Write the difference, and what follows from it, in one transaction.

        Args:
            indexes: all there are from now on; None: as before.
            gone: units whose slots may be forgotten.
        """
        ...

    def load_indexes(self) -> dict[str, int]:
        """Map indexes by name (``listener:…``, ``slot:…``, ``server:…``): they must not move under
        live flows.
        """
        ...

    def load_slots(self) -> Sequence[SlotRecord]: ...

    def save_slots(self, records: Collection[SlotRecord]) -> None: ...

    def append_events(self, events: Collection[Event]) -> None: ...

    def load_events(self, limit: int) -> Sequence[Event]:
        """The newest ``limit`` events, oldest first."""
        ...
