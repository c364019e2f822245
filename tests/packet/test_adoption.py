# SPDX-License-Identifier: Apache-2.0
"""A controller that starts beside a running program: it adopts, compares, and touches no flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from tests.packet.balancer import Balancer
from tests.packet.farm import ROWS, farm
from tests.packet.frames import ACK, SYN, Endpoint
from tests.packet.outcomes import forwarded, passed, replied
from tests.packet.world import (
    CLIENT,
    PRIMARY_HOP,
    SECONDARY,
    SECONDARY_HOP,
    WEB,
    WEB_ROW,
    WEB_SERVERS,
    Scene,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.failover import Slot
from xdpair.core.model import Side
from xdpair.core.tables import AclKey, Kind, LookupKey, TableChange
from xdpair.datapath.adapter import Datapath

SLOT = Slot(Side.SECONDARY, 0xFFFE, (0xFFFE, 0xFFF0), (True, False))


@pytest.fixture
def successor(balancer: Balancer) -> Iterator[Datapath]:
    """A second controller on the same pins, after the first one was killed."""
    for row in (WEB_ROW, 2):
        balancer.datapath.write_slot(row, SLOT)
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    datapath = balancer.open_datapath()
    yield datapath
    datapath.close()
    # The fixture's own controller knows nothing of what the other one did.
    balancer.datapath = first = balancer.open_datapath()
    balancer.maps = first.maps


def test_the_same_program_is_adopted(balancer: Balancer, successor: Datapath) -> None:
    assert successor.program.adopted
    assert successor.program.program_id == balancer.datapath.program.program_id


def test_slots_are_read_back(successor: Datapath) -> None:
    assert successor.read_slot(WEB_ROW) == SLOT
    assert successor.read_slot(99) is None


@pytest.mark.parametrize(
    "slot",
    [
        Slot(),
        Slot(None, 0, (65_535, 1), (False, False)),
        Slot(Side.SECONDARY, 1, (1, 0), (True, True)),
        Slot(Side.PRIMARY, 65_535, (0, 65_535), (False, True)),
    ],
)
def test_every_slot_is_read_as_written(balancer: Balancer, slot: Slot) -> None:
    balancer.datapath.write_slot(5, slot)
    assert balancer.datapath.read_slot(5) == slot


def test_the_same_tables_again_change_no_octet(balancer: Balancer, successor: Datapath) -> None:
    maps = [successor.maps.lookup, successor.maps.listeners, successor.maps.servers]
    maps += [successor.maps.links, successor.maps.slots, successor.maps.flows]
    before = [rows.tobytes() for rows in maps]
    successor.apply(Scene().tables())
    assert [rows.tobytes() for rows in maps] == before
    assert balancer.run(to_web()) == forwarded(to_web(), SECONDARY)
    assert balancer.run(from_web(SECONDARY)) == replied(from_web(SECONDARY))


def test_what_is_no_longer_wanted_goes(balancer: Balancer, successor: Datapath) -> None:
    full = Scene().tables()
    lookup = {key: value for key, value in full.lookup.items() if key.port not in {53, 9090}}
    successor.apply(replace(full, lookup=lookup))
    assert balancer.run(to_dns()) == passed(to_dns(), "no_listener")
    assert balancer.run(from_web(SECONDARY)) == passed(from_web(SECONDARY), "no_listener")
    assert balancer.run(to_web()) == forwarded(to_web(), SECONDARY)
    successor.apply(full)
    assert balancer.run(from_web(SECONDARY)) == replied(from_web(SECONDARY))
    successor.apply(TableChange(whole=True))
    assert balancer.run(to_web()) == passed(to_web(), "no_listener")


def test_neighbours_that_changed_meanwhile_are_repaired(
    balancer: Balancer, successor: Datapath
) -> None:
    mac = bytes.fromhex("0200000000ee")
    moved = replace(SECONDARY_HOP, dest_mac=mac, mtu_bytes=1400)
    successor.apply(Scene(hops=(PRIMARY_HOP, moved)).tables())
    assert balancer.run(to_web()).frame[:6] == mac
    successor.apply(Scene(hops=(PRIMARY_HOP, None)).tables())
    assert balancer.run(to_web()).exit == "drop_unresolved"


def test_a_row_that_changes_hands_counts_from_zero(balancer: Balancer, successor: Datapath) -> None:
    """Also if the row was free in between, and whoever had it before is long forgotten."""
    assert successor.maps.counters("server_counters", WEB_SERVERS[1])["forward_packets"] > 0
    assert successor.maps.counters("listener_counters", WEB_ROW)["forward_packets"] > 0
    successor.apply(Scene().tables())
    assert successor.maps.counters("server_counters", WEB_SERVERS[1])["forward_packets"] > 0
    successor.apply(TableChange(whole=True))
    end = Endpoint(WEB.address, 443)
    scene = Scene().tables()
    web, servers = scene.listeners[WEB_ROW], scene.servers
    assert web is not None
    other = replace(
        scene,
        lookup={LookupKey(Kind.LISTENER, *end, 6): WEB_ROW},
        listeners={WEB_ROW: replace(web, port=end.port)},
        servers={row: replace(entry, port=1) for row, entry in servers.items() if entry},
    )
    successor.apply(other)
    assert set(successor.maps.counters("server_counters", WEB_SERVERS[1]).values()) == {0}
    assert set(successor.maps.counters("listener_counters", WEB_ROW).values()) == {0}
    assert balancer.run(to_web(dest=end, flags=SYN)).exit == "forward_new"


def test_places_and_tombstones_are_read_back(balancer: Balancer) -> None:
    """A second controller plans as the first one would."""
    first = balancer.datapath
    scenes = (Scene().tables(), TableChange(whole=True), Scene(web_row=3).tables())
    for tables in scenes:
        first.apply(tables)
        second = balancer.open_datapath()
        for wanted in scenes:
            plan = first._lookup.plan(wanted.lookup, whole=True)
            assert second._lookup.plan(wanted.lookup, whole=True) == plan
        second.close()


# -- weighted listeners ----------------------------------------------------------------------------


@pytest.fixture
def many(balancer: Balancer) -> Iterator[tuple[Balancer, Datapath, TableChange]]:
    """Flows at many servers, one of which has failed, behind a list; then a second controller."""
    listed = {AclKey(1, IPv4Network(f"{CLIENT.address}/32")): True}
    tables = replace(farm(acl=1, acl_is_white=True), acls=listed)
    failed, *fit = ROWS
    balancer.datapath.apply(tables)
    balancer.datapath.write_wheel(WEB_ROW, ROWS, dict.fromkeys(ROWS, True))
    for client in CLIENTS:
        for flags in (SYN, ACK):
            balancer.run(to_web(source=client, flags=flags))
    balancer.datapath.write_wheel(WEB_ROW, fit, {failed: False})
    balancer.datapath.end_flows(failed)
    datapath = balancer.open_datapath()
    yield balancer, datapath, tables
    datapath.close()
    balancer.datapath = first = balancer.open_datapath()
    balancer.maps = first.maps


CLIENTS = [Endpoint(CLIENT.address, 1000 + number) for number in range(30)]


def content(datapath: Datapath) -> list[bytes]:
    maps = datapath.maps
    rows = (maps.lookup, maps.listeners, maps.servers, maps.wheels, maps.cursors, maps.loads)
    return [each.tobytes() for each in (*rows, maps.limits, maps.flows)]


def test_many_servers_are_taken_over_as_they_are(
    many: tuple[Balancer, Datapath, TableChange],
) -> None:
    """Epochs, wheels, lists, and who may have new flows: nothing is written that is there."""
    balancer, successor, tables = many
    before = content(successor)
    successor.apply(tables)
    failed, *fit = ROWS
    assert list(successor.read_wheel(WEB_ROW)) == fit
    successor.write_wheel(WEB_ROW, fit, dict.fromkeys(fit, True) | {failed: False})
    assert content(successor) == before
    ended = {client for client in CLIENTS if balancer.run(to_web(source=client)).exit != "forward"}
    assert len(ended) == len(CLIENTS) / len(ROWS)
    assert {Endpoint(w.client, w.client_port) for w in successor.waiting_flows()} == ended
    stranger = Endpoint(CLIENT.address + 1, 1000)
    assert balancer.run(to_web(source=stranger, flags=SYN)).exit == "drop_acl"


def test_what_another_controller_left_of_many_goes(
    many: tuple[Balancer, Datapath, TableChange],
) -> None:
    balancer, successor, tables = many
    successor.apply(Scene().tables())
    assert successor.maps.listeners["wheel"][WEB_ROW] == 0
    assert not successor.maps.servers["flags"][list(ROWS)].any()
    assert balancer.run(to_web(flags=SYN)) == forwarded(to_web(flags=SYN), flow="new")
    successor.apply(tables)
    assert balancer.run(to_web(flags=SYN)).exit == "reject_tcp", "nobody may have it yet"
    successor.write_wheel(WEB_ROW, ROWS, dict.fromkeys(ROWS, True))
    for client in CLIENTS:
        assert balancer.run(to_web(source=client)).exit == "reset_client", "of another epoch"
