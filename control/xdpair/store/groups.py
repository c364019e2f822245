# SPDX-License-Identifier: Apache-2.0
"""How server groups are written down: the key ``kind`` says which of the three it is. See
``resources`` for the manner.
"""

from __future__ import annotations

from collections.abc import Callable

from xdpair.core.model import (
    DefaultGroup,
    FailbackMode,
    FailoverPolicy,
    FailoverScope,
    Group,
    Member,
    PairGroup,
    ServerKind,
    WeightedGroup,
)
from xdpair.store.document import Document, Json, name_of


def group_to(group: Group) -> Json:
    match group:
        case PairGroup():
            return {
                "kind": "pair",
                "group_id": group.group_id,
                "lb_id": group.lb_id,
                "primary": _member_to(group.primary),
                "secondary": _member_to(group.secondary),
                "name": group.name,
                "failover": _failover_to(group.failover),
                "probe_secondary": group.probe_secondary,
                "create_time_s": group.create_time_s,
                "tags": dict(group.tags),
            }
        case WeightedGroup():
            return {
                "kind": "weighted",
                "group_id": group.group_id,
                "lb_id": group.lb_id,
                "members": [_member_to(member) for member in group.members],
                "name": group.name,
                "create_time_s": group.create_time_s,
                "tags": dict(group.tags),
            }
        case DefaultGroup():
            return {
                "kind": "default",
                "lb_id": group.lb_id,
                "members": [_member_to(member) for member in group.members],
                "create_time_s": group.create_time_s,
                "tags": dict(group.tags),
            }


def group_from(value: object) -> Group:
    with Document("server group", value) as fields:
        return fields.variant("kind", _GROUPS_FROM)(fields)


def _pair_from(fields: Document) -> Group:
    return PairGroup(
        group_id=fields.text("group_id"),
        lb_id=fields.text("lb_id"),
        primary=fields.child("primary", _member_from),
        secondary=fields.child("secondary", _member_from),
        name=fields.text("name"),
        failover=fields.child("failover", _failover_from),
        probe_secondary=fields.flag("probe_secondary"),
        create_time_s=fields.number("create_time_s"),
        tags=fields.texts_by_name("tags"),
    )


def _weighted_from(fields: Document) -> Group:
    return WeightedGroup(
        group_id=fields.text("group_id"),
        lb_id=fields.text("lb_id"),
        members=fields.children("members", _member_from),
        name=fields.text("name"),
        create_time_s=fields.number("create_time_s"),
        tags=fields.texts_by_name("tags"),
    )


def _default_from(fields: Document) -> Group:
    return DefaultGroup(
        lb_id=fields.text("lb_id"),
        members=fields.children("members", _member_from),
        create_time_s=fields.number("create_time_s"),
        tags=fields.texts_by_name("tags"),
    )


_GROUPS_FROM: dict[str, Callable[[Document], Group]] = {
    "pair": _pair_from,
    "weighted": _weighted_from,
    "default": _default_from,
}


def _member_to(member: Member) -> Json:
    return {
        "server_id": member.server_id,
        "port": member.port,
        "weight": member.weight,
        "kind": name_of(member.kind),
        "address": None if member.address is None else str(member.address),
        "description": member.description,
    }


def _member_from(value: object) -> Member:
    with Document("member", value) as fields:
        return Member(
            server_id=fields.text("server_id"),
            port=fields.optional("port", fields.integer),
            weight=fields.integer("weight"),
            kind=fields.choice("kind", ServerKind),
            address=fields.optional("address", fields.address),
            description=fields.text("description"),
        )


def _failover_to(policy: FailoverPolicy) -> Json:
    return {
        "scope": name_of(policy.scope),
        "failback": name_of(policy.failback),
        "hold_down_ms": policy.hold_down_ms,
    }


def _failover_from(value: object) -> FailoverPolicy:
    with Document("failover policy", value) as fields:
        return FailoverPolicy(
            scope=fields.choice("scope", FailoverScope),
            failback=fields.choice("failback", FailbackMode),
            hold_down_ms=fields.integer("hold_down_ms"),
        )
