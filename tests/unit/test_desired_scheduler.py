# SPDX-License-Identifier: Apache-2.0
"""Rules between resources: which scheduler may become which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.desired_world import MISSING, scheduled, world
from xdpair.core import errors
from xdpair.core.model import Listener, Scheduler

IN_TURN = (Scheduler.WRR, Scheduler.RR, Scheduler.WLC)
BY_HASH = (Scheduler.SCH, Scheduler.TCH, Scheduler.QCH)


@pytest.mark.parametrize("group_id", ["rsp-w", "rsp-default-1"])
@pytest.mark.parametrize("old", Scheduler)
@pytest.mark.parametrize("new", Scheduler)
def test_scheduler_changes_among_those_that_do_not_hash(
    group_id: str, old: Scheduler, new: Scheduler
) -> None:
    port = 53 if group_id == "rsp-default-1" else None
    listener = scheduled(Listener(MISSING, group_id, server_port=port), old)
    before = world().create_listener(listener)
    if old is new or (old in IN_TURN and new in IN_TURN):
        after = before.update_listener(scheduled(listener, new))
        assert after.listener(MISSING).traffic.scheduler is new
    else:
        with pytest.raises(errors.SchedulerNotChangeable):
            before.update_listener(scheduled(listener, new))


@pytest.mark.parametrize("scheduler", BY_HASH)
def test_scheduler_changes_at_will_where_it_has_no_effect(scheduler: Scheduler) -> None:
    pair = Listener(MISSING, "rsp-1")
    before = world().create_listener(pair)
    after = before.update_listener(scheduled(pair, scheduler))
    assert after.update_listener(pair) == before
    moved = scheduled(replace(pair, group_id="rsp-w"), scheduler)
    assert before.update_listener(moved).update_listener(pair) == before
    with pytest.raises(errors.SchedulerNotChangeable):
        before.update_listener(moved).update_listener(replace(pair, group_id="rsp-w"))
