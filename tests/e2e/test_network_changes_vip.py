# SPDX-License-Identifier: Apache-2.0
"""Virtual addresses: announced, withdrawn only when asked, and there when their interface is."""

from __future__ import annotations

import re
import socket
import struct
import time

import pytest

from tests.e2e.checks import await_true, check
from tests.e2e.dialogue import Dialogue
from tests.e2e.pair import Pair
from tests.e2e.world import World, world_of
from tests.lab.daemon import Settings
from tests.lab.namespace import inside
from tests.lab.topology import LINKS

ETH_P_ARP = 0x0806


def where(world: World, pair: Pair) -> list[str]:
    """The interfaces of the balancer that have the pair's address."""
    listing = world.lab.balancer.run(["ip", "-o", "-4", "addr"]).stdout
    return re.findall(rf"^\d+: (\S+) +inet {re.escape(pair.vip)}/", listing, re.MULTILINE)


def programs(world: World) -> list[str]:
    """The interfaces that xdpair's program is on."""
    listing = world.lab.balancer.run(["ip", "-o", "-d", "link"]).stdout
    return re.findall(r"^\d+: ([^@:]+).* name xdp_pair ", listing, re.MULTILINE)


def listen_for_arp(world: World) -> socket.socket:
    def make() -> socket.socket:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
        sock.bind(("eth0", 0))
        return sock

    sock = inside(world.lab.client.netns_path, make)
    sock.settimeout(2.0)
    return sock


def sender_of(sock: socket.socket) -> str:
    """The address that the next ARP packet tells of; empty if the link went down meanwhile."""
    try:
        return socket.inet_ntoa(sock.recv(2048)[28:32])
    except OSError:
        return ""


def test_an_address_is_announced_to_its_segment(world: World) -> None:
    """By gratuitous ARP from the interface whose subnet holds it."""
    with listen_for_arp(world) as sock:
        pair = world.define(check())
        while True:
            frame = sock.recv(2048)
            sender_mac, sender, _, target = struct.unpack_from("!6s4s6s4s", frame, 22)
            if sender == target == socket.inet_aton(pair.vip):
                break
    assert sender_mac.hex(":") == LINKS[0].balancer.mac
    assert where(world, pair) == ["front"]


def test_an_address_goes_with_its_load_balancer(world: World) -> None:
    pair = world.define(check())
    pair.delete()
    world.pairs.remove(pair)
    assert where(world, pair) == []
    with pytest.raises(OSError, match=r"timed out|No route"):
        Dialogue(world.lab, pair.vip, timeout_s=0.3)


def test_an_address_of_the_hosts_own_stays(world: World) -> None:
    """It was there before: deleting the load balancer does not take it away."""
    balancer = world.lab.balancer
    first = world.define(check())
    number = int(first.vip.rpartition(".")[2]) + 1
    balancer.run(["ip", "addr", "add", f"198.51.100.{number}/32", "dev", "front"])
    second = world.define(check())
    assert second.vip.endswith(str(number))
    second.delete()
    world.pairs.remove(second)
    assert where(world, second) == ["front"]
    balancer.run(["ip", "addr", "del", f"{second.vip}/32", "dev", "front"])


def test_an_address_follows_its_interface(world: World) -> None:
    pair = world.define(check())
    for interface in ("to-secondary", "front"):
        pair.announce_on(interface)
        assert where(world, pair) == [interface]


def test_an_address_that_was_lost_with_the_link_is_back_with_it(world: World) -> None:
    pair = world.define(check())
    with listen_for_arp(world) as sock:
        world.lab.faults.link_down(LINKS[0].peer)
        world.lab.faults.link_up(LINKS[0].peer)
        await_true(lambda: sender_of(sock) == pair.vip, "it is announced again")
    with Dialogue(world.lab, pair.vip) as dialogue:
        assert dialogue.ask() == "primary"


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        pytest.param({}, True, id="default"),
        pytest.param({"vip": {"withdraw_on_exit": True}}, False, id="withdraw_on_exit"),
    ],
)
def test_a_clean_end_takes_addresses_along_only_when_asked(settings: Settings, kept: bool) -> None:
    """The program stays attached and the maps stay pinned either way."""
    with world_of(settings=settings) as world:
        pair = world.define(check())
        world.stop()
        assert where(world, pair) == (["front"] if kept else [])
        assert programs(world) == ["front", "to-primary", "to-secondary"]
        assert list(world.lab.pin_path.glob("abi-*/prog-*"))
        if kept:
            with Dialogue(world.lab, pair.vip) as dialogue:
                assert dialogue.ask() == "primary"
        world.start()
        assert where(world, pair) == ["front"]
        world.kill()
        assert where(world, pair) == ["front"]
        world.start()
        with Dialogue(world.lab, pair.vip) as dialogue:
            assert dialogue.ask() == "primary"


def test_without_announcement_addresses_are_somebody_elses_business() -> None:
    with world_of(settings={"vip": {"announce": False}}) as world:
        pair = world.define(check())
        assert where(world, pair) == []
        world.lab.client.run(["ip", "route", "add", pair.vip, "via", LINKS[0].balancer.address])
        with Dialogue(world.lab, pair.vip) as dialogue:
            assert dialogue.ask() == "primary"


@pytest.mark.parametrize("interface", ["", "front"], ids=["by subnet", "by name"])
def test_a_controller_that_starts_before_its_interface(interface: str) -> None:
    """As at boot: everything falls into place when the interface comes."""
    with world_of() as world:
        pair = world.define(check())
        pair.announce_on(interface)
        world.stop()
        balancer, front = world.lab.balancer, LINKS[0].balancer
        balancer.run(["ip", "addr", "del", f"{pair.vip}/32", "dev", "front"])
        balancer.run(["ip", "link", "set", "front", "xdp", "off"])
        balancer.run(["ip", "link", "set", "front", "down"])
        balancer.run(["ip", "link", "set", "front", "name", "later"])
        balancer.run(["ip", "addr", "flush", "dev", "later"])
        world.start()
        time.sleep(0.2)
        balancer.run(["ip", "link", "set", "later", "name", "front"])
        balancer.run(["ip", "addr", "add", f"{front.address}/{front.prefix_len}", "dev", "front"])
        balancer.run(["ip", "link", "set", "front", "up"])
        await_true(lambda: "front" in programs(world), "the program is attached")
        await_true(lambda: where(world, pair) == ["front"], "the address is there")
        with Dialogue(world.lab, pair.vip) as dialogue:
            assert dialogue.ask() == "primary"
