# SPDX-License-Identifier: Apache-2.0
"""Who changed what: the call being served, and the file that every such call ends in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

logger = logging.getLogger(__name__)

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

#: Callers choose some of the texts; none may fill the disk with one call.
_MAX_TEXT = 1024


@dataclass(slots=True)
class Call:
    """One call that may change something.

    Attributes:
        method: as ``xdpair.api.v1.ServerGroupService/Switchover``.
        peer: where it came from, as gRPC has it: ``ipv4:192.0.2.7:50000`` or ``unix:``.
        request_id: the caller's own mark for it, empty if none.
        resource: name of what the request is about, empty if it names nothing.
        who: the caller's name, empty while nobody is known.
        role: ``viewer``, ``operator`` or ``admin``, empty while nobody is known.
        time_s: when it came in, seconds since the epoch.
    """

    method: str = ""
    peer: str = ""
    request_id: str = ""
    resource: str = ""
    who: str = ""
    role: str = ""
    time_s: float = field(default_factory=time.time)
    _changes: list[Json] = field(default_factory=list)

    def note(self, kind: str, key: str, before: Json, after: Json) -> None:
        """Remember one change that the call made, when it is made for good.

        Args:
            kind: of the resource: ``listener``.
            key: which one: ``lb-web/tcp-80``.
            before, after: it as a document, not to be touched any more; None: there was, or is,
                none. Two that are equal are no change.
        """
        if before != after:
            self._changes.append({"kind": kind, "key": key, "before": before, "after": after})

    def record(self, outcome: str, reason: str = "", message: str = "") -> dict[str, Json]:
        """Return the line of the audit log.

        Args:
            outcome: ``OK``, or the name of the status code it failed with.
            reason, message: why it failed.
        """
        failure: dict[str, Json] = {"reason": reason, "message": message[:_MAX_TEXT]}
        return {
            "time": _rfc3339(self.time_s),
            "who": self.who[:_MAX_TEXT],
            "role": self.role,
            "peer": self.peer,
            "method": self.method,
            "request_id": self.request_id[:_MAX_TEXT],
            "resource": self.resource[:_MAX_TEXT],
            "outcome": outcome,
            **({} if outcome == "OK" else failure),
            "changes": self._changes,
        }


_serving: ContextVar[Call] = ContextVar("xdpair_audit_call")


def current() -> Call:
    """Return the call being served; where there is none, one whose notes nobody reads."""
    return _serving.get(None) or Call()


@contextmanager
def serving(call: Call) -> Iterator[Call]:
    """Make it the current one, here and in tasks that are begun in here."""
    token = _serving.set(call)
    try:
        yield call
    finally:
        _serving.reset(token)


class AuditLog:
    """One JSON object a line, on disk when ``write`` returns. The file is opened anew each time,
    so whatever happens to it (moved away, disk full, disk back) needs no restart.

    Args:
        path: the file; made with mode 0600, its folder too if need be.
        max_bytes: a file that would grow beyond is renamed to ``<path>.1``, that one to ``.2``, …
        keep: so many of these stay.
        on_fault: told, in words, when lines begin to be lost.
    """

    def __init__(
        self, path: Path, max_bytes: int, keep: int, on_fault: Callable[[str], None]
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._on_fault = on_fault
        self._pending: list[bytes] = []
        self._one_at_a_time = asyncio.Lock()
        self._failing = False

    async def write(self, record: Mapping[str, Json]) -> None:
        """Append one line. Lines that come while the disk is busy are written together.

        An error of the disk is not raised: what the line tells of has happened already.
        """
        self._pending.append(json.dumps(record, separators=(",", ":")).encode() + b"\n")
        async with self._one_at_a_time:
            if not self._pending:
                return  # the writer before took it along
            lines, self._pending = self._pending, []
            try:
                await asyncio.to_thread(self._append, b"".join(lines))
            except OSError as error:
                self._begin_failing(error)
            else:
                self._end_failing()

    def _begin_failing(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            words = f"the audit log {self._path} can not be written: {error.strerror or error}"
            logger.error("%s", words)
            self._on_fault(words)

    def _end_failing(self) -> None:
        if self._failing:
            self._failing = False
            logger.warning("the audit log %s is written again", self._path)

    # -- in a thread -------------------------------------------------------------------------------

    def _append(self, lines: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rotate_before(len(lines))
        is_new = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _append_all_or_nothing(file, lines)
        finally:
            os.close(file)
        if is_new:
            _sync_folder(self._path.parent)

    def _rotate_before(self, more_bytes: int) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        if size == 0 or size + more_bytes <= self._max_bytes:
            return
        for number in range(self._keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                self._aside(number).rename(self._aside(number + 1))
        self._path.rename(self._aside(1))

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _append_all_or_nothing(file: int, lines: bytes) -> None:
    size = os.fstat(file).st_size
    if size and os.pread(file, 1, size - 1) != b"\n":
        lines = b"\n" + lines  # a power failure cut the last line
    try:
        while lines:
            lines = lines[os.write(file, lines) :]
        os.fsync(file)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file, size)  # half a line would spoil the next one too
        raise


def _sync_folder(path: Path) -> None:
    """Make the name of a new file durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _rfc3339(time_s: float) -> str:
    moment = datetime.fromtimestamp(time_s, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
