# SPDX-License-Identifier: Apache-2.0
"""The composition root: builds the adapters, ties them together, runs until told to stop.

The program stays attached and the maps stay pinned when the process ends, however it ends: packets
go on as last decided, and the next start finds everything in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import resource
import signal
import time
from collections.abc import AsyncIterator, Mapping

from xdpair import __version__
from xdpair.app import Application
from xdpair.attachments import Attachments
from xdpair.audit import AuditLog
from xdpair.audit_changes import note_changes
from xdpair.config import Config
from xdpair.config import XdpMode as WantedXdpMode
from xdpair.core.compile import Compiler
from xdpair.core.errors import StoreError
from xdpair.core.events import Event, EventKind
from xdpair.core.indexes import Limits, Rows
from xdpair.core.status import SystemStatus
from xdpair.datapath.adapter import Datapath
from xdpair.datapath.pins import Loading
from xdpair.datapath.program import forget_others
from xdpair.events import REMEMBERED, EventLog
from xdpair.explainer import Explainer
from xdpair.hooks import Hooks
from xdpair.net.network import KernelNetwork
from xdpair.net.origins import find_origin
from xdpair.net.xdp import WantedMode
from xdpair.ports import XdpMode
from xdpair.probes.schedule import ProbeScheduler
from xdpair.recorder import Recorder
from xdpair.requests import Requests
from xdpair.resets import Resetter
from xdpair.rollout import Reactions, Rollout
from xdpair.rpc.server import ApiServer
from xdpair.store.sqlite import SqliteStore
from xdpair.supervisor import Supervisor
from xdpair.sweeper import Sweeper
from xdpair.units import last_moves_s
from xdpair.vips import Vips

_log = logging.getLogger("xdpair")

_WANTED: Mapping[WantedXdpMode, WantedMode] = {
    WantedXdpMode.AUTO: "auto",
    WantedXdpMode.NATIVE: "native",
    WantedXdpMode.GENERIC: "generic",
}


class Controller:
    """Everything that lives as long as the process. Use ``run``."""

    def __init__(
        self, config: Config, store: SqliteStore, datapath: Datapath, network: KernelNetwork
    ) -> None:
        self._config = config
        self._datapath = datapath
        self._network = network
        self._started_time_s = time.time()
        self._stop = asyncio.Event()
        self._failed = False
        past = store.load_events(REMEMBERED)
        self._events = EventLog(past)
        self._recorder = Recorder(store)
        rate_per_s = config.failover.reset_rate_per_s
        self._resetter = Resetter(datapath, rate_per_s, self._on_walked)
        hooks = Hooks(
            event=self._on_event,
            state=self._recorder.slot,
            pool=self._recorder.pool,
            drained=lambda key: self._rollout.drained(key),
            flows_ended=self._resetter.request,
        )
        limits = Limits(config.max_listeners, config.max_servers)
        compiler = Compiler(Rows(store.load_rows(), limits), network)
        self._supervisor = Supervisor(
            datapath,
            ProbeScheduler(asyncio.get_running_loop(), rng=random.Random()),
            compiler,
            hooks,
            {record.unit: record.state for record in store.load_slots()},
            last_moves_s(past),
            store.load_pools(),
        )
        self._sweeper = Sweeper(
            datapath, lambda: self._supervisor.counts_flows, self._resetter.request
        )
        self._vips = Vips(network, self._on_event, enabled=config.vip.announce)
        self._rollout = Rollout(
            store=store,
            datapath=datapath,
            network=network,
            compiler=compiler,
            supervisor=self._supervisor,
            vips=self._vips,
            reactions=Reactions(self._on_event, self._resetter.request, note_changes),
        )
        self._attachments = Attachments(
            config.interfaces,
            self._attach,
            network.attached_mode,
            self._on_event,
            self._rollout.follow_vips,
        )
        explainer = Explainer(
            lambda: self._rollout.desired,
            datapath,
            network,
            compiler,
            self._supervisor,
            find_origin,
        )
        app = Application(
            rollout=self._rollout,
            datapath=datapath,
            compiler=compiler,
            supervisor=self._supervisor,
            events=self._events,
            requests=Requests(store.load_requests()),
            settled=self._recorder.settled,
            describe_system=self._system,
            explain=explainer.explain,
        )
        log = AuditLog(config.audit_file, config.audit.max_bytes, config.audit.keep, self._warn)
        api = config.api
        self._api = ApiServer(app, api.socket, log, api.listen, api.tls, api.tokens.file)

    async def run(self) -> int:
        """Serve until a signal or a bug ends it.

        Returns:
            The process's exit status.

        Raises:
            XdpairError: it could not start.
        """
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_bug)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self._start()
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(step, name=name)
                for name, step in (
                    ("network", self._network.run()),
                    ("recorder", self._recorder.run()),
                    ("resetter", self._resetter.run()),
                    ("sweeper", self._sweeper.run()),
                    ("rollout", self._rollout.run()),
                )
            ]
            await self._stop.wait()
            await self._end()
            for task in running:
                task.cancel()
        return 1 if self._failed else 0

    async def _start(self) -> None:
        _raise_descriptor_limit()
        await self._rollout.start()
        self._network.on_change = self._rollout.refresh
        self._rollout.refresh()  # what changed while nobody listened
        await self._attachments.attach_all()
        self._network.on_link = self._attachments.on_link
        await self._datapath.complete()
        await self._api.start()
        if self._attachments.complete:
            forget_others(self._config.pin_path, self._config.state_dir, self._datapath.program)
        adopted = (
            "adopted the running program"
            if self._datapath.program.adopted
            else "loaded the program"
        )
        self._on_event(
            Event(EventKind.STARTED, message=f"xdpair {__version__} started and {adopted}")
        )
        # Flows may have ended while nobody was there to tell their clients.
        self._resetter.request()
        # Everything made so far stays: leave it out of every later collection, whose pauses would
        # delay probes.
        gc.collect()
        gc.freeze()

    async def _end(self) -> None:
        self._supervisor.close()
        await self._api.stop()
        self._attachments.close()
        self._rollout.close()
        if self._config.vip.withdraw_on_exit:
            await self._vips.withdraw_all()
        self._on_event(Event(EventKind.STOPPED, message="packets go on as last decided"))
        try:
            await self._recorder.flush()
        except StoreError as error:
            _log.error("the last events and slot states are not stored: %s", error)

    # -- what happens ------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        numbered = self._events.append(event)
        self._recorder.event(numbered)
        _log.info("%s", describe_event(numbered))

    def _warn(self, words: str) -> None:
        self._on_event(Event(EventKind.WARNING, message=words))

    def _on_walked(self, found: int, left: int) -> None:
        words = f"{found - left} waiting clients were reset, {left} did not answer"
        self._on_event(Event(EventKind.FLOWS_RESET, message=words))

    def _on_bug(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A fault nobody foresaw: end, so that a fresh process takes up from maps and store."""
        loop.default_exception_handler(context)
        self._failed = True
        self._stop.set()

    async def _attach(self, interface: str) -> XdpMode:
        """An older program is replaced by a complete one only."""
        if self._network.attached_mode(interface) is not None:
            await self._datapath.complete()
        wanted = _WANTED[self._config.xdp_mode]
        return await self._network.attach(interface, self._datapath.program.fd, wanted)

    def _system(self) -> SystemStatus:
        program = self._datapath.program
        return SystemStatus(
            version=__version__,
            started_time_s=self._started_time_s,
            interfaces=self._attachments.status(),
            program_id=program.program_id,
            abi=program.abi,
            adopted=program.adopted,
            flow_capacity=program.sizes.flow_buckets * 4,
        )


