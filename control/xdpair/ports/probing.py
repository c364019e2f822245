# SPDX-License-Identifier: Apache-2.0
"""What the controller needs in order to probe servers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol as Port

from xdpair.core.model import HealthCheck


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One thing to probe.

    Attributes:
        interface: the probe leaves by this one (SO_BINDTODEVICE), as the data plane's packets do;
            None: the kernel decides.
    """

    address: IPv4Address
    port: int
    check: HealthCheck
    interface: str | None = None


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one probe found out.

    Attributes:
        error: empty if passed, else words for a person: ``connection refused``, ``HTTP 500``.
        started_ns, ended_ns: CLOCK_MONOTONIC.
        local_fault: this host could not probe (no descriptors, no memory): says nothing
            about the server.
    """

    passed: bool
    error: str
    started_ns: int
    ended_ns: int
    local_fault: bool = False


class Prober(Port):
    """Runs probes at their fixed rate. Callbacks come in the event loop, never after ``stop``."""

    def start(
        self,
        key: Hashable,
        target: ProbeTarget,
        on_result: Callable[[ProbeResult], None],
        *,
        first_now: bool = False,
    ) -> None: ...

    def stop(self, key: Hashable) -> None: ...

    def stop_all(self) -> None: ...
