# SPDX-License-Identifier: Apache-2.0
"""How load balancers are written down; see ``resources`` for the manner."""

from __future__ import annotations

from xdpair.core.model import LoadBalancer, LoadBalancerStatus
from xdpair.store.document import Document, Json, name_of


def load_balancer_to(lb: LoadBalancer) -> Json:
    return {
        "lb_id": lb.lb_id,
        "address": str(lb.address),
        "name": lb.name,
        "interface": lb.interface,
        "delete_protection": lb.delete_protection,
        "create_time_s": lb.create_time_s,
        "status": name_of(lb.status),
        "tags": dict(lb.tags),
    }


def load_balancer_from(value: object) -> LoadBalancer:
    with Document("load balancer", value) as fields:
        return LoadBalancer(
            lb_id=fields.text("lb_id"),
            address=fields.address("address"),
            name=fields.text("name"),
            interface=fields.text("interface"),
            delete_protection=fields.flag("delete_protection"),
            create_time_s=fields.number("create_time_s"),
            status=fields.choice("status", LoadBalancerStatus),
            tags=fields.texts_by_name("tags"),
        )
