# SPDX-License-Identifier: Apache-2.0
"""Requests that are refused, by what docs/errors.md calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from tests.rpc import bad_group_requests as groups
from tests.rpc import bad_load_balancer_requests as load_balancers
from tests.rpc import bad_requests_of_others as others
from tests.rpc.calls import Calls

SERVICES = {
    "LoadBalancerService": load_balancers.REQUESTS,
    "ServerGroupService": groups.REQUESTS,
    "InventoryService": others.INVENTORY,
    "AccessControlListService": others.ACLS,
    "EventService": others.EVENTS,
}

#: (service, method, words of the table) -> request
BAD_REQUESTS: dict[tuple[str, str, str], Message] = {
    (service, method, words): request
    for service, methods in SERVICES.items()
    for method, requests in methods.items()
    for words, request in requests.items()
}


def call_of(calls: Calls, service: str, method: str) -> Callable[[Message], object]:
    """Return what sends a request; a stream counts as answered with its first message."""
    client = calls.client
    stubs = {
        "LoadBalancerService": client.load_balancers,
        "ServerGroupService": client.groups,
        "InventoryService": client.inventory,
        "AccessControlListService": client.acls,
        "EventService": client.events,
    }
    call: Callable[[Message], Any] = getattr(stubs[service], method)
    return (lambda request: next(call(request))) if method == "WatchEvents" else call
