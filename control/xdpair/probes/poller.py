# SPDX-License-Identifier: Apache-2.0
"""Which sockets are ready: an epoll of the probes' own, inside the loop's."""

from __future__ import annotations

import resource
import select
from asyncio import AbstractEventLoop
from collections.abc import Callable

READABLE = select.EPOLLIN
WRITABLE = select.EPOLLOUT

#: How much of this process's descriptors the probes may use.
_SHARE = 0.75
_EVENTS_AT_ONCE = 1024


class Poller:
    """Calls back when a socket is ready, at half the price of ``loop.add_reader``.

    The loop sees one descriptor that is readable whenever some socket here is ready. It looks at
    descriptors before timers, so an answer that has arrived always comes before its deadline.
    Errors and hang-ups count as readiness, as everywhere.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll: select.epoll | None = None
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._limit = 1  # until the limit of the process is read

    @property
    def is_full(self) -> bool:
        """True if no more descriptors should be opened to be watched."""
        return len(self._callbacks) >= self._limit

    def watch(self, fd: int, events: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever ``fd`` is ready, until ``forget(fd)``.

        Args:
            fd: watched already or not; in the first case ``events`` and ``callback`` change.
            events: ``READABLE`` or ``WRITABLE``.
            callback: it may forget any descriptor. It must not open and watch a new one: that
                could get the number, and then the event, of one just closed.

        Raises:
            OSError: no descriptor or no kernel memory left.
        """
        if self._epoll is None:
            self._epoll = select.epoll()
            soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            self._limit = int(soft_limit * _SHARE)
            self._loop.add_reader(self._epoll.fileno(), self._dispatch, self._epoll)
        if fd in self._callbacks:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._callbacks[fd] = callback

    def forget(self, fd: int) -> None:
        """Never call back for ``fd`` again. It must be closed next: that takes it off the epoll."""
        del self._callbacks[fd]

    def close(self) -> None:
        """Forget everything. The next ``watch`` begins anew."""
        self._callbacks.clear()
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _dispatch(self, epoll: select.epoll) -> None:
        left = len(self._callbacks)
        while left > 0:
            ready = epoll.poll(0, min(left, _EVENTS_AT_ONCE))
            for fd, _ in ready:
                callback = self._callbacks.get(fd)
                if callback is not None:
                    callback()
            if len(ready) < _EVENTS_AT_ONCE or epoll.closed:
                return
            left -= len(ready)
