# SPDX-License-Identifier: Apache-2.0
"""Which process is which: start times against reused pids, marks in the environment."""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Environment variable that every process of a lab carries, and its children inherit.
MARK = "XDPAIR_LAB"

#: Fields of /proc/PID/stat, counted from the one after the command's name (proc(5)).
_STATE = 0
_START_TICKS = 19

_POLL_S = 0.0005


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()  # the name may hold anything, brackets included


def state(pid: int) -> str | None:
    """One letter, as in ps(1): R, S, T (stopped), Z (dead, not waited for); None if gone."""
    fields = _stat(pid)
    return None if fields is None else fields[_STATE]


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None if it is gone or dead."""
    fields = _stat(pid)
    if fields is None or fields[_STATE] in "ZX":
        return None
    return int(fields[_START_TICKS])


def await_state(pid: int, wanted: str, timeout_s: float) -> None:
    """Wait until a process is in one of the states ``wanted``.

    Raises:
        TimeoutError: it was not within ``timeout_s``.
    """
    deadline_s = time.monotonic() + timeout_s
    while (now := state(pid)) is None or now not in wanted:
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"process {pid} is in state {now}, not in one of {wanted}")
        time.sleep(_POLL_S)


def is_marked(pid: int, mark: str) -> bool:
    """Whether a process, or an ancestor it inherited from, was started with this mark."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return f"{MARK}={mark}".encode() in environment.split(b"\0")


def marked(mark: str) -> Iterator[int]:
    """The pids of all live processes with this mark, never our own."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            pid = int(entry.name)
            if pid != os.getpid() and is_marked(pid, mark):
                yield pid


def kill_marked(mark: str, timeout_s: float = 5.0) -> list[int]:
    """Kill every process with this mark and wait until they are gone.

    Returns:
        The pids that were killed.
    """
    deadline_s = time.monotonic() + timeout_s
    killed: list[int] = []
    while found := [pid for pid in marked(mark) if _kill(pid, mark, deadline_s)]:
        killed += found
        if time.monotonic() > deadline_s:
            break
    return killed


def _kill(pid: int, mark: str, deadline_s: float) -> bool:
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            # The pid may have passed to another process since it was listed. From here on the
            # handle cannot.
            if not is_marked(pid, mark):
                return False
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            ended.poll(max(0.0, deadline_s - time.monotonic()) * 1000)
            return True
        finally:
            os.close(handle)
    return False
