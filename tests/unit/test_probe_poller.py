# SPDX-License-Identifier: Apache-2.0
"""The probes' epoll inside the loop's."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial

import pytest

from tests.unit.probe_kit import JumpingLoop
from xdpair.probes.poller import READABLE, WRITABLE, Poller


@pytest.fixture
def loop() -> Iterator[JumpingLoop]:
    with closing(JumpingLoop()) as loop:
        yield loop


@pytest.fixture
def ready() -> Iterator[list[socket.socket]]:
    """Sockets that can all be written to."""
    with ExitStack() as stack:
        yield [stack.enter_context(sock) for _ in range(1000) for sock in socket.socketpair()]


def run_once(loop: JumpingLoop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()


def test_one_turn_of_the_loop_serves_all_that_are_ready(
    loop: JumpingLoop, ready: list[socket.socket]
) -> None:
    """Timers come after: no deadline passes over an answer that has arrived."""
    poller = Poller(loop)
    called: list[int] = []
    for sock in ready:
        poller.watch(sock.fileno(), WRITABLE, partial(called.append, sock.fileno()))
    run_once(loop)
    poller.close()
    assert sorted(called) == sorted(sock.fileno() for sock in ready)


def test_who_is_forgotten_meanwhile_is_not_called(
    loop: JumpingLoop, ready: list[socket.socket]
) -> None:
    poller, called = Poller(loop), []
    fds = {sock.fileno() for sock in ready}

    def forget_the_others(me: int) -> None:
        called.append(me)
        for other in fds - {me}:
            poller.forget(other)

    for fd in fds:
        poller.watch(fd, WRITABLE, partial(forget_the_others, fd))
    run_once(loop)
    poller.close()
    assert len(called) == 1


def test_what_is_watched_for_can_change(loop: JumpingLoop, ready: list[socket.socket]) -> None:
    poller, called = Poller(loop), []
    one, other = ready[:2]
    poller.watch(one.fileno(), WRITABLE, lambda: called.append("writable"))
    poller.watch(one.fileno(), READABLE, lambda: called.append("readable"))
    run_once(loop)
    assert not called
    other.send(b"x")
    run_once(loop)
    poller.close()
    assert called == ["readable"]


def test_closed_it_calls_nobody_and_can_begin_anew(
    loop: JumpingLoop, ready: list[socket.socket]
) -> None:
    poller, called = Poller(loop), []
    poller.watch(ready[0].fileno(), WRITABLE, lambda: called.append("old"))
    poller.close()
    run_once(loop)
    assert not called
    poller.watch(ready[0].fileno(), WRITABLE, lambda: called.append("new"))
    run_once(loop)
    poller.close()
    assert called == ["new"]
