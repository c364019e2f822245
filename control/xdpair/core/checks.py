# SPDX-License-Identifier: Apache-2.0
"""Health checks: how a listener finds out whether a server is fit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from xdpair.core import errors
from xdpair.core.rules import HTTP_HOST, HTTP_PATH, require, require_match, require_range


class CheckKind(Enum):
    TCP = "tcp"
    HTTP = "http"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """How a listener finds out whether a server is fit.

    Attributes:
        enabled: False: the primary always serves, failover can only be done by hand.
        interval_ms: probes start every so often; 10 to 50,000.
        timeout_ms: how long an answer may take; 10 to 50,000; longer than the interval, it
            stretches it.
        rise, fall: consecutive probes that change the verdict; 1 to 10.
        port: 1 to 65535, or None: the server's own.
        http_path, http_host: request line and Host header; an empty host means the server's
            address.
        http_codes: first digits of the status codes that count as fit, of 1 to 5.
        udp_request: sent as the datagram's payload, at most 500 octets.
        udp_expected: the only answer that counts, at most 500 octets; empty: silence is success.
    """

    kind: CheckKind = CheckKind.TCP
    enabled: bool = True
    interval_ms: int = 500
    timeout_ms: int = 500
    rise: int = 3
    fall: int = 3
    port: int | None = None
    http_path: str = "/"
    http_host: str = ""
    http_codes: frozenset[int] = frozenset({2})
    udp_request: bytes = b""
    udp_expected: bytes = b""

    def __post_init__(self) -> None:
        require_range("interval_ms", self.interval_ms, 10, 50_000)
        require_range("timeout_ms", self.timeout_ms, 10, 50_000)
        require_range("rise", self.rise, 1, 10)
        require_range("fall", self.fall, 1, 10)
        if self.port is not None:
            require_range("health check port", self.port, 1, 65535)
        require_match("http_path", self.http_path, HTTP_PATH)
        require_match("http_host", self.http_host, HTTP_HOST)
        require(
            bool(self.http_codes) and self.http_codes <= {1, 2, 3, 4, 5},
            errors.InvalidInput,
            "http_codes must name one or more of http_1xx to http_5xx",
            field="http_codes",
        )
        require(
            len(self.udp_request) <= 500,
            errors.CheckRequestTooLong,
            "udp_request is longer than 500 octets",
        )
        require(
            len(self.udp_expected) <= 500,
            errors.CheckExpectationTooLong,
            "udp_expected is longer than 500 octets",
        )
