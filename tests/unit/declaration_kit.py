# SPDX-License-Identifier: Apache-2.0
"""Worlds of which any can be made of any other."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.unit import strategies
from tests.unit.desired_kit import PRIMARY, SECONDARY
from xdpair.core.desired import Desired
from xdpair.core.model import Group, IpVersion, PairGroup, Scheduler, Server

#: They are large, and drawing one takes its time.
WORLDS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def legal_worlds(draw: st.DrawFn) -> Desired:
    """A world that keeps all rules, and of which any other can be made: what can not change is the
    same in all of them.
    """
    drawn = draw(strategies.desired())
    known = {member.server_id for group in drawn.groups.values() for member in group.members}
    everywhere = {
        server_id: Server(server_id, IPv4Address(0x0A000000 + number))
        for number, server_id in enumerate(sorted(known))
    }
    return Desired(
        load_balancers={
            lb_id: replace(
                lb, address=IPv4Address(f"203.0.113.{lb_id[-1]}"), delete_protection=False
            )
            for lb_id, lb in drawn.load_balancers.items()
        },
        listeners={
            k: replace(v, traffic=replace(v.traffic, scheduler=Scheduler.WRR))
            for k, v in drawn.listeners.items()
        },
        groups={k: _with_two_servers(group) for k, group in drawn.groups.items()},
        servers={**drawn.servers, **everywhere},
        acls={
            k: replace(acl, name=k, ip_version=IpVersion.IPV4, entries=())
            for k, acl in drawn.acls.items()
        },
    )


def _with_two_servers(group: Group) -> Group:
    if not isinstance(group, PairGroup):
        return group
    return replace(
        group,
        primary=replace(group.primary, address=PRIMARY.address),
        secondary=replace(group.secondary, address=SECONDARY.address),
    )
