# SPDX-License-Identifier: Apache-2.0
"""A lab with a controller in it, and load balancers defined over its API in one call."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from tests.e2e import passing
from tests.lab.daemon import Daemon, Settings
from tests.lab.lab import Lab
from tests.lab.topology import SERVICE_PORT, SIDES, LabOptions, Role, Side
from xdpair.api.v1 import event_service_pb2 as events_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1 import system_service_pb2 as system_pb
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener, TrafficPolicy
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, GroupServer, ServerGroup, SlotStatus
from xdpair.cli.client import Client

#: What a machine that is busy with other things may add to anything that takes no time by itself.
BUSY_S: Final = 0.5
#: More than any failover or failback here takes; a test that waits longer has failed.
SOON_S: Final = 5.0

#: Where the lab's controller finds its configuration.
CONFIG: Final = "xdpair.toml"

_POLL_S: Final = 0.005
_FIRST_VIP_OCTET: Final = 101

T = TypeVar("T")


def duration(milliseconds: int) -> Duration:
    """As the API wants it."""
    result = Duration()
    result.FromMilliseconds(milliseconds)
    return result


def check(
    kind: str = "TCP",
    *,
    interval_ms: int = 20,
    timeout_ms: int = 1000,
    rise: int = 2,
    fall: int = 3,
    path: str = "",
    request: bytes = b"",
    expected: bytes = b"",
) -> HealthCheck:
    """A health check.

    The defaults know a refused port after 60 ms, and give a server so much time for an answer that
    a busy machine causes no failover.
    """
    return HealthCheck(
        type=kind,
        interval=duration(interval_ms),
        timeout=duration(timeout_ms),
        healthy_threshold=rise,
        unhealthy_threshold=fall,
        http_path=path,
        udp_request=request,
        udp_expected=expected,
    )


#: Notices a silent host, too, after a quarter of a second.
IMPATIENT: Final = check(timeout_ms=80)
HTTP: Final = check("HTTP", path="/")
#: The lab's servers answer a datagram with their side and the datagram itself.
UDP_TEXT: Final = check("UDP", request=b"fit?", expected=b"primary fit?", timeout_ms=80)
UDP_SILENT: Final = check("UDP", request=b"fit?", timeout_ms=20)
UNCHECKED: Final = HealthCheck(enabled=False)


def await_true(condition: Callable[[], T], what: str, timeout_s: float = SOON_S) -> T:
    """Wait until something holds, and return what made it hold."""
    deadline_s = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline_s, f"after {timeout_s:g} s still not: {what}"
        time.sleep(_POLL_S)
    return result


class Pair:
    """A load balancer with an address of its own, its group, and one or two listeners.

    Attributes:
        vip: what clients dial, on ``SERVICE_PORT``.
        lb, group, tcp, udp: resource names; of the listeners only those that were asked for exist.
    """

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self.vip = f"198.51.100.{_FIRST_VIP_OCTET + number}"
        self.lb = f"loadBalancers/lb-{number}"
        self.group = f"serverGroups/rsp-{number}"
        self.tcp = f"{self.lb}/listeners/tcp-{SERVICE_PORT}"
        self.udp = f"{self.lb}/listeners/udp-{SERVICE_PORT}"
        self.born_seq = world.last_seq()

    # -- definition --------------------------------------------------------------------------------

    def create(self, policy: FailoverPolicy | None, probe_secondary: bool) -> None:
        """Load balancer and group."""
        api = self._world.client
        api.load_balancers.CreateLoadBalancer(
            lb_pb.CreateLoadBalancerRequest(
                load_balancer_id=self.lb.partition("/")[2],
                load_balancer=LoadBalancer(address=self.vip),
            )
        )
        group = ServerGroup(
            load_balancer=self.lb,
            servers=self._servers(100, 100),
            failover_policy=policy,
            probe_secondary=probe_secondary,
        )
        api.groups.CreateServerGroup(
            group_pb.CreateServerGroupRequest(
                server_group_id=self.group.partition("/")[2], server_group=group
            )
        )

    def listen(
        self, protocol: str, health: HealthCheck, traffic: TrafficPolicy | None = None
    ) -> None:
        """Create a listener and start it."""
        api = self._world.client.load_balancers
        listener = Listener(
            protocol=protocol,
            port=SERVICE_PORT,
            server_group=self.group,
            health_check=health,
            traffic_policy=traffic,
        )
        created = api.CreateListener(lb_pb.CreateListenerRequest(parent=self.lb, listener=listener))
        api.StartListener(lb_pb.StartListenerRequest(name=created.name))

    def unlisten(self, listener: str) -> None:
        self._world.client.load_balancers.DeleteListener(lb_pb.DeleteListenerRequest(name=listener))

    def set_weights(self, primary: int, secondary: int) -> None:
        self.update(servers=self._servers(primary, secondary))

    def update(self, **fields: Any) -> None:
        """Change fields of the group."""
        group = ServerGroup(name=self.group, **fields)
        self._world.client.groups.UpdateServerGroup(
            group_pb.UpdateServerGroupRequest(
                server_group=group, update_mask=FieldMask(paths=fields)
            )
        )

    def update_check(self, health: HealthCheck) -> None:
        """Put another health check in the place of the TCP listener's."""
        self._world.client.load_balancers.UpdateListener(
            lb_pb.UpdateListenerRequest(
                listener=Listener(name=self.tcp, health_check=health),
                update_mask=FieldMask(paths=["health_check"]),
            )
        )

    def delete(self) -> None:
        self._world.client.load_balancers.DeleteLoadBalancer(
            lb_pb.DeleteLoadBalancerRequest(name=self.lb)
        )

    def _servers(self, primary: int, secondary: int) -> list[GroupServer]:
        return [
            GroupServer(
                server_id=side,
                address=self._world.lab.hosts[side].address,
                port=SERVICE_PORT,
                role=side.upper(),
                weight=weight,
            )
            for side, weight in zip(SIDES, (primary, secondary), strict=True)
        ]

    # -- operators ---------------------------------------------------------------------------------

    def switchover(self, listener: str = "", to: str = "SIDE_UNSPECIFIED") -> Sequence[SlotStatus]:
        request = group_pb.SwitchoverRequest(name=self.group, listener=listener, to=to)
        return list(self._world.client.groups.Switchover(request).slots)

    def failback(self, listener: str = "") -> Sequence[SlotStatus]:
        request = group_pb.FailbackRequest(name=self.group, listener=listener)
        return list(self._world.client.groups.Failback(request).slots)

    def hold(self, listener: str = "") -> Sequence[SlotStatus]:
        request = group_pb.HoldRequest(name=self.group, listener=listener)
        return list(self._world.client.groups.Hold(request).slots)

    def release(self, listener: str = "") -> Sequence[SlotStatus]:
        request = group_pb.ReleaseRequest(name=self.group, listener=listener)
        return list(self._world.client.groups.Release(request).slots)

    # -- what is so --------------------------------------------------------------------------------

    def slots(self) -> list[SlotStatus]:
        request = group_pb.GetServerGroupRequest(name=self.group)
        return list(self._world.client.groups.GetServerGroup(request).slots)

    def slot(self, listener: str = "") -> SlotStatus:
        """The only one, or the one of a listener."""
        slots = [slot for slot in self.slots() if not listener or listener in slot.listeners]
        assert len(slots) == 1
        return slots[0]

    def serving(self, listener: str = "") -> str:
        """``primary``, ``secondary`` or ``nobody``."""
        return ServerGroup.Side.Name(self.slot(listener).serving).lower()

    def await_serving(
        self, side: Side, listener: str = "", timeout_s: float = SOON_S
    ) -> SlotStatus:
        await_true(lambda: self.serving(listener) == side, f"the {side} serves", timeout_s)
        return self.slot(listener)

    def events(self, *kinds: str) -> list[Event]:
        """About this pair, oldest first."""
        return [
            event
            for event in self._world.events(self.born_seq, self.group)
            if event.server_group == self.group
            and (not kinds or Event.Kind.Name(event.kind) in kinds)
        ]

    def await_event(self, kind: str, timeout_s: float = SOON_S) -> Event:
        """The first of its kind."""
        return await_true(lambda: self.events(kind), f"event {kind}", timeout_s)[0]

    def await_healthy(self, healthy: bool = True, listener: str = "") -> None:
        """Wait for a verdict of the health checks on the primary."""
        await_true(
            lambda: self.slot(listener).primary_healthy is healthy,
            f"the primary is {'healthy' if healthy else 'unhealthy'}",
        )


