# SPDX-License-Identifier: Apache-2.0
"""A program of this package running on a host: it says when it is ready, and can be ended."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.lab.errors import LabError
from tests.lab.host import Host

_READY: Final = b"ready\n"
READY_TIMEOUT_S: Final = 10.0


class Program:
    """``python -m tests.lab.MODULE ARGUMENTS`` on a host, its complaints in a log file."""

    def __init__(self, host: Host, module: str, arguments: Sequence[str], log: Path) -> None:
        """Start it; ``await_ready`` says when it works."""
        self.name = f"{module} on {host.role}"
        self._log = log
        with log.open("ab") as stderr:
            self._child = host.popen(
                # -S: these need the standard library only, and start faster without site.
                [sys.executable, "-S", "-m", f"tests.lab.{module}", *arguments],
                stdout=subprocess.PIPE,
                stderr=stderr,
            )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._child.pid

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    def await_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until it says that it works.

        Raises:
            LabError: it ended before, or took longer than ``timeout_s``.
        """
        assert self._child.stdout is not None, "a pipe was asked for"
        deadline_s = time.monotonic() + timeout_s
        said = b""
        while _READY not in said:
            left_s = max(0.0, deadline_s - time.monotonic())
            if not select.select([self._child.stdout], [], [], left_s)[0]:
                raise LabError(
                    f"{self.name} is not ready after {timeout_s:g} s: {self._complaint()}"
                )
            data = os.read(self._child.stdout.fileno(), 64)
            if not data:
                raise LabError(f"{self.name} ended: {self._complaint()}")
            said += data

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._child.send_signal(number)

    def wait(self, timeout_s: float) -> None:
        """Wait for its end, whatever its exit status.

        Raises:
            LabError: it did not end within ``timeout_s``.
        """
        try:
            self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} has not ended after {timeout_s:g} s") from None

    def wait_for_success(self, timeout_s: float) -> None:
        """Wait for its end.

        Raises:
            LabError: it did not end within ``timeout_s``, or failed.
        """
        self.wait(timeout_s)
        if self._child.returncode != 0:
            raise LabError(f"{self.name} failed: {self._complaint()}")

    def _complaint(self) -> str:
        return self._log.read_text(errors="replace").strip() or "it says nothing"
