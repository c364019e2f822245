# SPDX-License-Identifier: Apache-2.0
"""Times and durations as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_STEPS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def local_time(time: Timestamp, *, ms: bool = False) -> str:
    """Return `2026-01-31 23:59:59` in the local time zone; `-` for no time."""
    if not time.seconds:
        return "-"
    local = datetime.fromtimestamp(time.seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"{local}.{time.nanos // 1_000_000:03d}" if ms else local


def age(time: Timestamp, now_s: float) -> str:
    """Return how long ago it was, roughly: `3m`, `2h`; `-` for no time.

    Args:
        now_s: seconds since the epoch.
    """
    if not time.seconds:
        return "-"
    age_s = max(0, int(now_s - time.seconds))
    return next((f"{age_s // size}{unit}" for size, unit in _STEPS if age_s >= size), "0s")


def span(duration: Duration) -> str:
    """Return `500ms`, `2s`, `1.5s`, `0.8ms`."""
    seconds = duration.seconds + duration.nanos / 1e9
    return f"{seconds:.3g}s" if 1 <= seconds < 1000 else _long_or_short(seconds)


def _long_or_short(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds >= 1 else f"{seconds * 1000:.3g}ms"
