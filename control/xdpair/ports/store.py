# SPDX-License-Identifier: Apache-2.0
"""What the controller needs of a durable memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol as Port

from xdpair.core.changes import Delta, Departure
from xdpair.core.desired import Desired
from xdpair.core.events import Event
from xdpair.core.failover import SlotState
from xdpair.core.indexes import RowChange


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """What must survive a restart: a unit's slot, and what the operator said of it."""

    unit: str
    state: SlotState


@dataclass(frozen=True, slots=True)
class PoolRecord:
    """What must survive a restart of a weighted listener's servers.

    Attributes:
        listener: ``str`` of its key.
        down: names of the rows whose check failed.
        draining: name -> CLOCK_REALTIME in seconds, when the flows of one that is down end.
    """

    listener: str
    down: frozenset[str]
    draining: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request id (AIP-155) and what came of it.

    Attributes:
        digest: of the request's content, to tell another one that uses the same id.
        resource: name of what was made.
        time_s: CLOCK_REALTIME.
    """

    request_id: str
    digest: str
    resource: str
    time_s: float


@dataclass(frozen=True, slots=True)
class Commit:
    """One change, with all that follows from it.

    Attributes:
        new: what the store is to hold.
        delta: where it differs from what the store holds.
        rows: names of map rows that are given away or freed, and cursors; None: as before.
        gone: units and weighted listeners whose states may be forgotten; unknown ones are no error.
        departures: by name of the row; None: over.
        request: the request id that asked for it, if any.
    """

    new: Desired
    delta: Delta
    rows: RowChange | None = None
    gone: Collection[str] = ()
    departures: Mapping[str, Departure | None] = field(default_factory=dict)
    request: RequestRecord | None = None


class Store(Port):
    """Durable memory. Each call returns only when its change is on disk; all of them block: call
    them in a thread.

    Raises:
        StoreError: the change did not happen.
    """

    def load(self) -> Desired: ...

    def save(self, commit: Commit) -> None:
        """Write it in one transaction."""
        ...

    def load_rows(self) -> dict[str, int]:
        """Map rows by name (``listener:…``, ``slot:…``, ``server:…``, ``acl:…``, ``cursor:…``):
        they must not move under live flows.
        """
        ...

    def load_departures(self) -> dict[str, Departure]: ...

    def load_requests(self) -> Sequence[RequestRecord]:
        """The newest that are kept, oldest first."""
        ...

    def load_slots(self) -> Sequence[SlotRecord]: ...

    def save_slots(self, records: Collection[SlotRecord]) -> None: ...

    def load_pools(self) -> Sequence[PoolRecord]: ...

    def save_pools(self, records: Collection[PoolRecord]) -> None:
        """One that says that nothing is down is forgotten."""
        ...

    def append_events(self, events: Collection[Event]) -> None: ...

    def load_events(self, limit: int) -> Sequence[Event]:
        """The newest ``limit`` events, oldest first."""
        ...
