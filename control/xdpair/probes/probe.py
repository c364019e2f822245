# SPDX-License-Identifier: Apache-2.0
"""What the probes of all protocols share: one non-blocking socket, and exactly one end."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from asyncio import AbstractEventLoop
from collections.abc import Callable

from xdpair.ports import ProbeTarget
from xdpair.probes import faults
from xdpair.probes.faults import Verdict

OnEnd = Callable[[Verdict], None]

#: What a probe does when its socket is ready: it may raise ``OSError``, which becomes its verdict;
#: it returns its verdict, or None to wait on.
Step = Callable[[socket.socket], Verdict | None]

_EXCERPT_BYTES = 40


def excerpt(data: bytes) -> str:
    """Show the beginning of what a server answered, safe to print on one line."""
    return repr(data[:_EXCERPT_BYTES]) + ("…" if len(data) > _EXCERPT_BYTES else "")


class Probe(ABC):
    """One target's probe, used again each time: ``begin``, then ``on_end`` once, unless aborted.

    Callbacks instead of a coroutine: a task for each probe would cost more than the probe.
    Every socket operation may fail at any moment (an interface vanishes, descriptors run out);
    all of it is a verdict, nothing of it an exception in the loop.

    Args:
        on_end: called once for each ``begin``, possibly before ``begin`` returns.
    """

    __slots__ = (
        "_destination",
        "_device",
        "_loop",
        "_on_end",
        "_socket",
        "_timed_out",
        "_unwatch",
    )

    #: SOCK_STREAM or SOCK_DGRAM.
    kind: socket.SocketKind

    def __init__(self, loop: AbstractEventLoop, target: ProbeTarget, on_end: OnEnd) -> None:
        self._loop = loop
        self._on_end = on_end
        self._destination = (str(target.address), target.port)
        self._device = target.interface.encode() if target.interface else b""
        self._timed_out: Verdict = (f"timed out after {target.check.timeout_ms} ms", False)
        self._socket: socket.socket | None = None
        self._unwatch: Callable[[int], bool] | None = None

    def begin(self) -> None:
        """Open a socket and send the first packet."""
        self.abort()
        try:
            # With SOCK_NONBLOCK here, Python saves the ioctl of setblocking().
            sock = self._socket = socket.socket(socket.AF_INET, self.kind | socket.SOCK_NONBLOCK)
            if self._device:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._device)
        except OSError as error:
            self._conclude(faults.verdict(error.errno or 0))
        else:
            self._run(self._launch, sock)

    def expire(self) -> None:
        """The time is up: end with what that means."""
        self._conclude(self._timed_out)

    def abort(self) -> None:
        """Drop everything at once, without a verdict. Harmless when nothing runs."""
        if self._socket is not None:
            self._ignore(self._socket)
            self._socket.close()
            self._socket = None

    @abstractmethod
    def _launch(self, sock: socket.socket) -> Verdict | None:
        """The first step, on a fresh socket."""

    def _run(self, step: Step, sock: socket.socket) -> None:
        # The verdict is delivered outside the try: what the listener raises is not the network's.
        try:
            verdict = step(sock)
        except OSError as error:
            verdict = faults.verdict(error.errno or 0)
        if verdict is not None:
            self._conclude(verdict)

    def _conclude(self, verdict: Verdict) -> None:
        self.abort()
        self._on_end(verdict)

    def _when_readable(self, sock: socket.socket, step: Step) -> None:
        self._ignore(sock)
        self._loop.add_reader(sock.fileno(), self._run, step, sock)
        self._unwatch = self._loop.remove_reader

    def _when_writable(self, sock: socket.socket, step: Step) -> None:
        self._ignore(sock)
        self._loop.add_writer(sock.fileno(), self._run, step, sock)
        self._unwatch = self._loop.remove_writer

    def _ignore(self, sock: socket.socket) -> None:
        # Before every close, too: a descriptor's number is used again at once.
        if self._unwatch is not None:
            self._unwatch(sock.fileno())
            self._unwatch = None
