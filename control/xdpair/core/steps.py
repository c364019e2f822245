# SPDX-License-Identifier: Apache-2.0
"""Steps from one set of resources to another, and taking them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from operator import attrgetter
from typing import Any, TypeAlias

from xdpair.core import errors
from xdpair.core.draft import Draft
from xdpair.core.model import (
    AccessControlList,
    DefaultGroup,
    Group,
    Listener,
    LoadBalancer,
    PairGroup,
    Server,
    WeightedGroup,
)

Resource: TypeAlias = LoadBalancer | Listener | Group | Server | AccessControlList


class Action(Enum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """One resource that has to change.

    Attributes:
        before: as it is; None: there is none.
        after: as it ought to be; None: deleted.
    """

    before: Resource | None
    after: Resource | None

    @property
    def action(self) -> Action:
        if self.before is None:
            return Action.CREATE
        return Action.DELETE if self.after is None else Action.UPDATE

    @property
    def resource(self) -> Resource:
        """The one it is about, as it ought to be or, if it is deleted, as it was."""
        resource = self.before if self.after is None else self.after
        assert resource is not None
        return resource


# -- kinds -----------------------------------------------------------------------------------------


class _Kind:
    """How resources of one type are told apart and changed.

    Attributes:
        content: all that users say of one, which is to say, not when it was created.
        create, update, delete: take the draft and the resource.
    """

    __slots__ = ("content", "create", "delete", "update")

    def __init__(
        self,
        cls: type[Any],
        create: Callable[[Draft, Any], None],
        update: Callable[[Draft, Any], None],
        delete: Callable[[Draft, Any], None],
    ) -> None:
        names = [field.name for field in fields(cls) if field.name != "create_time_s"]
        self.content: Callable[[Resource], tuple[object, ...]] = attrgetter(*names)
        self.create = create
        self.update = update
        self.delete = delete


def _delete_group(draft: Draft, group: Group) -> None:
    draft.delete_group(group.group_id)


_KINDS: Mapping[type[Resource], _Kind] = {
    LoadBalancer: _Kind(
        LoadBalancer,
        Draft.create_load_balancer,
        Draft.update_load_balancer,
        lambda draft, lb: draft.delete_load_balancer(lb.lb_id),
    ),
    Listener: _Kind(
        Listener,
        Draft.create_listener,
        Draft.update_listener,
        lambda draft, listener: draft.delete_listener(listener.key),
    ),
    PairGroup: _Kind(PairGroup, Draft.create_group, Draft.update_group, _delete_group),
    WeightedGroup: _Kind(WeightedGroup, Draft.create_group, Draft.update_group, _delete_group),
    # It is made with its load balancer; what is left to do is to fill it.
    DefaultGroup: _Kind(DefaultGroup, Draft.update_group, Draft.update_group, _delete_group),
    Server: _Kind(
        Server,
        Draft.create_server,
        Draft.update_server,
        lambda draft, server: draft.delete_server(server.server_id),
    ),
    AccessControlList: _Kind(
        AccessControlList,
        Draft.create_acl,
        Draft.update_acl,
        lambda draft, acl: draft.delete_acl(acl.acl_id),
    ),
}

# -- telling apart ---------------------------------------------------------------------------------

#: Whose parts may stand in any order.
_UNORDERED = WeightedGroup | DefaultGroup | AccessControlList


def is_same(before: Resource, after: Resource) -> bool:
    """Whether users said the same of both, in whatever order where order means nothing: that of
    servers in a weighted or default group, and of entries in an access control list.
    """
    if type(before) is not type(after):
        return False
    content = _KINDS[type(before)].content
    return content(before) == content(after) or (
        isinstance(after, _UNORDERED) and content(_in_order(before)) == content(_in_order(after))
    )


def _in_order(resource: Resource) -> Resource:
    if isinstance(resource, WeightedGroup | DefaultGroup):
        members = sorted(resource.members, key=lambda member: (member.server_id, member.port or 0))
        return replace(resource, members=tuple(members))
    if isinstance(resource, AccessControlList):
        entries = sorted(resource.entries, key=lambda entry: str(entry.network))
        return replace(resource, entries=tuple(entries))
    return resource


# -- carrying out ----------------------------------------------------------------------------------


class StepRefused(Exception):
    """A step breaks a rule. Its cause says which."""

    def __init__(self, step: Step, cause: errors.XdpairError) -> None:
        super().__init__(str(cause))
        self.step = step
        self.cause = cause


def carry_out(draft: Draft, steps: Sequence[Step], now_s: float) -> None:
    """Change the draft. A step that is refused is tried again after the others, which may have made
    room for it.

    Args:
        now_s: when resources are created, seconds since the epoch.

    Raises:
        StepRefused: the draft is of no use any more.
    """
    left = list(steps)
    while left:
        refused = [
            (step, error) for step in left if (error := _refusal(draft, step, now_s)) is not None
        ]
        if len(refused) == len(left):
            raise StepRefused(*refused[0]) from refused[0][1]
        left = [step for step, _ in refused]


def _refusal(draft: Draft, step: Step, now_s: float) -> errors.XdpairError | None:
    try:
        _take(draft, step, now_s)
    except errors.XdpairError as error:
        return error
    return None


def _take(draft: Draft, step: Step, now_s: float) -> None:
    kind = _KINDS[type(step.resource)]
    if step.after is None:
        kind.delete(draft, step.resource)
    elif step.before is None:
        kind.create(draft, _stamped(step.after, now_s))
    else:
        kind.update(draft, _stamped(step.after, _time_of(step.before)))


def _stamped(resource: Resource, time_s: float) -> Resource:
    return resource if isinstance(resource, Server) else replace(resource, create_time_s=time_s)


def _time_of(resource: Resource) -> float:
    return 0.0 if isinstance(resource, Server) else resource.create_time_s
