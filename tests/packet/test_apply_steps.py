# SPDX-License-Identifier: Apache-2.0
"""Packets that come between two writes of a change: each finds the old way or the new one."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from tests.packet.balancer import DROP, PASS, Balancer
from tests.packet.farm import ROWS, farm, listener, server
from tests.packet.frames import ACK, SYN, Endpoint
from tests.packet.steps import Traffic, between_steps, ports, turn_by_turn
from tests.packet.world import (
    CLIENT,
    LINKS,
    PRIMARY,
    SECONDARY_HOP,
    SECONDARY_MAC,
    WEB_ROW,
    WEB_SERVERS,
    Scene,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.model import Protocol
from xdpair.core.tables import AclKey, Bandwidth, Kind, LookupKey, Schedule, TableChange
from xdpair.datapath.constants import ABI

OLD, NEW = ROWS[:3], ROWS[3:]
CLIENTS = IPv4Network(f"{CLIENT.address}/24", strict=False)
NOBODY = IPv4Network("192.0.2.0/24")


@pytest.fixture
def weighted(balancer: Balancer) -> Balancer:
    balancer.datapath.apply(farm())
    balancer.datapath.write_wheel(WEB_ROW, OLD, dict.fromkeys(ROWS, True))
    return balancer


# -- pairs -----------------------------------------------------------------------------------------


def test_other_servers_for_a_pair(balancer: Balancer) -> None:
    """A new connection goes to one pair or to the other; the datagrams of others all along."""
    scene = Scene(web_servers=(15, 16)).tables()
    servers = {**scene.servers, 15: replace(server(15), port=8100)}
    traffic = turn_by_turn(balancer, replace(scene, servers=servers), to_dns())
    assert traffic.seen == {"known": {PRIMARY.port}, "new": {PRIMARY.port, 8100}}


def test_a_listener_comes_and_goes(balancer: Balancer) -> None:
    """Until all of it is there the host gets its packets, and never any for nothing."""
    whole = Scene().tables()
    key = next(key for key in whole.lookup if key.kind is Kind.LISTENER and key.port == 80)
    endpoints = [key for key in whole.lookup if key.kind is Kind.ENDPOINT and key.protocol == 6]
    gone = TableChange(
        lookup=dict.fromkeys([key, *endpoints]),
        listeners={WEB_ROW: None},
        servers=dict.fromkeys(Scene().web_servers),
    )
    for change in (gone, whole, gone, replace(whole, whole=False)):
        traffic = turn_by_turn(balancer, change, to_dns())
        assert traffic.seen == {"known": {PRIMARY.port}, "new": {-PASS, PRIMARY.port}}


def test_a_neighbour_that_changes(balancer: Balancer) -> None:
    """No frame leaves for half of a new MAC."""
    moved = replace(SECONDARY_HOP, dest_mac=bytes.fromhex("0affffffffff"))
    macs = set()
    with between_steps(lambda: macs.add(balancer.verdict(to_web(flags=SYN))[1][:6])):
        balancer.datapath.apply(Scene(hops=(SECONDARY_HOP, SECONDARY_HOP)).tables())
        balancer.datapath.apply(Scene(hops=(moved, moved)).tables())
    assert len(macs) == 3
    assert {SECONDARY_MAC, moved.dest_mac} < macs


def test_a_neighbour_that_is_found(balancer: Balancer) -> None:
    """Nor for what was there before it."""
    balancer.datapath.apply(Scene(hops=(None, None)).tables())
    seen = set()

    def look() -> None:
        action, frame = balancer.verdict(to_web(flags=SYN))
        seen.add(b"" if action == DROP else frame[:6])

    with between_steps(look):
        balancer.datapath.apply(Scene(hops=(SECONDARY_HOP, SECONDARY_HOP)).tables())
        balancer.datapath.apply(Scene(hops=(None, None)).tables())
    assert seen == {b"", SECONDARY_MAC}


def test_an_interface_in_the_place_of_another(balancer: Balancer) -> None:
    """Its MAC is never taken for the other's."""
    rows = balancer.maps.links
    old, place = LINKS[0], LINKS[0].ifindex
    new = replace(old, ifindex=place + len(rows), mac=bytes.fromhex("0affffffffff"))
    seen = set()
    with between_steps(
        lambda: seen.add((int(rows["ifindex"][place]), rows["mac"][place].tobytes()))
    ):
        balancer.datapath.apply(TableChange(links=(new, *LINKS[1:])))
    assert {(old.ifindex, old.mac), (new.ifindex, new.mac)} >= {each for each in seen if each[0]}


