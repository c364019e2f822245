# SPDX-License-Identifier: Apache-2.0
"""Where the program runs: on each interface of the configuration, as soon as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from xdpair.core.errors import NetworkError
from xdpair.core.events import Event, EventKind
from xdpair.core.status import InterfaceStatus
from xdpair.ports import XdpMode


class Attachments:
    """For the event loop's thread only.

    Args:
        attach: attaches the program and says how.
        mode_of: how it is attached now.
        on_taken_up: an interface has come, or come back, and the program runs on it.
    """

    def __init__(
        self,
        interfaces: Sequence[str],
        attach: Callable[[str], Awaitable[XdpMode]],
        mode_of: Callable[[str], XdpMode | None],
        on_event: Callable[[Event], None],
        on_taken_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._interfaces = interfaces
        self._attach = attach
        self._mode_of = mode_of
        self._on_event = on_event
        self._on_taken_up = on_taken_up
        self._warnings: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def complete(self) -> bool:
        """False: an interface may still run another program, or none."""
        return not any(self._warnings.values())

    async def attach_all(self) -> None:
        for interface in self._interfaces:
            await self._attempt(interface)

    def on_link(self, interface: str, up: bool) -> None:
        """An interface has come or gone."""
        if not up or interface not in self._interfaces:
            return
        task = asyncio.get_running_loop().create_task(
            self._take_up(interface), name=f"attach:{interface}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Attach no more; what is attached stays."""
        for task in self._tasks:
            task.cancel()

    def status(self) -> tuple[InterfaceStatus, ...]:
        return tuple(map(self._status_of, self._interfaces))

    async def _take_up(self, interface: str) -> None:
        await self._attempt(interface)
        await self._on_taken_up()

    async def _attempt(self, interface: str) -> None:
        """Attach, or report why not: a missing interface is tried again when it comes, a program of
        somebody else's is never replaced.
        """
        try:
            before = self._mode_of(interface)
            mode = await self._attach(interface)
        except NetworkError as error:
            self._warnings[interface] = str(error)
            self._on_event(Event(EventKind.WARNING, message=str(error)))
            return
        generic = "the driver has no native XDP: generic mode is several times slower"
        self._warnings[interface] = generic if mode is XdpMode.GENERIC else ""
        if before is not mode:
            words = f"attached to {interface} in {mode.value} mode"
            self._on_event(Event(EventKind.ATTACHED, message=words))

    def _status_of(self, name: str) -> InterfaceStatus:
        mode = self._mode_of(name)
        return InterfaceStatus(
            name, mode.value if mode else "detached", self._warnings.get(name, "")
        )
