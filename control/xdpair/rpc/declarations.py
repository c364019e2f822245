# SPDX-License-Identifier: Apache-2.0
"""``DeclarationService``."""

from __future__ import annotations

import asyncio
import time

from xdpair.api.v1 import declaration_pb2
from xdpair.api.v1 import declaration_service_pb2 as pb
from xdpair.api.v1.declaration_service_pb2_grpc import DeclarationServiceServicer
from xdpair.core.declaration import Declaration, plan
from xdpair.core.draft import Draft
from xdpair.core.errors import StaleEtag
from xdpair.core.steps import StepRefused, carry_out
from xdpair.rpc import collection
from xdpair.rpc.application import Application
from xdpair.rpc.convert.declaration import (
    changes_to_pb,
    declaration_from_pb,
    declare,
    etag_of,
    place_of,
    placed,
)
from xdpair.rpc.interceptor import Context
from xdpair.rpc.requests import require_set
from xdpair.rpc.writer import Writer

#: With more resources than these, a change would keep the event loop for too long.
_LARGE = 300


class DeclarationServicer(DeclarationServiceServicer):
    """Implements the service."""

    def __init__(self, app: Application, writer: Writer) -> None:
        self._app = app
        self._writer = writer

    async def Apply(self, request: pb.ApplyRequest, context: Context) -> pb.ApplyResponse:
        require_set(request, "declaration")
        is_large = request.prune or _size_of(request.declaration) > _LARGE

        async def apply() -> list[declaration_pb2.Change]:
            wanted = await declaration_from_pb(request.declaration)
            return await self._app.change(
                lambda draft: _enact(draft, wanted, prune=request.prune, etag=request.etag),
                is_large=is_large,
            )

        with collection.suspended():
            changes = await self._writer.to_the_end(apply)
            if is_large and changes:
                collection.spare()
        return pb.ApplyResponse(changes=changes)

    async def Diff(self, request: pb.DiffRequest, context: Context) -> pb.DiffResponse:
        require_set(request, "declaration")
        with collection.suspended():
            wanted = await declaration_from_pb(request.declaration)
            draft = Draft(self._app.desired)
            changes = await asyncio.to_thread(_enact, draft, wanted, prune=request.prune)
            return pb.DiffResponse(changes=changes, etag=etag_of(changes))

    async def Export(self, request: pb.ExportRequest, context: Context) -> pb.ExportResponse:
        response = pb.ExportResponse()
        with collection.suspended():
            await declare(self._app.desired, response.declaration)
        return response


def _enact(
    draft: Draft, wanted: Declaration, *, prune: bool, etag: str = ""
) -> list[declaration_pb2.Change]:
    """Make the draft as declared, and say what that changed. In any thread: it touches nothing but
    the draft.

    Args:
        etag: that of the changes that are expected; empty: any.

    Raises:
        StaleEtag: others are needed.
        XdpairError: a rule is broken; ``place`` in the metadata says by which resource.
    """
    acls_before = dict(draft.acls)
    steps = plan(draft, wanted, prune=prune)
    try:
        carry_out(draft, steps, time.time())
    except StepRefused as refusal:
        place = place_of(refusal.step.resource, wanted)
        raise placed(refusal.cause, place) from refusal.cause
    changes = changes_to_pb(steps, {**acls_before, **draft.acls})
    if etag and etag != etag_of(changes):
        raise StaleEtag("what there is has changed since the diff: look at it again")
    return changes


def _size_of(declaration: declaration_pb2.Declaration) -> int:
    return sum(len(resources) for _, resources in declaration.ListFields())
