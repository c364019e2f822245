# SPDX-License-Identifier: Apache-2.0
"""What the rows say, in the units of the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.packet.balancer import Balancer
from tests.packet.farm import farm, listener
from tests.packet.flow_table import CLOCK_MODULUS
from tests.packet.frames import SYN
from tests.packet.world import DNS_SERVERS, LINKS, SERVERS_IF, WEB_ROW, Scene, to_web
from xdpair.core.tables import Bandwidth, TableChange
from xdpair.datapath import clock
from xdpair.datapath.constants import ABI


@pytest.fixture
def balancer(balancer: Balancer) -> Balancer:
    """The TCP listener is a weighted one."""
    balancer.datapath.apply(farm())
    return balancer


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ({}, ["WEIGHTED"]),
        ({"acl": 3, "acl_is_white": True}, ["WEIGHTED", "ACL_WHITE"]),
        ({"acl": 3}, ["WEIGHTED", "ACL_BLACK"]),
        ({"bandwidth": Bandwidth(10)}, ["WEIGHTED", "LIMITED"]),
        (
            {"schedule": None, "slot": 1, "servers": DNS_SERVERS, "keep_primary": True},
            ["KEEP_PRIMARY"],
        ),
        (
            {"schedule": None, "slot": 1, "servers": DNS_SERVERS, "keep_secondary": True},
            ["KEEP_SECONDARY"],
        ),
    ],
)
def test_flags_of_a_listener(
    balancer: Balancer, fields: Mapping[str, Any], flags: list[str]
) -> None:
    balancer.datapath.apply(TableChange(listeners={WEB_ROW: listener(**fields)}))
    row = balancer.maps.listeners[WEB_ROW]
    assert row["flags"] == sum(ABI[f"LISTENER_{name}"] for name in flags)
    assert row["acl"] == fields.get("acl", 0)
    assert row["slot"] == fields.get("slot", 0)
    assert tuple(row["server"]) == fields.get("servers", (0, 0))


def test_a_bandwidth_in_the_units_of_the_program(balancer: Balancer) -> None:
    balancer.datapath.apply(
        TableChange(listeners={WEB_ROW: listener(bandwidth=Bandwidth(5000, 20))})
    )
    limit = balancer.maps.limits[WEB_ROW]
    assert (limit["ps_per_byte"], limit["burst_us"]) == (1600, 20_000)


@pytest.mark.parametrize("seconds", [1, 10, 900, 3600, 86_400])
def test_times_in_ticks_never_too_short_nor_once_round(balancer: Balancer, seconds: int) -> None:
    entry = listener(persistence_s=seconds, established_timeout_s=seconds)
    balancer.datapath.apply(TableChange(listeners={WEB_ROW: entry}))
    row = balancer.maps.listeners[WEB_ROW]
    tick_s = (1 << clock.clock_shift()) / clock.jiffies_per_s()
    assert row["persist_ticks"] == row["idle_ticks"]
    if seconds <= 3600:
        assert seconds <= row["idle_ticks"] * tick_s < seconds + tick_s
    else:
        assert CLOCK_MODULUS * 0.95 < row["idle_ticks"] < CLOCK_MODULUS * 0.98


def test_the_programs_clock_is_ours(balancer: Balancer) -> None:
    balancer.datapath.apply(Scene().tables())
    before = clock.now()
    balancer.run(to_web(flags=SYN))
    flow = balancer.flows.get(to_web().source, WEB_ROW)
    assert flow is not None
    assert (flow.seen - before) % CLOCK_MODULUS in {0, 1, CLOCK_MODULUS - 1}


def test_of_two_interfaces_at_one_place_the_first_has_it(balancer: Balancer) -> None:
    place = SERVERS_IF
    other = replace(LINKS[1], ifindex=SERVERS_IF + ABI["LINKS"], mac=bytes(6))
    balancer.datapath.apply(TableChange(links=(*LINKS, other)))
    assert balancer.maps.links["ifindex"][place] == SERVERS_IF
    balancer.datapath.apply(TableChange(links=(other, *LINKS)))
    assert balancer.maps.links["ifindex"][place] == other.ifindex
    assert balancer.maps.links["mac"][place].tobytes() == other.mac
    balancer.datapath.apply(Scene().tables())
    assert balancer.maps.links["ifindex"][place] == SERVERS_IF
