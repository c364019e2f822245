# SPDX-License-Identifier: Apache-2.0
"""What the controller needs of the loaded program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol as Port

from xdpair.core.failover import Slot
from xdpair.core.tables import TableChange


@dataclass(frozen=True, slots=True)
class WaitingFlow:
    """One client that has to be told; ports in the host's order.

    Attributes:
        server: it is still there and has to be told, too (the flow timed out).
    """

    vip: IPv4Address
    port: int
    client: IPv4Address
    client_port: int
    server: tuple[IPv4Address, int] | None = None


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep over the flow table ended.

    Attributes:
        timed_out: TCP flows that were silent for too long; their ends have to be told.
        expired: what nobody has to be told of: idle datagram flows, half-open connections, ties.
    """

    timed_out: int
    expired: int


@dataclass(frozen=True, slots=True)
class DryRun:
    """What the loaded program would do with one frame now, and why.

    Attributes:
        verdict: ``XDP_PASS`` and so on.
        exit: the field of ``struct exits`` that would move.
        frame: as it would leave.
        trace: ``struct trace`` of bpf/abi.h by field name.
    """

    verdict: str
    exit: str
    frame: bytes
    trace: Mapping[str, int]


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

    def check(self, change: TableChange) -> None:
        """Would ``apply`` find room? Writes nothing.

        Raises:
            LimitExceeded: the lookup table or the access control lists are too full.
        """
        ...

    def apply(self, change: TableChange) -> None:
        """Write it, in an order in which every packet between two writes finds its way.

        Raises:
            LimitExceeded: the lookup table is too full; nothing was written.
        """
        ...

    def write_wheel(self, row: int, wheel: Sequence[int], eligible: Mapping[int, bool]) -> None:
        """Give a weighted listener another wheel, by one store; an empty one rejects.

        Args:
            row: of ``listeners``.
            wheel: rows of servers.
            eligible: rows of servers that may, or may no longer, be given new flows.

        Raises:
            LimitExceeded: no room for a wheel of that size; the old one stays.
        """
        ...

    def read_wheel(self, row: int) -> Sequence[int]:
        """What the data plane goes by; empty if there is none."""
        ...

    def end_flows(self, server_row: int) -> None:
        """End all flows of a weighted listener's server: one store."""
        ...

    def count_loads(self) -> None:
        """Count the flows of all servers anew, for schedulers that go by them. Slow: call it in a
        thread.
        """
        ...

    def sweep(self) -> Swept:
        """Time out what was silent for too long, over the whole flow table. Slow: call it in a
        thread.
        """
        ...

    def dry_run(self, frame: bytes, ifindex: int) -> DryRun:
        """Ask the loaded program about a frame, with the live maps; nothing changes.

        Raises:
            DatapathError: the kernel refused.
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
