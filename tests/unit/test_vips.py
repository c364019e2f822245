# SPDX-License-Identifier: Apache-2.0
"""Following the load balancers' addresses: what changed costs, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from xdpair.core.desired import Desired
from xdpair.core.errors import NetworkError
from xdpair.core.events import Event, EventKind
from xdpair.core.model import LoadBalancer, LoadBalancerStatus
from xdpair.core.tables import Link, NextHop
from xdpair.vips import Vips

ONE = LoadBalancer("lb-1", IPv4Address("192.0.2.1"))
TWO = LoadBalancer("lb-2", IPv4Address("192.0.2.2"), interface="eth1")


class RecordingNetwork:
    """Remembers what it was told, and refuses what it was told to refuse."""

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.on_link: Callable[[str, bool], None] = lambda _name, _up: None
        self.told: list[str] = []
        self.refusals: dict[str, str] = {}

    async def announce(self, vip: IPv4Address, interface: str | None) -> str:
        self._take(f"+{vip} {interface}")
        return interface or "lo"

    async def withdraw(self, vip: IPv4Address) -> None:
        self._take(f"-{vip}")

    def take_told(self) -> list[str]:
        told, self.told = self.told, []
        return told

    def _take(self, words: str) -> None:
        self.told.append(words)
        if words in self.refusals:
            raise NetworkError(self.refusals[words])

    async def settle(self, timeout_s: float) -> bool:
        raise NotImplementedError

    def watch(self, added: Collection[IPv4Address], removed: Collection[IPv4Address] = ()) -> None:
        raise NotImplementedError

    def take_changed(self) -> frozenset[IPv4Address]:
        raise NotImplementedError

    def next_hop(self, address: IPv4Address) -> NextHop | None:
        raise NotImplementedError

    def local_addresses(self) -> frozenset[IPv4Address]:
        raise NotImplementedError

    def links(self) -> tuple[Link, ...]:
        raise NotImplementedError


class Follower:
    """The VIPs of a host, and what they say."""

    def __init__(self, *, enabled: bool = True) -> None:
        self.network = RecordingNetwork()
        self.events: list[Event] = []
        self.vips = Vips(self.network, self.events.append, enabled=enabled)

    def follow(self, *lbs: LoadBalancer) -> list[str]:
        """What the network is told of, given these load balancers."""
        return self.follow_again(Desired(load_balancers={lb.lb_id: lb for lb in lbs}))

    def follow_again(self, desired: Desired) -> list[str]:
        asyncio.run(self.vips.follow(desired))
        return self.network.take_told()

    def withdraw_all(self) -> list[str]:
        asyncio.run(self.vips.withdraw_all())
        return self.network.take_told()


@pytest.fixture
def follower() -> Follower:
    return Follower()


def test_only_what_changed_is_told(follower: Follower) -> None:
    assert follower.follow(ONE) == ["+192.0.2.1 None"]
    assert follower.follow(ONE, TWO) == ["+192.0.2.2 eth1"]
    assert follower.follow(ONE, TWO) == []
    assert follower.follow(TWO) == ["-192.0.2.1"]
    assert follower.follow() == ["-192.0.2.2"]
    assert follower.follow() == []


def test_what_is_not_about_the_address_changes_nothing(follower: Follower) -> None:
    follower.follow(ONE)
    assert follower.follow(replace(ONE, name="other")) == []
    assert follower.follow(replace(ONE, status=LoadBalancerStatus.INACTIVE)) == []
    assert follower.follow(ONE) == []


def test_another_interface_is_a_move(follower: Follower) -> None:
    follower.follow(TWO)
    assert follower.follow(replace(TWO, interface="eth2")) == ["+192.0.2.2 eth2"]
    assert follower.follow(replace(TWO, interface="eth2")) == []


def test_an_address_that_changes_hands_is_withdrawn_before_it_is_announced(
    follower: Follower,
) -> None:
    follower.follow(ONE)
    heir = replace(TWO, address=ONE.address)
    assert follower.follow(heir) == ["-192.0.2.1", "+192.0.2.1 eth1"]
    swapped = replace(heir, address=TWO.address)
    assert follower.follow(swapped) == ["-192.0.2.1", "+192.0.2.2 eth1"]


def test_what_was_refused_is_tried_again_and_reported_once_for_each_reason(
    follower: Follower,
) -> None:
    follower.network.refusals["+192.0.2.2 eth1"] = "no such device"
    desired = Desired(load_balancers={ONE.lb_id: ONE, TWO.lb_id: TWO})
    assert follower.follow_again(desired) == ["+192.0.2.1 None", "+192.0.2.2 eth1"]
    assert follower.follow_again(desired) == ["+192.0.2.2 eth1"]
    assert follower.follow(ONE, TWO) == ["+192.0.2.2 eth1"]
    follower.network.refusals["+192.0.2.2 eth1"] = "no permission"
    assert follower.follow_again(desired) == ["+192.0.2.2 eth1"]
    assert [(event.kind, event.lb_id, event.message) for event in follower.events] == [
        (EventKind.WARNING, "lb-2", "could not announce 192.0.2.2: no such device"),
        (EventKind.WARNING, "lb-2", "could not announce 192.0.2.2: no permission"),
    ]
    follower.network.refusals.clear()
    assert follower.follow_again(desired) == ["+192.0.2.2 eth1"]
    assert follower.follow_again(desired) == []
    assert len(follower.events) == 2


def test_what_was_refused_and_is_gone_is_not_tried_again(follower: Follower) -> None:
    follower.network.refusals["+192.0.2.2 eth1"] = "no such device"
    follower.follow(ONE, TWO)
    without = Desired(load_balancers={ONE.lb_id: ONE})
    assert follower.follow_again(without) == []
    assert follower.follow_again(without) == []


def test_what_cannot_be_withdrawn_is_reported_and_let_go(follower: Follower) -> None:
    follower.network.refusals["-192.0.2.1"] = "no permission"
    follower.follow(ONE)
    assert follower.follow() == ["-192.0.2.1"]
    assert follower.follow() == []
    assert [event.message for event in follower.events] == [
        "could not withdraw 192.0.2.1: no permission"
    ]


def test_all_are_withdrawn_and_announced_again(follower: Follower) -> None:
    desired = Desired(load_balancers={ONE.lb_id: ONE, TWO.lb_id: TWO})
    follower.follow_again(desired)
    assert follower.withdraw_all() == ["-192.0.2.1", "-192.0.2.2"]
    assert follower.withdraw_all() == []
    assert follower.follow_again(desired) == ["+192.0.2.1 None", "+192.0.2.2 eth1"]


def test_somebody_else_brings_the_packets_here() -> None:
    follower = Follower(enabled=False)
    assert follower.follow(ONE) == []
    assert follower.withdraw_all() == []
