# SPDX-License-Identifier: Apache-2.0
"""What a change did to each resource, noted with the call that asked for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

from xdpair import audit
from xdpair.core.changes import Delta
from xdpair.core.desired import Desired

#: Of a change of more resources, only the first are noted one by one.
NOTED = 1000


def note_changes(before: Desired, after: Desired, delta: Delta) -> None:
    """Note every resource as it was and as it is now."""
    touched = list(_touched(before, after, delta))
    call = audit.current()
    for kind, key, old, new in touched[:NOTED]:
        call.note(kind, key, document(old), document(new))
    if len(touched) > NOTED:
        call.note("more", "", None, f"{len(touched) - NOTED} further resources were changed")


def _touched(
    before: Desired, after: Desired, delta: Delta
) -> Iterator[tuple[str, str, object, object]]:
    for lb_id in sorted(delta.load_balancers):
        old, new = before.load_balancers.get(lb_id), after.load_balancers.get(lb_id)
        yield "load_balancer", lb_id, old, new
    for key in sorted(delta.listeners):
        yield "listener", str(key), before.listeners.get(key), after.listeners.get(key)
    for group_id in sorted(delta.groups):
        yield "server_group", group_id, before.groups.get(group_id), after.groups.get(group_id)
    for server_id in sorted(delta.servers):
        yield "server", server_id, before.servers.get(server_id), after.servers.get(server_id)
    for acl_id in sorted(delta.acls):
        yield "access_control_list", acl_id, before.acls.get(acl_id), after.acls.get(acl_id)


def document(value: object) -> audit.Json:
    """A resource as JSON: fields by name, enums by value, addresses as text, octets as hex."""
    match value:
        case None | bool() | float() | str():
            return value
        case Enum():
            return value.name.lower()
        case int():
            return int(value)
        case bytes():
            return value.hex()
        case Mapping():
            return {str(key): document(each) for key, each in value.items()}
        case Collection():
            items = sorted(value) if isinstance(value, frozenset) else value
            return [document(each) for each in items]
        case _ if is_dataclass(value):
            return {each.name: document(getattr(value, each.name)) for each in fields(value)}
        case _:
            return str(value)
