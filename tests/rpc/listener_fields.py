# SPDX-License-Identifier: Apache-2.0
"""Fields of a listener that hold a number, for clients to write side by side."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.duration_pb2 import Duration

from xdpair.api.v1.listener_pb2 import Listener


def _interval(listener: Listener, value: int) -> None:
    listener.health_check.interval.FromMilliseconds(value)


def _timeout(listener: Listener, value: int) -> None:
    listener.health_check.timeout.FromMilliseconds(value)


def _request_text(listener: Listener, value: int) -> None:
    listener.health_check.udp_request = str(value).encode()


def _host(listener: Listener, value: int) -> None:
    listener.health_check.http_host = str(value)


def _drain(listener: Listener, value: int) -> None:
    listener.traffic_policy.drain_timeout.CopyFrom(Duration(seconds=value))


def _bandwidth(listener: Listener, value: int) -> None:
    listener.traffic_policy.bandwidth_mbps = value


def _description(listener: Listener, value: int) -> None:
    listener.description = str(value)


#: Paths, and how a number of 20 or more is written there.
FIELDS: tuple[tuple[str, Callable[[Listener, int], None]], ...] = (
    ("health_check.interval", _interval),
    ("health_check.timeout", _timeout),
    ("health_check.udp_request", _request_text),
    ("health_check.http_host", _host),
    ("traffic_policy.drain_timeout", _drain),
    ("traffic_policy.bandwidth_mbps", _bandwidth),
    ("description", _description),
)
