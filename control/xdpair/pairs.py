# SPDX-License-Identifier: Apache-2.0
"""Primary/secondary listeners: the imperative shell of the failover machine. Feeds it probes, time
and operators, and carries out what it decides.

A probe's result reaches the slot without a wait in between: result, verdict, decision and store are
one call chain. Everything else that follows a change of side (events, durable state, telling
clients) comes after the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from xdpair import units
from xdpair.checks import Check, CheckKey, Checks, Surroundings, describe
from xdpair.core import failover
from xdpair.core.desired import Desired
from xdpair.core.errors import GroupNotUsed, ListenerNotFound
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import Outcome, SlotPolicy, SlotState
from xdpair.core.indexes import slot_name, unit_of
from xdpair.core.model import Listener, ListenerKey, PairGroup, Side
from xdpair.core.status import ServerHealth, SlotStatus
from xdpair.effects import Effects
from xdpair.hooks import Hooks
from xdpair.ports import Datapath
from xdpair.units import Unit


class Pairs:
    """All failover units. For the event loop's thread only.

    Args:
        remembered: unit -> state, from the store.
        last_moves_s: unit -> when its serving side last changed, CLOCK_REALTIME.
    """

    def __init__(
        self,
        datapath: Datapath,
        around: Surroundings,
        hooks: Hooks,
        remembered: Mapping[str, SlotState],
        last_moves_s: Mapping[str, float],
    ) -> None:
        self._datapath = datapath
        self._around = around
        self._hooks = hooks
        self._remembered = dict(remembered)
        self._last_moves_s = dict(last_moves_s)
        self._units: dict[str, Unit] = {}
        self._listeners: dict[str, set[ListenerKey]] = {}
        self._unit_names: dict[ListenerKey, str] = {}
        #: Units that are about to go, by group: who takes over their listeners inherits.
        self._leaving: dict[str, list[Unit]] = {}
        self._effects = Effects(datapath, hooks)

    @property
    def drained(self) -> frozenset[tuple[ListenerKey, Side]]:
        """Listeners whose flows of that side have drained for long enough."""
        return frozenset(self._effects.drains.over)

    # -- following what users ask for --------------------------------------------------------------

    def touch(self, desired: Desired, changed: Collection[ListenerKey]) -> list[str]:
        """Note which unit each of these listeners now belongs to.

        Args:
            changed: listeners that were made, changed or deleted, or whose group was.

        Returns:
            The units that have to be prepared, and then followed, in this order: those that go
            first, since others may take over their probes.
        """
        touched = self._regroup(desired, changed)
        self._leaving.clear()
        for name in touched:
            if name in self._units and not self._listeners[name]:
                unit = self._units[name]
                self._leaving.setdefault(unit.group_id, []).append(unit)
        return sorted(touched, key=lambda name: (bool(self._listeners[name]), name))

    def prepare(self, desired: Desired, names: Iterable[str], row_of: Callable[[str], int]) -> None:
        """Make and update units and their slots; to be called before the tables that lead to them
        are applied.
        """
        for name in names:
            listeners = tuple(desired.listener(key) for key in sorted(self._listeners[name]))
            if not listeners:
                continue
            group = desired.pair_group(listeners[0].group_id)
            unit = self._units.get(name) or self._make_unit(
                name, row_of(slot_name(name)), group.lb_id, self._leaving.get(group.group_id, [])
            )
            if unit.group_id not in {"", group.group_id}:
                self._begin_anew(unit)
            unit.group_id, unit.policy = group.group_id, SlotPolicy.of(group)
            unit.listeners = listeners

    def _regroup(self, desired: Desired, changed: Collection[ListenerKey]) -> set[str]:
        """Note which unit each listener belongs to now, and return the units that this touches."""
        touched: set[str] = set()
        for key in changed:
            before = self._unit_names.pop(key, None)
            if before is not None:
                self._listeners[before].discard(key)
                touched.add(before)
            listener = desired.listeners.get(key)
            group = desired.groups.get(listener.group_id) if listener else None
            if listener is not None and isinstance(group, PairGroup):
                name = unit_of(listener, group)
                self._unit_names[key] = name
                self._listeners.setdefault(name, set()).add(key)
                touched.add(name)
            elif before is not None:
                self._effects.drains.forget(key)
        return touched

    def clear_leftovers(self) -> None:
        """To be called once, when the units of a start are prepared. A crash may have come between
        the end of a unit and that of its slot: whoever gets its name or row next must not inherit.
        """
        self._remembered.clear()
        self._last_moves_s.clear()
        owned = {unit.row for unit in self._units.values()}
        for row in self._datapath.used_slots():
            slot = self._datapath.read_slot(row)
            if row not in owned and slot is not None:
                self._datapath.write_slot(row, units.vacated(slot))

    def follow(self, desired: Desired, names: Iterable[str]) -> None:
        """Start, change and stop probes and drains as these units now need; to be called after the
        tables are applied.
        """
        for name in names:
            if not self._listeners[name]:
                del self._listeners[name]
                self._drop_unit(self._units.pop(name))
                continue
            unit = self._units[name]
            unit.checks.follow(dict(units.targets(desired, unit)), self._first_up(unit))
            self._effects.carry_out(
                unit, failover.on_health(unit.state, unit.policy, unit.primary_up(), units.now_ns())
            )
            self._effects.drains.follow(unit)

    def close(self) -> None:
        """Leave the slots as they are. The probes are stopped by who started the prober."""
        for unit in self._units.values():
            if unit.wake is not None:
                unit.wake.cancel()
        self._effects.drains.close()

    def _make_unit(self, name: str, row: int, lb_id: str, former: Sequence[Unit]) -> Unit:
        """Args: former: units of the same group that go, since its scope changed."""
        if former:
            state = units.inherit([unit.state for unit in former])
            self._hooks.flows_ended()
        else:
            state = units.adopt(self._remembered.pop(name, None), self._datapath.read_slot(row))
        unit = self._new_unit(name, row, lb_id, state)
        unit.last_change_time_s = max(
            (each.last_change_time_s for each in former), default=self._last_moves_s.pop(name, 0.0)
        )
        if unit.last_change_time_s:
            ago_s = max(time.time() - unit.last_change_time_s, 0.0)
            unit.changed_ns = units.now_ns() - int(ago_s * 1e9)
        self._datapath.write_slot(row, state.slot)
        self._hooks.state(name, state)
        self._units[name] = unit
        return unit

    def _new_unit(self, name: str, row: int, lb_id: str, state: SlotState) -> Unit:
        def on_result(key: CheckKey, check: Check, changed: bool) -> None:
            self._on_result(unit, key, changed)

        def about(key: CheckKey) -> Event:
            return self._about(unit, key)

        checks = Checks(self._around, on_result, about)
        unit = Unit(name, row, lb_id, "", SlotPolicy(), state, checks)
        return unit

    def _begin_anew(self, unit: Unit) -> None:
        """The listener was given another group: what was said of the old one is not for this."""
        unit.state = SlotState(units.vacated(unit.state.slot), up_since_ns=units.now_ns())
        unit.last_change_time_s, unit.changed_ns = 0.0, None
        self._datapath.write_slot(unit.row, unit.state.slot)
        self._hooks.state(unit.name, unit.state)

    def _drop_unit(self, unit: Unit) -> None:
        unit.checks.stop()
        if unit.wake is not None:
            unit.wake.cancel()
        self._datapath.write_slot(unit.row, units.vacated(unit.state.slot))

    def _first_up(self, unit: Unit) -> Callable[[CheckKey], bool]:
        """A primary that was down has to rise first."""
        return lambda key: unit.state.primary_up if key[1] is Side.PRIMARY else True

    # -- probes ------------------------------------------------------------------------------------

    def _on_result(self, unit: Unit, key: CheckKey, changed: bool) -> None:
        if key[1] is Side.PRIMARY and (changed or unit.primary_up() != unit.state.primary_up):
            outcome = failover.on_health(unit.state, unit.policy, unit.primary_up(), units.now_ns())
            self._effects.carry_out(unit, outcome, key)

    def _about(self, unit: Unit, key: CheckKey) -> Event:
        check = unit.checks.get(key)
        return Event(
            EventKind.HEALTH_CHANGED,
            lb_id=unit.lb_id,
            group_id=unit.group_id,
            listener=str(key[0]),
            check=describe(check.target) if check else "",
            epoch=unit.state.slot.epoch,
        )

    # -- operators ---------------------------------------------------------------------------------

    def switchover(
        self, group_id: str, listener: ListenerKey | None, to: Side | None
    ) -> list[SlotStatus]:
        """Raises what ``failover.switchover`` raises; then nothing of the group moved."""
        return self._operate(
            group_id, listener, lambda u: failover.switchover(u.state, u.policy, to, units.now_ns())
        )

    def failback(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        """Raises what ``failover.failback`` raises; then nothing of the group moved."""
        return self._operate(
            group_id, listener, lambda u: failover.failback(u.state, u.policy, units.now_ns())
        )

    def hold(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        """Raises what ``failover.hold`` raises; then nothing of the group is held."""
        return self._operate(group_id, listener, lambda u: failover.hold(u.state))

    def release(self, group_id: str, listener: ListenerKey | None) -> list[SlotStatus]:
        return self._operate(
            group_id, listener, lambda u: failover.release(u.state, u.policy, units.now_ns())
        )

    def _operate(
        self, group_id: str, listener: ListenerKey | None, decide: Callable[[Unit], Outcome]
    ) -> list[SlotStatus]:
        moved = self._of_group(group_id)
        if listener is not None:
            moved = [unit for unit in moved if listener in [entry.key for entry in unit.listeners]]
            if not moved:
                raise ListenerNotFound(
                    f"no listener {listener} uses group {group_id}", listener=listener
                )
        if not moved:
            raise GroupNotUsed(
                f"group {group_id} is used by no listener: there is nothing to move", group=group_id
            )
        outcomes = [(unit, decide(unit)) for unit in moved]
        for unit, outcome in outcomes:
            self._effects.carry_out(unit, outcome)
        return [units.status_of(unit) for unit in moved]

    # -- answers -----------------------------------------------------------------------------------

    def slots(self, group_id: str | None) -> list[SlotStatus]:
        return [units.status_of(unit) for unit in self._of_group(group_id)]

    def _of_group(self, group_id: str | None) -> list[Unit]:
        return [unit for unit in self._units.values() if group_id in (None, unit.group_id)]

    def health(self, desired: Desired, listener: Listener) -> list[ServerHealth]:
        group = desired.pair_group(listener.group_id)
        unit = self._units.get(unit_of(listener, group))
        return [
            units.health_of(
                desired,
                listener,
                group.member(side),
                unit.checks.get((listener.key, side)) if unit else None,
                side,
            )
            for side in Side
        ]
