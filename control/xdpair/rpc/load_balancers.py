# SPDX-License-Identifier: Apache-2.0
"""``LoadBalancerService``: load balancers and health. Listeners are in ``listeners``."""

from __future__ import annotations

from dataclasses import replace

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import load_balancer_pb2
from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.core.model import LoadBalancer
from xdpair.rpc import names
from xdpair.rpc.convert.load_balancer import load_balancer_from_pb, load_balancer_to_pb
from xdpair.rpc.convert.status import health_to_pb
from xdpair.rpc.interceptor import Context
from xdpair.rpc.listeners import ListenerMethods
from xdpair.rpc.pages import page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import require_etag, updated


class LoadBalancerServicer(ListenerMethods):
    """Implements the service."""

    async def CreateLoadBalancer(
        self, request: pb.CreateLoadBalancerRequest, context: Context
    ) -> load_balancer_pb2.LoadBalancer:
        require_set(request, "load_balancer")
        lb_id = request.load_balancer_id or names.new_id("lb")
        wanted = load_balancer_from_pb(lb_id, request.load_balancer)
        stored = await self._changes.exclusively(lambda: self._app.create_load_balancer(wanted))
        return load_balancer_to_pb(stored)

    async def GetLoadBalancer(
        self, request: pb.GetLoadBalancerRequest, context: Context
    ) -> load_balancer_pb2.LoadBalancer:
        lb_id = names.load_balancer_id(request.name)
        return load_balancer_to_pb(self._app.desired.load_balancer(lb_id))

    async def ListLoadBalancers(
        self, request: pb.ListLoadBalancersRequest, context: Context
    ) -> pb.ListLoadBalancersResponse:
        everything = sorted(self._app.desired.load_balancers.values(), key=lambda lb: lb.lb_id)
        lbs, token = page(
            everything, lambda lb: (lb.lb_id,), request.page_size, request.page_token, "lb"
        )
        return pb.ListLoadBalancersResponse(
            load_balancers=map(load_balancer_to_pb, lbs),
            next_page_token=token,
            total_size=len(everything),
        )

    async def UpdateLoadBalancer(
        self, request: pb.UpdateLoadBalancerRequest, context: Context
    ) -> load_balancer_pb2.LoadBalancer:
        lb_id = names.load_balancer_id(request.load_balancer.name, "load_balancer.name")

        async def change() -> LoadBalancer:
            stored = self._app.desired.load_balancer(lb_id)
            message = updated(
                load_balancer_to_pb(stored), request.load_balancer, request.update_mask
            )
            wanted = load_balancer_from_pb(lb_id, message)
            return await self._app.update_load_balancer(
                replace(wanted, create_time_s=stored.create_time_s)
            )

        return load_balancer_to_pb(await self._changes.exclusively(change))

    async def DeleteLoadBalancer(
        self, request: pb.DeleteLoadBalancerRequest, context: Context
    ) -> Empty:
        lb_id = names.load_balancer_id(request.name)

        async def change() -> None:
            stored = self._app.desired.load_balancer(lb_id)
            require_etag(load_balancer_to_pb(stored).etag, request.etag)
            await self._app.delete_load_balancer(lb_id)

        await self._changes.exclusively(change)
        return Empty()

    async def GetHealthStatus(
        self, request: pb.GetHealthStatusRequest, context: Context
    ) -> pb.HealthStatus:
        if names.is_listener_name(request.name):
            key = names.listener_key(request.name)
            health = self._app.health(key.lb_id, key)
        elif request.name == names.ALL_LOAD_BALANCERS:
            health = [
                server
                for lb_id in sorted(self._app.desired.load_balancers)
                for server in self._app.health(lb_id, None)
            ]
        else:
            health = self._app.health(names.load_balancer_id(request.name), None)
        return pb.HealthStatus(servers=map(health_to_pb, health))
