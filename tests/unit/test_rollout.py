# SPDX-License-Identifier: Apache-2.0
"""The way from wishes to maps, when the disk or the clock is against it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from tests.unit.shell_kit import FullDisk, Shell, until
from tests.unit.test_pools import GROUP, LISTENER, B, listening
from xdpair import rollout
from xdpair.core.changes import Departure
from xdpair.core.errors import LimitExceeded
from xdpair.core.events import EventKind
from xdpair.core.model import TrafficPolicy
from xdpair.core.tables import TableChange
from xdpair.departures import Departures

DRAINED = replace(LISTENER, traffic=TrafficPolicy(connection_drain_s=10))


def departure(name: str, in_s: float) -> Departure:
    address = IPv4Address("10.0.0.1")
    return Departure(name, (LISTENER.key,), address, 80, time.time() + in_s)


def test_a_full_disk_delays_the_end_of_a_drain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "RETRY_S", 0.05)

    async def scenario() -> None:
        store = FullDisk.open(tmp_path / "xdpair.db")
        shell = Shell(store)
        await shell.rollout.start()
        await shell.change(*listening(DRAINED))
        row = shell.row_at("10.0.0.1")
        await shell.change(lambda draft: draft.update_group(replace(GROUP, members=(B,))))
        ((name, left),) = store.load_departures().items()
        store.is_full = True
        shell.rollout._departures.follow({name: replace(left, until_s=0.0)})
        running = asyncio.create_task(shell.rollout.run())
        await asyncio.sleep(0.2)
        assert not running.done()
        assert f"no server {row}" not in shell.datapath.notes
        store.is_full = False
        await until(lambda: f"no server {row}" in shell.datapath.notes)
        assert store.load_departures() == {}
        running.cancel()
        shell.close()
        store.close()

    asyncio.run(scenario())


def test_a_departure_that_begins_anew_is_not_over() -> None:
    async def scenario() -> None:
        told: list[str] = []
        departures = Departures(lambda: told.append("over"))
        departures.follow({"x": departure("x", 0)})
        await until(lambda: bool(told))
        assert departures.over == {"x"}
        departures.follow({"x": departure("x", 60)})
        assert departures.over == set()
        departures.follow({"x": None})
        assert departures.current == {}
        departures.close()

    asyncio.run(scenario())


def test_who_was_lost_and_left_is_told_of_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xdpair.hops.PATIENCE_S", 0.01)

    async def scenario() -> None:
        store = FullDisk.open(tmp_path / "xdpair.db")
        shell = Shell(store)
        monkeypatch.setattr(shell.network, "next_hop", lambda _address: None)
        await shell.rollout.start()
        await shell.change(*listening())
        for _ in range(2):
            await until(lambda: any(e.kind is EventKind.NEXT_HOP_LOST for e in shell.events))
            shell.events.clear()
            await shell.change(lambda draft: draft.update_group(replace(GROUP, members=())))
            await shell.change(lambda draft: draft.update_group(GROUP))
        shell.close()
        store.close()

    asyncio.run(scenario())


def test_without_room_for_an_address_of_ours_next_hops_are_followed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        store = FullDisk.open(tmp_path / "xdpair.db")
        shell = Shell(store)
        await shell.rollout.start()
        await shell.change(*listening())
        row, apply = shell.row_at("10.0.0.1"), shell.datapath.apply
        moved = IPv4Address("10.0.0.1")

        def refuse(change: TableChange) -> None:
            if change.lookup:
                raise LimitExceeded("the lookup table is too full")
            apply(change)

        monkeypatch.setattr(shell.datapath, "apply", refuse)
        monkeypatch.setattr(shell.network, "local_addresses", lambda: frozenset({moved}))
        monkeypatch.setattr(shell.network, "next_hop", lambda _address: None)
        monkeypatch.setattr(shell.network, "take_changed", lambda: frozenset({moved}))
        shell.rollout.refresh()
        entry = shell.datapath.changes[-1].servers[row]
        assert entry is not None
        assert entry.hop is None
        assert any("too full" in words for words in shell.words())
        shell.close()
        store.close()

    asyncio.run(scenario())