def describe_event(event: Event) -> str:
    """One line for the log."""
    sides = [
        side.name.lower() if side is not None else "nobody"
        for side in (event.from_side, event.to_side)
    ]
    moved = f"{sides[0]} -> {sides[1]}" if event.from_side is not event.to_side else ""
    parts = (
        event.kind.value,
        event.listener or event.group_id,
        moved,
        event.cause,
        event.check,
        event.error,
    )
    return " ".join(part for part in (*parts, event.message) if part)


def _raise_descriptor_limit() -> None:
    """Each check may have a socket open, and the usual soft limit is 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.asynccontextmanager
async def _opened(config: Config, loading: Loading) -> AsyncIterator[Controller]:
    """Open what has to be closed. Compiling and reading netlink need not wait for each other."""
    sizes = loading.pins.sizes
    async with contextlib.AsyncExitStack() as undo:
        undo.callback(loading.abandon)
        store = await asyncio.to_thread(SqliteStore.open, config.state_dir / "xdpair.db")
        undo.callback(store.close)
        opening = asyncio.create_task(
            Datapath.open(config.pin_path, config.state_dir, sizes, loading)
        )
        network = await undo.enter_async_context(KernelNetwork(config.interfaces))
        datapath = await opening
        undo.callback(datapath.close)
        yield Controller(config, store, datapath, network)


async def run(config: Config, loading: Loading) -> int:
    """Serve until a signal or a bug ends it.

    Returns:
        The process's exit status.

    Raises:
        XdpairError: it could not start.
    """
    async with _opened(config, loading) as controller:
        return await controller.run()
