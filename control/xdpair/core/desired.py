# SPDX-License-Identifier: Apache-2.0
"""Everything the users asked for, as one immutable value, and the rules between its parts.

Each change returns a new ``Desired`` or raises; the old one is never touched, so a refused request
changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from types import MappingProxyType

from xdpair.core import errors
from xdpair.core.model import (
    MAX_LISTENERS_PER_LOAD_BALANCER,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Member,
    PairGroup,
    Server,
)


@dataclass(frozen=True, slots=True)
class Desired:
    """All resources, by their keys. Dictionaries are never changed in place."""

    load_balancers: Mapping[str, LoadBalancer] = field(default_factory=dict)
    listeners: Mapping[ListenerKey, Listener] = field(default_factory=dict)
    groups: Mapping[str, PairGroup] = field(default_factory=dict)
    servers: Mapping[str, Server] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("load_balancers", "listeners", "groups", "servers"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    # -- reading -----------------------------------------------------------------------------------

    def load_balancer(self, lb_id: str) -> LoadBalancer:
        try:
            return self.load_balancers[lb_id]
        except KeyError:
            raise errors.LoadBalancerNotFound(
                f"The specified LoadBalancerId {lb_id} does not exist.", load_balancer=lb_id
            ) from None

    def listener(self, key: ListenerKey) -> Listener:
        self.load_balancer(key.lb_id)
        try:
            return self.listeners[key]
        except KeyError:
            raise errors.ListenerNotFound(
                f"The specified listener {key} does not exist.", listener=key
            ) from None

    def group(self, group_id: str) -> PairGroup:
        try:
            return self.groups[group_id]
        except KeyError:
            raise errors.GroupNotFound(
                f"The specified MasterSlaveGroupId does not exist: {group_id}", group=group_id
            ) from None

    def server(self, server_id: str) -> Server:
        try:
            return self.servers[server_id]
        except KeyError:
            raise errors.ServerNotFound(
                f"The specified server id {server_id} does not exist in the inventory.",
                server=server_id,
            ) from None

    def listeners_of(self, lb_id: str) -> list[Listener]:
        found = [entry for key, entry in self.listeners.items() if key.lb_id == lb_id]
        return sorted(found, key=lambda entry: entry.key)

    def listeners_using(self, group_id: str) -> list[Listener]:
        found = [entry for entry in self.listeners.values() if entry.group_id == group_id]
        return sorted(found, key=lambda entry: entry.key)

    def address_of(self, member: Member) -> IPv4Address:
        """The member's own address, else the inventory's.

        Raises:
            ServerNotFound: neither is there.
        """
        return (
            member.address if member.address is not None else self.server(member.server_id).address
        )

    # -- load balancers ----------------------------------------------------------------------------

    def create_load_balancer(self, lb: LoadBalancer) -> Desired:
        if lb.lb_id in self.load_balancers:
            raise errors.LoadBalancerAlreadyExists(
                f"load balancer {lb.lb_id} exists", load_balancer=lb.lb_id
            )
        self._require_free_address(lb)
        return replace(self, load_balancers={**self.load_balancers, lb.lb_id: lb})

    def update_load_balancer(self, lb: LoadBalancer) -> Desired:
        old = self.load_balancer(lb.lb_id)
        if lb.address != old.address:
            raise errors.InvalidInput(
                "the address of a load balancer can not change", field="address"
            )
        return replace(self, load_balancers={**self.load_balancers, lb.lb_id: lb})

    def delete_load_balancer(self, lb_id: str) -> Desired:
        """Remove the load balancer with its listeners and groups."""
        if self.load_balancer(lb_id).delete_protection:
            raise errors.DeleteProtected(
                "The loadbalancer can't be deleted due to DeleteProtection is enabled.",
                load_balancer=lb_id,
            )
        return replace(
            self,
            load_balancers={key: lb for key, lb in self.load_balancers.items() if key != lb_id},
            listeners={
                key: listener for key, listener in self.listeners.items() if key.lb_id != lb_id
            },
            groups={key: group for key, group in self.groups.items() if group.lb_id != lb_id},
        )

    def _require_free_address(self, lb: LoadBalancer) -> None:
        for other in self.load_balancers.values():
            if other.address == lb.address and other.lb_id != lb.lb_id:
                raise errors.AddressInUse(
                    f"{lb.address} is the address of {other.lb_id}", address=lb.address
                )

    # -- listeners ---------------------------------------------------------------------------------

    def create_listener(self, listener: Listener) -> Desired:
        key = listener.key
        self.load_balancer(key.lb_id)
        if key in self.listeners:
            raise errors.ListenerAlreadyExists(
                "A listener with the specified port already exists.", listener=key
            )
        if len(self.listeners_of(key.lb_id)) >= MAX_LISTENERS_PER_LOAD_BALANCER:
            raise errors.TooManyListeners(
                f"{key.lb_id} has {MAX_LISTENERS_PER_LOAD_BALANCER} listeners, the most allowed",
                load_balancer=key.lb_id,
            )
        self._require_fitting_group(listener)
        return replace(self, listeners={**self.listeners, key: listener})

    def update_listener(self, listener: Listener) -> Desired:
        self.listener(listener.key)
        self._require_fitting_group(listener)
        return replace(self, listeners={**self.listeners, listener.key: listener})

    def set_listener_state(self, key: ListenerKey, state: ListenerState) -> Desired:
        """Start or stop; doing it twice is no error."""
        return self.update_listener(replace(self.listener(key), state=state))

    def delete_listener(self, key: ListenerKey) -> Desired:
        self.listener(key)
        return replace(
            self, listeners={k: listener for k, listener in self.listeners.items() if k != key}
        )

    def _require_fitting_group(self, listener: Listener) -> None:
        group = self.group(listener.group_id)
        if group.lb_id != listener.key.lb_id:
            raise errors.GroupNotForListener(
                f"group {group.group_id} belongs to {group.lb_id}, not to {listener.key.lb_id}",
                group=group.group_id,
            )

    # -- groups ------------------------------------------------------------------------------------

    def create_group(self, group: PairGroup) -> Desired:
        self.load_balancer(group.lb_id)
        if group.group_id in self.groups:
            raise errors.GroupAlreadyExists(f"group {group.group_id} exists", group=group.group_id)
        return self._with_group(group)

    def update_group(self, group: PairGroup) -> Desired:
        if group.lb_id != self.group(group.group_id).lb_id:
            raise errors.InvalidInput(
                "a group belongs to one load balancer for ever", field="load_balancer"
            )
        return self._with_group(group)

    def delete_group(self, group_id: str) -> Desired:
        self.group(group_id)
        users = self.listeners_using(group_id)
        if users:
            raise errors.GroupInUse(
                "there are vips associating with this vServer group: "
                + ", ".join(str(u.key) for u in users),
                group=group_id,
            )
        return replace(
            self, groups={key: group for key, group in self.groups.items() if key != group_id}
        )

    def _with_group(self, group: PairGroup) -> Desired:
        primary, secondary = self.address_of(group.primary), self.address_of(group.secondary)
        if (primary, group.primary.port) == (secondary, group.secondary.port):
            raise errors.SameServerAndPort(
                f"both servers are {primary}:{group.primary.port}",
                group=group.group_id,
                address=primary,
            )
        return replace(self, groups={**self.groups, group.group_id: group})

    # -- inventory ---------------------------------------------------------------------------------

    def create_server(self, server: Server) -> Desired:
        if server.server_id in self.servers:
            raise errors.ServerAlreadyExists(
                f"server {server.server_id} exists", server=server.server_id
            )
        return replace(self, servers={**self.servers, server.server_id: server})

    def update_server(self, server: Server) -> Desired:
        self.server(server.server_id)
        changed = replace(self, servers={**self.servers, server.server_id: server})
        for group in self._groups_with(server.server_id):
            changed = changed._with_group(group)
        return changed

    def delete_server(self, server_id: str) -> Desired:
        self.server(server_id)
        users = [group.group_id for group in self._groups_with(server_id)]
        if users:
            raise errors.ServerInUse(
                f"server {server_id} is a member of {', '.join(users)}", server=server_id
            )
        return replace(
            self, servers={key: server for key, server in self.servers.items() if key != server_id}
        )

    def _groups_with(self, server_id: str) -> list[PairGroup]:
        return [
            group
            for group in self.groups.values()
            if any(
                m.server_id == server_id and m.address is None
                for m in (group.primary, group.secondary)
            )
        ]
