# SPDX-License-Identifier: Apache-2.0
"""Random requests, legal and not, to a controller and to a model of it (`api_model.py`).

No status but the typed ones; a refused request changes nothing; what is there, and with which
etags, is what the model says, after a restart, too. `XDPAIR_API_MODEL_S=600` goes on for so
many seconds with requests that nobody has seen before.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from random import Random, SystemRandom
from typing import Any

import pytest

from tests.rpc.api_model import KINDS
from tests.rpc.api_plain import METHODS, Request
from tests.rpc.api_queries import queries
from tests.rpc.api_random import Drawn, smallest
from tests.rpc.api_requests import CHANGES, READS
from tests.rpc.api_world import Event, Step, World

LONG_S = float(os.environ.get("XDPAIR_API_MODEL_S", "0"))
STEPS = 100


def _listener(protocol: str, port: int, **fields: Any) -> Request:
    listener = {"protocol": protocol, "port": port} | fields
    return Request("CreateListener", {"parent": "loadBalancers/lb-a", "listener": listener})


def _group(group_id: str, **fields: Any) -> Request:
    group = {"load_balancer": "loadBalancers/lb-a"} | fields
    return Request("CreateServerGroup", {"server_group_id": group_id, "server_group": group})


def _acl(number: int, name: str, *cidrs: str) -> Request:
    acl = {"display_name": name, "entries": [{"cidr": cidr} for cidr in cidrs]}
    fields = {"access_control_list_id": f"acl-{number}", "access_control_list": acl}
    return Request("CreateAccessControlList", fields)


_PAIR = [
    {"server_id": "s1", "port": 80},
    {"server_id": "3", "port": 80, "address": "10.0.0.3", "role": "SECONDARY"},
]
_NEARLY_EMPTY = {
    "type": "WHITE",
    "access_control_lists": [f"accessControlLists/acl-{number}" for number in (1, 2)],
}
#: Something to begin with, so that not all requests are about what is not there.
BEGINNING = (
    *(
        Request(
            "CreateLoadBalancer",
            {"load_balancer_id": f"lb-{letter}", "load_balancer": {"address": address}},
        )
        for letter, address in (("a", "10.0.0.1"), ("b", "10.0.0.2"))
    ),
    Request("CreateServer", {"server_id": "s1", "server": {"address": "10.0.0.1"}}),
    _group("rsp-1", servers=_PAIR),
    _group("rsp-3", servers=_PAIR, failover_policy={"scope": "GROUP"}),
    _group("rsp-2", kind="WEIGHTED", servers=[{"server_id": "s1", "port": 80}]),
    Request(
        "AddServers",
        {"name": "serverGroups/rsp-default-a", "servers": [{"server_id": "s1", "weight": 1}]},
    ),
    _acl(1, "one", "10.0.0.0/8"),
    _acl(2, "two"),
    _listener("TCP", 80, server_group="serverGroups/rsp-1"),
    _listener("TCP", 443, server_group="serverGroups/rsp-1"),
    _listener("UDP", 80, server_group="serverGroups/rsp-3"),
    _listener("UDP", 443, server_group="serverGroups/rsp-3"),
    _listener("TCP", 8080, server_group="serverGroups/rsp-2", acl=_NEARLY_EMPTY),
)
#: What must have been refused, besides much that is plainly wrong.
REFUSALS = {
    *(f"Create{each.word} ALREADY_EXISTS" for each in KINDS),
    *(f"Delete{each.word} FAILED_PRECONDITION" for each in KINDS if each.word != "Listener"),
    *(f"Update{each.word} {code}" for each in KINDS for code in ("ABORTED", "INVALID_ARGUMENT")),
    "UpdateAccessControlList ALREADY_EXISTS",
    "AddServers UNIMPLEMENTED",
    "Switchover FAILED_PRECONDITION",
}


def next_step(random: Random, world: World, past: Sequence[Step]) -> Step:
    if len(past) < len(BEGINNING):
        return BEGINNING[len(past)]
    chance = random.random()
    if chance < 0.80:
        return next_request(random, world, CHANGES if chance < 0.75 else READS)
    if chance < 0.90:
        return random.choice(past[-8:])  # the same again
    return queries(random) if chance < 0.985 else Event.RESTART


def next_request(random: Random, world: World, requests: Sequence[Drawn[Request]]) -> Request:
    """Draw requests until one will be carried out, more often than not; else until one is refused
    for what is there, and not for what it is; else any.
    """
    wish = random.choice(("legal", "legal", "legal", "untimely", "any"))
    drawn = random.choice(requests)
    for attempt in range(1, 60):
        request = drawn(random)
        verdict = world.expected(request)
        if {"legal": not verdict.codes, "untimely": verdict.is_untimely, "any": True}[wish]:
            break
        if attempt % 20 == 0:  # there is no such request now
            drawn = random.choice(requests)
    return request


def new_history(random: Random, past: list[Step]) -> Counter[str]:
    """Take random steps, note them, and count what was carried out, and what refused."""
    with World() as world:
        while len(past) < STEPS:
            past.append(next_step(random, world, past))
            world.take(past[-1])
    return Counter(world.carried_out) + Counter(world.refused)


def fails(steps: Sequence[Step]) -> bool:
    try:
        with World() as world:
            for step in steps:
                world.take(step)
    except (AssertionError, LookupError):
        return True
    return False


def run(seed: int) -> Counter[str]:
    past: list[Step] = []
    try:
        return new_history(Random(seed), past)
    except Exception:
        print(f"seed {seed}; the smallest part of it that fails:")
        print(*smallest(past, fails), sep="\n")
        raise


@pytest.mark.timeout(300 + LONG_S)
def test_the_api_does_what_the_model_does() -> None:
    done: Counter[str] = sum((run(seed) for seed in range(25)), Counter())
    until_s = time.monotonic() + LONG_S
    while time.monotonic() < until_s:
        done += run(SystemRandom().randrange(2**32))
    print(sorted(done.items()))
    assert {method for method in METHODS if done[method] < 3} == set()
    assert REFUSALS - done.keys() == set()
