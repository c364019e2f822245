# SPDX-License-Identifier: Apache-2.0
"""A load balancer of its own for each test, with its group and its listeners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.field_mask_pb2 import FieldMask

from tests.e2e.checks import SOON_S, await_true
from tests.lab.topology import SIDES, Side
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener, TrafficPolicy
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, GroupServer, ServerGroup, SlotStatus

if TYPE_CHECKING:
    from tests.e2e.world import World

_FIRST_VIP_OCTET: Final = 101


class Pair:
    """A load balancer with an address of its own, its group, and one or two listeners.

    Attributes:
        vip: what clients dial.
        port: of the listeners as well as of the servers.
        lb, group, tcp, udp: resource names; of the listeners only those that were asked for exist.
    """

    def __init__(self, world: World, number: int, port: int) -> None:
        self._world = world
        self.port = port
        self.vip = f"198.51.100.{_FIRST_VIP_OCTET + number}"
        self.lb = f"loadBalancers/lb-{number}"
        self.group = f"serverGroups/rsp-{number}"
        self.tcp = f"{self.lb}/listeners/tcp-{port}"
        self.udp = f"{self.lb}/listeners/udp-{port}"
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
            port=self.port,
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

    def announce_on(self, interface: str) -> None:
        self._world.client.load_balancers.UpdateLoadBalancer(
            lb_pb.UpdateLoadBalancerRequest(
                load_balancer=LoadBalancer(name=self.lb, interface=interface),
                update_mask=FieldMask(paths=["interface"]),
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
                port=self.port,
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
