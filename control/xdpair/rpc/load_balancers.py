# SPDX-License-Identifier: Apache-2.0
"""``LoadBalancerService``: load balancers and health. Listeners are in ``listeners``."""

from __future__ import annotations

import time
from dataclasses import replace

from google.protobuf.empty_pb2 import Empty

from xdpair.api.v1 import load_balancer_pb2
from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.core.draft import Draft
from xdpair.core.model import LoadBalancer
from xdpair.rpc import filters, names, rules
from xdpair.rpc.convert.load_balancer import load_balancer_from_pb, load_balancer_to_pb
from xdpair.rpc.convert.status import health_to_pb
from xdpair.rpc.interceptor import Context
from xdpair.rpc.listeners import ListenerMethods
from xdpair.rpc.pages import page
from xdpair.rpc.requests import require_set
from xdpair.rpc.updates import require_etag, updated

_FILTER_FIELDS: filters.Fields[LoadBalancer] = {
    "name": lambda lb: names.load_balancer_name(lb.lb_id),
    "id": lambda lb: lb.lb_id,
    "display_name": lambda lb: lb.name,
    "address": lambda lb: str(lb.address),
    "interface": lambda lb: lb.interface,
    "status": lambda lb: lb.status.name,
}


class LoadBalancerServicer(ListenerMethods):
    """Implements the service."""

    async def CreateLoadBalancer(
        self, request: pb.CreateLoadBalancerRequest, context: Context
    ) -> load_balancer_pb2.LoadBalancer:
        with rules.enforced(request, "load_balancer"):
            require_set(request, "load_balancer")
            lb_id = request.load_balancer_id or names.new_id("lb")
            wanted = load_balancer_from_pb(lb_id, request.load_balancer)

        def make(draft: Draft) -> load_balancer_pb2.LoadBalancer:
            lb = replace(wanted, create_time_s=time.time())
            draft.create_load_balancer(lb)
            return load_balancer_to_pb(lb)

        return await self._writer.create(
            request,
            make,
            find=lambda view, name: load_balancer_to_pb(
                view.load_balancer(names.load_balancer_id(name))
            ),
            name_of=lambda lb: lb.name,
        )

    async def GetLoadBalancer(
        self, request: pb.GetLoadBalancerRequest, context: Context
    ) -> load_balancer_pb2.LoadBalancer:
        with rules.enforced(request):
            lb_id = names.load_balancer_id(request.name)
        return load_balancer_to_pb(self._app.desired.load_balancer(lb_id))

    async def ListLoadBalancers(
        self, request: pb.ListLoadBalancersRequest, context: Context
    ) -> pb.ListLoadBalancersResponse:
        with rules.enforced(request):
            wanted = filters.tagged(request.filter, _FILTER_FIELDS)
        found = sorted(
            wanted.among(self._app.desired.load_balancers.values()), key=lambda lb: lb.lb_id
        )
        lbs, token = page(
            found,
            lambda lb: (lb.lb_id,),
            request.page_size,
            request.page_token,
            f"lb {request.filter}",
        )
        return pb.ListLoadBalancersResponse(
            load_balancers=map(load_balancer_to_pb, lbs),
            next_page_token=token,
            total_size=len(found),
        )

    async def UpdateLoadBalancer(
        self, request: pb.UpdateLoadBalancerRequest, context: Context
    ) -> load_balancer_pb2.LoadBalancer:
        with rules.enforced(request):
            lb_id = names.load_balancer_id(request.load_balancer.name, "load_balancer.name")

        def make(draft: Draft) -> load_balancer_pb2.LoadBalancer:
            stored = draft.load_balancer(lb_id)
            message = updated(
                load_balancer_to_pb(stored), request.load_balancer, request.update_mask
            )
            with rules.enforced(message, prefix="load_balancer."):
                wanted = load_balancer_from_pb(lb_id, message)
            lb = replace(wanted, create_time_s=stored.create_time_s)
            draft.update_load_balancer(lb)
            return load_balancer_to_pb(lb)

        return await self._writer.change(make)

    async def DeleteLoadBalancer(
        self, request: pb.DeleteLoadBalancerRequest, context: Context
    ) -> Empty:
        with rules.enforced(request):
            lb_id = names.load_balancer_id(request.name)

        def make(draft: Draft) -> None:
            require_etag(load_balancer_to_pb(draft.load_balancer(lb_id)).etag, request.etag)
            draft.delete_load_balancer(lb_id)

        await self._writer.change(make)
        return Empty()

    async def GetHealthStatus(
        self, request: pb.GetHealthStatusRequest, context: Context
    ) -> pb.HealthStatus:
        with rules.enforced(request):
            is_listener = names.is_listener_name(request.name)
            key = names.listener_key(request.name) if is_listener else None
            lb_id = key.lb_id if key else names.load_balancer_id(request.name)
        if request.name == names.ALL_LOAD_BALANCERS:
            health = [
                server
                for each in sorted(self._app.desired.load_balancers)
                for server in self._app.health(each, None)
            ]
        else:
            health = list(self._app.health(lb_id, key))
        now_s = time.time()
        return pb.HealthStatus(servers=[health_to_pb(server, now_s) for server in health])
