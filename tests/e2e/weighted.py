# SPDX-License-Identifier: Apache-2.0
"""A load balancer of its own whose listeners share new flows between the lab's two servers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from google.protobuf.field_mask_pb2 import FieldMask

from tests.e2e.checks import SOON_S, UNCHECKED, await_true
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.lab.topology import SERVICE_PORT, SIDES, Side
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.access_control_list_pb2 import AclPolicy
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener, TrafficPolicy
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup

if TYPE_CHECKING:
    from tests.e2e.world import World

_FIRST_VIP_OCTET: Final = 151


class Weighted:
    """A load balancer with an address of its own and a weighted group of both servers.

    Attributes:
        vip: what clients dial.
        lb, group, tcp, udp: resource names; of the listeners only those that were asked for exist.
    """

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self.vip = f"198.51.100.{_FIRST_VIP_OCTET + number}"
        self.lb = f"loadBalancers/lb-w{number}"
        self.group = f"serverGroups/rsp-w{number}"
        self.tcp = f"{self.lb}/listeners/tcp-{SERVICE_PORT}"
        self.udp = f"{self.lb}/listeners/udp-{SERVICE_PORT}"

    # -- definition --------------------------------------------------------------------------------

    def create(self, weights: tuple[int, int]) -> None:
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
            kind=ServerGroup.WEIGHTED,
            servers=map(self.server, SIDES, weights),
        )
        api.groups.CreateServerGroup(
            group_pb.CreateServerGroupRequest(
                server_group_id=self.group.partition("/")[2], server_group=group
            )
        )

    def server(self, side: Side, weight: int = 100, port: int = SERVICE_PORT) -> GroupServer:
        address = self._world.lab.hosts[side].address
        return GroupServer(server_id=side, address=address, port=port, weight=weight)

    def listen(
        self,
        protocol: str,
        health: HealthCheck,
        traffic: TrafficPolicy | None = None,
        acl: AclPolicy | None = None,
    ) -> None:
        """Create a listener, start it, and wait until both servers are known to be fit."""
        api = self._world.client.load_balancers
        listener = Listener(
            protocol=protocol,
            port=SERVICE_PORT,
            server_group=self.group,
            health_check=health,
            traffic_policy=traffic,
            acl=acl,
        )
        created = api.CreateListener(lb_pb.CreateListenerRequest(parent=self.lb, listener=listener))
        api.StartListener(lb_pb.StartListenerRequest(name=created.name))
        if health is not UNCHECKED:
            for side in SIDES:
                self.await_state(created.name, side, lb_pb.ServerHealth.NORMAL)

    def set_weights(self, primary: int, secondary: int) -> None:
        weights = [
            group_pb.GroupServerWeight(server_id=side, port=SERVICE_PORT, weight=weight)
            for side, weight in zip(SIDES, (primary, secondary), strict=True)
        ]
        self._world.client.groups.SetServerWeights(
            group_pb.SetServerWeightsRequest(name=self.group, weights=weights)
        )

    def add(self, side: Side) -> None:
        self._world.client.groups.AddServers(
            group_pb.AddServersRequest(name=self.group, servers=[self.server(side)])
        )

    def remove(self, side: Side) -> None:
        key = group_pb.GroupServerKey(server_id=side, port=SERVICE_PORT)
        self._world.client.groups.RemoveServers(
            group_pb.RemoveServersRequest(name=self.group, servers=[key])
        )

    def set_status(self, status: str) -> None:
        self._world.client.load_balancers.UpdateLoadBalancer(
            lb_pb.UpdateLoadBalancerRequest(
                load_balancer=LoadBalancer(name=self.lb, status=status),
                update_mask=FieldMask(paths=["status"]),
            )
        )

    def delete(self) -> None:
        self._world.client.load_balancers.DeleteLoadBalancer(
            lb_pb.DeleteLoadBalancerRequest(name=self.lb)
        )

    # -- what is so --------------------------------------------------------------------------------

    def state(self, listener: str, side: Side) -> lb_pb.ServerHealth:
        """How one listener sees one server."""
        request = lb_pb.GetHealthStatusRequest(name=listener)
        servers = self._world.client.load_balancers.GetHealthStatus(request).servers
        found: lb_pb.ServerHealth
        (found,) = [server for server in servers if server.server_id == side]
        return found

    def await_state(self, listener: str, side: Side, state: int, timeout_s: float = SOON_S) -> None:
        await_true(
            lambda: self.state(listener, side).state == state,
            f"the {side} is {lb_pb.ServerHealth.State.Name(state)}",
            timeout_s,
        )

    def await_down(self, side: Side, listener: str = "") -> None:
        self.await_state(listener or self.tcp, side, lb_pb.ServerHealth.ABNORMAL)

    def await_up(self, side: Side, listener: str = "") -> None:
        self.await_state(listener or self.tcp, side, lb_pb.ServerHealth.NORMAL)

    def sides_of(self, connections: int) -> Counter[str]:
        """Who answers so many new connections, one after the other."""
        answers: Counter[str] = Counter()
        for _ in range(connections):
            with self.connect() as dialogue:
                answers[dialogue.ask()] += 1
        return answers

    def sides_of_sockets(self, sockets: int) -> Counter[str]:
        """Who answers so many new UDP sockets."""
        answers: Counter[str] = Counter()
        for _ in range(sockets):
            with Datagrams(self._world.lab, self.vip) as datagrams:
                answers[datagrams.ask()] += 1
        return answers

    def connect(self) -> Dialogue:
        return Dialogue(self._world.lab, self.vip)

    def connect_to(self, side: Side) -> Dialogue:
        """A connection that this server answers."""
        for _ in range(8):
            dialogue = self.connect()
            if dialogue.ask() == side:
                return dialogue
            dialogue.sock.close()
        raise AssertionError(f"the {side} is given no connection")
