# SPDX-License-Identifier: Apache-2.0
"""Errors of the core as ``google.rpc.Status``: the only place that knows gRPC's codes."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from xdpair.core import errors

#: ``ErrorInfo.domain`` of every error.
DOMAIN = "xdpair"

#: Found along the MRO, so that a new error needs no line here if its family has one.
CODES: dict[type[errors.XdpairError], grpc.StatusCode] = {
    errors.InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.LimitExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.StaleEtag: grpc.StatusCode.ABORTED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotSupported: grpc.StatusCode.UNIMPLEMENTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.ConfigError: grpc.StatusCode.INTERNAL,  # speaks of the controller's file, not of a call
    errors.XdpairError: grpc.StatusCode.INTERNAL,
}

#: What the core calls a field -> its path in the API, where they differ.
_PATHS = {
    "interval_ms": "health_check.interval",
    "timeout_ms": "health_check.timeout",
    "rise": "health_check.healthy_threshold",
    "fall": "health_check.unhealthy_threshold",
    "health check port": "health_check.port",
    "http_path": "health_check.http_path",
    "http_host": "health_check.http_host",
    "http_codes": "health_check.http_codes",
    "health_check.kind": "health_check.type",
    "drain_timeout_s": "traffic_policy.drain_timeout",
    "persistence_timeout_s": "traffic_policy.persistence_timeout",
    "established_timeout_s": "traffic_policy.established_timeout",
    "connection_drain_s": "traffic_policy.connection_drain_timeout",
    "bandwidth_mbps": "traffic_policy.bandwidth_mbps",
    "hold_down_ms": "failover_policy.hold_down",
    "listener port": "port",
    "VIP": "address",
    "server address": "address",
    "server id": "server_id",
    "lb id": "load_balancer_id",
    "rsp id": "server_group_id",
    "acl id": "access_control_list_id",
}


#: Of each text in an error, and of the fields that it names.
MAX_TEXT_OCTETS, MAX_VIOLATIONS = 400, 3


def code_of(error: type[errors.XdpairError]) -> grpc.StatusCode:
    """Return the status code of an error class."""
    return next(CODES[family] for family in error.__mro__ if family in CODES)


def to_status(error: errors.XdpairError) -> status_pb2.Status:
    """Return the error with its reason and metadata as the one ``ErrorInfo`` among the details, and
    a ``BadRequest`` if it is known which fields are wrong.
    """
    metadata = {key: shortened(value) for key, value in error.metadata.items()}
    violations = error.violations[:MAX_VIOLATIONS]
    if "field" in metadata:
        metadata["field"] = _PATHS.get(metadata["field"], metadata["field"])
        place = metadata.get("place")  # of the resource in a declaration
        path = f"{place}.{metadata['field']}" if place else metadata["field"]
        violations = violations or ((path, str(error)),)
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    ]
    if violations:
        details.append(_bad_request(violations))
    number: int = code_of(type(error)).value[0]
    words = shortened(str(error))
    return status_pb2.Status(code=number, message=words, details=map(_packed, details))


def shortened(text: str) -> str:
    """A text that quotes what callers sent, so that the error still fits the trailers, of which
    clients take 8 KiB: its beginning, without what no trailer may hold.
    """
    octets = text[:MAX_TEXT_OCTETS].encode(errors="replace")[:MAX_TEXT_OCTETS]
    kept = octets.decode(errors="ignore")
    printable = "".join(each if each.isprintable() else "?" for each in kept)
    return printable + ("…" if len(kept) < len(text) else "")


def _bad_request(violations: Sequence[tuple[str, str]]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=shortened(field), description=shortened(words)
            )
            for field, words in violations
        ]
    )


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
