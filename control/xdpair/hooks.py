# SPDX-License-Identifier: Apache-2.0
"""What the supervisors tell the rest of the controller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xdpair.core.events import Event
from xdpair.core.failover import SlotState
from xdpair.core.model import ListenerKey
from xdpair.ports import PoolRecord


@dataclass(frozen=True, slots=True)
class Hooks:
    """What else has to happen when a slot or a wheel changes.

    Attributes:
        event: something to tell.
        state: a unit's state to keep.
        pool: a weighted listener's state to keep.
        drained: the drain timeout of one side of this listener is over, or no longer is.
        flows_ended: flows may have lost their server: clients have to be told.
    """

    event: Callable[[Event], None]
    state: Callable[[str, SlotState], None]
    pool: Callable[[PoolRecord], None]
    drained: Callable[[ListenerKey], None]
    flows_ended: Callable[[], None]
