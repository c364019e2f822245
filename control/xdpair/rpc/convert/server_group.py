# SPDX-License-Identifier: Apache-2.0
"""``ServerGroup`` with its servers, its policy and who serves."""

from __future__ import annotations

from collections.abc import Sequence

from xdpair.api.v1 import server_group_pb2 as pb
from xdpair.core import errors
from xdpair.core.model import (
    FailbackMode,
    FailoverPolicy,
    FailoverScope,
    Member,
    PairGroup,
    ServerKind,
    Side,
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


def group_from_pb(group_id: str, message: pb.ServerGroup) -> PairGroup:
    """Raises ``InvalidInput``, with the reason that belongs to the first rule that is broken."""
    if message.kind not in (pb.ServerGroup.KIND_UNSPECIFIED, pb.ServerGroup.PRIMARY_SECONDARY):
        raise errors.InvalidInput("kind must be PRIMARY_SECONDARY", field="kind")
    primary, secondary = _pair_from_pb(message.servers)
    return PairGroup(
        group_id=group_id,
        lb_id=names.load_balancer_id(message.load_balancer, "load_balancer"),
        primary=primary,
        secondary=secondary,
        name=message.display_name,
        failover=_policy_from_pb(message.failover_policy),
        probe_secondary=message.probe_secondary,
    )


def group_to_pb(group: PairGroup, slots: Sequence[SlotStatus]) -> pb.ServerGroup:
    message = pb.ServerGroup(
        name=names.group_name(group.group_id),
        display_name=group.name,
        load_balancer=names.load_balancer_name(group.lb_id),
        kind=pb.ServerGroup.PRIMARY_SECONDARY,
        servers=[_member_to_pb(group.member(side), side) for side in Side],
        failover_policy=pb.FailoverPolicy(
            scope=group.failover.scope.name,
            failback=group.failover.failback.name,
            hold_down=ms_to_pb(group.failover.hold_down_ms),
        ),
        probe_secondary=group.probe_secondary,
        create_time=time_to_pb(group.create_time_s),
    )
    message.etag = etag_of(message)
    message.slots.extend(slot_to_pb(slot) for slot in slots)
    return message


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


def _pair_from_pb(servers: Sequence[pb.GroupServer]) -> tuple[Member, Member]:
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


def _member_from_pb(server: pb.GroupServer) -> Member:
    return Member(
        server_id=server.server_id,
        port=server.port,
        weight=server.weight if server.HasField("weight") else _DEFAULT_WEIGHT,
        kind=enum_from_pb(
            server.kind, pb.GroupServer.Kind, ServerKind, ServerKind.ECS, "servers.kind"
        ),
        address=address_from_pb(server.address, "servers.address") if server.address else None,
        description=server.description,
    )


def _member_to_pb(member: Member, side: Side) -> pb.GroupServer:
    return pb.GroupServer(
        server_id=member.server_id,
        port=member.port,
        role=side.name,
        weight=member.weight,
        kind=member.kind.name,
        address="" if member.address is None else str(member.address),
        description=member.description,
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
