# SPDX-License-Identifier: Apache-2.0
"""Who serves, and what operators said, for the model of the API; no probe ever fails here."""

from __future__ import annotations

from collections.abc import Iterable

from tests.rpc.api_plain import Plain
from tests.rpc.api_references import NOT_FOUND, PRECONDITION, Resources
from tests.rpc.api_rules import UNIMPLEMENTED, Codes

_OTHER = {"PRIMARY": "SECONDARY", "SECONDARY": "PRIMARY", "NOBODY": "PRIMARY"}
#: What moves together: (group, "") for all its listeners, or (group, listener).
Unit = tuple[str, str]


class Slots:
    """Attributes:
    pins: the side that an operator wants, or None.
    serving: as it was seen last.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self.pins: dict[Unit, str | None] = {}
        self.serving: dict[Unit, str] = {}

    def units(self, group: str) -> dict[Unit, list[str]]:
        """Return the names of the listeners of each unit."""
        pair = self._resources["server_groups"][group]
        listeners = sorted(user["name"] for user in self._resources.users_of_group(group))
        if pair["kind"] != "PRIMARY_SECONDARY" or not listeners:
            return {}
        if pair["failover_policy"]["scope"] == "GROUP":
            return {(group, ""): listeners}
        return {(group, listener): [listener] for listener in listeners}

    def operate(
        self, method: str, group: str, listener: str, to: str | None
    ) -> tuple[Codes, dict[Unit, str | None]]:
        """Return what an operator's word is refused with, or what is pinned then."""
        if self._resources["server_groups"][group]["kind"] != "PRIMARY_SECONDARY":
            return {UNIMPLEMENTED}, {}
        moved = {
            unit: self.serving[unit]
            for unit, listeners in self.units(group).items()
            if not listener or listener in listeners
        }
        if not moved:
            return {NOT_FOUND if listener else PRECONDITION}, {}
        if method == "Release":
            return set(), dict.fromkeys(moved)
        if method == "Failback":
            return self._if_usable(group, dict.fromkeys(moved, "PRIMARY")), dict.fromkeys(moved)
        pins = dict(moved)
        if method == "Switchover":
            is_said = to not in (None, "SIDE_UNSPECIFIED")
            pins = {unit: str(to) if is_said else _OTHER[side] for unit, side in moved.items()}
            return self._if_usable(group, pins), dict(pins)
        return ({PRECONDITION} if "NOBODY" in pins.values() else set()), dict(pins)

    def _if_usable(self, group: str, wanted: dict[Unit, str]) -> Codes:
        usable = self._usable(group)
        return set() if usable.issuperset(wanted.values()) else {PRECONDITION}

    def _usable(self, group: str) -> set[str]:
        servers = self._resources["server_groups"][group]["servers"]
        return {server["role"] for server in servers if server["weight"]}

    # -- looking -----------------------------------------------------------------------------------

    def see(self, group: str, slots: Iterable[Plain]) -> None:
        """Compare a group's slots with what they must be."""
        units = self.units(group)
        seen = {tuple(sorted(slot["listeners"])): slot for slot in slots}
        assert sorted(seen) == sorted(tuple(listeners) for listeners in units.values())
        is_split_anew = {unit for unit in self.pins if unit[0] == group} and not (
            units.keys() & self.pins.keys()
        )
        for unit, listeners in units.items():
            slot = seen[tuple(listeners)]
            pin = slot["pinned"] if slot["pinned"] != "SIDE_UNSPECIFIED" else None
            if unit not in self.pins and is_split_anew:
                self.pins[unit] = pin  # inherited from those that were there before
            assert pin == self.pins.setdefault(unit, None), (unit, slot)
            assert slot["primary_healthy"]
            assert slot["serving"] in self._may_serve(group, pin), (unit, slot)
            self.serving[unit] = slot["serving"]
        for unit in [unit for unit in self.pins if unit[0] == group and unit not in units]:
            del self.pins[unit]

    def forget(self, groups: Iterable[str]) -> None:
        """Whatever was said of these: they are gone, or the controller remembers nothing."""
        for unit in [unit for unit in self.pins if unit[0] in groups]:
            del self.pins[unit]

    def _may_serve(self, group: str, pin: str | None) -> set[str]:
        usable = self._usable(group)
        if pin in usable:
            return {str(pin)}
        policy = self._resources["server_groups"][group]["failover_policy"]
        waits = policy["failback"] == "MANUAL" or policy["hold_down"]
        if usable == {"PRIMARY", "SECONDARY"} and not waits:
            return {"PRIMARY"}
        return usable or {"NOBODY"}
