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
from xdpair.config import Config
from xdpair.config import XdpMode as WantedXdpMode
from xdpair.core.errors import NetworkError, StoreError
from xdpair.core.events import Event, EventKind
from xdpair.core.indexes import Limits
from xdpair.core.status import InterfaceStatus, SystemStatus
from xdpair.datapath.adapter import Datapath
from xdpair.datapath.pins import Loading
from xdpair.datapath.program import forget_others
from xdpair.events import REMEMBERED, EventLog
from xdpair.net.network import KernelNetwork
from xdpair.net.xdp import WantedMode
from xdpair.ports import XdpMode
from xdpair.probes.schedule import ProbeScheduler
from xdpair.recorder import Recorder
from xdpair.resets import ClientResetter
from xdpair.rpc.server import ApiServer
from xdpair.store.sqlite import SqliteStore
from xdpair.supervisor import Hooks, Supervisor
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
        self._store = store
        self._datapath = datapath
        self._network = network
        self._started_time_s = time.time()
        self._warnings: dict[str, str] = {}
        self._stop = asyncio.Event()
        self._failed = False
        self._refreshing = False
        self._attaching: set[asyncio.Task[None]] = set()
        past = store.load_events(REMEMBERED)
        self._events = EventLog(past)
        self._recorder = Recorder(store)
        self._resetter = ClientResetter(datapath, config.failover.reset_rate_per_s, self._on_walked)
        hooks = Hooks(
            event=self._on_event,
            state=self._recorder.slot,
            drained=self._refresh_soon,
            flows_ended=self._resetter.request,
        )
        prober = ProbeScheduler(asyncio.get_running_loop(), rng=random.Random())
        remembered = {record.unit: record.state for record in store.load_slots()}
        self._supervisor = Supervisor(datapath, prober, hooks, remembered, last_moves_s(past))
        self._vips = Vips(network, self._on_event, enabled=config.vip.announce)
        self._app = Application(
            store=store,
            datapath=datapath,
            network=network,
            supervisor=self._supervisor,
            events=self._events,
            on_event=self._on_event,
            on_flows_ended=self._resetter.request,
            settled=self._recorder.settled,
            describe_system=self._system,
            limits=Limits(config.max_listeners, config.max_servers),
            vips=self._vips,
        )
        self._api = ApiServer(self._app, config.api.socket, config.api.listen)

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
                )
            ]
            await self._stop.wait()
            await self._end()
            for task in running:
                task.cancel()
        return 1 if self._failed else 0

    async def _start(self) -> None:
        _raise_descriptor_limit()
        await self._app.start()
        self._network.on_change = self._refresh
        self._refresh()  # what changed while nobody listened
        for interface in self._config.interfaces:
            await self._attach(interface)
        self._network.on_link = self._on_link
        await self._api.start()
        if not any(self._warnings.values()):  # else an interface may still run another program
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
        for task in self._attaching:
            task.cancel()
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

    def _on_walked(self, found: int, left: int) -> None:
        words = f"{found - left} waiting clients were reset, {left} did not answer"
        self._on_event(Event(EventKind.FLOWS_RESET, message=words))

    def _on_bug(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A fault nobody foresaw: end, so that a fresh process takes up from maps and store."""
        loop.default_exception_handler(context)
        self._failed = True
        self._stop.set()

    def _refresh(self) -> None:
        self._app.refresh()

    def _refresh_soon(self) -> None:
        """Once for all that ask in this turn of the loop, and not in the midst of a failover."""
        if not self._refreshing:
            self._refreshing = True
            asyncio.get_running_loop().call_soon(self._refresh_now)

    def _refresh_now(self) -> None:
        self._refreshing = False
        self._refresh()

    def _on_link(self, interface: str, up: bool) -> None:
        if not up or interface not in self._config.interfaces:
            return
        task = asyncio.get_running_loop().create_task(
            self._take_up(interface), name=f"attach:{interface}"
        )
        self._attaching.add(task)
        task.add_done_callback(self._attaching.discard)

    async def _take_up(self, interface: str) -> None:
        await self._attach(interface)
        await self._app.follow_vips()

    async def _attach(self, interface: str) -> None:
        """Attach, or report why not: a missing interface is tried again when it comes, a program of
        somebody else's is never replaced.
        """
        try:
            before = self._network.attached_mode(interface)
            mode = await self._network.attach(
                interface, self._datapath.program.fd, _WANTED[self._config.xdp_mode]
            )
        except NetworkError as error:
            self._warnings[interface] = str(error)
            self._on_event(Event(EventKind.WARNING, message=str(error)))
            return
        generic = "the driver has no native XDP: generic mode is several times slower"
        self._warnings[interface] = generic if mode is XdpMode.GENERIC else ""
        if before is not mode:
            words = f"attached to {interface} in {mode.value} mode"
            self._on_event(Event(EventKind.ATTACHED, message=words))

    def _system(self) -> SystemStatus:
        program = self._datapath.program
        return SystemStatus(
            version=__version__,
            started_time_s=self._started_time_s,
            interfaces=tuple(self._interface(name) for name in self._config.interfaces),
            program_id=program.program_id,
            abi=program.abi,
            adopted=program.adopted,
            flow_capacity=program.sizes.flow_buckets * 4,
        )

    def _interface(self, name: str) -> InterfaceStatus:
        mode = self._network.attached_mode(name)
        return InterfaceStatus(
            name, mode.value if mode else "detached", self._warnings.get(name, "")
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
