# SPDX-License-Identifier: Apache-2.0
"""Errors of the core as ``google.rpc.Status``: the only place that knows gRPC's codes."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2
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
    "hold_down_ms": "failover_policy.hold_down",
    "listener port": "port",
    "VIP": "address",
    "server address": "address",
    "server id": "server_id",
    "lb id": "load_balancer_id",
    "rsp id": "server_group_id",
}


def code_of(error: type[errors.XdpairError]) -> grpc.StatusCode:
    """Return the status code of an error class."""
    return next(CODES[family] for family in error.__mro__ if family in CODES)


def to_status(error: errors.XdpairError) -> status_pb2.Status:
    """Return the error with its reason and metadata as the one ``ErrorInfo`` among the details."""
    metadata = dict(error.metadata)
    if "field" in metadata:
        metadata["field"] = _PATHS.get(metadata["field"], metadata["field"])
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)
    detail = any_pb2.Any()
    detail.Pack(info)
    number: int = code_of(type(error)).value[0]
    return status_pb2.Status(code=number, message=str(error), details=[detail])
