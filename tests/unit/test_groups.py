# SPDX-License-Identifier: Apache-2.0
"""Groups of any number of servers are legal or are not made at all."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest

from xdpair.core import errors
from xdpair.core.groups import MAX_MEMBERS
from xdpair.core.model import (
    DefaultGroup,
    Member,
    PairGroup,
    WeightedGroup,
    default_group_id,
)

A, B = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")


def weighted(*members: Member, **changes: Any) -> WeightedGroup:
    return WeightedGroup(**{"group_id": "rsp-1", "lb_id": "lb-1", "members": members, **changes})


def default(*members: Member) -> DefaultGroup:
    return DefaultGroup("lb-1", members)


def many(count: int, port: int | None) -> list[Member]:
    return [Member(f"s-{number}", port) for number in range(count)]


def test_any_number_of_servers_makes_a_group() -> None:
    for count in (0, 1, 2, 3, MAX_MEMBERS):
        assert len(weighted(*many(count, 80)).members) == count
        assert len(default(*many(count, None)).members) == count


@pytest.mark.parametrize(
    ("make", "members"),
    [(weighted, many(MAX_MEMBERS + 1, 80)), (default, many(MAX_MEMBERS + 1, None))],
)
def test_one_server_too_many(make: Any, members: list[Member]) -> None:
    with pytest.raises(errors.TooManyServers, match="2000 servers, not 2001"):
        make(*members)


def test_server_may_have_several_ports_in_a_weighted_group() -> None:
    assert len(weighted(Member("a", 80), Member("a", 81), Member("b", 80)).members) == 3


@pytest.mark.parametrize(
    "twin", [Member("a", 80), Member("a", 80, weight=1), Member("a", 80, address=B)]
)
def test_server_and_port_twice(twin: Member) -> None:
    with pytest.raises(errors.SameServerAndPort) as caught:
        weighted(Member("a", 80), Member("b", 80), twin)
    assert caught.value.metadata == {"server": "a", "port": "80"}


def test_server_twice_in_a_default_group() -> None:
    with pytest.raises(errors.SameServerAndPort):
        default(Member("a", None), Member("a", None, address=A))


def test_servers_of_a_weighted_group_have_ports() -> None:
    with pytest.raises(errors.ServerPortEmpty):
        weighted(Member("a", 80), Member("b", None))


def test_servers_of_a_pair_have_ports() -> None:
    with pytest.raises(errors.ServerPortEmpty):
        PairGroup("rsp-1", "lb-1", Member("a", 80), Member("b", None))


def test_servers_of_a_default_group_have_none() -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        default(Member("a", None), Member("b", 80))
    assert caught.value.metadata["field"] == "servers.port"


@pytest.mark.parametrize(
    "changes",
    [
        {"group_id": "lb-1"},
        {"group_id": "rsp-default-1"},
        {"group_id": "rsp-" + "a" * 60},
        {"name": "two words"},
    ],
)
def test_what_a_weighted_group_may_not_be_called(changes: dict[str, str]) -> None:
    with pytest.raises(errors.InvalidInput):
        weighted(**changes)


def test_pair_may_not_be_called_a_default_group() -> None:
    with pytest.raises(errors.InvalidInput, match="default groups"):
        PairGroup("rsp-default-1", "lb-1", Member("a", 80), Member("b", 80))


def test_default_group_is_called_after_its_load_balancer() -> None:
    assert default_group_id("lb-web-2") == "rsp-default-web-2"
    assert (default().group_id, default().name) == ("rsp-default-1", "")
    longest = "lb-" + "a" * 59
    assert DefaultGroup(longest).group_id == "rsp-default-" + "a" * 59


def test_pair_tells_its_members_by_side() -> None:
    pair = PairGroup("rsp-1", "lb-1", Member("a", 80), Member("b", 80))
    assert pair.members == (pair.primary, pair.secondary)
