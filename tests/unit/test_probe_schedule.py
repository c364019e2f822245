# SPDX-License-Identifier: Apache-2.0
"""When probes start, end and are not heard of again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from tests.unit.probe_kit import (
    NS_PER_MS,
    JumpingLoop,
    Results,
    http,
    http_server,
    ignoring,
    listening,
    port_of,
    target,
    tcp,
    udp,
    unreachable_udp,
)
from xdpair.ports import Prober, ProbeResult
from xdpair.probes import ProbeScheduler


@pytest.fixture
def loop() -> Iterator[JumpingLoop]:
    with closing(JumpingLoop()) as loop:
        yield loop


@pytest.fixture
def scheduler(loop: JumpingLoop) -> Iterator[ProbeScheduler]:
    scheduler = ProbeScheduler(loop, rng=Random(1))
    yield scheduler
    scheduler.stop_all()


@contextmanager
def answering_after(loop: JumpingLoop, delays_s: list[float]) -> Iterator[int]:
    """An HTTP server that takes its time: each delay once, then none."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(delays_s.pop(0) if delays_s else 0)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    with http_server(loop, serve) as port:
        yield port


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_it_is_the_port(scheduler: ProbeScheduler) -> None:
    prober: Prober = scheduler
    prober.stop("unknown")


