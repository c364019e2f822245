# SPDX-License-Identifier: Apache-2.0
"""What one resource must be to fit the others it refers to; what does not is refused."""

from __future__ import annotations

from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.acls import MAX_LISTENERS_PER_ACL
from xdpair.core.model import DefaultGroup, Group, Listener, Member, PairGroup, Server
from xdpair.core.rules import require
from xdpair.core.view import View


def require_fitting_group(view: View, listener: Listener) -> None:
    """Its group must be there, and of the same load balancer. With a default group the listener has
    to say the servers' port, with any other it can not.
    """
    group = view.group(listener.group_id)
    require(
        group.lb_id == listener.key.lb_id,
        errors.GroupNotForListener,
        f"group {group.group_id} belongs to {group.lb_id}, not to {listener.key.lb_id}",
        group=group.group_id,
    )
    if isinstance(group, DefaultGroup):
        require(
            listener.server_port is not None,
            errors.MissingParameter,
            "servers of the default group have no port: the listener must say it",
            field="server_port",
        )
    else:
        require(
            listener.server_port is None,
            errors.InvalidInput,
            f"the servers of group {group.group_id} have ports of their own",
            field="server_port",
        )


def require_fitting_acls(view: View, listener: Listener) -> None:
    """Its lists must be there, of its address's IP version, and with room for one more user."""
    if listener.acl is None:
        return
    version = view.load_balancer(listener.key.lb_id).address.version
    for acl_id in listener.acl.acl_ids:
        require(
            view.acl(acl_id).ip_version == version,
            errors.AclEntryIllegal,
            f"{listener.key.lb_id} has an IPv{version} address, {acl_id} is of another version",
            acl=acl_id,
        )
        users = view.indexes.listeners_with.get(acl_id, frozenset())
        require(
            len(users - {listener.key}) < MAX_LISTENERS_PER_ACL,
            errors.LimitExceeded,
            f"{acl_id} is used by {MAX_LISTENERS_PER_ACL} listeners, the most allowed",
            acl=acl_id,
        )


def require_same_kind_of_scheduler(view: View, old: Listener, new: Listener) -> None:
    """Known flows must not lose their servers. A primary/secondary group has no scheduler."""
    before, after = old.traffic.scheduler, new.traffic.scheduler
    if before is after or not (before.is_hash or after.is_hash):
        return
    groups = view.group(old.group_id), view.group(new.group_id)
    require(
        any(isinstance(group, PairGroup) for group in groups),
        errors.SchedulerNotChangeable,
        f"scheduler {before.value} can not become {after.value}: only wrr, rr and wlc change "
        "into each other",
        field="traffic_policy.scheduler",
    )


def require_known_servers(view: View, group: Group) -> None:
    """Each member must have an address, its own or the inventory's."""
    for member in group.members:
        view.address_of(member)
    if isinstance(group, PairGroup):
        require_two_servers(view, group)


def require_two_servers(view: View, group: PairGroup, moved: Server | None = None) -> None:
    """Refuse a pair at one address and port: both would fail together.

    Args:
        moved: what the inventory is about to say of one server.
    """
    primary, secondary = (
        (_address_after(view, member, moved), member.port) for member in group.members
    )
    require(
        primary != secondary,
        errors.SameServerAndPort,
        f"both servers are {primary[0]}:{primary[1]}",
        group=group.group_id,
        address=primary[0],
    )


def _address_after(view: View, member: Member, moved: Server | None) -> IPv4Address:
    if moved is not None and member.address is None and member.server_id == moved.server_id:
        return moved.address
    return view.address_of(member)
