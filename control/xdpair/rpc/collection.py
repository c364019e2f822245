# SPDX-License-Identifier: Apache-2.0
"""Python's garbage collector, kept out of the way.

It stops everything while it looks at every object there is, again and again while objects are being
made: with tens of thousands of resources, for half a second. None of them is garbage.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_suspended = 0


@contextmanager
def suspended() -> Iterator[None]:
    """Collect nothing meanwhile. Of the event loop's thread only; may overlap with others."""
    global _suspended  # noqa: PLW0603
    _suspended += 1
    gc.disable()
    try:
        yield
    finally:
        _suspended -= 1
        if _suspended == 0:
            gc.enable()


def spare() -> None:
    """Never look at what there is now: it is there to stay."""
    gc.freeze()
