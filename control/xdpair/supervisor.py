# SPDX-License-Identifier: Apache-2.0
"""The imperative shell of the failover machine: feeds it probes, time and operators, and carries
out what it decides.

A probe's result reaches the slot without a wait in between: result, verdict, decision and store are
one call chain. Everything else that follows a change of side (events, durable state, telling
clients) comes after the store.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from xdpair import units
from xdpair.core import failover
from xdpair.core.desired import Desired
from xdpair.core.errors import GroupNotUsed, ListenerNotFound
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import Announce, Outcome, SlotPolicy, SlotState, WakeAt, WriteSlot
from xdpair.core.health import Health, observe
from xdpair.core.indexes import slot_name, unit_of, units_of
from xdpair.core.model import Listener, ListenerKey, Side
from xdpair.core.status import ServerHealth, SlotStatus
from xdpair.drains import Drains
from xdpair.ports import Datapath, Prober, ProbeResult, ProbeTarget
from xdpair.units import Check, CheckKey, Unit


@dataclass(frozen=True, slots=True)
class Hooks:
    """What else has to happen when a slot changes.

    Attributes:
        event: something to tell.
        state: a unit's state to keep.
        drained: the set of listeners whose drain timeout is over has changed.
        flows_ended: flows may have lost their server: clients have to be told.
    """

    event: Callable[[Event], None]
    state: Callable[[str, SlotState], None]
    drained: Callable[[], None]
    flows_ended: Callable[[], None]


class Supervisor:
    """All failover units. For the event loop's thread only.

    Attributes:
        reachable: the servers that the data plane knows a next hop of.

    Args:
        remembered: unit -> state, from the store.
        last_moves_s: unit -> when its serving side last changed, CLOCK_REALTIME.
    """

    def __init__(
        self,
        datapath: Datapath,
        prober: Prober,
        hooks: Hooks,
        remembered: Mapping[str, SlotState],
        last_moves_s: Mapping[str, float] | None = None,
    ) -> None:
        self._datapath = datapath
        self._prober = prober
        self._hooks = hooks
        self._remembered = dict(remembered)
        self._last_moves_s = dict(last_moves_s or {})
        self._units: dict[str, Unit] = {}
        self._starting = True
        self._drains = Drains(hooks.drained)
        self.reachable: Set[IPv4Address] = frozenset()

    @property
    def drained(self) -> frozenset[ListenerKey]:
        """Listeners whose drain timeout is over."""
        return frozenset(self._drains.over)

    # -- following what users ask for --------------------------------------------------------------

    def prepare(self, desired: Desired, rows: Mapping[str, int]) -> None:
        """Make and update units and their slots; to be called before the tables that lead to them
        are applied.
        """
        wanted: dict[str, list[Listener]] = {}
        for listener in desired.listeners.values():
            wanted.setdefault(unit_of(listener, desired.group(listener.group_id)), []).append(
                listener
            )
        leaving: dict[str, list[Unit]] = {}
        for unit in self._units.values():
            if unit.name not in wanted:
                leaving.setdefault(unit.group_id, []).append(unit)
        for name, listeners in wanted.items():
            group = desired.group(listeners[0].group_id)
            unit = self._units.get(name) or self._make_unit(
                name, rows[slot_name(name)], group.lb_id, leaving.get(group.group_id, [])
            )
            if unit.group_id not in {"", group.group_id}:
                self._begin_anew(unit)
            unit.group_id, unit.policy = group.group_id, SlotPolicy.of(group)
            unit.listeners = tuple(listeners)
        if self._starting:
            self._starting = False
            self._clear_leftovers()

    def _clear_leftovers(self) -> None:
        """A crash may have come between the end of a unit and that of its slot: whoever gets its
        name or row next must not inherit.
        """
        self._remembered.clear()
        self._last_moves_s.clear()
        owned = {unit.row for unit in self._units.values()}
        for row in self._datapath.used_slots():
            slot = self._datapath.read_slot(row)
            if row not in owned and slot is not None:
                self._datapath.write_slot(row, units.vacated(slot))

    def follow(self, desired: Desired) -> None:
        """Start, change and stop probes and drains as the units now need; to be called after the
        tables are applied.
        """
        names = units_of(desired)
        for name in [name for name in self._units if name not in names]:
            self._drop_unit(self._units.pop(name))
        for unit in self._units.values():
            self._follow_checks(unit, dict(units.targets(desired, unit)))
            self._carry_out(
                unit, failover.on_health(unit.state, unit.policy, unit.primary_up(), units.now_ns())
            )
            self._drains.follow(unit)
        self._drains.forget_others(desired.listeners.keys())

    def close(self) -> None:
        """Stop probing; the slots stay as they are."""
        self._prober.stop_all()
        for unit in self._units.values():
            if unit.wake is not None:
                unit.wake.cancel()
        self._drains.close()

    def _make_unit(self, name: str, row: int, lb_id: str, former: Sequence[Unit]) -> Unit:
        """Args: former: units of the same group that go, since its scope changed."""
        if former:
            state = units.inherit([unit.state for unit in former])
            self._hooks.flows_ended()
        else:
            state = units.adopt(self._remembered.pop(name, None), self._datapath.read_slot(row))
        unit = Unit(name, row, lb_id, "", SlotPolicy(), state)
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

    def _begin_anew(self, unit: Unit) -> None:
        """The listener was given another group: what was said of the old one is not for this."""
        unit.state = SlotState(units.vacated(unit.state.slot), up_since_ns=units.now_ns())
        unit.last_change_time_s, unit.changed_ns = 0.0, None
        self._datapath.write_slot(unit.row, unit.state.slot)
        self._hooks.state(unit.name, unit.state)

    def _drop_unit(self, unit: Unit) -> None:
        for key in unit.checks:
            self._prober.stop(key)
        if unit.wake is not None:
            unit.wake.cancel()
        self._datapath.write_slot(unit.row, units.vacated(unit.state.slot))

    def _follow_checks(self, unit: Unit, targets: dict[CheckKey, ProbeTarget]) -> None:
        for key in [key for key in unit.checks if key not in targets]:
            self._prober.stop(key)
            del unit.checks[key]
        for key, target in targets.items():
            known = unit.checks.get(key)
            if known is not None and known.target == target:
                continue
            same_server = known is not None and units.is_same_server(known.target, target)
            health = known.health if known and same_server else self._first_health(unit, key[1])
            unit.checks[key] = Check(target, health)
            self._prober.start(key, target, self._callback(unit, key), first_now=known is None)

    def _first_health(self, unit: Unit, side: Side) -> Health:
        """A new check starts from what is known: a primary that was down has to rise first."""
        return Health(up=unit.state.primary_up if side is Side.PRIMARY else True)

    # -- probes ------------------------------------------------------------------------------------

    def _callback(self, unit: Unit, key: CheckKey) -> Callable[[ProbeResult], None]:
        def on_result(result: ProbeResult) -> None:
            self._on_result(unit, key, result)

        return on_result

    def _on_result(self, unit: Unit, key: CheckKey, result: ProbeResult) -> None:
        check = unit.checks[key]
        if result.local_fault:
            self._on_local_fault(unit, key, check, result.error)
            return
        if result.passed and check.target.address not in self.reachable:
            return  # this host has found it (again), the data plane would still lose its packets
        check.local_fault = ""
        if check.last is None or check.last.passed != result.passed:
            check.series_start_ns = result.started_ns
        check.last = result
        before, settings = check.health, check.target.check
        check.health = observe(before, result.passed, settings.rise, settings.fall)
        if key[1] is Side.PRIMARY and (
            before.up != check.health.up or unit.primary_up() != unit.state.primary_up
        ):
            outcome = failover.on_health(unit.state, unit.policy, unit.primary_up(), units.now_ns())
            self._carry_out(unit, outcome, key)
        if before.up != check.health.up:
            self._hooks.event(self._health_event(unit, key, check))

    def _on_local_fault(self, unit: Unit, key: CheckKey, check: Check, error: str) -> None:
        """It says nothing about the server, so it decides nothing; somebody has to know, once."""
        if check.local_fault != error:
            check.local_fault = error
            self._hooks.event(replace(self._about(unit, key, EventKind.WARNING), error=error))

    def _health_event(self, unit: Unit, key: CheckKey, check: Check) -> Event:
        verdict = "normal" if check.health.up else "abnormal"
        return replace(
            self._about(unit, key, EventKind.HEALTH_CHANGED),
            error=check.last.error if check.last else "",
            message=f"the {key[1].name.lower()} is {verdict}",
        )

    def _about(self, unit: Unit, key: CheckKey, kind: EventKind) -> Event:
        return Event(
            kind,
            lb_id=unit.lb_id,
            group_id=unit.group_id,
            listener=str(key[0]),
            check=units.describe(unit.checks[key].target),
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
        moved = [unit for unit in self._units.values() if unit.group_id == group_id]
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
            self._carry_out(unit, outcome)
        return [units.status_of(unit) for unit in moved]

    # -- effects -----------------------------------------------------------------------------------

    def _carry_out(self, unit: Unit, outcome: Outcome, decided_by: CheckKey | None = None) -> None:
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
                check=units.describe(check.target) if check else "",
                error=check.last.error if check and check.last else "",
                decided_after_ms=(now_ns - check.series_start_ns) / 1e6 if check else 0.0,
                epoch=unit.state.slot.epoch,
            )
        )
        if announce.kind in {EventKind.HELD, EventKind.RELEASED}:
            return
        unit.last_change_time_s, unit.changed_ns = time.time(), now_ns
        self._drains.follow(unit)
        self._hooks.flows_ended()

    def _wake_at(self, unit: Unit, at_ns: int) -> None:
        if unit.wake is not None:
            unit.wake.cancel()
        delay_s = max(0, at_ns - units.now_ns()) / 1e9

        def on_wake() -> None:
            self._carry_out(unit, failover.on_tick(unit.state, unit.policy, units.now_ns()))

        unit.wake = asyncio.get_running_loop().call_later(delay_s, on_wake)

    # -- answers -----------------------------------------------------------------------------------

    def slots(self, group_id: str | None) -> list[SlotStatus]:
        return [
            units.status_of(unit)
            for unit in self._units.values()
            if group_id in (None, unit.group_id)
        ]

    def health(self, desired: Desired, listeners: Iterable[Listener]) -> list[ServerHealth]:
        return [
            units.health_of(desired, self._unit_of(desired, listener), listener, side)
            for listener in listeners
            for side in Side
        ]

    def _unit_of(self, desired: Desired, listener: Listener) -> Unit | None:
        return self._units.get(unit_of(listener, desired.group(listener.group_id)))
