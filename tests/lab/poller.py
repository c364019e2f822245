# SPDX-License-Identifier: Apache-2.0
"""A small event loop for the lab's servers and clients.

Not asyncio: that takes 50 ms to import and several times as long per connection, on the cores
that the load balancer under test needs.
"""

import ctypes
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Final, TypeAlias

READ: Final = select.EPOLLIN
WRITE: Final = select.EPOLLOUT
ERROR: Final = select.EPOLLERR | select.EPOLLHUP

#: Called with the events of a descriptor, a set of READ, WRITE and ERROR.
Callback: TypeAlias = Callable[[int], None]

_CLOCK_MONOTONIC: Final = 1
_TFD_TIMER_ABSTIME: Final = 1

_libc = ctypes.CDLL(None, use_errno=True)


class Poller:
    """Calls back when descriptors are ready, until SIGTERM or SIGINT comes or time is up."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callback] = {}
        self._running = True
        self._woken, waker = socket.socketpair()
        self._waker = waker  # kept: its end would wake for ever
        self._woken.setblocking(False)
        waker.setblocking(False)
        self.add(self._woken.fileno(), READ, self._wake)

    def stop_on_signals(self) -> None:
        """From now on SIGTERM and SIGINT end ``run()``."""
        signal.set_wakeup_fd(self._waker.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def add(self, fd: int, events: int, callback: Callback) -> None:
        """Watch a descriptor; errors are always reported."""
        self._callbacks[fd] = callback
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Watch it for other events."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Stop watching; before the descriptor is closed."""
        del self._callbacks[fd]
        self._epoll.unregister(fd)

    def stop(self) -> None:
        """Let ``run()`` return."""
        self._running = False

    def run(self) -> None:
        """Serve until stopped."""
        self._running = True
        while self._running:
            self._serve(-1)

    def run_for(self, duration_s: float) -> None:
        """Serve until stopped, or until this much time has passed."""
        self._running = True
        end_s = time.monotonic() + duration_s
        while self._running and (left_s := end_s - time.monotonic()) > 0:
            self._serve(left_s)

    def _wake(self, _events: int) -> None:
        self._woken.recv(64)
        self.stop()

    def _serve(self, timeout_s: float) -> None:
        for fd, events in self._epoll.poll(timeout_s):
            callback = self._callbacks.get(fd)
            if callback is not None:  # else removed by a callback of the same round
                callback(events)


class Ticker:
    """Ticks at a fixed rate whatever happens: a late reader finds several ticks at once."""

    class _Times(ctypes.Structure):
        """``struct itimerspec``: interval and first, each in seconds and nanoseconds."""

        _fields_ = [
            ("interval_s", ctypes.c_long),
            ("interval_ns", ctypes.c_long),
            ("first_s", ctypes.c_long),
            ("first_ns", ctypes.c_long),
        ]

    def __init__(self, rate_hz: float, delay_s: float = 0.0) -> None:
        """The first tick comes ``delay_s`` from now."""
        self._period_ns = round(1e9 / rate_hz)
        self._first_ns = time.monotonic_ns() + max(1, round(delay_s * 1e9))
        self._fd = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        times = self._Times(*divmod(self._period_ns, 10**9), *divmod(self._first_ns, 10**9))
        if self._fd < 0 or _libc.timerfd_settime(
            self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(times), None
        ):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def fileno(self) -> int:
        """Readable when a tick is due."""
        return int(self._fd)

    def due(self) -> int:
        """How many ticks there were since the last call."""
        try:
            return int.from_bytes(os.read(self._fd, 8), sys.byteorder)
        except BlockingIOError:
            return 0

    def time_of(self, tick: int) -> float:
        """When a tick was or will be due, counted from 0; CLOCK_MONOTONIC seconds."""
        return (self._first_ns + tick * self._period_ns) / 1e9

    def close(self) -> None:
        """Stop ticking."""
        os.close(self._fd)
