# SPDX-License-Identifier: Apache-2.0
"""Runs what callers change: each change to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from xdpair.core.errors import XdpairError

logger = logging.getLogger(__name__)
_T = TypeVar("_T")


class Changes:
    """Carries changes out on behalf of calls.

    A client that hangs up, or whose deadline passes, cancels its call; the change goes on, so none
    is ever half made.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[object]] = set()

    async def run(self, change: Callable[[], Awaitable[_T]]) -> _T:
        """Run a change to its end, whatever becomes of the caller."""

        async def to_the_end() -> _T:
            return await change()

        task = asyncio.create_task(to_the_end())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_bug)
            raise

    async def finish(self) -> None:
        """Wait for the changes that are being made."""
        await asyncio.gather(*self._running, return_exceptions=True)


def _log_bug(task: asyncio.Task[object]) -> None:
    """Nobody waits for the result any more, but a bug must not go unseen."""
    if task.cancelled():
        return
    error = task.exception()
    if error is not None and not isinstance(error, XdpairError):
        logger.error("a change failed on a bug after its caller had gone", exc_info=error)