def test_answers_go_on_while_everything_else_changes(balancer: Balancer) -> None:
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    scene = Scene(dns_servers=(17, 18), keep_primary=True, links=LINKS[:2]).tables()
    traffic = turn_by_turn(balancer, scene, from_web())
    assert traffic.seen["known"] == {CLIENT.port}


# -- a pair's listener becomes a weighted one ------------------------------------------------------


def test_from_a_pair_to_a_wheel_and_back(balancer: Balancer) -> None:
    """The servers and the wheel come first, as their listener does with them."""
    whole = Scene().tables()
    balancer.datapath.apply(TableChange(servers={row: server(row) for row in ROWS}))
    for _ in range(2):
        balancer.datapath.write_wheel(WEB_ROW, OLD, dict.fromkeys(OLD, True))
        traffic = turn_by_turn(balancer, TableChange(listeners={WEB_ROW: listener()}), to_dns())
        assert traffic.seen == {"known": {PRIMARY.port}, "new": {PRIMARY.port, *ports(OLD)}}
        back = TableChange(listeners={WEB_ROW: whole.listeners[WEB_ROW]})
        traffic = turn_by_turn(balancer, back, to_dns())
        assert traffic.seen == {"known": {PRIMARY.port}, "new": {PRIMARY.port, *ports(OLD)}}
        assert list(balancer.datapath.read_wheel(WEB_ROW)) == []


def test_connections_of_the_pair_end_whatever_the_epochs(balancer: Balancer) -> None:
    """The slot's epoch, by which they were made, may be that of a server's row."""
    for epoch in range(4):
        balancer.maps.slots["epoch"][WEB_ROW] = epoch
        balancer.maps.slots["fence"][WEB_ROW] = 0
        client = Endpoint(CLIENT.address, 2000 + epoch)
        for flags in (SYN, ACK):
            balancer.run(to_web(source=client, flags=flags))
    balancer.maps.servers["epoch"][list(WEB_SERVERS)] = 2
    balancer.datapath.apply(TableChange(listeners={WEB_ROW: listener()}))
    for epoch in range(4):
        client = Endpoint(CLIENT.address, 2000 + epoch)
        assert balancer.run(to_web(source=client)).exit == "reset_client"


# -- weighted listeners ----------------------------------------------------------------------------


def test_another_wheel(weighted: Balancer) -> None:
    traffic = Traffic(weighted)
    for wheel, gone in ((NEW, OLD), (OLD, NEW)):
        eligible = dict.fromkeys(wheel, True) | dict.fromkeys(gone, False)
        with between_steps(traffic.look):
            weighted.datapath.write_wheel(WEB_ROW, wheel, eligible)
    assert traffic.looks > 20
    assert traffic.seen == {"new": ports(ROWS)}


def test_no_server_that_may_have_flows_is_passed_over(weighted: Balancer) -> None:
    """A SYN that is sent again stays with its server: bits go on before the wheel has them, and off
    after it has them no more."""
    weighted.datapath.write_wheel(WEB_ROW, OLD[:1], {})
    weighted.run(to_web(flags=SYN))
    traffic = Traffic(weighted)
    with between_steps(lambda: traffic.look(to_web(flags=SYN), new_client=False)):
        weighted.datapath.write_wheel(WEB_ROW, [OLD[0], NEW[0]], {NEW[0]: True})
    assert traffic.seen == {"known": ports(OLD[:1])}
    with between_steps(lambda: traffic.look(to_web(flags=SYN), new_client=False)):
        weighted.datapath.write_wheel(WEB_ROW, NEW[:1], {OLD[0]: False})
    assert traffic.seen == {"known": ports([OLD[0], NEW[0]])}


