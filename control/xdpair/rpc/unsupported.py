# SPDX-License-Identifier: Apache-2.0
"""Answers methods that do not exist: what the Server Load Balancer does above layer 4 above all."""

from __future__ import annotations

from typing import Never

import grpc
from google.protobuf.empty_pb2 import Empty

from xdpair.core import errors
from xdpair.rpc.interceptor import Context, Handler

_PREFIX = "/xdpair.api."


class UnsupportedMethods(grpc.GenericRpcHandler):
    """Answers whatever is asked of this API and has no handler of its own, with an ``ErrorInfo`` as
    all errors have.
    """

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        method = handler_call_details.method
        if not method.startswith(_PREFIX):
            return None

        async def refuse(request: Empty, context: Context) -> Never:
            raise errors.NotSupported(
                f"The loadbalancer does not support such action: {method[1:]}", method=method[1:]
            )

        return grpc.unary_unary_rpc_method_handler(
            refuse,
            request_deserializer=lambda _: Empty(),
            response_serializer=Empty.SerializeToString,
        )
