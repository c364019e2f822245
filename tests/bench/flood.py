# SPDX-License-Identifier: Apache-2.0
"""As many packets as one core can make, sent out of a veth interface in a namespace."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.programs import Program
from tests.bench.replay import Replayer, Stream
from tests.lab.namespace import inside

_SIGNAL_EVERY_S = 0.02
_SIGNALS = 250


class Flood:
    """A packet generator. A context manager: leaving it unloads its programs.

    Args:
        netns_path: the namespace that packets start in.
        ifindex: the interface there that they leave by; it must have XDP or GRO on.
        cpu: where the generator runs; the receiving ends of veth pairs then run there, too.
    """

    def __init__(self, netns_path: Path, ifindex: int, cpu: int) -> None:
        self._netns_path = netns_path
        self._ifindex = ifindex
        self._cpu = cpu
        self._bounce = Program("bounce.c", "bounce")
        self._replayer = Replayer()

    def __enter__(self) -> Flood:
        return self

    def __exit__(self, *_: object) -> None:
        self._replayer.close()
        self._bounce.close()

    @contextmanager
    def of(self, stream: Stream) -> Iterator[None]:
        """Send a stream's packets, for as long as the context lasts. In the main thread only.

        Raises:
            OSError: the kernel refused to.
            TimeoutError: it does not stop.
        """
        sender = _Sender(self._replayer, self._bounce.fd, stream, self._ifindex, self._cpu)
        thread = threading.Thread(target=inside, args=(self._netns_path, sender.send))
        before = signal.signal(signal.SIGUSR1, lambda *_: None)
        thread.start()
        try:
            sender.running.wait()
            yield
            if sender.failure:
                raise sender.failure
        finally:
            _interrupt(thread, sender)
            signal.signal(signal.SIGUSR1, before)


class _Sender:
    """One single call into the kernel: between two, the link would idle. A signal ends it."""

    def __init__(
        self, replayer: Replayer, program_fd: int, stream: Stream, ifindex: int, cpu: int
    ) -> None:
        self._replayer = replayer
        self._arguments = program_fd, stream, ifindex
        self._cpu = cpu
        self.thread_id = 0
        self.running = threading.Event()
        self.failure: OSError | None = None

    def send(self) -> None:
        self.thread_id = threading.get_ident()
        os.sched_setaffinity(0, {self._cpu})
        self.running.set()
        try:
            self._replayer.flood(*self._arguments)
        except InterruptedError:
            pass
        except OSError as error:
            self.failure = error


def _interrupt(thread: threading.Thread, sender: _Sender) -> None:
    for _ in range(_SIGNALS):
        if not thread.is_alive():
            return
        # Sent again and again: the first one may come before the call into the kernel does.
        signal.pthread_kill(sender.thread_id, signal.SIGUSR1)
        thread.join(_SIGNAL_EVERY_S)
    raise TimeoutError("the packet generator does not stop")
