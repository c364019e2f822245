# SPDX-License-Identifier: Apache-2.0
"""Drives the slots as the controller does: by the failover machine, one slot write a move."""

from __future__ import annotations

from collections.abc import Callable

from xdpair.core import failover
from xdpair.core.failover import Outcome, Slot, SlotPolicy, SlotState, WriteSlot
from xdpair.core.model import Side


class Pair:
    """What happens to a pair's servers; each method makes exactly one slot write.

    Args:
        write: stores a slot's word.
        epoch: the first one.
    """

    def __init__(self, write: Callable[[Slot], None], epoch: int = 1) -> None:
        self._write = write
        self.state = SlotState(Slot(epoch=epoch, fence=(epoch, epoch)))
        self.policy = SlotPolicy()
        write(self.state.slot)

    def primary_fails(self) -> None:
        self._carry_out(failover.on_health(self.state, self.policy, up=False, now_ns=0))

    def primary_recovers(self) -> None:
        self._carry_out(failover.on_health(self.state, self.policy, up=True, now_ns=0))

    def weigh(self, primary: int, secondary: int) -> None:
        self.policy = SlotPolicy(primary, secondary)
        self._carry_out(failover.on_tick(self.state, self.policy, now_ns=0))

    def switch_to(self, side: Side) -> None:
        self._carry_out(failover.switchover(self.state, self.policy, side, now_ns=0))

    def _carry_out(self, outcome: Outcome) -> None:
        self.state, effects = outcome
        (slot,) = (effect.slot for effect in effects if isinstance(effect, WriteSlot))
        self._write(slot)
