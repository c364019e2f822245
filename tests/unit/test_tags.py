# SPDX-License-Identifier: Apache-2.0
"""Tags: the same rules for every resource that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import Any

import pytest

from xdpair.core import errors
from xdpair.core.model import (
    AccessControlList,
    DefaultGroup,
    Listener,
    ListenerKey,
    LoadBalancer,
    Member,
    PairGroup,
    Protocol,
    Server,
    WeightedGroup,
)
from xdpair.core.rules import MAX_TAGS

A = IPv4Address("192.0.2.1")
Maker = Callable[[Mapping[str, str]], Any]

TAGGED: dict[str, Maker] = {
    "load balancer": lambda tags: LoadBalancer("lb-1", A, tags=tags),
    "listener": lambda tags: Listener(ListenerKey("lb-1", Protocol.TCP, 80), "rsp-1", tags=tags),
    "primary/secondary group": lambda tags: PairGroup(
        "rsp-1", "lb-1", Member("a", 80), Member("b", 80), tags=tags
    ),
    "weighted group": lambda tags: WeightedGroup("rsp-1", "lb-1", tags=tags),
    "default group": lambda tags: DefaultGroup("lb-1", tags=tags),
    "server": lambda tags: Server("a", A, tags=tags),
    "access control list": lambda tags: AccessControlList("acl-1", "list", tags=tags),
}


@pytest.mark.parametrize("kind", TAGGED)
@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({"": "v"}, errors.InvalidTagKey),
        ({"k" * 65: "v"}, errors.InvalidTagKey),
        ({"aliyun-k": "v"}, errors.InvalidTagKey),
        ({"acs:k": "v"}, errors.InvalidTagKey),
        ({"see http://k": "v"}, errors.InvalidTagKey),
        ({"see https://k": "v"}, errors.InvalidTagKey),
        ({"k": "v" * 129}, errors.InvalidTagValue),
        ({"k": "aliyun"}, errors.InvalidTagValue),
        ({"k": "acs:v"}, errors.InvalidTagValue),
        ({"k": "http://v"}, errors.InvalidTagValue),
        ({"good": "v", "k": "https://v"}, errors.InvalidTagValue),
        ({f"k{number}": "" for number in range(MAX_TAGS + 1)}, errors.TooManyTags),
    ],
)
def test_tags_that_are_refused(
    kind: str, tags: dict[str, str], error: type[errors.XdpairError]
) -> None:
    with pytest.raises(error) as caught:
        TAGGED[kind](tags)
    assert type(caught.value) is error
    assert caught.value.metadata["field"] == "tags"


@pytest.mark.parametrize("kind", TAGGED)
@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"k": ""},
        {"k" * 64: "v" * 128},
        {"my-aliyun": "not acs:", "http:/k": "ftp://v", "Größe": "groß\n"},
        {f"k{number}": "" for number in range(MAX_TAGS)},
    ],
)
def test_tags_that_are_legal(kind: str, tags: dict[str, str]) -> None:
    assert TAGGED[kind](tags).tags == tags
    assert TAGGED[kind]({}).tags == {}
