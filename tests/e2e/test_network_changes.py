# SPDX-License-Identifier: Apache-2.0
"""MACs, links and interfaces change under the balancer, and others use its interfaces, too."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.e2e.checks import BUSY_S, HTTP, IMPATIENT, UDP_TEXT, UNCHECKED, await_true, check
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.world import World, world_of
from tests.lab import analysis, passing
from tests.lab.topology import LINKS, Interface, Link
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.system_service_pb2 import InterfaceStatus

NEW_MAC = "02:00:00:00:02:99"
#: The kernel believes a neighbour for 1.5 s at most, then asks after 1 s, three times in 0.3 s.
HURRY = {
    "base_reachable_time_ms": "1000",
    "delay_first_probe_time": "1",
    "retrans_time_ms": "100",
}
FRONT, CLIENT = LINKS[0].balancer, LINKS[0].peer


@pytest.fixture
def own_world() -> Iterator[World]:
    """For tests that take interfaces away."""
    with world_of() as world:
        yield world


def warnings(world: World) -> list[str]:
    return [event.message for event in world.events() if event.kind == Event.WARNING]


def mode(world: World, interface: str) -> str:
    (status,) = (each for each in world.status().interfaces if each.interface == interface)
    return InterfaceStatus.Mode.Name(status.mode)


# -- neighbours ------------------------------------------------------------------------------------


def test_an_announced_move_is_followed_at_once(world: World) -> None:
    """The primary's address moves to another MAC, and tells: a few datagrams are lost at most."""
    pair = world.define(check(), UDP_TEXT)
    with Dialogue(world.lab, pair.vip) as old, world.lab.traffic.udp(500, address=pair.vip) as udp:
        assert old.ask() == "primary"
        time.sleep(0.2)
        moved = world.lab.faults.change_mac("primary", NEW_MAC, announce=True)
        time.sleep(0.3)
        assert old.ask() == "primary"
    world.lab.faults.change_mac("primary", world.lab.primary.interface.mac, announce=True)
    late = analysis.started_between(udp.requests(), moved.done_s + 0.1 + BUSY_S, time.monotonic())
    assert analysis.failed(late) == []
    assert len(analysis.failed(udp.requests())) < 0.1 * len(udp.requests()) + 500 * BUSY_S
    assert pair.serving(pair.tcp) == "primary"


def test_an_unannounced_move_is_found_out(world: World) -> None:
    """The server is simply another machine: the secondary serves until the kernel has found it."""
    for name, value in HURRY.items():
        world.lab.balancer.write_sysctl(f"net/ipv4/neigh/to-primary/{name}", value)
    pair = world.define(IMPATIENT)
    with world.lab.traffic.tcp(100, address=pair.vip, timeout_ms=3000) as client:
        for mac in (NEW_MAC, world.lab.primary.interface.mac):
            world.lab.faults.change_mac("primary", mac, announce=False)
            await_known(world, mac)
            pair.await_serving("primary")
            with Dialogue(world.lab, pair.vip) as dialogue:
                assert dialogue.ask() == "primary"
    # A SYN that was lost is repeated after a second.
    assert analysis.longest_gap_s(client.requests()) < 1.3 + BUSY_S


def await_known(world: World, mac: str) -> None:
    """Wait until the balancer's kernel knows the primary by this MAC."""

    def known() -> bool:
        return mac in world.lab.balancer.run(["ip", "neigh", "show", "dev", "to-primary"]).stdout

    await_true(known, "the primary's MAC is found out", timeout_s=15)


def test_a_client_that_moves_keeps_its_connections(world: World) -> None:
    """Answers leave where the client's last packet came from."""
    pair = world.define(check(), UDP_TEXT)
    with Dialogue(world.lab, pair.vip) as dialogue, Datagrams(world.lab, pair.vip) as datagrams:
        assert dialogue.ask() == datagrams.ask() == "primary"
        client = world.lab.client
        client.run(["ip", "link", "set", CLIENT.name, "address", "02:00:00:00:01:99"])
        assert dialogue.ask() == datagrams.ask() == "primary"
        client.run(["ip", "link", "set", CLIENT.name, "address", CLIENT.mac])
        assert dialogue.ask() == datagrams.ask() == "primary"


