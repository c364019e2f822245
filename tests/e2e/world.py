# SPDX-License-Identifier: Apache-2.0
"""A lab with a controller in it, in which load balancers are defined over its API in one call."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from tests.e2e.checks import UNCHECKED, await_true
from tests.e2e.pair import Pair
from tests.e2e.weighted import Weighted
from tests.lab import passing
from tests.lab.daemon import Daemon, Settings
from tests.lab.lab import Lab
from tests.lab.topology import SERVICE_PORT, SIDES, LabOptions, Role
from xdpair.api.v1 import event_service_pb2 as events_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import system_service_pb2 as system_pb
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.listener_pb2 import HealthCheck, TrafficPolicy
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, ServerGroup
from xdpair.cli.client import Client

#: Where the lab's controller finds its configuration.
CONFIG: Final = "xdpair.toml"


class World:
    """A lab, its controller, and a client of its API."""

    def __init__(self, lab: Lab, settings: Settings | None = None) -> None:
        self.lab = lab
        passing.attach_to_peers(lab)
        self.daemon = Daemon(lab, settings)
        self.pairs: list[Pair] = []
        self.weighted: list[Weighted] = []
        self._numbers = itertools.count()
        self._running = False
        self.start()

    # -- the controller ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the controller; its API answers when this returns."""
        self.daemon.start()
        # A channel that was open while nobody listened waits a second before it looks again.
        self.client = Client(str(self.daemon.socket))
        self._running = True

    def kill(self) -> None:
        """SIGKILL the controller."""
        self.daemon.kill()
        self.close()

    def stop(self) -> None:
        """SIGTERM the controller and wait for its end."""
        self.daemon.stop()
        self.close()

    def configure(self, settings: Settings) -> None:
        """Give it another configuration, for its next start."""
        self.daemon = Daemon(self.lab, settings)

    def start_and_kill(self, life_s: float) -> None:
        """Start it as it was started last, and SIGKILL it in the middle of whatever it does."""
        child = self.lab.balancer.popen(
            [sys.executable, "-m", "xdpair", "serve", "--config", self.lab.directory / CONFIG]
        )
        time.sleep(life_s)
        child.kill()
        child.wait()

    def close(self) -> None:
        """Let go of the API; the lab ends the controller, if it runs."""
        self._running = False
        self.client.__exit__(None, None, None)

    # -- pairs -------------------------------------------------------------------------------------

    def define(
        self,
        tcp: HealthCheck | None = None,
        udp: HealthCheck | None = None,
        *,
        policy: FailoverPolicy | None = None,
        tcp_traffic: TrafficPolicy | None = None,
        udp_traffic: TrafficPolicy | None = None,
        probe_secondary: bool = False,
        port: int = SERVICE_PORT,
    ) -> Pair:
        """A load balancer with a listener for each protocol that gets a health check; the primary
        has been probed and serves when this returns.
        """
        pair = Pair(self, next(self._numbers), port)
        self.pairs.append(pair)
        pair.create(policy, probe_secondary)
        if tcp is not None:
            pair.listen("TCP", tcp, tcp_traffic)
        if udp is not None:
            pair.listen("UDP", udp, udp_traffic)
        checked = sum(c is not None and c is not UNCHECKED for c in (tcp, udp))
        await_true(lambda: len(self._normal_primaries(pair)) == checked, "the primary is probed")
        return pair

    def share(
        self,
        tcp: HealthCheck | None = None,
        udp: HealthCheck | None = None,
        *,
        weights: tuple[int, int] = (100, 100),
        tcp_traffic: TrafficPolicy | None = None,
        udp_traffic: TrafficPolicy | None = None,
    ) -> Weighted:
        """A load balancer whose listeners share new flows between both servers; one listener for
        each protocol that gets a health check.
        """
        weighted = Weighted(self, next(self._numbers))
        self.weighted.append(weighted)
        weighted.create(weights)
        if tcp is not None:
            weighted.listen("TCP", tcp, tcp_traffic)
        if udp is not None:
            weighted.listen("UDP", udp, udp_traffic)
        return weighted

    def _normal_primaries(self, pair: Pair) -> list[lb_pb.ServerHealth]:
        request = lb_pb.GetHealthStatusRequest(name=pair.lb)
        return [
            server
            for server in self.client.load_balancers.GetHealthStatus(request).servers
            if server.side == ServerGroup.PRIMARY and server.state == lb_pb.ServerHealth.NORMAL
        ]

    def clear(self) -> None:
        """Delete all that was defined and mend what was broken."""
        mend(self.lab)
        if not self._running:
            self.start()
        while self.pairs:
            self.pairs.pop().delete()
        while self.weighted:
            self.weighted.pop().delete()

    # -- what is so --------------------------------------------------------------------------------

    def status(self) -> system_pb.SystemStatus:
        status: system_pb.SystemStatus = self.client.system.GetStatus(system_pb.GetStatusRequest())
        return status

    def exits(self) -> dict[str, int]:
        """The data plane's counters."""
        return dict(self.client.system.GetCounters(system_pb.GetCountersRequest()).exits)

    def last_seq(self) -> int:
        newest = self.client.events.ListEvents(events_pb.ListEventsRequest(page_size=1)).events
        return newest[0].seq if newest else 0

    def events(self, after_seq: int = 0, group: str = "") -> list[Event]:
        """Oldest first; at most 1000."""
        request = events_pb.ListEventsRequest(
            after_seq=after_seq, server_group=group, page_size=1000
        )
        return list(reversed(self.client.events.ListEvents(request).events))


@contextmanager
def world_of(
    options: LabOptions | None = None, settings: Settings | None = None
) -> Iterator[World]:
    """A lab with a controller, for as long as the block runs."""
    with Lab(options) as lab:
        world = World(lab, settings)
        try:
            yield world
        finally:
            world.close()


#: What undoes what, by the kinds of the lab's events.
_UNDONE_BY: Final = {
    "restore": ("cut",),
    "server-start": ("server-kill", "server-pause"),
    "server-kill": ("server-pause",),
    "server-resume": ("server-pause",),
    "server-200": ("server-500",),
}


def mend(lab: Lab) -> None:
    """Undo what was done to servers and their links and not undone since."""
    broken: set[tuple[str, Role]] = set()
    for event in lab.timeline.events:
        for kind in _UNDONE_BY.get(event.kind, ()):
            broken.discard((kind, event.role))
        if event.kind in {"cut", "server-kill", "server-pause", "server-500"}:
            broken.add((event.kind, event.role))
    for side in SIDES:
        server = lab.servers[side]
        remedies: dict[str, Callable[[], object]] = {
            "cut": lambda side=side: lab.faults.restore(side),  # type: ignore[misc]
            "server-kill": server.start,
            "server-pause": server.resume,
            "server-500": server.answer_normally,
        }
        for kind, remedy in remedies.items():
            if (kind, side) in broken:
                remedy()
