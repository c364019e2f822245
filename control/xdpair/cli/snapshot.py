# SPDX-License-Identifier: Apache-2.0
"""Everything `xdpair status` speaks of, fetched and put together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_service_pb2 import ServerHealth
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup, SlotStatus
from xdpair.api.v1.system_service_pb2 import GetStatusRequest, SystemStatus
from xdpair.cli.client import Client, all_pages

_ALL = "loadBalancers/-"


@dataclass(frozen=True, slots=True)
class ServedListener:
    """One listener with all that concerns it.

    Attributes:
        address: the VIP.
        slot: None while the listener does not run, and for a weighted group.
        servers: of a pair, the primary first.
    """

    listener: Listener
    address: str
    group: ServerGroup
    slot: SlotStatus | None
    servers: tuple[ServerHealth, ...]

    def weight(self, health: ServerHealth) -> int:
        """Return the weight of one server; 0 if it has left the group meanwhile."""
        return next((server.weight for server in self.group.servers if _is(server, health)), 0)

    def serves(self, health: ServerHealth) -> bool:
        """Return whether new flows go to one server; in a weighted group, to it too."""
        if health.side:
            return self.slot is not None and health.side == self.slot.serving
        return (
            self.listener.state == Listener.RUNNING
            and health.state != ServerHealth.ABNORMAL
            and self.weight(health) > 0
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole picture. Its parts were fetched one after another."""

    system: SystemStatus
    listeners: list[ServedListener]
    groups: list[ServerGroup]


def _is(server: GroupServer, health: ServerHealth) -> bool:
    if health.side:
        primary = health.side == ServerGroup.PRIMARY
        return server.role == (GroupServer.PRIMARY if primary else GroupServer.SECONDARY)
    return server.server_id == health.server_id and server.port in (0, health.port)


def take_snapshot(client: Client, group: str | None) -> Snapshot:
    """Fetch everything, or what concerns one group."""
    system = client.system.GetStatus(GetStatusRequest())
    groups = {each.name: each for each in _groups(client, group)}
    addresses = {
        lb.name: lb.address
        for lb in all_pages(
            client.load_balancers.ListLoadBalancers,
            lb_pb.ListLoadBalancersRequest(),
            "load_balancers",
        )
    }
    listeners = all_pages(
        client.load_balancers.ListListeners, lb_pb.ListListenersRequest(parent=_ALL), "listeners"
    )
    slots = {
        name: slot for each in groups.values() for slot in each.slots for name in slot.listeners
    }
    health: dict[str, list[ServerHealth]] = defaultdict(list)
    for server in client.load_balancers.GetHealthStatus(
        lb_pb.GetHealthStatusRequest(name=_ALL)
    ).servers:
        health[server.listener].append(server)
    served = [
        ServedListener(
            listener=listener,
            address=addresses.get(listener.name.partition("/listeners/")[0], "?"),
            group=groups[listener.server_group],
            slot=slots.get(listener.name) if listener.state == Listener.RUNNING else None,
            servers=tuple(health[listener.name]),
        )
        for listener in listeners
        if listener.server_group in groups
    ]
    return Snapshot(system, served, list(groups.values()))


def _groups(client: Client, group: str | None) -> list[ServerGroup]:
    if group is not None:
        return [client.groups.GetServerGroup(group_pb.GetServerGroupRequest(name=group))]
    request = group_pb.ListServerGroupsRequest()
    return list(all_pages(client.groups.ListServerGroups, request, "server_groups"))
