# SPDX-License-Identifier: Apache-2.0
"""Thousands of checks: spread, bounded, cheap to start and stop."""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from tests.unit.probe_kit import (
    NS_PER_MS,
    JumpingLoop,
    Results,
    ignoring,
    port_of,
    silent_udp,
    target,
    tcp,
    udp,
)
from xdpair.ports import ProbeTarget
from xdpair.probes import ProbeScheduler

MANY = 10_000


@pytest.fixture
def loop() -> Iterator[JumpingLoop]:
    with closing(JumpingLoop(grace_s=0)) as loop:  # nothing here answers
        yield loop


@pytest.fixture
def scheduler(loop: JumpingLoop) -> Iterator[ProbeScheduler]:
    scheduler = ProbeScheduler(loop, rng=Random(1))
    yield scheduler
    scheduler.stop_all()


@contextmanager
def few_descriptors() -> Iterator[int]:
    """Allow this process so few that no probe lacks one before the probes' part is used up, and
    yield how many that is.
    """
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = 4 * (len(list(Path("/proc/self/fd").iterdir())) + 25)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, limits[1]))
    try:
        yield soft * 3 // 4
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def fails_at_once(interval_ms: int) -> ProbeTarget:
    """What costs no packet."""
    return target(1, tcp(interval_ms, 10), interface="no-such-if")


def busiest_ms(results: Results) -> int:
    """How many probes started within one millisecond."""
    return max(Counter(result.started_ns // NS_PER_MS for result in results).values())


def test_ten_thousand_are_spread_over_the_interval(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results = Results()
    for key in range(MANY):
        scheduler.start(key, fails_at_once(5000), results.append)
    loop.run_for(5.0)
    assert len(results) == MANY
    assert busiest_ms(results) <= 15
    loop.run_for(5.0)
    assert len(results) == 2 * MANY
    assert busiest_ms(results) <= 15


def test_ten_thousand_that_are_wanted_now_come_one_after_the_other_and_stay_apart(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results, origin_ns = Results(), loop.now_ns()
    for key in range(MANY):
        scheduler.start(key, fails_at_once(5000), results.append, first_now=True)
    loop.run_for(4.9)
    assert len(results) == MANY
    starts_ms = results.starts_ms(origin_ns)
    assert starts_ms == [pytest.approx(0.2 * n, abs=0.01) for n in range(MANY)]
    loop.run_for(5.0)
    assert len(results) == 2 * MANY
    assert busiest_ms(results) <= 6


def test_one_that_is_wanted_now_does_not_wait_for_those_long_done(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    for key in range(100):
        scheduler.start(key, fails_at_once(5000), Results().append, first_now=True)
    loop.run_for(1.0)
    results, origin_ns = Results(), loop.now_ns()
    scheduler.start("a", fails_at_once(5000), results.append, first_now=True)
    loop.run_for(0.01)
    assert results.starts_ms(origin_ns) == [0.0]


def test_starting_and_stopping_ten_thousand_is_quick(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    start_s = time.process_time()
    for key in range(MANY):
        scheduler.start(key, fails_at_once(5000), Results().append, first_now=key % 2 == 0)
    for key in range(MANY):
        scheduler.stop(key)
    assert time.process_time() - start_s < 1.0
    loop.run_for(10.0)


def test_no_more_descriptors_than_a_part_of_what_the_process_may_have(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    """Those left without say so, and that it is not the server's fault."""
    results = Results()
    with few_descriptors() as places, ignoring() as port:
        for key in range(places + 125):
            scheduler.start(key, target(port, tcp(1000, 1000)), results.append, first_now=True)
        loop.run_for(0.8)
        assert len(results) == 125
        assert all(result.local_fault for result in results)
        assert set(results.errors) == {"too many probes of this process wait for an answer"}
        scheduler.stop_all()


def test_a_place_is_free_again_when_a_probe_ends(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results = Results()
    with few_descriptors() as places, silent_udp() as sock:
        # Five start in a millisecond: some 45 too many before the first of them times out.
        check = udp(5000, (places + 45) // 5)
        for key in range(2 * places):
            scheduler.start(key, target(port_of(sock), check), results.append, first_now=True)
        loop.run_for(3.0)
    assert len(results) == 2 * places
    assert 40 <= sum(result.local_fault for result in results) <= 50


def test_a_probe_slower_than_its_interval_leaves_no_alarms_behind(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results = Results()
    with ignoring() as port:
        scheduler.start("a", target(port, tcp(10, 15)), results.append, first_now=True)
        loop.run_for(60.0)
    assert len(results) == pytest.approx(4000, abs=5)
