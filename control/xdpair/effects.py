# SPDX-License-Identifier: Apache-2.0
"""Carries out what the failover machine decides: the slot first, and then whatever else follows."""

from __future__ import annotations

import asyncio
import time

from xdpair import units
from xdpair.checks import CheckKey, describe
from xdpair.core import failover
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import Announce, Outcome, WakeAt, WriteSlot
from xdpair.drains import Drains
from xdpair.hooks import Hooks
from xdpair.ports import Datapath
from xdpair.units import Unit


class Effects:
    """For the event loop's thread only."""

    def __init__(self, datapath: Datapath, hooks: Hooks) -> None:
        self._datapath = datapath
        self._hooks = hooks
        self.drains = Drains(hooks.drained)

    def carry_out(self, unit: Unit, outcome: Outcome, decided_by: CheckKey | None = None) -> None:
        """Args: decided_by: the check, if it was a probe."""
        state, effects = outcome
        changed = state != unit.state
        unit.state = state
        for effect in effects:
            match effect:
                case WriteSlot(slot):
                    self._datapath.write_slot(unit.row, slot)
                case Announce():
                    self._announce(unit, effect, decided_by)
                case WakeAt(at_ns):
                    self._wake_at(unit, at_ns)
        if changed:
            self._hooks.state(unit.name, state)

    def _announce(self, unit: Unit, announce: Announce, decided_by: CheckKey | None) -> None:
        now_ns = units.now_ns()
        check = unit.checks.get(decided_by) if decided_by else None
        whole_group = unit.name == unit.group_id
        self._hooks.event(
            Event(
                announce.kind,
                lb_id=unit.lb_id,
                group_id=unit.group_id,
                listener="" if whole_group else unit.name,
                from_side=announce.from_side,
                to_side=announce.to_side,
                cause=announce.cause.value,
                check=describe(check.target) if check else "",
                error=check.last.error if check and check.last else "",
                decided_after_ms=(now_ns - check.series_start_ns) / 1e6 if check else 0.0,
                epoch=unit.state.slot.epoch,
            )
        )
        if announce.kind in {EventKind.HELD, EventKind.RELEASED}:
            return
        unit.last_change_time_s, unit.changed_ns = time.time(), now_ns
        self.drains.follow(unit)
        self._hooks.flows_ended()

    def _wake_at(self, unit: Unit, at_ns: int) -> None:
        if unit.wake is not None:
            unit.wake.cancel()
        delay_s = max(0, at_ns - units.now_ns()) / 1e9

        def on_wake() -> None:
            self.carry_out(unit, failover.on_tick(unit.state, unit.policy, units.now_ns()))

        unit.wake = asyncio.get_running_loop().call_later(delay_s, on_wake)
