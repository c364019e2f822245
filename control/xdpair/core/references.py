# SPDX-License-Identifier: Apache-2.0
"""Who refers to whom, the other way round: one index for each kind of reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from xdpair.core.edits import Index
from xdpair.core.model import (
    AccessControlList,
    Group,
    Listener,
    ListenerKey,
    LoadBalancer,
)


@dataclass(frozen=True, slots=True)
class Indexes:
    """From what resources refer to, to the keys of those that do.

    Attributes:
        lbs_at: by VIP.
        listeners_of, groups_of: by load balancer.
        listeners_using: by group.
        listeners_with: by access control list.
        groups_naming: by server of the inventory, of those that rely on its address.
        acls_named: by name.
    """

    lbs_at: Mapping[IPv4Address, Set[str]] = field(default_factory=dict)
    listeners_of: Mapping[str, Set[ListenerKey]] = field(default_factory=dict)
    listeners_using: Mapping[str, Set[ListenerKey]] = field(default_factory=dict)
    listeners_with: Mapping[str, Set[ListenerKey]] = field(default_factory=dict)
    groups_of: Mapping[str, Set[str]] = field(default_factory=dict)
    groups_naming: Mapping[str, Set[str]] = field(default_factory=dict)
    acls_named: Mapping[str, Set[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IndexEdits(Indexes):
    """Indexes that follow changes."""

    lbs_at: Index[IPv4Address, str, LoadBalancer]
    listeners_of: Index[str, ListenerKey, Listener]
    listeners_using: Index[str, ListenerKey, Listener]
    listeners_with: Index[str, ListenerKey, Listener]
    groups_of: Index[str, str, Group]
    groups_naming: Index[str, str, Group]
    acls_named: Index[str, str, AccessControlList]

    @classmethod
    def over(cls, base: Indexes) -> IndexEdits:
        """Begin with what ``base`` says, which stays as it is."""
        return cls(
            lbs_at=Index(base.lbs_at, _vip_of),
            listeners_of=Index(base.listeners_of, _owner_of_listener),
            listeners_using=Index(base.listeners_using, _group_of),
            listeners_with=Index(base.listeners_with, _acls_of),
            groups_of=Index(base.groups_of, _owner_of_group),
            groups_naming=Index(base.groups_naming, _inventory_of),
            acls_named=Index(base.acls_named, _name_of),
        )

    def finish(self) -> Indexes:
        """The indexes as they are now; nothing may follow after this."""
        return Indexes(
            lbs_at=self.lbs_at.finish(),
            listeners_of=self.listeners_of.finish(),
            listeners_using=self.listeners_using.finish(),
            listeners_with=self.listeners_with.finish(),
            groups_of=self.groups_of.finish(),
            groups_naming=self.groups_naming.finish(),
            acls_named=self.acls_named.finish(),
        )


def derive(
    load_balancers: Mapping[str, LoadBalancer],
    listeners: Mapping[ListenerKey, Listener],
    groups: Mapping[str, Group],
    acls: Mapping[str, AccessControlList],
) -> Indexes:
    """The indexes of all these, from scratch."""
    edits = IndexEdits.over(Indexes())
    for lb_id, lb in load_balancers.items():
        edits.lbs_at.follow(lb_id, None, lb)
    for key, listener in listeners.items():
        edits.listeners_of.follow(key, None, listener)
        edits.listeners_using.follow(key, None, listener)
        edits.listeners_with.follow(key, None, listener)
    for group_id, group in groups.items():
        edits.groups_of.follow(group_id, None, group)
        edits.groups_naming.follow(group_id, None, group)
    for acl_id, acl in acls.items():
        edits.acls_named.follow(acl_id, None, acl)
    return edits.finish()


def _vip_of(lb: LoadBalancer) -> Iterable[IPv4Address]:
    return (lb.address,)


def _owner_of_listener(listener: Listener) -> Iterable[str]:
    return (listener.key.lb_id,)


def _group_of(listener: Listener) -> Iterable[str]:
    return (listener.group_id,)


def _acls_of(listener: Listener) -> Iterable[str]:
    return () if listener.acl is None else listener.acl.acl_ids


def _owner_of_group(group: Group) -> Iterable[str]:
    return (group.lb_id,)


def _inventory_of(group: Group) -> Iterator[str]:
    return (member.server_id for member in group.members if member.address is None)


def _name_of(acl: AccessControlList) -> Iterable[str]:
    return (acl.name,)
