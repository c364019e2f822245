# SPDX-License-Identifier: Apache-2.0
"""The clients of a scenario, and the moments of it that they notice."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Literal, Self, TypeAlias

from tests.lab.demo.screen import GREEN, RED
from tests.lab.demo.timeline import Moment
from tests.lab.records import Request, Waiter
from tests.lab.topology import Side
from tests.lab.traffic import Traffic

Protocol: TypeAlias = Literal["TCP", "UDP"]

PROTOCOLS: Final[tuple[Protocol, ...]] = ("TCP", "UDP")

HTTP_HZ: Final = 200
UDP_HZ: Final = 500

#: How a connection ends that was still open when its client was told to stop.
STILL_OPEN: Final = "kept"

#: Long enough for a connection whose first SYN was lost: TCP repeats it after 1 s.
_TCP_TIMEOUT_MS: Final = 2500.0
#: When a datagram without answer counts as lost.
_UDP_TIMEOUT_MS: Final = 500.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the clients have seen so far."""

    requests: Mapping[Protocol, list[Request]]
    waiters: list[Waiter]


class Clients:
    """HTTP and UDP at fixed rates, and connections that wait for an answer which never comes.

    A context manager.
    """

    def __init__(self, traffic: Traffic, waiting: int) -> None:
        with ExitStack() as stack:
            self._waiting = stack.enter_context(traffic.waiting(waiting, mode="hold"))
            self._load = {
                "TCP": stack.enter_context(traffic.tcp(HTTP_HZ, timeout_ms=_TCP_TIMEOUT_MS)),
                "UDP": stack.enter_context(traffic.udp(UDP_HZ, timeout_ms=_UDP_TIMEOUT_MS)),
            }
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def stop(self) -> None:
        """Send nothing new, and wait for what is on its way."""
        for client in self._load.values():
            client.stop()
        self._waiting.stop()

    def seen(self) -> Seen:
        """Everything up to about 0.1 s ago."""
        requests = {protocol: self._load[protocol].requests() for protocol in PROTOCOLS}
        return Seen(requests, self._waiting.waiters())


def first_end_s(requests: list[Request], side: Side | None, after_s: float) -> float | None:
    """When a side first answered (None: when something first failed) after a moment."""
    ends = (r.end_s for r in requests if r.side == side and r.end_s >= after_s)
    return min(ends, default=None)


def moments(seen: Seen, fault_s: float, return_s: float | None) -> Iterator[Moment]:
    """What the clients have noticed so far.

    Args:
        seen: by the clients.
        fault_s: when the primary failed.
        return_s: when it came back; None: it has not yet.
    """
    for protocol in PROTOCOLS:
        requests = seen.requests[protocol]
        yield from _first_error(protocol, requests, fault_s)
        yield from _first_answer(protocol, "secondary", requests, fault_s)
        if return_s is not None:
            yield from _first_answer(protocol, "primary", requests, return_s)
    yield from _last_waiter(seen.waiters)


def _first_error(protocol: Protocol, requests: list[Request], fault_s: float) -> Iterator[Moment]:
    failed = [r for r in requests if r.error is not None and r.end_s >= fault_s]
    if failed:
        first = min(failed, key=lambda r: r.end_s)
        words = f"{protocol}: first error, {first.error}"
        if first.error == "timeout":
            words += f" after {(first.end_s - first.start_s) * 1000:.0f} ms"
        yield Moment(first.end_s, "client", words, style=RED)


def _first_answer(
    protocol: Protocol, side: Side, requests: list[Request], after_s: float
) -> Iterator[Moment]:
    at_s = first_end_s(requests, side, after_s)
    if at_s is not None:
        words = f"{protocol}: first answer from the {side}"
        yield Moment(at_s, "client", words, style=GREEN)


def _last_waiter(waiters: list[Waiter]) -> Iterator[Moment]:
    ended = [waiter for waiter in waiters if waiter.how not in {None, STILL_OPEN}]
    if ended and len(ended) == len(waiters):
        how = " or ".join(sorted({str(waiter.how) for waiter in ended}))
        last_s = max(waiter.ended_s or 0.0 for waiter in ended)
        yield Moment(last_s, "client", f"all {len(ended)} waiting connections have ended: {how}")
