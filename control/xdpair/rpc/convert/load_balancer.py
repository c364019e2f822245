# SPDX-License-Identifier: Apache-2.0
"""``LoadBalancer``."""

from __future__ import annotations

from xdpair.api.v1 import load_balancer_pb2 as pb
from xdpair.core.model import LoadBalancer, LoadBalancerStatus
from xdpair.rpc import names
from xdpair.rpc.convert.scalars import address_from_pb, enum_from_pb, time_to_pb
from xdpair.rpc.updates import etag_of


def load_balancer_from_pb(lb_id: str, message: pb.LoadBalancer) -> LoadBalancer:
    """Raises ``InvalidInput``."""
    return LoadBalancer(
        lb_id=lb_id,
        address=address_from_pb(message.address, "address"),
        name=message.display_name,
        interface=message.interface,
        delete_protection=message.delete_protection,
        status=enum_from_pb(
            message.status,
            pb.LoadBalancer.Status,
            LoadBalancerStatus,
            LoadBalancerStatus.ACTIVE,
            "status",
        ),
        tags=dict(message.tags),
    )


def load_balancer_to_pb(lb: LoadBalancer) -> pb.LoadBalancer:
    message = pb.LoadBalancer(
        name=names.load_balancer_name(lb.lb_id),
        display_name=lb.name,
        address=str(lb.address),
        interface=lb.interface,
        delete_protection=lb.delete_protection,
        create_time=time_to_pb(lb.create_time_s),
        status=lb.status.name,
        tags=lb.tags,
    )
    message.etag = etag_of(message)
    return message
