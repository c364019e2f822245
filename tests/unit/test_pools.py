# SPDX-License-Identifier: Apache-2.0
"""Weighted listeners at run time: verdicts, wheels, drains, and what is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

from tests.unit.desired_kit import LB
from tests.unit.shell_kit import Shell
from xdpair.core.draft import Draft
from xdpair.core.model import (
    AllUnhealthy,
    HealthCheck,
    Listener,
    ListenerKey,
    ListenerState,
    Member,
    PairGroup,
    Protocol,
    Scheduler,
    TrafficPolicy,
    WeightedGroup,
)
from xdpair.ports import PoolRecord
from xdpair.store.sqlite import SqliteStore

KEY = ListenerKey(LB.lb_id, Protocol.TCP, 80)
A, B, C = (
    Member(name, 80, address=IPv4Address(f"10.0.0.{last}"))
    for name, last in (("a", 1), ("b", 2), ("c", 3))
)
GROUP = WeightedGroup("rsp-w", LB.lb_id, (A, B))
LISTENER = Listener(KEY, GROUP.group_id, ListenerState.RUNNING)
DOWN, UP = ("refused",) * 3, ("",) * 3


def traffic(**settings: object) -> Listener:
    return replace(LISTENER, traffic=TrafficPolicy(**settings))  # type: ignore[arg-type]


def listening(listener: Listener = LISTENER) -> tuple[Callable[[Draft], object], ...]:
    return (
        lambda draft: draft.create_load_balancer(LB),
        lambda draft: draft.create_group(GROUP),
        lambda draft: draft.create_listener(listener),
    )


async def begun(store: SqliteStore, listener: Listener = LISTENER) -> Shell:
    shell = Shell(store)
    await shell.rollout.start()
    await shell.change(*listening(listener))
    return shell


async def began_again(former: Shell) -> Shell:
    """After a kill: what was noted is on disk."""
    await former.recorder.flush()
    former.close()
    shell = Shell(former.store)
    await shell.rollout.start()
    return shell


def served(shell: Shell) -> set[int]:
    return set(shell.datapath.read_wheel(shell.compiler.row(f"listener:{KEY}")))


def test_while_all_are_tried_nobodys_flows_end_and_then_they_do(store: SqliteStore) -> None:
    async def scenario() -> None:
        shell = await begun(store, traffic(all_unhealthy=AllUnhealthy.FAIL_OPEN))
        a, b = shell.row_at("10.0.0.1"), shell.row_at("10.0.0.2")
        shell.prober.report("10.0.0.1", *DOWN)
        assert shell.datapath.ended == [a]
        shell.prober.report("10.0.0.2", *DOWN)
        assert shell.datapath.ended == [a]
        assert served(shell) == {a, b}
        shell.prober.report("10.0.0.1", *UP)
        assert shell.datapath.ended == [a, b]
        assert served(shell) == {a}
        shell.close()

    asyncio.run(scenario())


def test_no_drain_ends_the_flows_of_one_that_is_tried_again(store: SqliteStore) -> None:
    async def scenario() -> None:
        listener = traffic(all_unhealthy=AllUnhealthy.FAIL_OPEN, connection_drain_s=10)
        shell = await begun(store, listener)
        shell.prober.report("10.0.0.1", *DOWN)
        await shell.recorder.flush()
        (record,) = store.load_pools()
        assert len(record.draining) == 1
        shell.prober.report("10.0.0.2", *DOWN)
        await shell.recorder.flush()
        (record,) = store.load_pools()
        assert (len(record.down), len(record.draining)) == (2, 0)
        shell.prober.report("10.0.0.2", *UP)
        await shell.recorder.flush()
        (record,) = store.load_pools()
        assert record.down == record.draining.keys() != set()
        shell.close()

    asyncio.run(scenario())


def test_what_is_down_stays_so_over_a_restart(store: SqliteStore) -> None:
    async def scenario() -> None:
        shell = await begun(store)
        shell.prober.report("10.0.0.1", *DOWN)
        shell = await began_again(shell)
        assert served(shell) == {shell.row_at("10.0.0.2")}
        shell.close()

    asyncio.run(scenario())


def test_what_was_forgotten_does_not_come_back_with_a_restart(store: SqliteStore) -> None:
    """Its check was switched off, its listener stopped, or it left its group, and came back."""
    off = replace(LISTENER, check=HealthCheck(enabled=False))
    stopped = replace(LISTENER, state=ListenerState.STOPPED)
    without = replace(GROUP, members=(B,))
    trips: list[tuple[Callable[[Draft], object], Callable[[Draft], object]]] = [
        (lambda draft: draft.update_listener(off), lambda draft: draft.update_listener(LISTENER)),
        (
            lambda draft: draft.update_listener(stopped),
            lambda draft: draft.update_listener(LISTENER),
        ),
        (lambda draft: draft.update_group(without), lambda draft: draft.update_group(GROUP)),
    ]

    async def scenario() -> None:
        shell = await begun(store, traffic(connection_drain_s=10))
        for there, back in trips:
            shell.prober.report("10.0.0.1", *DOWN)
            await shell.recorder.flush()
            assert len(store.load_pools()) == 1
            await shell.change(there)
            await shell.change(back)
            shell = await began_again(shell)
            assert served(shell) == {shell.row_at("10.0.0.1"), shell.row_at("10.0.0.2")}
            assert shell.datapath.ended == []
        shell.close()

    asyncio.run(scenario())


def test_nothing_is_left_of_a_listener_that_is_gone(store: SqliteStore) -> None:
    """Even if what it noted last comes to the disk after the change."""

    async def scenario() -> None:
        shell = await begun(store)
        shell.prober.report("10.0.0.1", *DOWN)
        await shell.change(lambda draft: draft.delete_listener(KEY))
        await shell.recorder.flush()
        assert list(store.load_pools()) == []
        store.save_pools([PoolRecord(str(KEY), frozenset({"x"}), {})])  # killed just before that
        shell = await began_again(shell)
        await shell.recorder.flush()
        assert list(store.load_pools()) == []
        shell.close()

    asyncio.run(scenario())


def test_without_room_for_its_wheel_a_listener_still_loses_who_failed(store: SqliteStore) -> None:
    async def scenario() -> None:
        shell = await begun(store, traffic(scheduler=Scheduler.SCH))
        a, b = shell.row_at("10.0.0.1"), shell.row_at("10.0.0.2")
        shell.datapath.wheel_room = 2
        shell.prober.report("10.0.0.1", *DOWN)
        assert served(shell) == {b}
        assert sum("no room" in words for words in shell.words()) == 1
        shell.datapath.wheel_room = 0
        await shell.change(lambda draft: draft.update_group(replace(GROUP, members=(A, B, C))))
        assert served(shell) == {b}  # as it was
        shell.datapath.wheel_room = 1 << 16
        shell.prober.report("10.0.0.1", *UP)
        assert served(shell) == {a, b, shell.row_at("10.0.0.3")}
        shell.close()

    asyncio.run(scenario())


def test_a_pairs_listener_has_its_wheel_before_it_is_shared(store: SqliteStore) -> None:
    """And a server is off the wheel before it goes."""

    async def scenario() -> None:
        pair = PairGroup("rsp-p", LB.lb_id, A, B)
        shell = await begun(store, replace(LISTENER, group_id=GROUP.group_id))
        await shell.change(
            lambda draft: draft.create_group(pair),
            lambda draft: draft.update_listener(replace(LISTENER, group_id=pair.group_id)),
        )
        shell.datapath.notes.clear()
        await shell.change(lambda draft: draft.update_listener(LISTENER))
        row = shell.compiler.row(f"listener:{KEY}")
        notes = shell.datapath.notes
        assert {"server", "wheel", "key"} == {note.split()[0] for note in notes}
        assert notes.index(f"key {row}") > notes.index(f"wheel {row}")
        gone = shell.row_of(A, KEY)
        shell.datapath.notes.clear()
        await shell.change(lambda draft: draft.update_group(replace(GROUP, members=(B,))))
        assert shell.datapath.notes == [f"wheel {row}", f"no server {gone}"]
        shell.close()

    asyncio.run(scenario())


def test_many_large_wheels_are_built_one_by_one(store: SqliteStore) -> None:
    """The loop gets its turns in between; who failed is off all of them before the first."""
    members = tuple(Member(f"s{n}", 80, address=IPv4Address("10.1.0.0") + n) for n in range(1, 102))
    keys = [ListenerKey(LB.lb_id, Protocol.TCP, port) for port in range(80, 85)]

    async def scenario() -> None:
        shell = await begun(store, traffic(scheduler=Scheduler.SCH))
        shell_wheels = shell.datapath.wheels
        await shell.change(
            lambda draft: draft.update_group(replace(GROUP, members=members)),
            *(
                lambda draft, key=key: draft.create_listener(
                    replace(traffic(scheduler=Scheduler.SCH), key=key)
                )
                for key in keys[1:]
            ),
        )
        before = {row: list(entries) for row, entries in shell_wheels.items()}
        lost = {shell.row_of(members[0], key) for key in keys}
        shell.datapath.notes.clear()
        shell.prober.report("10.1.0.1", *DOWN)
        assert len(shell.datapath.notes) == len(keys)
        assert not lost & {row for entries in shell_wheels.values() for row in entries}
        shell.prober.report("10.1.0.1", *UP)
        assert len(shell.datapath.notes) == len(keys)
        turns = 0
        while shell_wheels != before:
            await asyncio.sleep(0)
            turns += 1
        assert turns > len(keys)
        shell.close()

    asyncio.run(asyncio.wait_for(scenario(), 10))
