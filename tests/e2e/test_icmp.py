# SPDX-License-Identifier: Apache-2.0
"""ICMP: the VIP answers pings, errors reach whom they concern, and every path MTU is found."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.e2e.checks import BUSY_S, UDP_TEXT, UNCHECKED, check
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.net_segment import Namespace
from tests.e2e.pair import Pair
from tests.e2e.world import World, world_of
from tests.lab.host import Host
from tests.lab.topology import ECHO_PORT, LINKS, Link

SMALL_MTU = 1300
#: What a host with an MTU of 1500 advertises: its peers then send 1500 octets at once.
LARGE_MSS = 1460
VOLUME = 3_000_000


# -- echo, unreachable -----------------------------------------------------------------------------


def test_the_vip_answers_pings(world: World) -> None:
    """Itself: also while both servers are dead, and of any size that fits a frame."""
    pair = world.define(UNCHECKED)
    for server in world.lab.servers.values():
        server.kill()
    for size in ("0", "56", "1472"):
        ping = ["ping", "-c3", "-i0.05", "-W1", "-s", size, pair.vip]
        assert "3 received" in world.lab.client.run(ping).stdout


def test_a_vip_without_a_listener_answers_pings(world: World) -> None:
    pair = world.define()
    assert world.lab.client.run(["ping", "-c1", "-W1", pair.vip]).returncode == 0


def test_a_closed_udp_port_is_reported_to_the_client(world: World) -> None:
    """As if the VIP had said it, for each of several sockets."""
    pair = world.define(udp=UNCHECKED)
    world.lab.servers["primary"].kill()
    before = world.exits()["icmp_to_client"]
    for _ in range(3):
        with Datagrams(world.lab, pair.vip) as datagrams, pytest.raises(ConnectionRefusedError):
            datagrams.ask()
    assert world.exits()["icmp_to_client"] == before + 3


def test_a_client_that_went_away_is_reported_to_the_server(world: World) -> None:
    """It closed its socket before the answer came: its kernel's error is the server's to see."""
    pair = world.define(udp=UNCHECKED)
    before = world.exits()["icmp_to_server"]
    world.lab.servers["primary"].pause()
    with Datagrams(world.lab, pair.vip) as datagrams:
        datagrams.sock.send(b"and gone")
    world.lab.servers["primary"].resume()
    time.sleep(0.1 + BUSY_S)
    assert world.exits()["icmp_to_server"] == before + 1


def test_fragments_are_dropped_and_counted(world: World) -> None:
    pair = world.define(udp=UDP_TEXT)
    before = world.exits()["drop_fragment"]
    with Datagrams(world.lab, pair.vip, timeout_s=0.3) as datagrams:
        with pytest.raises(TimeoutError):
            datagrams.ask(bytes(3000))
        assert datagrams.ask(bytes(1400)) == "primary"
    assert world.exits()["drop_fragment"] == before + 3


# -- path MTU --------------------------------------------------------------------------------------


@contextmanager
def narrowed(world: World, link: Link) -> Iterator[None]:
    """A link with a small MTU whose far end claims to take more, as behind a broken router."""
    balancer, host = world.lab.balancer, world.lab.hosts[link.peer.role]
    default = f"ip route change default via {link.peer.gateway}"
    set_mtu(balancer, link.balancer.name, SMALL_MTU)
    set_mtu(host, link.peer.name, SMALL_MTU)
    host.run(f"{default} advmss {LARGE_MSS}".split())
    if link.peer.role == "client":
        host.run(f"ip route change 198.51.100.0/24 dev eth0 advmss {LARGE_MSS}".split())
    try:
        yield
    finally:
        set_mtu(host, link.peer.name, 1500)
        set_mtu(balancer, link.balancer.name, 1500)
        host.run(default.split())
        if link.peer.role == "client":
            host.run(["ip", "route", "change", "198.51.100.0/24", "dev", "eth0"])
        for each in world.lab.hosts.values():
            each.run(["ip", "route", "flush", "cache"])


def set_mtu(host: Host, interface: str, mtu: int) -> None:
    host.run(["ip", "link", "set", "dev", interface, "mtu", str(mtu)])


def exchange(dialogue: Dialogue) -> None:
    """Send a lot to an echo server while receiving it, and compare."""
    sent = os.urandom(VOLUME)
    writer = threading.Thread(target=dialogue.sock.sendall, args=(sent,))
    writer.start()
    with dialogue.sock.makefile("rb") as answers:
        received = answers.read(VOLUME)
    writer.join()
    assert received == sent


def echo_pair(world: World) -> Pair:
    return world.define(check(), port=ECHO_PORT)


def test_large_transfers_arrive_unchanged(world: World) -> None:
    pair = echo_pair(world)
    with Dialogue(world.lab, pair.vip, ECHO_PORT) as dialogue:
        exchange(dialogue)


@pytest.mark.parametrize("link", [LINKS[0], LINKS[1]], ids=["client's link", "server's link"])
def test_a_link_with_a_smaller_mtu_is_found_out(world: World, link: Link) -> None:
    """The balancer itself says what fits its way out, to the server or to the client."""
    pair = echo_pair(world)
    with narrowed(world, link):
        before = world.exits()
        with Dialogue(world.lab, pair.vip, ECHO_PORT) as dialogue:
            exchange(dialogue)
        after = world.exits()
    assert after["too_big"] > before["too_big"]
    assert after["drop_too_big"] == before["drop_too_big"]


def test_a_smaller_mtu_far_away_is_found_out() -> None:
    """A router behind the balancer's own segment says so, about the VIP's packets: the server has
    to hear it in terms of its own.
    """
    with closing(Namespace()) as far, world_of() as world:
        client = world.lab.client
        pair = echo_pair(world)
        put_behind(far, client)
        before = world.exits()["icmp_to_server"]
        with far.inside(), Dialogue(None, pair.vip, ECHO_PORT) as dialogue:
            exchange(dialogue)
        assert world.exits()["icmp_to_server"] > before


def put_behind(far: Namespace, router: Host) -> None:
    """A host behind the lab's client, on a narrow link."""
    router.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
    path = f"/proc/{os.getpid()}/fd/{far.fd}"
    ends = f"wire mtu {SMALL_MTU} type veth peer name eth0 mtu {SMALL_MTU}"
    router.run(f"ip link add {ends} netns {path}".split())
    router.run(["ip", "addr", "add", "192.0.2.1/30", "dev", "wire"])
    router.run(["ip", "link", "set", "wire", "up"])
    router.run(["ethtool", "-K", "wire", "tx", "off", "tso", "off", "gso", "on", "gro", "on"])
    far.run(
        "ip addr add 192.0.2.2/30 dev eth0",
        "ip link set eth0 up",
        "ethtool -K eth0 tx off tso off gso on gro on",
        f"ip route add default via 192.0.2.1 advmss {LARGE_MSS}",
    )
