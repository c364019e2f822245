# SPDX-License-Identifier: Apache-2.0
"""Groups with other servers, or other weights."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from xdpair.core import errors
from xdpair.core.model import DefaultGroup, Group, Member, PairGroup, WeightedGroup

#: What tells a server of a group from the others: its id, and its port if it has one.
MemberKey = tuple[str, int | None]
Shared = WeightedGroup | DefaultGroup


def added(group: Shared, members: Iterable[Member]) -> Shared:
    """Raises ``SameServerAndPort`` or ``TooManyServers``."""
    return replace(group, members=(*group.members, *members))


def removed(group: Shared, keys: Collection[MemberKey]) -> Shared:
    """Raises ``ServerNotInGroup``."""
    _require_members(group, keys)
    return replace(group, members=tuple(m for m in group.members if _key(m) not in set(keys)))


def replaced(group: Shared, old: Sequence[MemberKey], new: Sequence[Member]) -> Shared:
    """Put new servers in the places of old ones, as far as there are such, and at the end.

    Raises:
        ServerNotInGroup: an old one.
        SameServerAndPort: a new one, unless it is among the old.
    """
    _require_members(group, old)
    successors: Mapping[MemberKey, Member | None] = {
        key: new[at] if at < len(new) else None for at, key in enumerate(old)
    }
    kept = (successors.get(_key(member), member) for member in group.members)
    members = [member for member in kept if member is not None]
    return replace(group, members=(*members, *new[len(old) :]))


def weighed(group: Group, weights: Mapping[MemberKey, int]) -> Group:
    """Raises ``ServerNotInGroup`` or ``InvalidWeight``."""
    _require_members(group, weights)
    members = tuple(
        replace(member, weight=weights.get(_key(member), member.weight)) for member in group.members
    )
    if isinstance(group, PairGroup):
        return replace(group, primary=members[0], secondary=members[1])
    return replace(group, members=members)


def _key(member: Member) -> MemberKey:
    return member.server_id, member.port


def _require_members(group: Group, keys: Iterable[MemberKey]) -> None:
    known = {_key(member) for member in group.members}
    for server_id, port in keys:
        if (server_id, port) not in known:
            where = server_id if port is None else f"{server_id}:{port}"
            raise errors.ServerNotInGroup(
                f"{where} is no server of {group.group_id}", server=server_id, group=group.group_id
            )
