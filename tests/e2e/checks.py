# SPDX-License-Identifier: Apache-2.0
"""Health checks that tests use, and how long they wait for what."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from google.protobuf.duration_pb2 import Duration

from xdpair.api.v1.listener_pb2 import HealthCheck

#: What a machine that is busy with other things may add to anything that takes no time by itself.
BUSY_S: Final = 0.5
#: More than any failover or failback here takes; a test that waits longer has failed.
SOON_S: Final = 5.0

_POLL_S: Final = 0.005

T = TypeVar("T")


def duration(milliseconds: int) -> Duration:
    """As the API wants it."""
    result = Duration()
    result.FromMilliseconds(milliseconds)
    return result


def check(
    kind: str = "TCP",
    *,
    interval_ms: int = 20,
    timeout_ms: int = 1000,
    rise: int = 2,
    fall: int = 3,
    path: str = "",
    request: bytes = b"",
    expected: bytes = b"",
) -> HealthCheck:
    """A health check.

    The defaults know a refused port after 60 ms, and give a server so much time for an answer that
    a busy machine causes no failover.
    """
    return HealthCheck(
        type=kind,
        interval=duration(interval_ms),
        timeout=duration(timeout_ms),
        healthy_threshold=rise,
        unhealthy_threshold=fall,
        http_path=path,
        udp_request=request,
        udp_expected=expected,
    )


#: Notices a silent host, too, after a quarter of a second.
IMPATIENT: Final = check(timeout_ms=80)
HTTP: Final = check("HTTP", path="/")
#: The lab's servers answer a datagram with their side and the datagram itself.
UDP_TEXT: Final = check("UDP", request=b"fit?", expected=b"primary fit?", timeout_ms=80)
UDP_SILENT: Final = check("UDP", request=b"fit?", timeout_ms=20)
UNCHECKED: Final = HealthCheck(enabled=False)


def await_true(condition: Callable[[], T], what: str, timeout_s: float = SOON_S) -> T:
    """Wait until something holds, and return what made it hold."""
    deadline_s = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline_s, f"after {timeout_s:g} s still not: {what}"
        time.sleep(_POLL_S)
    return result