class World:
    """A lab, its controller, and a client of its API."""

    def __init__(self, lab: Lab, settings: Settings | None = None) -> None:
        self.lab = lab
        passing.attach_to_peers(lab)
        self.daemon = Daemon(lab, settings)
        self.pairs: list[Pair] = []
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
    ) -> Pair:
        """A load balancer with a listener for each protocol that gets a health check; the primary
        has been probed and serves when this returns.
        """
        pair = Pair(self, next(self._numbers))
        self.pairs.append(pair)
        pair.create(policy, probe_secondary)
        if tcp is not None:
            pair.listen("TCP", tcp, tcp_traffic)
        if udp is not None:
            pair.listen("UDP", udp, udp_traffic)
        checked = sum(c is not None and c is not UNCHECKED for c in (tcp, udp))
        await_true(lambda: len(self._normal_primaries(pair)) == checked, "the primary is probed")
        return pair

    def _normal_primaries(self, pair: Pair) -> list[lb_pb.ServerHealth]:
        request = lb_pb.GetHealthStatusRequest(name=pair.lb)
        return [
            server
            for server in self.client.load_balancers.GetHealthStatus(request).servers
            if server.side == ServerGroup.PRIMARY and server.state == lb_pb.ServerHealth.NORMAL
        ]

    def clear(self) -> None:
        """Delete all pairs and mend what was broken."""
        mend(self.lab)
        if not self._running:
            self.start()
        while self.pairs:
            self.pairs.pop().delete()

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
