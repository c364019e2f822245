# SPDX-License-Identifier: Apache-2.0
"""``ServerGroup`` with its servers, its policy and who serves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdpair.api.v1 import server_group_pb2 as pb
from xdpair.core import errors
from xdpair.core.model import (
    DefaultGroup,
    FailbackMode,
    FailoverPolicy,
    FailoverScope,
    Group,
    Member,
    PairGroup,
    ServerKind,
    Side,
    WeightedGroup,
)
from xdpair.core.rules import require
from xdpair.core.status import SlotStatus
from xdpair.rpc import names
from xdpair.rpc.convert.scalars import (
    address_from_pb,
    enum_from_pb,
    ms_from_pb,
    ms_to_pb,
    time_to_pb,
)
from xdpair.rpc.updates import etag_of

_DEFAULT_POLICY = FailoverPolicy()
_DEFAULT_WEIGHT = 100
_KINDS: dict[type[Group], str] = {
    PairGroup: "PRIMARY_SECONDARY",
    WeightedGroup: "WEIGHTED",
    DefaultGroup: "DEFAULT",
}


def group_from_pb(group_id: str, message: pb.ServerGroup) -> Group:
    """Raises ``InvalidInput``, with the reason that belongs to the first rule that is broken.

    Args:
        group_id: of no matter for a default group, which has its load balancer's.
    """
    kind = message.kind or pb.ServerGroup.PRIMARY_SECONDARY
    if kind == pb.ServerGroup.PRIMARY_SECONDARY:
        return _pair_from_pb(group_id, message)
    if kind == pb.ServerGroup.WEIGHTED:
        return _weighted_from_pb(group_id, message)
    if kind == pb.ServerGroup.DEFAULT:
        lb_id = names.load_balancer_id(message.load_balancer, "load_balancer")
        return default_group_from_pb(lb_id, message)
    raise errors.InvalidInput(f"kind must be one of {', '.join(_KINDS.values())}", field="kind")


def default_group_from_pb(lb_id: str, message: pb.ServerGroup) -> DefaultGroup:
    """Raises ``InvalidInput``."""
    _require_no_pair(message)
    require(
        not message.display_name,
        errors.InvalidInput,
        "a default group has no name",
        field="display_name",
    )
    return DefaultGroup(lb_id, members_from_pb(message.servers), tags=dict(message.tags))


def group_to_pb(group: Group, slots: Sequence[SlotStatus]) -> pb.ServerGroup:
    message = pb.ServerGroup(
        name=names.group_name(group.group_id),
        display_name=group.name,
        load_balancer=names.load_balancer_name(group.lb_id),
        kind=kind_of(group),
        create_time=time_to_pb(group.create_time_s),
        tags=group.tags,
    )
    if isinstance(group, PairGroup):
        message.servers.extend(_member_to_pb(group.member(side), side) for side in Side)
        message.failover_policy.CopyFrom(_policy_to_pb(group.failover))
        message.probe_secondary = group.probe_secondary
    else:
        message.servers.extend(_member_to_pb(member, None) for member in group.members)
    message.etag = etag_of(message)
    message.slots.extend(slot_to_pb(slot) for slot in slots)
    return message


def kind_of(group: Group) -> str:
    """Return the API's name of the kind."""
    return _KINDS[type(group)]


def slot_to_pb(slot: SlotStatus) -> pb.SlotStatus:
    return pb.SlotStatus(
        listeners=[names.listener_name(key) for key in slot.listeners],
        serving=side_to_pb(slot.serving),
        cause=slot.cause.name,
        pinned="SIDE_UNSPECIFIED" if slot.pinned is None else slot.pinned.name,
        epoch=slot.epoch,
        primary_healthy=slot.primary_up,
        change_time=time_to_pb(slot.last_change_time_s),
    )


def side_to_pb(serving: Side | None) -> str:
    """Return the name of who serves."""
    return "NOBODY" if serving is None else serving.name


def side_from_pb(number: int, field: str) -> Side | None:
    """Return the side, or None if unspecified. Raises ``InvalidInput`` for all others."""
    if number == pb.ServerGroup.SIDE_UNSPECIFIED:
        return None
    return enum_from_pb(number, pb.ServerGroup.Side, Side, None, field)


