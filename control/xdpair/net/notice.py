# SPDX-License-Identifier: Apache-2.0
"""Telling of many changes in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: Changes within this time are told in one call; or within the time that the last call took, if
#: that is longer, so that a flood of changes leaves half of the loop's time to others.
COALESCE_S = 0.001


class Notice:
    """Calls somebody a moment after the first ``give``, once for all that follow until then."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_until_s = 0.0

    def give(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            at_s = max(loop.time() + COALESCE_S, self._quiet_until_s)
            self._timer = loop.call_at(at_s, self._tell)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self) -> None:
        self._timer = None
        time = asyncio.get_running_loop().time
        start_s = time()
        self._call()
        end_s = time()
        self._quiet_until_s = end_s + (end_s - start_s)