def test_probes_start_on_the_grid_and_never_drift(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results, origin_ns = Results(), loop.now_ns()
    with listening(backlog=200) as server:
        scheduler.start("a", target(port_of(server), tcp()), results.append, first_now=True)
        loop.run_for(0.9995)
    assert results.starts_ms(origin_ns) == [10.0 * n for n in range(100)]
    assert all(result.passed and not result.local_fault for result in results)


def test_the_first_start_is_spread_over_the_interval(loop: JumpingLoop) -> None:
    rng, phases_ms = Random(7), []
    with listening() as server:
        for _ in range(40):
            scheduler, results, origin_ns = ProbeScheduler(loop, rng=rng), Results(), loop.now_ns()
            scheduler.start("a", target(port_of(server), tcp(1000)), results.append)
            loop.run_for(1.0)
            scheduler.stop_all()
            (phase_ms,) = results.starts_ms(origin_ns)
            phases_ms.append(phase_ms)
    assert 0 <= min(phases_ms) < 100
    assert 900 < max(phases_ms) < 1000


def test_a_timeout_as_long_as_the_interval_keeps_the_grid(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results, origin_ns = Results(), loop.now_ns()
    with ignoring() as port:
        scheduler.start("a", target(port, tcp(10, 10)), results.append, first_now=True)
        loop.run_for(0.0505)
    assert results.starts_ms(origin_ns) == [0, 10, 20, 30, 40]
    assert set(results.errors) == {"timed out after 10 ms"}
    assert [result.ended_ns - result.started_ns for result in results] == pytest.approx(
        [10 * NS_PER_MS] * 5, abs=1000
    )


def test_the_lateness_of_timers_does_not_add_up(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    """Each timer half a millisecond late, as under epoll, and a server that never answers."""
    results, origin_ns = Results(), loop.now_ns()
    really_call_at = loop.call_at
    loop.call_at = lambda when, *args, **options: really_call_at(  # type: ignore[method-assign]
        when + 0.0005, *args, **options
    )
    with ignoring() as port:
        scheduler.start("a", target(port, tcp(10, 10)), results.append, first_now=True)
        loop.run_for(1.0)
    starts_ms = results.starts_ms(origin_ns)
    assert len(starts_ms) >= 98
    assert max(start_ms - 10 * n for n, start_ms in enumerate(starts_ms)) <= 1.01


def test_a_timer_that_comes_a_clock_tick_early_starts_no_probe_twice(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results, origin_ns = Results(), loop.now_ns()
    really_call_at = loop.call_at
    loop.call_at = lambda when, *args, **options: really_call_at(  # type: ignore[method-assign]
        when - 1e-7, *args, **options
    )
    with listening() as server:
        scheduler.start("a", target(port_of(server), tcp()), results.append, first_now=True)
        loop.run_for(0.0505)
    assert results.starts_ms(origin_ns) == [0, 10, 20, 30, 40, 50]


def test_a_timeout_longer_than_the_interval_stretches_it(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results, origin_ns = Results(), loop.now_ns()
    with ignoring() as port:
        scheduler.start("a", target(port, tcp(10, 25)), results.append, first_now=True)
        loop.run_for(0.1005)
    assert results.starts_ms(origin_ns) == [0, 25, 50, 75]


def test_the_grid_is_kept_after_a_slow_probe(loop: JumpingLoop, scheduler: ProbeScheduler) -> None:
    results, origin_ns = Results(), loop.now_ns()
    with answering_after(loop, [0.0, 0.034]) as port:
        scheduler.start("a", target(port, http(10, 50)), results.append, first_now=True)
        loop.run_for(0.0705)
    # The second runs to 44 ms: the starts of 20 and 30 are gone, that of 40 is late.
    assert results.starts_ms(origin_ns) == [0, 10, 44, 50, 60, 70]


def test_no_slowness_makes_probes_overlap_or_leave_the_grid(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    rng = Random(42)
    delays_s = [rng.choice([0.0, 0.001, 0.0099, 0.0101, 0.03, 0.06]) for _ in range(100)]
    results, origin_ns = Results(), loop.now_ns()
    with answering_after(loop, delays_s) as port:
        scheduler.start("a", target(port, http(10, 50)), results.append, first_now=True)
        loop.run_for(1.5)
    assert len(results) > 60
    for before, after in pairwise(results):
        grid_ns = (before.started_ns + 1000 - origin_ns) // (10 * NS_PER_MS) + 1
        due_ns = origin_ns + grid_ns * 10 * NS_PER_MS
        assert after.started_ns == pytest.approx(max(due_ns, before.ended_ns), abs=1000)


def test_a_stall_makes_no_burst(loop: JumpingLoop, scheduler: ProbeScheduler) -> None:
    results, origin_ns = Results(), loop.now_ns()
    with listening() as server:
        scheduler.start("a", target(port_of(server), tcp()), results.append, first_now=True)
        loop.call_at(loop.time() + 0.015, loop.stall, 0.052)
        loop.run_for(0.1005)
    assert results.starts_ms(origin_ns) == [0, 10, 67, 70, 80, 90, 100]


def test_time_in_which_this_process_stood_still_is_given_back(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    """The answer comes 8 ms after the request, but the process sleeps from 5 to 30 ms."""
    results = Results()
    with answering_after(loop, [0.008]) as port:
        scheduler.start("a", target(port, http(1000, 10)), results.append, first_now=True)
        loop.call_at(loop.time() + 0.005, loop.stall, 0.025)
        loop.run_for(0.5)
    assert results.errors == [""]


def test_time_is_given_back_once_only(loop: JumpingLoop, scheduler: ProbeScheduler) -> None:
    """Asleep from 5 to 30 ms, so the deadline moves from 10 to 40; then asleep from 35 to 65."""
    results, origin_ns = Results(), loop.now_ns()
    with ignoring() as port:
        scheduler.start("a", target(port, tcp(1000, 10)), results.append, first_now=True)
        loop.call_at(loop.time() + 0.005, loop.stall, 0.025)
        loop.call_at(loop.time() + 0.035, loop.stall, 0.030)
        loop.run_for(0.5)
    (result,) = results
    assert result.error == "timed out after 10 ms"
    assert result.ended_ns - origin_ns == pytest.approx(65 * NS_PER_MS, abs=1000)


def test_time_given_back_is_no_more_than_the_timeout(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results, origin_ns = Results(), loop.now_ns()
    with ignoring() as port:
        scheduler.start("a", target(port, tcp(50_000, 10)), results.append, first_now=True)
        loop.call_at(loop.time() + 0.005, loop.stall, 5.0)
        loop.run_for(5.1)
    (result,) = results
    assert result.ended_ns - origin_ns == pytest.approx(5_015 * NS_PER_MS, abs=1000)


@pytest.mark.parametrize("stop_at_s", [0.0, 0.003, 0.0101])
def test_stop_is_final_and_leaves_nothing_open(
    loop: JumpingLoop, scheduler: ProbeScheduler, stop_at_s: float
) -> None:
    with ignoring() as port, unreachable_udp() as sock, listening() as server:

        async def slowly(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await asyncio.sleep(0.05)

        with http_server(loop, slowly) as http_port:
            before, results = open_descriptors(), Results()
            scheduler.start(1, target(port, tcp(10, 50)), results.append, first_now=True)
            scheduler.start(2, target(port_of(sock), udp()), results.append, first_now=True)
            scheduler.start(3, target(port_of(server), tcp()), results.append, first_now=True)
            scheduler.start(4, target(http_port, http(10, 50)), results.append, first_now=True)
            if stop_at_s:
                loop.run_for(stop_at_s)
            known = len(results)
            scheduler.stop_all()
            assert open_descriptors() - before <= 2  # the server's ends of the HTTP connections
            loop.run_for(1.0)
            assert open_descriptors() == before
    assert len(results) == known
    assert bool(known) == bool(stop_at_s)


def test_a_result_may_stop_its_own_key(loop: JumpingLoop, scheduler: ProbeScheduler) -> None:
    results = Results()

    def stop(result: ProbeResult) -> None:
        results.append(result)
        scheduler.stop("a")

    with listening() as server:
        scheduler.start("a", target(port_of(server), tcp()), stop, first_now=True)
        loop.run_for(1.0)
    assert len(results) == 1


def test_a_key_stands_for_its_last_target(loop: JumpingLoop, scheduler: ProbeScheduler) -> None:
    old, new = Results(), Results()
    with ignoring() as port, listening() as server:
        scheduler.start("a", target(port, tcp(10, 50)), old.append, first_now=True)
        scheduler.start("b", target(port_of(server), tcp(500)), new.append)
        loop.run_for(0.02)
        scheduler.start("a", target(port_of(server), tcp(20)), new.append, first_now=True)
        loop.run_for(0.2005)
    assert not old
    assert 11 <= len(new) <= 12
    assert set(new.errors) == {""}


def test_nothing_is_reported_from_within_start(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results = Results()
    nowhere = target(1, tcp(), interface="no-such-if")  # fails without a packet
    scheduler.start("a", nowhere, results.append, first_now=True)
    assert not results
    loop.run_for(0.0005)
    assert results.errors == ["the interface towards the server does not exist"]


def test_what_a_listener_raises_is_no_verdict_and_stops_no_probe(
    loop: JumpingLoop, scheduler: ProbeScheduler
) -> None:
    results = Results()

    def fail(result: ProbeResult) -> None:
        results.append(result)
        raise OSError(os.EX_IOERR, "the listener's own trouble")

    with listening() as server:
        scheduler.start("a", target(port_of(server), tcp()), fail, first_now=True)
        loop.run_for(0.0205)
    assert results.errors == ["", "", ""]
    assert len(loop.take_raised()) == 3


def test_many_keys_keep_to_their_own_grids(loop: JumpingLoop) -> None:
    scheduler, starts = ProbeScheduler(loop, rng=Random(3)), [Results() for _ in range(50)]
    nowhere = target(1, tcp(100), interface="no-such-if")
    for key, results in enumerate(starts):
        scheduler.start(key, nowhere, results.append)
    loop.run_for(1.0)
    scheduler.stop_all()
    for results in starts:
        assert len(results) == 10
        gaps_ns = [two.started_ns - one.started_ns for one, two in pairwise(results)]
        assert gaps_ns == pytest.approx([100 * NS_PER_MS] * 9, abs=1000)
