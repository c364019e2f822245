# SPDX-License-Identifier: Apache-2.0
"""How all resources are read, in a finished ``Desired`` as in a ``Draft``: who is there, and who
refers to whom.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from xdpair.core import errors
from xdpair.core.model import (
    AccessControlList,
    DefaultGroup,
    Group,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    LoadBalancerStatus,
    Member,
    PairGroup,
    Server,
    WeightedGroup,
)
from xdpair.core.references import Indexes


class View(ABC):
    """All resources, by their keys. Every method costs no more than what it returns."""

    __slots__ = ()

    @property
    @abstractmethod
    def load_balancers(self) -> Mapping[str, LoadBalancer]: ...

    @property
    @abstractmethod
    def listeners(self) -> Mapping[ListenerKey, Listener]: ...

    @property
    @abstractmethod
    def groups(self) -> Mapping[str, Group]: ...

    @property
    @abstractmethod
    def servers(self) -> Mapping[str, Server]: ...

    @property
    @abstractmethod
    def acls(self) -> Mapping[str, AccessControlList]: ...

    @property
    @abstractmethod
    def indexes(self) -> Indexes: ...

    def load_balancer(self, lb_id: str) -> LoadBalancer:
        try:
            return self.load_balancers[lb_id]
        except KeyError:
            raise errors.LoadBalancerNotFound(
                f"The specified LoadBalancerId {lb_id} does not exist.", load_balancer=lb_id
            ) from None

    def listener(self, key: ListenerKey) -> Listener:
        try:
            return self.listeners[key]
        except KeyError:
            self.load_balancer(key.lb_id)
            raise errors.ListenerNotFound(
                f"The specified listener {key} does not exist.", listener=key
            ) from None

    def group(self, group_id: str) -> Group:
        try:
            return self.groups[group_id]
        except KeyError:
            raise errors.GroupNotFound(
                f"The specified MasterSlaveGroupId does not exist: {group_id}", group=group_id
            ) from None

    def pair_group(self, group_id: str) -> PairGroup:
        """A group for what only a primary and a secondary have.

        Raises:
            NotSupported: it is of another kind.
        """
        group = self.group(group_id)
        if not isinstance(group, PairGroup):
            raise errors.NotSupported(
                f"{group_id} has no primary and no secondary server", group=group_id
            )
        return group

    def weighted_group(self, group_id: str) -> WeightedGroup | DefaultGroup:
        """A group for what only those of any number of servers have.

        Raises:
            NotSupported: it is a primary/secondary group.
        """
        group = self.group(group_id)
        if isinstance(group, PairGroup):
            raise errors.NotSupported(
                f"{group_id} has a primary and a secondary server and no others", group=group_id
            )
        return group

    def server(self, server_id: str) -> Server:
        try:
            return self.servers[server_id]
        except KeyError:
            raise errors.ServerNotFound(
                f"The specified server id {server_id} does not exist in the inventory.",
                server=server_id,
            ) from None

    def acl(self, acl_id: str) -> AccessControlList:
        try:
            return self.acls[acl_id]
        except KeyError:
            raise errors.AclNotFound(
                f"The specified access control list {acl_id} does not exist.", acl=acl_id
            ) from None

    def is_forwarding(self, listener: Listener) -> bool:
        """Whether it runs, and its load balancer is active."""
        status = self.load_balancer(listener.key.lb_id).status
        return listener.state is ListenerState.RUNNING and status is LoadBalancerStatus.ACTIVE

    def listeners_of(self, lb_id: str) -> list[Listener]:
        """By key, as all that follow."""
        return self._listeners_at(self.indexes.listeners_of.get(lb_id, ()))

    def listeners_using(self, group_id: str) -> list[Listener]:
        return self._listeners_at(self.indexes.listeners_using.get(group_id, ()))

    def listeners_with_acl(self, acl_id: str) -> list[Listener]:
        return self._listeners_at(self.indexes.listeners_with.get(acl_id, ()))

    def groups_of(self, lb_id: str) -> list[Group]:
        """The default group is among them."""
        return self._groups_at(self.indexes.groups_of.get(lb_id, ()))

    def groups_naming(self, server_id: str) -> list[Group]:
        """Those with a member of this id whose address the inventory says."""
        return self._groups_at(self.indexes.groups_naming.get(server_id, ()))

    def address_of(self, member: Member) -> IPv4Address:
        """The member's own address, else the inventory's.

        Raises:
            ServerNotFound: neither is there.
        """
        return (
            member.address if member.address is not None else self.server(member.server_id).address
        )

    def _listeners_at(self, keys: Iterable[ListenerKey]) -> list[Listener]:
        return [self.listeners[key] for key in sorted(keys)]

    def _groups_at(self, group_ids: Iterable[str]) -> list[Group]:
        return [self.groups[group_id] for group_id in sorted(group_ids)]
