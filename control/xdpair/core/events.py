# SPDX-License-Identifier: Apache-2.0
"""What happened, as values: the answer to "nobody can see what happened"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from xdpair.core.model import Side


class EventKind(Enum):
    FAILOVER = "failover"
    FAILBACK = "failback"
    SWITCHOVER = "switchover"
    WEIGHT_CHANGE = "weight_change"
    REJECTING = "rejecting"
    SERVING = "serving"
    FENCED = "fenced"
    HELD = "held"
    RELEASED = "released"
    HEALTH_CHANGED = "health_changed"
    FLOWS_RESET = "flows_reset"
    NEXT_HOP_LOST = "next_hop_lost"
    NEXT_HOP_FOUND = "next_hop_found"
    ATTACHED = "attached"
    STARTED = "started"
    STOPPED = "stopped"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        seq: grows by one for each event of this host, for ever; 0: not numbered yet.
        time_s: seconds since the epoch, CLOCK_REALTIME, for people; nothing is decided by it.
        listener: ``lb-…/tcp-80``, empty where a whole group is meant.
        from_side, to_side: who served before and after; None: nobody.
        cause: why, in a word: ``health``, ``operator``, ``weight``.
        check: which probe decided: ``http 192.0.2.10:80``.
        error: what the last probe said: ``connection refused``.
        decided_after_ms: from the start of the first probe of the deciding series to the slot
            write; 0 if no probe decided.
        epoch: of the slot after the event.
    """

    kind: EventKind
    seq: int = 0
    time_s: float = 0.0
    lb_id: str = ""
    group_id: str = ""
    listener: str = ""
    from_side: Side | None = None
    to_side: Side | None = None
    cause: str = ""
    check: str = ""
    error: str = ""
    decided_after_ms: float = 0.0
    epoch: int = 0
    message: str = ""
