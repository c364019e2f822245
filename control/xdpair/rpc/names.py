# SPDX-License-Identifier: Apache-2.0
"""Resource names (AIP-122) and the ids of the core."""

from __future__ import annotations

import re
import secrets
import string

from xdpair.core import errors
from xdpair.core.model import ListenerKey, Protocol

_ID_LETTERS = string.ascii_lowercase + string.digits
_LISTENER = re.compile(r"loadBalancers/([^/]+)/listeners/(tcp|udp)-([1-9][0-9]{0,4})")

#: Stands for every load balancer where a method says so (AIP-159).
ALL_LOAD_BALANCERS = "loadBalancers/-"


def new_id(prefix: str) -> str:
    """Return ``<prefix>-`` and twelve random letters and digits."""
    return f"{prefix}-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(12))


def load_balancer_name(lb_id: str) -> str:
    return f"loadBalancers/{lb_id}"


def load_balancer_id(name: str, field: str = "name") -> str:
    return _single(name, "loadBalancers", "load_balancer", field)


def group_name(group_id: str) -> str:
    return f"serverGroups/{group_id}"


def group_id(name: str, field: str = "name") -> str:
    return _single(name, "serverGroups", "server_group", field)


def server_name(server_id: str) -> str:
    return f"servers/{server_id}"


def server_id(name: str, field: str = "name") -> str:
    return _single(name, "servers", "server", field)


def acl_name(acl_id: str) -> str:
    return f"accessControlLists/{acl_id}"


def acl_id(name: str, field: str = "name") -> str:
    return _single(name, "accessControlLists", "access_control_list", field)


def listener_name(key: ListenerKey) -> str:
    return f"loadBalancers/{key.lb_id}/listeners/{key.protocol.name.lower()}-{key.port}"


def is_listener_name(name: str) -> bool:
    """Whether the name is a listener's rather than a load balancer's."""
    return "/listeners/" in name


def listener_key(name: str, field: str = "name") -> ListenerKey:
    match = _LISTENER.fullmatch(name)
    if match is None:
        raise _malformed(name, "loadBalancers/{load_balancer}/listeners/{tcp|udp}-{port}", field)
    lb_id, protocol, port = match.groups()
    return ListenerKey(lb_id, Protocol[protocol.upper()], int(port))


def _single(name: str, collection: str, variable: str, field: str) -> str:
    head, _, resource_id = name.partition("/")
    if head != collection or not resource_id or "/" in resource_id:
        raise _malformed(name, f"{collection}/{{{variable}}}", field)
    return resource_id


def _malformed(name: str, pattern: str, field: str) -> errors.InvalidInput:
    if not name:
        return errors.MissingParameter(f"{field} is missing: {pattern}", field=field)
    return errors.InvalidInput(f"{field} {name!r} is not of the form {pattern}", field=field)
