# SPDX-License-Identifier: Apache-2.0
"""A host of the lab: a network namespace with its interfaces, in which programs run."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TypeAlias

from tests.lab import processes
from tests.lab.namespace import inside
from tests.lab.naming import LabName
from tests.lab.topology import Interface, Role, interfaces_of

#: Where ``python -m tests.lab...`` works, and what programs of the lab run in.
REPOSITORY = Path(__file__).parents[2]

_File: TypeAlias = int | IO[bytes]


class Host:
    """One of the four hosts.

    Programs run as children of this process, in the host's network namespace and nothing else
    of its own (so pins in bpffs are seen), and in a session of their own, so that ctrl-C reaches
    the lab and not them. Each one still running when the lab ends is killed.
    """

    def __init__(self, lab: LabName, role: Role) -> None:
        self.role: Role = role
        self.netns = lab.netns(role)
        self.netns_path = lab.netns_path(role)
        self.interfaces: Mapping[str, Interface] = {i.name: i for i in interfaces_of(role)}
        self._mark = str(lab)
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def interface(self) -> Interface:
        """The first interface: the only one of every host but the balancer, there ``front``."""
        return next(iter(self.interfaces.values()))

    @property
    def address(self) -> str:
        """The address of ``interface``."""
        return self.interface.address

    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        stdin: _File = subprocess.DEVNULL,
        stdout: _File = subprocess.DEVNULL,
        stderr: _File = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a program; its pid is the program's own. ``env`` adds to the environment."""
        child = subprocess.Popen(
            self._command(argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=REPOSITORY,
            env=self._environment(env),
            start_new_session=True,
        )
        self._children.append(child)
        return child

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        input: str | None = None,  # noqa: A002  # as in subprocess.run()
        check: bool = True,
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end and return what it wrote.

        Raises:
            subprocess.CalledProcessError: it failed, and ``check`` is true.
            subprocess.TimeoutExpired: it did not end within ``timeout_s``, and was killed.
        """
        return subprocess.run(
            self._command(argv),
            input="" if input is None else input,
            capture_output=True,
            text=True,
            check=check,
            timeout=timeout_s,
            cwd=REPOSITORY,
            env=self._environment(env),
            start_new_session=True,
        )

    def socket(self, kind: socket.SocketKind, family: int = socket.AF_INET) -> socket.socket:
        """Open a socket that is the host's, for use in this process."""
        return inside(self.netns_path, lambda: socket.socket(family, kind))

    def write_sysctl(self, name: str, value: str) -> None:
        """Set a sysctl of the namespace, e.g. ``net/ipv4/ip_forward``."""
        inside(self.netns_path, lambda: Path("/proc/sys", name).write_text(value))

    def kill_programs(self) -> None:
        """Kill every program started by ``popen`` and wait for their ends."""
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()
        self._children.clear()

    def _command(self, argv: Sequence[str | Path]) -> list[str | Path]:
        # Not `ip netns exec`: that one remounts /sys, and bpffs pins are hidden.
        return ["nsenter", f"--net={self.netns_path}", "--", *argv]

    def _environment(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        return {**os.environ, **(extra or {}), processes.MARK: self._mark}
