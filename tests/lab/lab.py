# SPDX-License-Identifier: Apache-2.0
"""The lab: made on entry, gone on exit, whatever way the process ends."""

import atexit
import os
import signal
import threading
from collections.abc import Mapping
from types import FrameType
from typing import Final, NoReturn, Self

from tests.lab import network, removal
from tests.lab.errors import LabError
from tests.lab.faults import Faults, Timeline
from tests.lab.host import Host
from tests.lab.naming import LabName
from tests.lab.server import Server
from tests.lab.topology import ROLES, SIDES, LabOptions, Role, Side
from tests.lab.traffic import Traffic

_ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


class Lab:
    """A client, a balancer and two servers, each a network namespace (see ``topology``).

    A context manager. It removes everything it made at its end: also when that is an exception,
    ctrl-C, SIGTERM or SIGHUP (which become ``SystemExit`` unless the process handles them
    itself), or the end of a process that never left the ``with`` block. After SIGKILL nothing can
    be done; the next lab to start on the machine then removes what was left.

    Attributes:
        name: unique on this machine.
        directory: for logs, results, and the state of whatever runs in the lab.
        pin_path: the lab's directory in bpffs.
        hosts: the four hosts by role; also ``client``, ``balancer``, ``primary``, ``secondary``.
        servers: what serves on either side.
        faults: breaks the network.
        traffic: starts clients.
        timeline: everything that was done by ``faults`` and ``servers``, with times.
    """

    def __init__(self, options: LabOptions | None = None) -> None:
        self.options = options or LabOptions()
        self.name = LabName.new()
        self.directory = self.name.directory
        self.pin_path = self.name.pin_path
        self.hosts: Mapping[Role, Host] = {role: Host(self.name, role) for role in ROLES}
        self.timeline = Timeline()
        self.faults = Faults(self.hosts, self.timeline)
        self.traffic = Traffic(self.client, self.directory)
        self.servers: Mapping[Side, Server] = {
            side: Server(side, self.hosts[side], self.directory, self.timeline) for side in SIDES
        }
        self._open = False
        self._caught: list[signal.Signals] = []

    @property
    def client(self) -> Host:
        return self.hosts["client"]

    @property
    def balancer(self) -> Host:
        return self.hosts["balancer"]

    @property
    def primary(self) -> Host:
        return self.hosts["primary"]

    @property
    def secondary(self) -> Host:
        return self.hosts["secondary"]

    def __enter__(self) -> Self:
        """Bring the lab up, after removing what crashed ones left.

        Raises:
            LabError: it cannot be made here; nothing is left of it.
        """
        if os.geteuid() != 0:
            raise LabError("the lab needs root: it makes network namespaces")
        removal.reap()
        self._open = True
        atexit.register(self.close)
        self._catch_signals()
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove everything; more than once is fine."""
        if not self._open or self.name.owner_pid != os.getpid():
            return  # a forked child inherits the lab and does not own it
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *_ENDING_SIGNALS})
        try:
            for host in self.hosts.values():
                host.kill_programs()
            self.faults.close()
            removal.remove(self.name)
            self._open = False
            atexit.unregister(self.close)
            self._release_signals()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def _make(self) -> None:
        self.directory.mkdir(mode=0o700)
        removal.mount_bpffs()
        self.pin_path.mkdir(mode=0o700)
        network.build(self.name, self.options)
        if self.options.servers:
            for server in self.servers.values():
                server.launch()
            for server in self.servers.values():
                server.await_ready()

    def _catch_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may; atexit has to do
        for number in _ENDING_SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, _exit_on_signal)
                self._caught.append(number)

    def _release_signals(self) -> None:
        for number in self._caught:
            signal.signal(number, signal.SIG_DFL)
        self._caught.clear()


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
