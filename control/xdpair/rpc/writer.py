# SPDX-License-Identifier: Apache-2.0
"""How servicers change resources."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from xdpair.core import errors
from xdpair.core.draft import Draft
from xdpair.core.view import View
from xdpair.rpc.application import Application
from xdpair.rpc.changes import Changes

_T = TypeVar("_T")


class CreateRequest(Protocol):
    """The part of a Create request that is needed here."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


class Writer:
    """Carries changes out, each to its end, whatever becomes of the caller."""

    def __init__(self, app: Application, changes: Changes) -> None:
        self._app = app
        self._changes = changes

    async def change(self, make: Callable[[Draft], _T]) -> _T:
        """Do it, as one step."""
        return await self.to_the_end(lambda: self._app.change(make))

    async def to_the_end(self, act: Callable[[], Awaitable[_T]]) -> _T:
        """Do what is no change of resources."""
        return await self._changes.run(act)

    async def create(
        self,
        request: CreateRequest,
        make: Callable[[Draft], _T],
        find: Callable[[View, str], _T],
        name_of: Callable[[_T], str],
    ) -> _T:
        """Create a resource (AIP-133), only once for each request id (AIP-155).

        Args:
            find: looks a resource up by its name.

        Returns:
            What was made now, or, by the same request, before; the latter as it is now.

        Raises:
            RequestTokenConflict: another request had this id.
        """
        if not request.request_id:
            return await self.change(make)
        request_id, digest = request.request_id, _digest(request)

        def once(draft: Draft) -> _T:
            seen = self._app.request_seen(request_id)
            if seen is None:
                return make(draft)
            if seen.digest != digest:
                raise errors.RequestTokenConflict(
                    f"request id {request_id} was used for another request", field="request_id"
                )
            return find(draft, seen.resource)

        return await self.to_the_end(
            lambda: self._app.change(once, request=(request_id, digest, name_of))
        )


def _digest(request: CreateRequest) -> str:
    """Of the kind of request, too: all kinds share their ids."""
    content = type(request).__name__.encode() + request.SerializeToString(deterministic=True)
    return hashlib.sha256(content).hexdigest()
