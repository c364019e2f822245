# SPDX-License-Identifier: Apache-2.0
"""The controller's own account: its event stream and its counters, over gRPC."""

import contextlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import grpc

from xdpair.api.v1 import event_pb2, event_service_pb2, server_group_pb2, system_service_pb2
from xdpair.cli.client import Client

_SIDE: Final = server_group_pb2.ServerGroup.Side
_END_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class ControllerEvent:
    """One event, as the API tells it.

    Attributes:
        at_s: CLOCK_MONOTONIC, as everything in the lab.
        kind: in lower case, e.g. ``failover``.
        listener: ``tcp-80``; empty if it is not about a listener.
        to_side: ``primary``, ``secondary``, or empty.
        decided_after_ms: from the start of the first failed probe to the slot's change; None if
            no probe decided.
    """

    at_s: float
    kind: str
    listener: str
    to_side: str
    cause: str
    check: str
    error: str
    decided_after_ms: float | None
    message: str


class EventFeed:
    """Follows the event stream from now on, in a thread of its own. A context manager."""

    def __init__(self, client: Client) -> None:
        """Raises ``grpc.RpcError`` if the controller does not answer."""
        self._stream = client.events.WatchEvents(event_service_pb2.WatchEventsRequest())
        self._stream.initial_metadata()  # from here on no event is missed
        self._events: list[ControllerEvent] = []
        self._thread = threading.Thread(target=self._follow, name="events", daemon=True)
        self._thread.start()

    def __enter__(self) -> "EventFeed":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.cancel()
        self._thread.join(_END_TIMEOUT_S)

    def events(self) -> list[ControllerEvent]:
        """All so far, in their order."""
        return list(self._events)

    def _follow(self) -> None:
        with contextlib.suppress(
            grpc.RpcError
        ):  # the stream was ended, by us or with the controller
            for event in self._stream:
                self._events.append(_event_of(event))


def _event_of(event: event_pb2.Event) -> ControllerEvent:
    wall_minus_monotonic_ns = time.time_ns() - time.monotonic_ns()
    decided = event.HasField("decided_after")
    return ControllerEvent(
        at_s=(event.time.ToNanoseconds() - wall_minus_monotonic_ns) / 1e9,
        kind=event_pb2.Event.Kind.Name(event.kind).lower(),
        listener=event.listener.rpartition("/")[2],
        to_side=_SIDE.Name(event.to_side).lower() if event.to_side else "",
        cause=event.cause,
        check=event.check,
        error=event.error,
        decided_after_ms=event.decided_after.ToNanoseconds() / 1e6 if decided else None,
        message=event.message,
    )


def native_interfaces(client: Client) -> list[str]:
    """Where the program is attached by the driver: the fast way."""
    status = client.system.GetStatus(system_service_pb2.GetStatusRequest())
    native = system_service_pb2.InterfaceStatus.NATIVE
    return [each.interface for each in status.interfaces if each.mode == native]


def exit_counters(client: Client) -> dict[str, int]:
    """Packets by the way they left the program; each packet moves exactly one counter."""
    return dict(client.system.GetCounters(system_service_pb2.GetCountersRequest()).exits)


def moved(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """The counters that have grown, and by how much."""
    return {
        name: after[name] - before.get(name, 0)
        for name in after
        if after[name] != before.get(name, 0)
    }