# -- links -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [0, 1], ids=["balancer's end", "server's end"])
def test_a_link_that_goes_down_fails_over_and_comes_back(world: World, end: int) -> None:
    pair = world.define(IMPATIENT)
    interface = (LINKS[1].balancer, LINKS[1].peer)[end]
    with world.lab.traffic.waiting(20, address=pair.vip, mode="hold") as waiting:
        down = world.lab.faults.link_down(interface)
        try:
            pair.await_serving("secondary")
            with Dialogue(world.lab, pair.vip) as dialogue:
                assert dialogue.ask() == "secondary"
            time.sleep(1.0)
        finally:
            world.lab.faults.link_up(interface)
    for waiter in waiting.waiters():
        assert waiter.how == "reset"
        assert waiter.ended_s is not None
        assert waiter.ended_s - down.at_s < 0.3 + 1.0 + BUSY_S
    pair.await_serving("primary", timeout_s=10)
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "primary"
    assert mode(world, "to-primary") == "NATIVE"


def test_the_front_link_goes_down_and_comes_back(world: World) -> None:
    pair = world.define(check())
    with Dialogue(world.lab, pair.vip, timeout_s=10) as dialogue:
        assert dialogue.ask() == "primary"
        world.lab.faults.link_down(FRONT)
        time.sleep(0.2)
        world.lab.faults.link_up(FRONT)
        assert dialogue.ask() == "primary"
    assert pair.serving() == "primary"


def remake(world: World, interface: Interface, peer: Interface) -> None:
    """Put a new veth pair in the place of a deleted one, as a lab makes them."""
    balancer, other = world.lab.balancer, world.lab.hosts[peer.role]
    ends = f"{interface.name} address {interface.mac} type veth peer name {peer.name}"
    balancer.run(f"ip link add {ends} address {peer.mac} netns {other.netns}".split())
    for host, end in ((other, peer), (balancer, interface)):
        host.run(f"ethtool -K {end.name} tx off tso off gso on gro on".split())
        host.run(["ip", "addr", "add", f"{end.address}/{end.prefix_len}", "dev", end.name])
        host.run(["ip", "link", "set", end.name, "up"])
    if peer.gateway:
        other.run(["ip", "route", "add", "default", "via", peer.gateway])
    passing.attach(world.lab, other, peer.name)


@pytest.mark.parametrize("link", LINKS, ids=[link.balancer.name for link in LINKS])
def test_an_interface_that_is_made_anew_is_attached_again(own_world: World, link: Link) -> None:
    world, interface, peer = own_world, link.balancer, link.peer
    pair = world.define(check(timeout_ms=100), UDP_TEXT)
    world.lab.balancer.run(["ip", "link", "del", interface.name])
    await_true(lambda: mode(world, interface.name) == "DETACHED", "its absence is shown")
    if interface.name == "to-primary":
        pair.await_serving("secondary", pair.tcp)
    time.sleep(0.3)
    remake(world, interface, peer)
    await_true(lambda: mode(world, interface.name) == "NATIVE", "it is attached again")
    for listener in (pair.tcp, pair.udp):
        pair.await_serving("primary", listener, timeout_s=10)
    with Dialogue(world.lab, pair.vip) as dialogue, Datagrams(world.lab, pair.vip) as datagrams:
        assert dialogue.ask() == datagrams.ask() == "primary"
    if interface.name == "to-secondary":
        pair.switchover()
        with Dialogue(world.lab, pair.vip) as dialogue:
            assert dialogue.ask() == "secondary"


# -- others' programs ------------------------------------------------------------------------------


def test_somebody_elses_program_is_reported_and_never_replaced(own_world: World) -> None:
    """It was there first; once it is gone, ours takes the place by itself."""
    world, balancer = own_world, own_world.lab.balancer
    pair = world.define(UNCHECKED)
    world.stop()
    balancer.run(["ip", "link", "set", "dev", "front", "xdp", "off"])
    passing.attach(world.lab, balancer, "front")
    world.start()
    assert mode(world, "front") == "DETACHED"
    assert [words for words in warnings(world) if "front" in words and passing.NAME in words]
    shown = json.loads(world.daemon.cli("status", "-o", "json").stdout)
    assert any(passing.NAME in words for words in shown["warnings"])
    assert passing.NAME in program_on(world, "front")
    world.lab.faults.link_down(LINKS[0].balancer)
    world.lab.faults.link_up(LINKS[0].balancer)
    time.sleep(0.3)
    assert passing.NAME in program_on(world, "front")
    passing.detach(balancer, "front")
    await_true(lambda: mode(world, "front") == "NATIVE", "ours is attached")
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "primary"


def test_a_program_taken_off_by_somebody_is_put_back(own_world: World) -> None:
    world = own_world
    pair = world.define(HTTP)
    passing.detach(world.lab.balancer, "to-primary")
    await_true(lambda: passing.OURS in program_on(world, "to-primary"), "it is put back")
    assert mode(world, "to-primary") == "NATIVE"
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "primary"


def program_on(world: World, interface: str) -> str:
    return world.lab.balancer.run(["ip", "-d", "link", "show", interface]).stdout
