# SPDX-License-Identifier: Apache-2.0
"""Stands before every method: only who may call gets in, and what may change something is written
down.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.message import Message

from xdpair import audit
from xdpair.core.errors import XdpairError
from xdpair.rpc.access import Authenticator, Role, required_role
from xdpair.rpc.changes import Changes
from xdpair.rpc.interceptor import Behaviour, Context, Handler, bug, rewrapped
from xdpair.rpc.status import code_of

#: Metadata by which callers may mark a call, where its request has no ``request_id``.
REQUEST_ID = "x-request-id"


class AuditInterceptor(grpc.aio.ServerInterceptor):
    """Asks who calls, refuses those whose role is too low, and writes the audit log.

    A call that takes more than a viewer is answered when its line is on disk. It goes on to its end
    when the caller hangs up, as changes do, so that its line tells what became of it.
    """

    def __init__(self, authenticator: Authenticator, log: audit.AuditLog, changes: Changes) -> None:
        self._authenticator = authenticator
        self._log = log
        self._changes = changes

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        role = required_role(method)
        if handler is None or role is None:
            return handler
        if role is Role.VIEWER:
            return rewrapped(
                handler,
                lambda behaviour: self._checked(method, behaviour),
                lambda behaviour: self._checked_stream(method, behaviour),
            )
        return rewrapped(
            handler, lambda behaviour: self._audited(method, role, behaviour), _not_audited
        )

    # -- what changes nothing ----------------------------------------------------------------------

    def _checked(self, method: str, behaviour: Behaviour) -> Behaviour:
        async def checked(request: Any, context: Context) -> object:
            self._authenticator.identify(context).require(Role.VIEWER, method)
            return await behaviour(request, context)

        return checked

    def _checked_stream(self, method: str, behaviour: Behaviour) -> Behaviour:
        async def checked(request: Any, context: Context) -> AsyncIterator[object]:
            self._authenticator.identify(context).require(Role.VIEWER, method)
            async for message in behaviour(request, context):
                yield message

        return checked

    # -- what may ----------------------------------------------------------------------------------

    def _audited(self, method: str, needed: Role, behaviour: Behaviour) -> Behaviour:
        async def audited(request: Any, context: Context) -> object:
            call = audit.Call(
                method=method.removeprefix("/"),
                peer=unquote(context.peer()),  # gRPC writes the brackets of IPv6 as %5B and %5D
                request_id=_request_id(request, context),
                resource=resource_of(request),
            )

            async def answer() -> object:
                with audit.serving(call):
                    caller = self._authenticator.identify(context)
                    call.who, call.role = caller.name, caller.role.word
                    caller.require(needed, method)
                    return await behaviour(request, context)

            return await self._changes.run(lambda: self._written_down(call, answer))

        return audited

    async def _written_down(
        self, call: audit.Call, answer: Callable[[], Awaitable[object]]
    ) -> object:
        try:
            reply = await answer()
        except Exception as error:
            known = error if isinstance(error, XdpairError) else bug()
            outcome = code_of(type(known)).name
            await self._log.write(call.record(outcome, known.reason, str(known)))
            raise
        call.resource = call.resource or str(getattr(reply, "name", ""))  # what was created
        await self._log.write(call.record("OK"))
        return reply


def _not_audited(behaviour: Behaviour) -> Behaviour:
    raise NotImplementedError("a method that answers with a stream can not take more than a viewer")


def resource_of(request: Message) -> str:
    """Return the name of what a request is about: its ``name``, its ``parent``, or the ``name`` of
    the resource in it; empty if there is none.
    """
    fields = request.DESCRIPTOR.fields_by_name
    for field in ("name", "parent"):
        if field in fields:
            return str(getattr(request, field))
    for field, descriptor in fields.items():
        resource = descriptor.message_type
        if resource is not None and "name" in resource.fields_by_name:
            part = getattr(request, field)
            if isinstance(part, Message):  # and not a list of them
                return str(part.name)  # type: ignore[attr-defined]
    return ""


def _request_id(request: Message, context: Context) -> str:
    given = getattr(request, "request_id", "")  # of a request that creates
    if given:
        return str(given)
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID:
            return str(value)
    return ""
