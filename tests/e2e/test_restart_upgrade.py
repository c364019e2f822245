# SPDX-License-Identifier: Apache-2.0
"""The controller starts where not all is as it was: reboot, upgrade, other sizes."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.e2e.checks import HTTP, UDP_TEXT, check
from tests.e2e.dialogue import Datagrams, Dialogue
from tests.e2e.world import world_of
from tests.lab import analysis
from tests.lab.host import REPOSITORY
from xdpair.api.v1.server_group_pb2 import FailoverPolicy

MANUAL = FailoverPolicy(failback="MANUAL")


def test_after_a_reboot_everything_comes_from_the_store() -> None:
    """No pins, no programs, no virtual addresses; operators' words and the MANUAL policy hold."""
    with world_of() as world:
        manual, held = world.define(HTTP, policy=MANUAL), world.define(HTTP)
        world.lab.servers["primary"].answer_with(500)
        manual.await_serving("secondary")
        held.await_serving("secondary")
        held.hold()
        world.stop()
        for interface in world.lab.balancer.interfaces:
            world.lab.balancer.run(["ip", "link", "set", "dev", interface, "xdp", "off"])
        for pair in (manual, held):
            world.lab.balancer.run(["ip", "addr", "del", f"{pair.vip}/32", "dev", "front"])
        for pins in world.lab.pin_path.glob("abi-*"):
            shutil.rmtree(pins)
        world.lab.servers["primary"].answer_normally()
        world.start()
        assert not world.status().adopted
        manual.await_healthy()
        held.await_healthy()
        for pair in (manual, held):
            with Dialogue(world.lab, pair.vip) as dialogue:
                assert dialogue.ask() == "secondary"
        held.release()
        held.await_serving("primary")


def test_an_upgrade_takes_over_all_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program over the same maps: also who is connected elsewhere than all others stays."""
    with world_of() as world:
        pair = world.define(HTTP, UDP_TEXT)
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary", pair.tcp)
        before = world.status()
        with (
            Dialogue(world.lab, pair.vip) as kept,
            world.lab.traffic.udp(1000, address=pair.vip) as udp,
        ):
            assert kept.ask() == "secondary"
            world.lab.servers["primary"].answer_normally()
            pair.await_serving("primary", pair.tcp)
            with world.lab.traffic.tcp(300, address=pair.vip) as tcp:
                world.stop()
                monkeypatch.setenv("PYTHONPATH", str(another_version(world.lab.directory)))
                world.start()
                time.sleep(0.3)
            assert kept.ask() == "secondary"
        after = world.status()
        assert (after.abi, after.adopted) == (before.abi, False)
        assert after.program_id != before.program_id
        assert len(list(world.lab.pin_path.glob("abi-*/prog-*"))) == 1
        for client in (udp, tcp):
            assert analysis.failed(client.requests()) == []


def another_version(directory: Path) -> Path:
    """A copy of xdpair whose program's sources differ; where to import it from."""
    for part in ("bpf", "control"):
        shutil.copytree(REPOSITORY / part, directory / "other" / part)
    with (directory / "other" / "bpf" / "xdp_pair.c").open("a") as source:
        source.write("/* another version */\n")
    return directory / "other" / "control"


def test_another_size_starts_with_empty_flows() -> None:
    """Connections and senders find their server again, since they go where all go."""
    with world_of(settings={"flow_buckets": 4096}) as world:
        pair = world.define(check(), UDP_TEXT)
        assert world.status().flow_capacity == 4 * 4096
        with (
            Dialogue(world.lab, pair.vip) as old,
            world.lab.traffic.udp(1000, address=pair.vip) as udp,
            world.lab.traffic.tcp(200, address=pair.vip) as tcp,
        ):
            assert old.ask() == "primary"
            world.stop()
            world.configure({"flow_buckets": 8192})
            world.start()
            assert world.status().flow_capacity == 4 * 8192
            assert not world.status().adopted
            time.sleep(0.3)
            assert old.ask() == "primary"
        assert analysis.failed(udp.requests()) == []
        # For some milliseconds one interface has the new program and another one the old: who
        # connects just then may have to do so again.
        assert len(analysis.failed(tcp.requests())) < 10
        pins = [path.name for path in world.lab.pin_path.glob("abi-*")]
        assert pins == [world.status().abi]
        with Datagrams(world.lab, pair.vip) as datagrams:
            assert datagrams.ask() == "primary"
