# SPDX-License-Identifier: Apache-2.0
"""Turns what servicers raise into statuses, so that no servicer has to, and none can forget."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Never, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from xdpair.core.errors import InvalidInput, XdpairError
from xdpair.rpc import access
from xdpair.rpc.status import to_status

logger = logging.getLogger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
#: What carries a method out: takes the request, or several, and the context.
Behaviour: TypeAlias = Callable[[Any, Any], Any]


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the methods that take a role; the others (health) know what to do themselves.

    An ``XdpairError`` ends the call with its status. Any other exception is a bug: it is logged
    with its traceback, and the caller gets ``INTERNAL`` with reason ``InternalError``.
    """

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or access.required_role(method) is None:
            return handler
        return rewrapped(
            handler,
            lambda behaviour: _guard_unary(method, behaviour),
            lambda behaviour: _guard_stream(method, behaviour),
        )


def rewrapped(
    handler: Handler,
    unary: Callable[[Behaviour], Behaviour],
    stream: Callable[[Behaviour], Behaviour],
) -> Handler:
    """Return the handler with its behaviour wrapped.

    Args:
        unary: wraps a method that answers once, to one request.
        stream: wraps one that answers with a stream.
    """
    codec: dict[str, Any] = {
        "request_deserializer": _lenient(handler.request_deserializer),
        "response_serializer": handler.response_serializer,
    }
    if handler.unary_unary is not None:
        return grpc.unary_unary_rpc_method_handler(unary(handler.unary_unary), **codec)
    if handler.unary_stream is not None:
        return grpc.unary_stream_rpc_method_handler(stream(handler.unary_stream), **codec)
    if handler.stream_stream is not None:
        return grpc.stream_stream_rpc_method_handler(stream(handler.stream_stream), **codec)
    raise NotImplementedError("no method takes a stream of requests and answers once")


class Unreadable:
    """Stands for a request whose octets are no message of its kind."""


def _lenient(decode: Callable[[bytes], object] | None) -> Callable[[bytes], object] | None:
    """GRPC would answer such octets with UNKNOWN, without a reason."""

    def decoded(octets: bytes) -> object:
        try:
            return decode(octets) if decode is not None else octets
        except DecodeError:
            return Unreadable()

    return decoded


def _readable(request: object) -> object:
    if isinstance(request, Unreadable):
        raise InvalidInput("the request's octets are no message of its kind", field="request")
    return request


def _guard_unary(method: str, call: Behaviour) -> Behaviour:
    async def guarded(request: object, context: Context) -> object:
        try:
            return await call(_readable(request), context)
        except XdpairError as error:
            await _abort(context, error)
        except Exception:
            logger.exception("%s failed on a bug", method)
            await _abort(context, bug())

    return guarded


def _guard_stream(method: str, call: Behaviour) -> Behaviour:
    async def guarded(request: object, context: Context) -> AsyncIterator[object]:
        try:
            async for message in call(_readable(request), context):
                yield message
        except XdpairError as error:
            await _abort(context, error)
        except Exception:
            logger.exception("%s failed on a bug", method)
            await _abort(context, bug())

    return guarded


def bug() -> XdpairError:
    """Return what a caller learns of a bug."""
    return XdpairError("internal error; the controller's log has the details")


async def _abort(context: Context, error: XdpairError) -> Never:
    status = rpc_status.to_status(to_status(error))
    await context.abort(status.code, status.details, status.trailing_metadata)
