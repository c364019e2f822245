# SPDX-License-Identifier: Apache-2.0
"""A controller of the real application, store and server, in a thread, with fakes around it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.rpc.fakes import FakeDatapath, FakeNetwork, FakeProber
from xdpair.app import Application
from xdpair.cli.client import Client
from xdpair.core.events import Event
from xdpair.core.indexes import Limits
from xdpair.core.status import InterfaceStatus, SystemStatus
from xdpair.events import EventLog
from xdpair.rpc.server import ApiServer
from xdpair.store.sqlite import SqliteStore
from xdpair.supervisor import Hooks, Supervisor
from xdpair.vips import Vips

_T = TypeVar("_T")


class Controller:
    """Runs from ``__enter__`` to ``__exit__``.

    Args:
        folder: for the socket and the store; what a controller leaves there, the next one finds.
        listen: as in the configuration.
        store: file name of the store.
    """

    def __init__(self, folder: Path, listen: str = "", store: str = "xdpair.db") -> None:
        self.socket = folder / "api.sock"
        self.address = f"unix:{self.socket}"
        self.datapath = FakeDatapath()
        self.network = FakeNetwork()
        self.prober = FakeProber()
        self.client = Client(self.address)
        self.app: Application
        self.server: ApiServer
        self._store_file = folder / store
        self._listen = listen
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="controller")

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self._start)
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client.__exit__(kind, error, traceback)
        self.run(self._stop)
        self._end_thread()

    def call(self, function: Callable[[], _T]) -> _T:
        """Call a function in the controller's thread."""

        async def call() -> _T:
            return function()

        return self.run(call)

    def run(self, coroutine: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run a coroutine function in the controller's loop."""
        return asyncio.run_coroutine_threadsafe(coroutine(), self._loop).result(10)

    def probe(self, address: str, *errors: str) -> None:
        """Let consecutive probes of an address find this; an empty error: it answered."""
        self.call(lambda: self.prober.report(address, *errors))

    async def _start(self) -> None:
        self._store = SqliteStore.open(self._store_file)
        events = EventLog()

        def remember(event: Event) -> None:
            events.append(event)

        hooks = Hooks(
            event=remember,
            state=lambda _unit, _state: None,
            drained=lambda: self.app.refresh(),
            flows_ended=lambda: None,
        )
        supervisor = Supervisor(self.datapath, self.prober, hooks, {})
        self.app = Application(
            store=self._store,
            datapath=self.datapath,
            network=self.network,
            supervisor=supervisor,
            events=events,
            on_event=remember,
            on_flows_ended=_nothing_to_do,
            settled=_nothing_to_wait_for,
            describe_system=_system,
            limits=Limits(),
            vips=Vips(self.network, remember, enabled=True),
        )
        await self.app.start()
        self.server = ApiServer(self.app, self.socket, self._listen)
        try:
            await self.server.start()
        except BaseException:
            await self._stop()
            raise

    async def _stop(self) -> None:
        await self.server.stop()
        self._store.close()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _nothing_to_do() -> None:
    """No flows here."""


async def _nothing_to_wait_for() -> None:
    """Slot states are not stored here."""


def _system() -> SystemStatus:
    return SystemStatus(
        version="0.1.0",
        started_time_s=1_800_000_000.25,
        interfaces=(
            InterfaceStatus("eth0", "native"),
            InterfaceStatus("eth1", "generic", "several times slower"),
        ),
        program_id=42,
        abi="1",
        adopted=False,
        flow_capacity=1_048_576,
    )
