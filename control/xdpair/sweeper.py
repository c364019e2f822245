# SPDX-License-Identifier: Apache-2.0
"""What has to be done to the flow table again and again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from xdpair.core.errors import DatapathError
from xdpair.ports import Datapath

_log = logging.getLogger(__name__)

#: Timeouts are told in whole seconds, and schedulers that count flows go by their number of a
#: moment ago: what comes in between they count themselves.
PERIOD_S = 1.0


class Sweeper:
    """Times out silent flows, and counts flows where a scheduler goes by them.

    Args:
        counts_flows: whether one does.
        on_timeout: there are connections whose ends have to be told.
    """

    def __init__(
        self,
        datapath: Datapath,
        counts_flows: Callable[[], bool],
        on_timeout: Callable[[], None],
    ) -> None:
        self._datapath = datapath
        self._counts_flows = counts_flows
        self._on_timeout = on_timeout
        self._refused = ""

    async def run(self) -> None:
        """For ever; a refusal of the kernel is reported once and tried again."""
        while True:
            await asyncio.sleep(PERIOD_S)
            try:
                await self.once()
                self._refused = ""
            except DatapathError as error:
                if str(error) != self._refused:
                    self._refused = str(error)
                    _log.error("silent flows are not timed out: %s", error)

    async def once(self) -> None:
        """Raises ``DatapathError``."""
        swept = await asyncio.to_thread(self._datapath.sweep)
        if swept.timed_out:
            self._on_timeout()
        if self._counts_flows():
            await asyncio.to_thread(self._datapath.count_loads)
