# SPDX-License-Identifier: Apache-2.0
"""The servers of one side, as seen from the lab: started, killed, stopped, told to fail."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.lab import processes
from tests.lab.errors import LabError
from tests.lab.faults import LabEvent, Timeline
from tests.lab.host import Host
from tests.lab.program import Program
from tests.lab.topology import ECHO_PORT, SERVICE_PORT, Side

_END_TIMEOUT_S: Final = 5.0


class Server:
    """One process that serves HTTP and echo over TCP and UDP (see ``tests.lab.servers``)."""

    def __init__(self, side: Side, host: Host, directory: Path, timeline: Timeline) -> None:
        self.side: Side = side
        self.address = host.address
        self._host = host
        self._control = directory / f"{side}.status"
        self._log = directory / f"{side}.log"
        self._timeline = timeline
        self._program: Program | None = None

    def launch(self) -> None:
        """Start the process without waiting for it.

        Raises:
            LabError: it runs already.
        """
        if self._program is not None:
            raise LabError(f"the servers of {self.side} run already")
        arguments = ["--service-port", str(SERVICE_PORT), "--echo-port", str(ECHO_PORT)]
        arguments += ["--control", str(self._control)]
        self._program = Program(self._host, "servers", [self.side, *arguments], self._log)

    def await_ready(self) -> None:
        """Wait until it listens. Raises ``LabError``."""
        self._running().await_ready()

    def start(self) -> LabEvent:
        """Start the process; it listens when this returns. Raises ``LabError``."""

        def start() -> None:
            self.launch()
            self.await_ready()

        return self._timeline.record("server-start", self.side, start)

    def kill(self) -> LabEvent:
        """SIGKILL: connections end, and both protocols' ports are closed when this returns."""
        program = self._running()

        def kill() -> None:
            program.signal(signal.SIGKILL)
            program.wait(_END_TIMEOUT_S)

        event = self._timeline.record("server-kill", self.side, kill)
        self._program = None
        return event

    def restart(self) -> LabEvent:
        """Kill it if it runs, then start it. Raises ``LabError``."""
        if self._program is not None:
            self.kill()
        return self.start()

    def pause(self) -> LabEvent:
        """SIGSTOP: the kernel still accepts connections, nobody answers."""
        program = self._running()

        def stop() -> None:
            program.signal(signal.SIGSTOP)
            processes.await_state(program.pid, "T", _END_TIMEOUT_S)

        return self._timeline.record("server-pause", self.side, stop)

    def resume(self) -> LabEvent:
        """SIGCONT."""
        program = self._running()
        return self._timeline.record(
            "server-resume", self.side, lambda: program.signal(signal.SIGCONT)
        )

    def answer_with(self, status: int) -> LabEvent:
        """From now on every HTTP request gets this status, e.g. 500; UDP is not concerned."""
        fresh = self._control.with_suffix(".new")
        fresh.write_text(str(status))
        return self._timeline.record(
            f"server-{status}", self.side, lambda: fresh.replace(self._control)
        )

    def answer_normally(self) -> LabEvent:
        """Undo ``answer_with``."""

        def forget() -> None:
            with suppress(FileNotFoundError):
                self._control.unlink()

        return self._timeline.record("server-200", self.side, forget)

    @property
    def pid(self) -> int:
        """Its process. Raises ``LabError`` if it does not run."""
        return self._running().pid

    def _running(self) -> Program:
        if self._program is None:
            raise LabError(f"the servers of {self.side} do not run")
        return self._program
