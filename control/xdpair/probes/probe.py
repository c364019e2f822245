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
from xdpair.probes.poller import Poller

OnEnd = Callable[[Verdict], None]

#: What a probe does when its socket is ready: it may raise ``OSError``, which becomes its verdict;
#: it returns its verdict, or None to wait on.
Step = Callable[[socket.socket], Verdict | None]

_EXCERPT_BYTES = 40
_TOO_MANY: Verdict = ("too many probes of this process wait for an answer", True)


def excerpt(data: bytes) -> str:
    """Show the beginning of what a server answered, safe to print on one line."""
    return repr(data[:_EXCERPT_BYTES]) + ("…" if len(data) > _EXCERPT_BYTES else "")


class Probe(ABC):
    """One target's probe, used again each time: ``begin``, then ``on_end`` once, unless aborted.

    Callbacks instead of a coroutine: a task for each probe would cost more than the probe.
    Every socket operation may fail at any moment (an interface vanishes, descriptors run out);
    all of it is a verdict, nothing of it an exception in the loop.

    Args:
        loop: for its clock.
        poller: says when the socket is ready.
        target: what to probe, and how.

    Attributes:
        on_end: called once for each ``begin``, possibly before ``begin`` returns.
    """

    __slots__ = (
        "_destination",
        "_device",
        "_events",
        "_loop",
        "_poller",
        "_socket",
        "_step",
        "_timed_out",
        "on_end",
    )

    #: SOCK_STREAM or SOCK_DGRAM.
    kind: socket.SocketKind

    #: Set by whoever begins.
    on_end: OnEnd

    def __init__(self, loop: AbstractEventLoop, poller: Poller, target: ProbeTarget) -> None:
        self._loop = loop
        self._poller = poller
        self._destination = (str(target.address), target.port)
        self._device = target.interface.encode() if target.interface else b""
        self._timed_out: Verdict = (f"timed out after {target.check.timeout_ms} ms", False)
        self._socket: socket.socket | None = None
        self._step: Step = self._launch
        self._events = 0  # what the poller watches for; 0: it does not know the socket

    def begin(self) -> None:
        """Open a socket and send the first packet."""
        self.abort()
        if self._poller.is_full:
            self._conclude(_TOO_MANY)
            return
        try:
            # With SOCK_NONBLOCK here, Python saves the ioctl of setblocking().
            sock = self._socket = socket.socket(socket.AF_INET, self.kind | socket.SOCK_NONBLOCK)
            if self._device:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self._device)
        except OSError as error:
            self._conclude(faults.verdict(error.errno or 0))
        else:
            self._step = self._launch
            self._take_step()

    def expire(self) -> None:
        """The time is up: end with what that means."""
        self._conclude(self._timed_out)

    def abort(self) -> None:
        """Drop everything at once, without a verdict. Harmless when nothing runs."""
        if self._socket is not None:
            if self._events:
                self._poller.forget(self._socket.fileno())
                self._events = 0
            self._socket.close()
            self._socket = None

    @abstractmethod
    def _launch(self, sock: socket.socket) -> Verdict | None:
        """The first step, on a fresh socket."""

    def _take_step(self) -> None:
        assert self._socket is not None, "a closed socket is forgotten by the poller"
        # The verdict is delivered outside the try: what the listener raises is not the network's.
        try:
            verdict = self._step(self._socket)
        except OSError as error:
            verdict = faults.verdict(error.errno or 0)
        if verdict is not None:
            self._conclude(verdict)

    def _conclude(self, verdict: Verdict) -> None:
        self.abort()
        self.on_end(verdict)

    def _wait(self, sock: socket.socket, events: int, step: Step) -> None:
        """Take ``step`` each time ``sock`` is ready, from now on."""
        self._step = step
        if events != self._events:
            self._poller.watch(sock.fileno(), events, self._take_step)
            self._events = events
