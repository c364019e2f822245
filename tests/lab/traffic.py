# SPDX-License-Identifier: Apache-2.0
"""Clients on the lab's client host, as seen from the lab: started, ended, their results read."""

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, Self, TypeAlias

from tests.lab.errors import LabError
from tests.lab.host import Host
from tests.lab.program import Program
from tests.lab.records import Request, Waiter, read_requests, read_waiters
from tests.lab.topology import SERVICE_PORT, VIP

#: What kept connections do: see ``tests.lab.waiting``.
WaitingMode: TypeAlias = Literal["hold", "silent", "ask"]

_GRACE_S: Final = 10.0
_POLL_S: Final = 0.02


class _Client:
    """A client program and its result file. As a context manager it is stopped at the end."""

    def __init__(self, program: Program, out: Path, linger_s: float) -> None:
        self._program = program
        self._out = out
        self._linger_s = linger_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._program.running():
            self.stop()

    def stop(self) -> None:
        """Start nothing new, wait for what is on its way, and end.

        Raises:
            LabError: it failed.
        """
        self._program.signal(signal.SIGTERM)
        self._program.wait_for_success(self._linger_s + _GRACE_S)

    def wait(self, timeout_s: float) -> None:
        """Wait for its end, if it was given a duration.

        Raises:
            LabError: it failed, or took longer than ``timeout_s``.
        """
        self._program.wait_for_success(timeout_s)


class LoadClient(_Client):
    """Sends requests at a fixed rate."""

    def requests(self) -> list[Request]:
        """Those that have ended; while it runs, up to about 0.1 s ago."""
        return read_requests(self._out)

    def await_requests(
        self, enough: Callable[[list[Request]], bool], timeout_s: float
    ) -> list[Request]:
        """Wait until the requests so far are what is waited for, and return them.

        Raises:
            LabError: they were not within ``timeout_s``.
        """
        deadline_s = time.monotonic() + timeout_s
        while not enough(requests := self.requests()):
            if time.monotonic() > deadline_s:
                raise LabError(f"not what was waited for, after {len(requests)} requests")
            time.sleep(_POLL_S)
        return requests


class WaitingClient(_Client):
    """Keeps connections open."""

    def waiters(self) -> list[Waiter]:
        """All its connections; while it runs, as of about 0.1 s ago."""
        return read_waiters(self._out)


class Traffic:
    """Starts clients. Each sends its first request a few milliseconds after it is returned."""

    def __init__(self, host: Host, directory: Path) -> None:
        self._host = host
        self._directory = directory
        self._count = 0

    def tcp(
        self,
        rate_hz: float,
        *,
        address: str = VIP,
        port: int = SERVICE_PORT,
        path: str = "/",
        timeout_ms: float = 1000.0,
        duration_s: float | None = None,
    ) -> LoadClient:
        """A client that opens ``rate_hz`` connections a second, each for one HTTP request."""
        more = ["--path", path]
        return self._load("tcp_load", address, port, rate_hz, timeout_ms, duration_s, more)

    def udp(
        self,
        rate_hz: float,
        *,
        address: str = VIP,
        port: int = SERVICE_PORT,
        new_sockets: bool = False,
        size_bytes: int = 0,
        timeout_ms: float = 1000.0,
        duration_s: float | None = None,
    ) -> LoadClient:
        """A client that sends ``rate_hz`` datagrams a second, from one socket or one for each."""
        more = ["--size-bytes", str(size_bytes)] + ["--new-sockets"] * new_sockets
        return self._load("udp_load", address, port, rate_hz, timeout_ms, duration_s, more)

    def waiting(
        self,
        connections: int,
        *,
        address: str = VIP,
        port: int = SERVICE_PORT,
        mode: WaitingMode = "hold",
        every_ms: float = 100.0,
    ) -> WaitingClient:
        """A client that keeps connections open; all are established when this returns."""
        arguments = [address, str(port), "--connections", str(connections), "--mode", mode]
        program, out = self._start("waiting", [*arguments, "--every-ms", str(every_ms)])
        return WaitingClient(program, out, linger_s=0.0)

    def _load(
        self,
        module: str,
        address: str,
        port: int,
        rate_hz: float,
        timeout_ms: float,
        duration_s: float | None,
        more: Sequence[str],
    ) -> LoadClient:
        arguments = [address, str(port), "--rate", str(rate_hz), "--timeout-ms", str(timeout_ms)]
        if duration_s is not None:
            arguments += ["--duration-s", str(duration_s)]
        program, out = self._start(module, [*arguments, *more])
        return LoadClient(program, out, linger_s=timeout_ms / 1000)

    def _start(self, module: str, arguments: Sequence[str]) -> tuple[Program, Path]:
        self._count += 1
        stem = self._directory / f"{module}-{self._count}"
        out = stem.with_suffix(".jsonl")
        out.touch()
        program = Program(
            self._host, module, [*arguments, "--out", str(out)], stem.with_suffix(".log")
        )
        program.await_ready()
        return program, out
