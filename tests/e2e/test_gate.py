# SPDX-License-Identifier: Apache-2.0
"""What a listener lets through: access control lists, bandwidth, and how long it waits for silence
to end.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from tests.e2e.checks import BUSY_S, UNCHECKED, await_true, duration
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.pair import Pair
from tests.e2e.world import World
from xdpair.api.v1 import access_control_list_service_pb2 as acl_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1.access_control_list_pb2 import AccessControlList, AclEntry, AclPolicy
from xdpair.api.v1.listener_pb2 import Listener, TrafficPolicy

pytestmark = [pytest.mark.root, pytest.mark.e2e]

LIST = "accessControlLists/acl-e2e"
CLIENT = "198.51.100.10/32"
ELSEWHERE = "192.0.2.0/24"


@pytest.fixture
def acl(world: World) -> Iterator[str]:
    world.client.acls.CreateAccessControlList(
        acl_pb.CreateAccessControlListRequest(
            access_control_list_id="acl-e2e",
            access_control_list=AccessControlList(
                display_name="e2e", entries=[AclEntry(cidr=ELSEWHERE, comment="not the client")]
            ),
        )
    )
    yield LIST
    world.clear()
    world.client.acls.DeleteAccessControlList(acl_pb.DeleteAccessControlListRequest(name=LIST))


def use(world: World, pair: Pair, kind: str) -> Listener:
    listener = Listener(name=pair.tcp, acl=AclPolicy(type=kind, access_control_lists=[LIST]))
    updated: Listener = world.client.load_balancers.UpdateListener(
        lb_pb.UpdateListenerRequest(listener=listener)
    )
    return updated


def enter(world: World, cidr: str) -> None:
    world.client.acls.AddEntries(acl_pb.AddEntriesRequest(name=LIST, entries=[AclEntry(cidr=cidr)]))


def strike(world: World, cidr: str) -> None:
    world.client.acls.RemoveEntries(acl_pb.RemoveEntriesRequest(name=LIST, cidrs=[cidr]))


def is_let_in(world: World, pair: Pair) -> bool:
    try:
        with Dialogue(world.lab, pair.vip, timeout_s=0.3) as dialogue:
            return dialogue.ask() == "primary"
    except TimeoutError:
        return False


def test_a_black_list_changes_live(world: World, acl: str) -> None:
    pair = world.define(UNCHECKED)
    use(world, pair, "BLACK")
    with Dialogue(world.lab, pair.vip, timeout_s=0.5) as old:
        assert old.ask() == "primary"
        enter(world, CLIENT)
        assert not is_let_in(world, pair)
        with pytest.raises(TimeoutError):
            old.ask()  # connections that are there are cut off, too
        strike(world, CLIENT)
        assert is_let_in(world, pair)
    assert world.exits()["drop_acl"] > 0


def test_a_white_list_lets_in_who_is_on_it(world: World, acl: str) -> None:
    pair = world.define(UNCHECKED)
    use(world, pair, "WHITE")
    assert not is_let_in(world, pair)
    enter(world, "198.51.100.0/24")
    assert is_let_in(world, pair)
    strike(world, "198.51.100.0/24")
    assert not is_let_in(world, pair)


def test_an_empty_white_list_lets_nobody_in_and_warns(world: World, acl: str) -> None:
    pair = world.define(UNCHECKED)
    strike(world, ELSEWHERE)
    listener = use(world, pair, "WHITE")
    assert listener.warnings
    assert not is_let_in(world, pair)


def test_lists_outlive_the_controller(world: World, acl: str) -> None:
    pair = world.define(UNCHECKED)
    use(world, pair, "WHITE")
    world.kill()
    assert not is_let_in(world, pair)
    world.start()
    assert not is_let_in(world, pair)
    enter(world, CLIENT)
    assert is_let_in(world, pair)


def test_bandwidth_is_kept(world: World) -> None:
    """8 Mbit/s for a download of 2 MB: some 2 s, where it takes none without a limit."""
    pair = world.define(UNCHECKED, tcp_traffic=TrafficPolicy(bandwidth_mbps=8))
    started_s = time.monotonic()
    with Dialogue(world.lab, pair.vip, timeout_s=20) as dialogue:
        dialogue.ask("/bytes/2000000")
    took_s = time.monotonic() - started_s
    assert took_s > 1.5
    # TCP loses time over what was dropped, but not without end.
    assert took_s < 10
    assert world.exits()["drop_bandwidth"] > 0


def test_datagrams_beyond_the_bandwidth_are_dropped(world: World) -> None:
    pair = world.define(udp=UNCHECKED, udp_traffic=TrafficPolicy(bandwidth_mbps=1))
    before = world.exits()["drop_bandwidth"]
    with Datagrams(world.lab, pair.vip) as datagrams:
        for _ in range(300):
            datagrams.sock.send(bytes(1000))
        await_true(lambda: world.exits()["drop_bandwidth"] > before, "some are dropped")
        time.sleep(0.5)
        datagrams.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while datagrams.sock.recv(65536):
                pass  # echoes of those that came through
        datagrams.sock.settimeout(2)
        assert datagrams.ask() == "primary"  # those within it are not


def knows_of(world: World, dialogue: Dialogue) -> bool:
    """Whether the primary's kernel has its end of the connection."""
    port = dialogue.sock.getsockname()[1]
    filtered = ["ss", "-Htn", "state", "established", "dport", "=", f":{port}"]
    return bool(world.lab.hosts["primary"].run(filtered).stdout.strip())


def test_silent_connections_are_reset_at_both_ends(world: World) -> None:
    traffic = TrafficPolicy(established_timeout=duration(10_000))
    pair = world.define(UNCHECKED, tcp_traffic=traffic)
    with Dialogue(world.lab, pair.vip, timeout_s=20) as silent:
        assert silent.ask() == "primary"
        assert knows_of(world, silent)
        started_s = time.monotonic()
        with pytest.raises(ConnectionResetError):
            silent.sock.recv(1)
        waited_s = time.monotonic() - started_s
        assert 9 < waited_s < 15 + BUSY_S
        await_true(lambda: not knows_of(world, silent), "the server's end is gone, too")
