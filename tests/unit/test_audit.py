# SPDX-License-Identifier: Apache-2.0
"""The audit log as a file: rotation, a disk that fails, a line cut short."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from xdpair import audit
from xdpair.audit import AuditLog, Call, Json


def log_at(
    path: Path, max_bytes: int = 10_000, on_fault: Callable[[str], None] = pytest.fail
) -> AuditLog:
    return AuditLog(path, max_bytes, keep=2, on_fault=on_fault)


def write(log: AuditLog, records: Sequence[dict[str, Json]]) -> None:
    async def one_after_another() -> None:
        for record in records:
            await log.write(record)

    asyncio.run(one_after_another())


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "audit.jsonl"
    write(log_at(path), [{"n": 1, "text": "two\nlines"}])
    write(log_at(path), [{"n": 2}, {"n": 3}])
    assert numbers(path) == [1, 2, 3]
    assert path.stat().st_mode & 0o777 == 0o600


def test_full_files_are_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write(log_at(path, max_bytes=25), [{"n": n} for n in range(10, 17)])  # 9 octets each
    assert numbers(path) == [16]
    assert numbers(tmp_path / "audit.jsonl.1") == [14, 15]
    assert numbers(tmp_path / "audit.jsonl.2") == [12, 13]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_line_longer_than_a_file_may_be_is_written_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    write(log_at(path, max_bytes=5), [{"n": 1}, {"n": 2}])
    assert (numbers(path), numbers(tmp_path / "audit.jsonl.1")) == ([2], [1])


def test_a_line_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('{"n":1}\n{"n"')
    write(log_at(path), [{"n": 2}])
    assert path.read_text() == '{"n":1}\n{"n"\n{"n":2}\n'


def test_lines_that_come_together_are_synced_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    monkeypatch.setattr(os, "fsync", syncs.append)
    path = tmp_path / "audit.jsonl"
    path.touch()

    async def at_once() -> None:
        log = log_at(path)
        await asyncio.gather(*(log.write({"n": n}) for n in range(50)))

    asyncio.run(at_once())
    assert numbers(path) == list(range(50))
    assert len(syncs) <= 2


def test_a_line_that_can_not_be_synced_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    faults: list[str] = []
    log = log_at(path, on_fault=faults.append)
    write(log, [{"n": 1}])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _full)
        write(log, [{"n": 2}, {"n": 3}])
    write(log, [{"n": 4}])
    assert numbers(path) == [1, 4]
    assert faults == [f"the audit log {path} can not be written: No space left on device"]


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_file_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = log_at(path)
    write(log, [{"n": 1}])
    path.rename(tmp_path / "elsewhere")
    write(log, [{"n": 2}])
    assert (numbers(tmp_path / "elsewhere"), numbers(path)) == ([1], [2])


# -- the call being served -------------------------------------------------------------------------


def test_notes_reach_the_call_from_tasks_of_their_own() -> None:
    async def change(key: str) -> None:
        await asyncio.sleep(0)
        audit.current().note("listener", key, None, {"port": 80})

    async def serve(method: str) -> Call:
        with audit.serving(Call(method=method)) as call:
            await asyncio.create_task(change(method))
        return call

    async def two_at_once() -> tuple[Call, Call]:
        return await asyncio.gather(serve("a"), serve("b"))

    changes = [call.record("OK")["changes"] for call in asyncio.run(two_at_once())]
    assert changes == [
        [{"kind": "listener", "key": key, "before": None, "after": {"port": 80}}] for key in "ab"
    ]


def test_what_did_not_change_is_no_change() -> None:
    call = Call()
    call.note("listener", "lb-web/tcp-80", {"port": 80}, {"port": 80})
    assert call.record("OK")["changes"] == []


def test_outside_a_call_notes_go_nowhere() -> None:
    audit.current().note("listener", "lb-web/tcp-80", {}, None)
    assert audit.current().record("OK")["changes"] == []


def test_a_call_that_ended_is_no_longer_current() -> None:
    call = Call()
    with suppress(ZeroDivisionError), audit.serving(call):
        assert audit.current() is call
        raise ZeroDivisionError
    assert audit.current() is not call


def test_a_line() -> None:
    call = Call("a.B/C", "ipv4:192.0.2.7:50000", "r-1", "x/y", "alice", "admin", 1_800_000_000.1239)
    assert call.record("NOT_FOUND", "Reason", "why") == {
        "time": "2027-01-15T08:00:00.123Z",
        "who": "alice",
        "role": "admin",
        "peer": "ipv4:192.0.2.7:50000",
        "method": "a.B/C",
        "request_id": "r-1",
        "resource": "x/y",
        "outcome": "NOT_FOUND",
        "reason": "Reason",
        "message": "why",
        "changes": [],
    }