def test_who_is_in_the_wheel_may_have_new_flows(weighted: Balancer) -> None:
    eligible = weighted.maps.servers["flags"]
    strays: set[int] = set()

    def look() -> None:
        wheel = weighted.datapath.read_wheel(WEB_ROW)
        strays.update(row for row in wheel if not eligible[row] & ABI["SERVER_ELIGIBLE"])

    weighted.datapath.write_wheel(WEB_ROW, OLD, dict.fromkeys(NEW, False))
    for wheel, gone in ((NEW, OLD), (OLD, NEW)):
        bits = dict.fromkeys(gone, False) | dict.fromkeys(wheel, True)
        with between_steps(look):
            weighted.datapath.write_wheel(WEB_ROW, wheel, bits)
    assert not strays


def test_servers_of_another_row(weighted: Balancer) -> None:
    """They come, the wheel turns to them, the others go."""
    spare = (31, 32)
    coming = TableChange(servers={row: server(row) for row in spare})
    going = TableChange(servers=dict.fromkeys(OLD))
    assert turn_by_turn(weighted, coming).seen == {"new": ports(OLD)}
    traffic = Traffic(weighted)
    with between_steps(traffic.look):
        weighted.datapath.write_wheel(
            WEB_ROW, spare, dict.fromkeys(spare, True) | dict.fromkeys(OLD, False)
        )
    assert traffic.seen["new"] <= ports((*OLD, *spare))
    assert turn_by_turn(weighted, going).seen == {"new": ports(spare)}


@pytest.mark.parametrize("schedule", list(Schedule))
def test_another_scheduler(weighted: Balancer, schedule: Schedule) -> None:
    change = TableChange(listeners={WEB_ROW: listener(schedule=schedule, persistence_s=100)})
    traffic = turn_by_turn(weighted, change, to_dns())
    assert traffic.seen["new"] <= ports(OLD)


# -- who may come ----------------------------------------------------------------------------------

LISTS: dict[str, tuple[dict[str, Any], set[IPv4Network]]] = {
    "none": ({}, set()),
    "white": ({"acl": 1, "acl_is_white": True}, {CLIENTS}),
    "another white": ({"acl": 2, "acl_is_white": True}, {CLIENTS, NOBODY}),
    "black": ({"acl": 3}, {NOBODY}),
    "empty black": ({"acl": 4}, set()),
}


@pytest.mark.parametrize("after", LISTS)
@pytest.mark.parametrize("before", LISTS)
def test_who_may_come_before_and_after_may_come_meanwhile(
    weighted: Balancer, before: str, after: str
) -> None:
    """Entries and listener change at once, and nobody is judged by half of it."""

    def change_to(name: str) -> TableChange:
        fields, networks = LISTS[name]
        acls = {AclKey(fields.get("acl", 0), network): True for network in networks}
        return replace(farm(**fields), acls=acls)

    weighted.datapath.apply(change_to(before))
    weighted.datapath.write_wheel(WEB_ROW, OLD, {})
    assert turn_by_turn(weighted, change_to(after)).seen == {"new": ports(OLD)}


def test_a_bandwidth_comes_changes_and_goes(weighted: Balancer) -> None:
    for bandwidth in (Bandwidth(5000), Bandwidth(1, 60_000), None):
        change = TableChange(listeners={WEB_ROW: listener(bandwidth=bandwidth)})
        assert turn_by_turn(weighted, change).seen == {"new": ports(OLD)}


def test_an_endpoint_that_several_listeners_share(balancer: Balancer) -> None:
    """The word behind the key is one store: answers go on."""
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    key = LookupKey(Kind.ENDPOINT, *PRIMARY, Protocol.TCP)
    plain = Scene().tables().lookup[key]
    assert plain is not None
    for value in (plain | 1, plain):
        traffic = turn_by_turn(balancer, TableChange(lookup={key: value}), from_web())
        assert traffic.seen["known"] == {CLIENT.port}
