# SPDX-License-Identifier: Apache-2.0
"""A whole set of resources, declared at once, and what must change so that it holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, TypeVar

from xdpair.core.model import (
    AccessControlList,
    DefaultGroup,
    Group,
    Listener,
    ListenerKey,
    LoadBalancer,
    Server,
)
from xdpair.core.steps import Resource, Step, is_same
from xdpair.core.view import View

_R = TypeVar("_R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What ought to be, by key. A resource is declared wholly: what is not said of it has its
    default.

    Attributes:
        groups: of all kinds. A default group is optional, its load balancer has one anyway.
    """

    load_balancers: Mapping[str, LoadBalancer] = field(default_factory=dict)
    listeners: Mapping[ListenerKey, Listener] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    servers: Mapping[str, Server] = field(default_factory=dict)
    acls: Mapping[str, AccessControlList] = field(default_factory=dict)


def plan(present: View, wanted: Declaration, *, prune: bool) -> list[Step]:
    """Say what must change, in an order in which it can. Nothing must: the list is empty.

    Args:
        prune: delete what is not declared, and empty default groups that are not.
    """
    if not prune:
        return [
            *_made(present.servers, wanted.servers),
            *_made(present.acls, wanted.acls),
            *_made(present.load_balancers, wanted.load_balancers),
            *_made_groups(present.groups, wanted.groups),
            *_made(present.listeners, wanted.listeners),
        ]
    doomed = present.load_balancers.keys() - wanted.load_balancers.keys()
    groups = {key: group for key, group in present.groups.items() if group.lb_id not in doomed}
    listeners = {
        key: listener for key, listener in present.listeners.items() if key.lb_id not in doomed
    }
    wanted_groups = {**_emptied(groups), **wanted.groups}
    return [
        *_deleted(_missing(listeners, wanted.listeners)),
        *_lost(present, doomed),
        *_made(present.servers, wanted.servers),
        *_made(present.acls, wanted.acls),
        *_made(present.load_balancers, wanted.load_balancers),
        *_made_groups(groups, wanted_groups),
        *_made(listeners, wanted.listeners),
        *_deleted(_missing(groups, wanted_groups)),
        *_deleted(_missing(present.acls, wanted.acls)),
        *_deleted(_missing(present.servers, wanted.servers)),
    ]


def _lost(present: View, doomed: Set[str]) -> Iterator[Step]:
    """Delete load balancers with all that they have. Nobody speaks of their default groups."""
    for lb_id in sorted(doomed):
        yield from _deleted(present.listeners_of(lb_id))
        yield from _deleted(
            group for group in present.groups_of(lb_id) if not isinstance(group, DefaultGroup)
        )
        yield Step(before=present.load_balancers[lb_id], after=None)


def _emptied(groups: Mapping[str, Group]) -> dict[str, Group]:
    """Return what becomes of default groups that are not declared."""
    return {
        key: DefaultGroup(group.lb_id)
        for key, group in groups.items()
        if isinstance(group, DefaultGroup)
    }


def _missing(present: Mapping[Any, _R], wanted: Mapping[Any, _R]) -> Iterator[_R]:
    return (present[key] for key in sorted(present.keys() - wanted.keys()))


def _deleted(resources: Iterable[Resource]) -> Iterator[Step]:
    return (Step(before=resource, after=None) for resource in resources)


def _made(present: Mapping[Any, Resource], wanted: Mapping[Any, Resource]) -> Iterator[Step]:
    for key, resource in wanted.items():
        before = present.get(key)
        if before is None or not is_same(before, resource):
            yield Step(before, resource)


def _made_groups(present: Mapping[str, Group], wanted: Mapping[str, Group]) -> Iterator[Step]:
    for step in _made(present, wanted):
        if step.before is None and _is_empty_default(step.after):
            continue  # it comes with its load balancer
        yield step


def _is_empty_default(group: Resource | None) -> bool:
    return isinstance(group, DefaultGroup) and not (group.members or group.tags)
