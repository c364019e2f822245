# SPDX-License-Identifier: Apache-2.0
"""A ``Desired`` in the making, and what each change asks of all other resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from xdpair.core import errors
from xdpair.core.changes import Delta
from xdpair.core.edits import Table
from xdpair.core.fitting import (
    require_fitting_acls,
    require_fitting_group,
    require_known_servers,
    require_same_kind_of_scheduler,
    require_two_servers,
)
from xdpair.core.model import (
    MAX_LISTENERS_PER_LOAD_BALANCER,
    AccessControlList,
    DefaultGroup,
    Group,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    PairGroup,
    Server,
)
from xdpair.core.references import IndexEdits, Indexes
from xdpair.core.rules import require
from xdpair.core.view import View


class Content(NamedTuple):
    """All that a ``Desired`` holds."""

    load_balancers: Mapping[str, LoadBalancer]
    listeners: Mapping[ListenerKey, Listener]
    groups: Mapping[str, Group]
    servers: Mapping[str, Server]
    acls: Mapping[str, AccessControlList]
    indexes: Indexes


class Draft(View):
    """What ``base`` says, and what is made of it step by step; ``base`` stays as it is.

    Each step keeps the rules, or raises and has changed nothing.
    """

    __slots__ = ("_acls", "_groups", "_indexes", "_lbs", "_listeners", "_servers")

    def __init__(self, base: View) -> None:
        self._indexes = edits = IndexEdits.over(base.indexes)
        self._lbs = Table(base.load_balancers, edits.lbs_at)
        self._listeners = Table(
            base.listeners, edits.listeners_of, edits.listeners_using, edits.listeners_with
        )
        self._groups = Table(base.groups, edits.groups_of, edits.groups_naming)
        self._servers = Table(base.servers)
        self._acls = Table(base.acls, edits.acls_named)

    @property
    def load_balancers(self) -> Mapping[str, LoadBalancer]:
        return self._lbs

    @property
    def listeners(self) -> Mapping[ListenerKey, Listener]:
        return self._listeners

    @property
    def groups(self) -> Mapping[str, Group]:
        return self._groups

    @property
    def servers(self) -> Mapping[str, Server]:
        return self._servers

    @property
    def acls(self) -> Mapping[str, AccessControlList]:
        return self._acls

    @property
    def indexes(self) -> Indexes:
        return self._indexes

    def finish(self) -> tuple[Content, Delta]:
        """What became of ``base``, and where it differs; no step may follow."""
        lbs, lb_ids = self._lbs.finish()
        listeners, keys = self._listeners.finish()
        groups, group_ids = self._groups.finish()
        servers, server_ids = self._servers.finish()
        acls, acl_ids = self._acls.finish()
        indexes = self._indexes.finish()
        return (
            Content(lbs, listeners, groups, servers, acls, indexes),
            Delta(lb_ids, keys, group_ids, server_ids, acl_ids),
        )

    # -- load balancers ----------------------------------------------------------------------------

    def create_load_balancer(self, lb: LoadBalancer) -> None:
        """Make it, and the default group that it has as long as it lives."""
        if lb.lb_id in self._lbs:
            raise errors.LoadBalancerAlreadyExists(
                f"load balancer {lb.lb_id} exists", load_balancer=lb.lb_id
            )
        for other in self.indexes.lbs_at.get(lb.address, ()):
            raise errors.AddressInUse(f"{lb.address} is the address of {other}", address=lb.address)
        self._lbs.put(lb.lb_id, lb)
        group = DefaultGroup(lb.lb_id, create_time_s=lb.create_time_s)
        self._groups.put(group.group_id, group)

    def update_load_balancer(self, lb: LoadBalancer) -> None:
        require(
            lb.address == self.load_balancer(lb.lb_id).address,
            errors.InvalidInput,
            "the address of a load balancer can not change",
            field="address",
        )
        self._lbs.put(lb.lb_id, lb)

    def delete_load_balancer(self, lb_id: str) -> None:
        """Remove the load balancer with its listeners and groups."""
        if self.load_balancer(lb_id).delete_protection:
            raise errors.DeleteProtected(
                "The loadbalancer can't be deleted due to DeleteProtection is enabled.",
                load_balancer=lb_id,
            )
        for listener in self.listeners_of(lb_id):
            self._listeners.remove(listener.key)
        for group in self.groups_of(lb_id):
            self._groups.remove(group.group_id)
        self._lbs.remove(lb_id)

    # -- listeners ---------------------------------------------------------------------------------

    def create_listener(self, listener: Listener) -> None:
        key = listener.key
        self.load_balancer(key.lb_id)
        if key in self._listeners:
            raise errors.ListenerAlreadyExists(
                "A listener with the specified port already exists.", listener=key
            )
        require(
            len(self.indexes.listeners_of.get(key.lb_id, ())) < MAX_LISTENERS_PER_LOAD_BALANCER,
            errors.TooManyListeners,
            f"{key.lb_id} has {MAX_LISTENERS_PER_LOAD_BALANCER} listeners, the most allowed",
            load_balancer=key.lb_id,
        )
        require_fitting_group(self, listener)
        require_fitting_acls(self, listener)
        self._listeners.put(key, listener)

    def update_listener(self, listener: Listener) -> None:
        old = self.listener(listener.key)
        require_fitting_group(self, listener)
        require_fitting_acls(self, listener)
        require_same_kind_of_scheduler(self, old, listener)
        self._listeners.put(listener.key, listener)

    def set_listener_state(self, key: ListenerKey, state: ListenerState) -> None:
        """Start or stop; doing it twice is no error."""
        self._listeners.put(key, replace(self.listener(key), state=state))

    def delete_listener(self, key: ListenerKey) -> None:
        self.listener(key)
        self._listeners.remove(key)

    # -- groups ------------------------------------------------------------------------------------

    def create_group(self, group: Group) -> None:
        require(
            not isinstance(group, DefaultGroup),
            errors.InvalidInput,
            "a default group is made with its load balancer",
            field="server_group",
        )
        self.load_balancer(group.lb_id)
        if group.group_id in self._groups:
            raise errors.GroupAlreadyExists(f"group {group.group_id} exists", group=group.group_id)
        require_known_servers(self, group)
        self._groups.put(group.group_id, group)

    def update_group(self, group: Group) -> None:
        """Anything but its kind and its load balancer may change."""
        old = self.group(group.group_id)
        require(
            type(group) is type(old),
            errors.InvalidInput,
            "a group is of one kind for ever",
            field="kind",
        )
        require(
            group.lb_id == old.lb_id,
            errors.InvalidInput,
            "a group belongs to one load balancer for ever",
            field="load_balancer",
        )
        require_known_servers(self, group)
        self._groups.put(group.group_id, group)

    def delete_group(self, group_id: str) -> None:
        require(
            not isinstance(self.group(group_id), DefaultGroup),
            errors.FailedPrecondition,
            "a default group goes with its load balancer",
            group=group_id,
        )
        users = self.listeners_using(group_id)
        if users:
            raise errors.GroupInUse(
                f"there are vips associating with this vServer group: {_names(users)}",
                group=group_id,
            )
        self._groups.remove(group_id)

    # -- inventory ---------------------------------------------------------------------------------

    def create_server(self, server: Server) -> None:
        if server.server_id in self._servers:
            raise errors.ServerAlreadyExists(
                f"server {server.server_id} exists", server=server.server_id
            )
        self._servers.put(server.server_id, server)

    def update_server(self, server: Server) -> None:
        self.server(server.server_id)
        for group in self.groups_naming(server.server_id):
            if isinstance(group, PairGroup):
                require_two_servers(self, group, server)
        self._servers.put(server.server_id, server)

    def delete_server(self, server_id: str) -> None:
        self.server(server_id)
        users = self.groups_naming(server_id)
        if users:
            names = ", ".join(group.group_id for group in users)
            raise errors.ServerInUse(f"server {server_id} is a member of {names}", server=server_id)
        self._servers.remove(server_id)

    # -- access control lists ----------------------------------------------------------------------

    def create_acl(self, acl: AccessControlList) -> None:
        if acl.acl_id in self._acls:
            raise errors.AclAlreadyExists(
                f"access control list {acl.acl_id} exists", acl=acl.acl_id
            )
        self._require_free_name(acl)
        self._acls.put(acl.acl_id, acl)

    def update_acl(self, acl: AccessControlList) -> None:
        require(
            acl.ip_version is self.acl(acl.acl_id).ip_version,
            errors.InvalidInput,
            "the IP version of an access control list can not change",
            field="ip_version",
        )
        self._require_free_name(acl)
        self._acls.put(acl.acl_id, acl)

    def delete_acl(self, acl_id: str) -> None:
        self.acl(acl_id)
        users = self.listeners_with_acl(acl_id)
        if users:
            raise errors.AclInUse(
                f"access control list {acl_id} is used by {_names(users)}", acl=acl_id
            )
        self._acls.remove(acl_id)

    def _require_free_name(self, acl: AccessControlList) -> None:
        for other in self.indexes.acls_named.get(acl.name, frozenset()) - {acl.acl_id}:
            raise errors.AclAlreadyExists(
                f"access control list {other} has the name {acl.name}", acl=other
            )


def _names(listeners: Iterable[Listener]) -> str:
    return ", ".join(str(listener.key) for listener in listeners)