def members_from_pb(servers: Iterable[pb.GroupServer]) -> tuple[Member, ...]:
    """Read servers of a weighted or default group. Raises ``InvalidInput``."""
    return tuple(map(_roleless_from_pb, servers))


def _pair_from_pb(group_id: str, message: pb.ServerGroup) -> PairGroup:
    primary, secondary = _two_from_pb(message.servers)
    return PairGroup(
        group_id=group_id,
        lb_id=names.load_balancer_id(message.load_balancer, "load_balancer"),
        primary=primary,
        secondary=secondary,
        name=message.display_name,
        failover=_policy_from_pb(message.failover_policy),
        probe_secondary=message.probe_secondary,
        tags=dict(message.tags),
    )


def _weighted_from_pb(group_id: str, message: pb.ServerGroup) -> WeightedGroup:
    _require_no_pair(message)
    return WeightedGroup(
        group_id=group_id,
        lb_id=names.load_balancer_id(message.load_balancer, "load_balancer"),
        members=members_from_pb(message.servers),
        name=message.display_name,
        tags=dict(message.tags),
    )


def _require_no_pair(message: pb.ServerGroup) -> None:
    for field in ("failover_policy", "probe_secondary"):
        require(
            not any(set_field.name == field for set_field, _ in message.ListFields()),
            errors.InvalidInput,
            f"{field} is for primary/secondary groups",
            field=field,
        )


def _two_from_pb(servers: Sequence[pb.GroupServer]) -> tuple[Member, Member]:
    require(len(servers) == len(Side), errors.ServerCountNotTwo, "Backend servers num must be 2.")
    members: dict[Side, Member] = {}
    for server in servers:
        member = _member_from_pb(server)
        role = enum_from_pb(
            server.role,
            pb.GroupServer.Role,
            Side,
            Side.PRIMARY,
            "servers.role",
            errors.InvalidServerRole,
        )
        members[role] = member
    require(
        len(members) == len(Side),
        errors.NotOnePrimaryOneSecondary,
        "Backend servers can only contain one master and one slave.",
    )
    return members[Side.PRIMARY], members[Side.SECONDARY]


def _roleless_from_pb(server: pb.GroupServer) -> Member:
    require(
        server.role == pb.GroupServer.ROLE_UNSPECIFIED,
        errors.InvalidServerRole,
        "Invalid server type: only servers of a primary/secondary group have roles.",
        field="servers.role",
    )
    return _member_from_pb(server)


def _member_from_pb(server: pb.GroupServer) -> Member:
    return Member(
        server_id=server.server_id,
        port=server.port or None,  # whether it must have one, the group knows
        weight=server.weight if server.HasField("weight") else _DEFAULT_WEIGHT,
        kind=enum_from_pb(
            server.kind, pb.GroupServer.Kind, ServerKind, ServerKind.ECS, "servers.kind"
        ),
        address=address_from_pb(server.address, "servers.address") if server.address else None,
        description=server.description,
    )


def _member_to_pb(member: Member, side: Side | None) -> pb.GroupServer:
    return pb.GroupServer(
        server_id=member.server_id,
        port=member.port or 0,
        role="ROLE_UNSPECIFIED" if side is None else side.name,
        weight=member.weight,
        kind=member.kind.name,
        address="" if member.address is None else str(member.address),
        description=member.description,
    )


def _policy_to_pb(policy: FailoverPolicy) -> pb.FailoverPolicy:
    return pb.FailoverPolicy(
        scope=policy.scope.name,
        failback=policy.failback.name,
        hold_down=ms_to_pb(policy.hold_down_ms),
    )


def _policy_from_pb(message: pb.FailoverPolicy) -> FailoverPolicy:
    default = _DEFAULT_POLICY
    return FailoverPolicy(
        scope=enum_from_pb(
            message.scope,
            pb.FailoverPolicy.Scope,
            FailoverScope,
            default.scope,
            "failover_policy.scope",
        ),
        failback=enum_from_pb(
            message.failback,
            pb.FailoverPolicy.Failback,
            FailbackMode,
            default.failback,
            "failover_policy.failback",
        ),
        hold_down_ms=ms_from_pb(message.hold_down, "failover_policy.hold_down"),
    )
