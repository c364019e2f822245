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
from xdpair.audit import AuditLog
from xdpair.audit_changes import note_changes
from xdpair.cli.client import Client
from xdpair.config import TlsConfig
from xdpair.core.compile import Compiler
from xdpair.core.events import Event, EventKind
from xdpair.core.indexes import Limits, Rows
from xdpair.core.status import InterfaceStatus, SystemStatus
from xdpair.events import EventLog
from xdpair.explainer import Explainer
from xdpair.hooks import Hooks
from xdpair.requests import Requests
from xdpair.rollout import Reactions, Rollout
from xdpair.rpc.server import ApiServer
from xdpair.store.sqlite import SqliteStore
from xdpair.supervisor import Supervisor
from xdpair.vips import Vips

_T = TypeVar("_T")


class Controller:
    """Runs from ``__enter__`` to ``__exit__``.

    Args:
        folder: for the socket, the store and the audit log; what a controller leaves there, the
            next one finds.
        listen, tls, tokens: as in the configuration.
        store: file name of the store.
    """

    def __init__(
        self,
        folder: Path,
        listen: str = "",
        store: str = "xdpair.db",
        tls: TlsConfig | None = None,
        tokens: Path | None = None,
    ) -> None:
        self.audit_file = folder / "audit.jsonl"
        self.socket = folder / "api.sock"
        self.address = f"unix:{self.socket}"
        self.datapath = FakeDatapath()
        self.network = FakeNetwork()
        self.prober = FakeProber()
        self.client = Client(self.address)
        self.app: Application
        self.server: ApiServer
        self.store: SqliteStore
        self._store_file = folder / store
        self._api = (listen, tls, tokens)
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
        self.store = SqliteStore.open(self._store_file)
        events = EventLog()

        def remember(event: Event) -> None:
            events.append(event)

        hooks = Hooks(
            event=remember,
            state=lambda _unit, _state: None,
            pool=lambda _record: None,
            drained=lambda key: rollout.drained(key),
            flows_ended=_nothing_to_do,
        )
        compiler = Compiler(Rows(self.store.load_rows(), Limits()), self.network)
        supervisor = Supervisor(self.datapath, self.prober, compiler, hooks, {}, {}, ())
        rollout = Rollout(
            store=self.store,
            datapath=self.datapath,
            network=self.network,
            compiler=compiler,
            supervisor=supervisor,
            vips=Vips(self.network, remember, enabled=True),
            reactions=Reactions(remember, _nothing_to_do, note_changes),
        )
        explainer = Explainer(
            lambda: rollout.desired,
            self.datapath,
            self.network,
            compiler,
            supervisor,
            lambda _address: None,
        )
        self.app = Application(
            rollout=rollout,
            datapath=self.datapath,
            compiler=compiler,
            supervisor=supervisor,
            events=events,
            requests=Requests(self.store.load_requests()),
            settled=_nothing_to_wait_for,
            describe_system=_system,
            explain=explainer.explain,
        )
        await rollout.start()
        self._rollout = rollout
        self._running = asyncio.create_task(rollout.run())
        log = AuditLog(
            self.audit_file,
            max_bytes=1_000_000,
            keep=1,
            on_fault=lambda words: remember(Event(EventKind.WARNING, message=words)),
        )
        self.server = ApiServer(self.app, self.socket, log, *self._api)
        try:
            await self.server.start()
        except BaseException:
            await self._stop()
            raise

    async def _stop(self) -> None:
        await self.server.stop()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._rollout.close()
        self.store.close()

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
