# SPDX-License-Identifier: Apache-2.0
"""The health checks of one failover unit or one weighted listener: from probes to verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from xdpair.core.events import Event, EventKind
from xdpair.core.health import Health, observe
from xdpair.core.model import CheckKind, ListenerKey, Side
from xdpair.ports import Prober, ProbeResult, ProbeTarget

#: Which server of a listener: a side of a pair, or the name of a weighted listener's server row.
CheckKey = tuple[ListenerKey, Side | str]


@dataclass(slots=True)
class Check:
    """One listener's check of one server.

    Attributes:
        series_start_ns: when the first probe of the present run of equal results started.
        local_fault: why this host can not probe just now; empty if it can.
    """

    target: ProbeTarget
    health: Health = field(default_factory=Health)
    last: ProbeResult | None = None
    series_start_ns: int = 0
    local_fault: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all checks share.

    Attributes:
        is_reachable: whether the data plane knows a next hop of the address.
    """

    prober: Prober
    is_reachable: Callable[[IPv4Address], bool]
    event: Callable[[Event], None]


class Checks:
    """Args:
    on_result: a probe counted; called before anybody is told of a changed verdict.
    about: an event of the owner's, to be completed.
    """

    def __init__(
        self,
        around: Surroundings,
        on_result: Callable[[CheckKey, Check, bool], None],
        about: Callable[[CheckKey], Event],
    ) -> None:
        self._around = around
        self._on_result = on_result
        self._about = about
        self._checks: dict[CheckKey, Check] = {}

    def get(self, key: CheckKey) -> Check | None:
        return self._checks.get(key)

    def items(self) -> list[tuple[CheckKey, Check]]:
        return list(self._checks.items())

    def follow(
        self, targets: Mapping[CheckKey, ProbeTarget], first_up: Callable[[CheckKey], bool]
    ) -> None:
        """Start, change and stop probes.

        Args:
            first_up: what is known of a server that was not checked so far: one that was down has
                to rise first.
        """
        for key in [key for key in self._checks if key not in targets]:
            self._around.prober.stop(key)
            del self._checks[key]
        for key, target in targets.items():
            known = self._checks.get(key)
            if known is not None and known.target == target:
                continue
            same_server = known is not None and _is_same_server(known.target, target)
            health = known.health if known and same_server else Health(up=first_up(key))
            self._checks[key] = Check(target, health)
            self._around.prober.start(key, target, self._callback(key), first_now=known is None)

    def stop(self) -> None:
        for key in self._checks:
            self._around.prober.stop(key)
        self._checks.clear()

    def _callback(self, key: CheckKey) -> Callable[[ProbeResult], None]:
        def on_result(result: ProbeResult) -> None:
            self._take(key, result)

        return on_result

    def _take(self, key: CheckKey, result: ProbeResult) -> None:
        check = self._checks[key]
        if result.local_fault:
            self._on_local_fault(key, check, result.error)
            return
        if result.passed and not self._around.is_reachable(check.target.address):
            return  # this host has found it (again), the data plane would still lose its packets
        check.local_fault = ""
        if check.last is None or check.last.passed != result.passed:
            check.series_start_ns = result.started_ns
        check.last = result
        before, settings = check.health, check.target.check
        check.health = observe(before, result.passed, settings.rise, settings.fall)
        changed = before.up != check.health.up
        self._on_result(key, check, changed)
        if changed:
            self._tell(key, check)

    def _on_local_fault(self, key: CheckKey, check: Check, error: str) -> None:
        """It says nothing about the server, so it decides nothing; somebody has to know, once."""
        if check.local_fault != error:
            check.local_fault = error
            self._around.event(replace(self._about(key), kind=EventKind.WARNING, error=error))

    def _tell(self, key: CheckKey, check: Check) -> None:
        verdict = "normal" if check.health.up else "abnormal"
        who = f"the {key[1].name.lower()}" if isinstance(key[1], Side) else describe(check.target)
        self._around.event(
            replace(
                self._about(key),
                error=check.last.error if check.last else "",
                message=f"{who} is {verdict}",
            )
        )


def describe(target: ProbeTarget) -> str:
    """A probe in a few words: ``http 192.0.2.10:80/healthz``."""
    path = target.check.http_path if target.check.kind is CheckKind.HTTP else ""
    return f"{target.check.kind.value} {target.address}:{target.port}{path}"


def _is_same_server(one: ProbeTarget, other: ProbeTarget) -> bool:
    """Whether what is known of the one is true of the other, however it is probed."""
    return (one.address, one.port) == (other.address, other.port)
