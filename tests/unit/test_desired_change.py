# SPDX-License-Identifier: Apache-2.0
"""Many steps as one change: all or none, what differs is named, and the rest is shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.desired_histories import STEPS, Step, full_world, take
from tests.unit.desired_kit import LB, key
from xdpair.core.changes import Delta
from xdpair.core.desired import Desired
from xdpair.core.draft import Draft
from xdpair.core.errors import AddressInUse, AlreadyExists, GroupInUse
from xdpair.core.model import ListenerState, LoadBalancer, Server
from xdpair.core.references import Indexes

KINDS = [field.name for field in fields(Delta)]
repeatable = settings(derandomize=True, max_examples=150, deadline=None)


def rebuilt(desired: Desired) -> Desired:
    """The same from scratch, indexes and all."""
    return Desired(**{kind: getattr(desired, kind) for kind in KINDS})


def differing(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> set[Any]:
    return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}


@repeatable
@given(st.lists(STEPS, max_size=15), st.lists(STEPS, max_size=15))
def test_indexes_follow_every_change(first: list[Step], second: list[Step]) -> None:
    once, _ = full_world().change(lambda draft: take(draft, first))
    assert once.indexes == rebuilt(once).indexes
    before = rebuilt(once)
    twice, _ = once.change(lambda draft: take(draft, second))
    assert twice.indexes == rebuilt(twice).indexes
    assert once == before
    assert once.indexes == before.indexes


@repeatable
@given(st.lists(STEPS, max_size=15))
def test_delta_names_what_differs_and_nothing_else(steps: list[Step]) -> None:
    old = full_world()
    new, delta = old.change(lambda draft: take(draft, steps))
    for kind in KINDS:
        assert getattr(delta, kind) == differing(getattr(old, kind), getattr(new, kind))


@repeatable
@given(st.lists(STEPS, max_size=15))
def test_refused_step_changes_nothing(steps: list[Step]) -> None:
    taken: list[Step] = []
    new, delta = full_world().change(lambda draft: taken.extend(take(draft, steps)))
    again = full_world()
    for step in taken:
        again, _ = again.change(lambda draft, step=step: take(draft, [step]))  # type: ignore[misc]
    assert again == new
    assert full_world().change(lambda draft: take(draft, taken)) == (new, delta)


@repeatable
@given(st.lists(STEPS, max_size=15))
def test_draft_reads_as_what_it_becomes(steps: list[Step]) -> None:
    seen: list[tuple[object, ...]] = []

    def read(world: Desired | Draft) -> tuple[object, ...]:
        return (
            *(dict(getattr(world, kind)) for kind in KINDS),
            [world.listeners_of(lb_id) for lb_id in sorted(world.load_balancers)],
            [world.groups_of(lb_id) for lb_id in sorted(world.load_balancers)],
            [world.listeners_using(group_id) for group_id in sorted(world.groups)],
            [world.listeners_with_acl(acl_id) for acl_id in sorted(world.acls)],
            [world.groups_naming(server_id) for server_id in sorted(world.servers)],
            [world.address_of(m) for _, g in sorted(world.groups.items()) for m in g.members],
        )

    def change(draft: Draft) -> None:
        take(draft, steps)
        seen.append(read(draft))

    new, _ = full_world().change(change)
    assert seen == [read(new)]


def test_change_that_raises_leaves_nothing_behind() -> None:
    world = full_world()

    def fail_late(draft: Draft) -> None:
        draft.create_load_balancer(LoadBalancer("lb-3", LB.address + 1))
        draft.delete_listener(key(80))
        draft.delete_group("rsp-1")
        draft.delete_group("rsp-3")

    with pytest.raises(GroupInUse):
        world.change(fail_late)
    assert world == full_world()
    assert world.indexes == full_world().indexes


def test_change_sees_its_own_steps() -> None:
    def swap(draft: Draft) -> None:
        draft.delete_load_balancer("lb-1")
        with pytest.raises(AddressInUse):
            draft.create_load_balancer(LoadBalancer("lb-3", draft.load_balancer("lb-2").address))
        draft.create_load_balancer(LoadBalancer("lb-3", LB.address))

    swapped, delta = full_world().change(swap)
    assert sorted(swapped.load_balancers) == ["lb-2", "lb-3"]
    assert delta.load_balancers == {"lb-1", "lb-3"}
    assert delta.groups == {"rsp-1", "rsp-3", "rsp-default-1", "rsp-default-3"}
    assert not delta.servers


def test_what_comes_and_goes_in_one_change_leaves_no_trace() -> None:
    def in_vain(draft: Draft) -> None:
        draft.create_server(Server("s-9", LB.address))
        draft.delete_server("s-9")
        draft.set_listener_state(key(80), ListenerState.STOPPED)
        draft.set_listener_state(key(80), ListenerState.RUNNING)
        with pytest.raises(AlreadyExists):
            draft.create_load_balancer(LB)

    world = full_world()
    same, delta = world.change(in_vain)
    assert delta == Delta()
    for kind in KINDS:
        assert getattr(same, kind) is getattr(world, kind)


def test_what_is_not_touched_is_shared() -> None:
    world = full_world()
    described = replace(world.listener(key(80)), description="web")
    new, delta = world.change(lambda draft: draft.update_listener(described))
    assert delta == Delta(listeners=frozenset({key(80)}))
    assert {kind for kind in KINDS if getattr(new, kind) is not getattr(world, kind)} == {
        "listeners"
    }
    for index in fields(Indexes):
        assert getattr(new.indexes, index.name) is getattr(world.indexes, index.name)
    moved = replace(described, group_id="rsp-3")
    newer = new.update_listener(moved)
    assert {
        index.name
        for index in fields(Indexes)
        if getattr(newer.indexes, index.name) is not getattr(new.indexes, index.name)
    } == {"listeners_using"}


def test_finished_indexes_can_not_be_written_to() -> None:
    changed = full_world().delete_listener(key(80))
    with pytest.raises(TypeError):
        changed.indexes.listeners_of["lb-1"] = set()  # type: ignore[index]
