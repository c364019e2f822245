# SPDX-License-Identifier: Apache-2.0
"""Everything the users asked for, as one immutable value.

Each change gives a new ``Desired`` or raises; the old one is never touched, so a refused request
changes nothing. The rules are in ``core.draft``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from xdpair.core.changes import Delta
from xdpair.core.draft import Content, Draft
from xdpair.core.model import (
    AccessControlList,
    Group,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Server,
)
from xdpair.core.references import Indexes, derive
from xdpair.core.view import View


@dataclass(frozen=True, slots=True)
class Desired(View):
    """All resources, by their keys.

    The constructor copies what it is given and trusts it to keep the rules.

    Attributes:
        groups: of all kinds; each load balancer's default group is among them.
        indexes: who refers to whom; follows from the rest.
    """

    load_balancers: Mapping[str, LoadBalancer] = field(default_factory=dict)
    listeners: Mapping[ListenerKey, Listener] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    servers: Mapping[str, Server] = field(default_factory=dict)
    acls: Mapping[str, AccessControlList] = field(default_factory=dict)
    indexes: Indexes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("load_balancers", "listeners", "groups", "servers", "acls"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        indexes = derive(self.load_balancers, self.listeners, self.groups, self.acls)
        object.__setattr__(self, "indexes", indexes)

    def change(self, steps: Callable[[Draft], object]) -> tuple[Desired, Delta]:
        """All these steps, or, if one raises, none.

        Returns:
            what they lead to, which shares with this one what they do not touch, and where the two
            differ.
        """
        draft = Draft(self)
        steps(draft)
        content, delta = draft.finish()
        return Desired._of(content), delta

    @classmethod
    def _of(cls, content: Content) -> Desired:
        """Without copying: nobody else holds the mappings."""
        made = object.__new__(cls)
        for name, value in content._asdict().items():
            object.__setattr__(made, name, value)
        return made

    # -- changes of one step -----------------------------------------------------------------------

    def create_load_balancer(self, lb: LoadBalancer) -> Desired:
        return self.change(lambda draft: draft.create_load_balancer(lb))[0]

    def update_load_balancer(self, lb: LoadBalancer) -> Desired:
        return self.change(lambda draft: draft.update_load_balancer(lb))[0]

    def delete_load_balancer(self, lb_id: str) -> Desired:
        return self.change(lambda draft: draft.delete_load_balancer(lb_id))[0]

    def create_listener(self, listener: Listener) -> Desired:
        return self.change(lambda draft: draft.create_listener(listener))[0]

    def update_listener(self, listener: Listener) -> Desired:
        return self.change(lambda draft: draft.update_listener(listener))[0]

    def set_listener_state(self, key: ListenerKey, state: ListenerState) -> Desired:
        return self.change(lambda draft: draft.set_listener_state(key, state))[0]

    def delete_listener(self, key: ListenerKey) -> Desired:
        return self.change(lambda draft: draft.delete_listener(key))[0]

    def create_group(self, group: Group) -> Desired:
        return self.change(lambda draft: draft.create_group(group))[0]

    def update_group(self, group: Group) -> Desired:
        return self.change(lambda draft: draft.update_group(group))[0]

    def delete_group(self, group_id: str) -> Desired:
        return self.change(lambda draft: draft.delete_group(group_id))[0]

    def create_server(self, server: Server) -> Desired:
        return self.change(lambda draft: draft.create_server(server))[0]

    def update_server(self, server: Server) -> Desired:
        return self.change(lambda draft: draft.update_server(server))[0]

    def delete_server(self, server_id: str) -> Desired:
        return self.change(lambda draft: draft.delete_server(server_id))[0]

    def create_acl(self, acl: AccessControlList) -> Desired:
        return self.change(lambda draft: draft.create_acl(acl))[0]

    def update_acl(self, acl: AccessControlList) -> Desired:
        return self.change(lambda draft: draft.update_acl(acl))[0]

    def delete_acl(self, acl_id: str) -> Desired:
        return self.change(lambda draft: draft.delete_acl(acl_id))[0]
