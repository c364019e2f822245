# SPDX-License-Identifier: Apache-2.0
"""Long work in the event loop, cut so that probes and failovers do not wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

#: How long the loop is kept at a stretch.
SLICE_S = 0.003

_T = TypeVar("_T")
_R = TypeVar("_R")


async def in_slices(work: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Return ``[work(item) for item in items]``, and let the loop go on in between."""
    results: list[_R] = []
    until_s = time.monotonic() + SLICE_S
    for item in items:
        results.append(work(item))
        if time.monotonic() > until_s:
            await asyncio.sleep(0)
            until_s = time.monotonic() + SLICE_S
    return results
