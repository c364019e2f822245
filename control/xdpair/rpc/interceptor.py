# SPDX-License-Identifier: Apache-2.0
"""Turns what servicers raise into statuses, so that no servicer has to, and none can forget."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Never, TypeAlias

import grpc
from grpc_status import rpc_status

from xdpair.core.errors import XdpairError
from xdpair.rpc.status import to_status

logger = logging.getLogger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the methods of one proto package.

    An ``XdpairError`` ends the call with its status. Any other exception is a bug: it is logged
    with its traceback, and the caller gets ``INTERNAL`` with reason ``InternalError``.

    Args:
        package: the proto package, such as ``xdpair.api.v1``.
    """

    def __init__(self, package: str) -> None:
        self._prefix = f"/{package}."

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(self._prefix):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                _guard_unary(method, handler.unary_unary),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        if handler.unary_stream is None:
            raise NotImplementedError(f"{method} takes a stream of requests")
        return grpc.unary_stream_rpc_method_handler(
            _guard_stream(method, handler.unary_stream),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _guard_unary(method: str, call: Callable[..., Any]) -> Callable[..., Any]:
    async def guarded(request: object, context: Context) -> object:
        try:
            return await call(request, context)
        except XdpairError as error:
            await _abort(context, error)
        except Exception:
            logger.exception("%s failed on a bug", method)
            await _abort(context, _bug())

    return guarded


def _guard_stream(method: str, call: Callable[..., Any]) -> Callable[..., Any]:
    async def guarded(request: object, context: Context) -> AsyncIterator[object]:
        try:
            async for message in call(request, context):
                yield message
        except XdpairError as error:
            await _abort(context, error)
        except Exception:
            logger.exception("%s failed on a bug", method)
            await _abort(context, _bug())

    return guarded


def _bug() -> XdpairError:
    return XdpairError("internal error; the controller's log has the details")


async def _abort(context: Context, error: XdpairError) -> Never:
    status = rpc_status.to_status(to_status(error))
    await context.abort(status.code, status.details, status.trailing_metadata)
