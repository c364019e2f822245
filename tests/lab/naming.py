# SPDX-License-Identifier: Apache-2.0
"""Names of a lab: unique, and telling which process they belong to.

Everything a lab makes outside its own processes carries its name, and the name holds the owner's
pid and start time. So what a crashed lab left is recognised without any record of it.
"""

import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.lab import processes
from tests.lab.topology import Role

NETNS_DIR = Path("/run/netns")
BPFFS = Path("/sys/fs/bpf")

_PATTERN = re.compile(r"xdpair-lab-(?P<token>[0-9a-f]{4})-(?P<pid>\d+)-(?P<start>\d+)")


@dataclass(frozen=True, slots=True)
class LabName:
    """``xdpair-lab-TOKEN-PID-START``: a random token, the owner's pid and its start time."""

    token: str
    owner_pid: int
    owner_start_ticks: int

    @classmethod
    def new(cls) -> Self:
        """A fresh name, owned by this process."""
        pid = os.getpid()
        start = processes.start_ticks(pid)
        assert start is not None, "this process is alive"
        return cls(secrets.token_hex(2), pid, start)

    @classmethod
    def found_in(cls, text: str) -> Self | None:
        """The lab that a name of a namespace, pin directory or state directory belongs to."""
        match = _PATTERN.match(text)
        if match is None:
            return None
        return cls(match["token"], int(match["pid"]), int(match["start"]))

    def __str__(self) -> str:
        return f"xdpair-lab-{self.token}-{self.owner_pid}-{self.owner_start_ticks}"

    def owner_is_alive(self) -> bool:
        """Whether the very process that made the lab still runs (not another with its pid)."""
        return processes.start_ticks(self.owner_pid) == self.owner_start_ticks

    def netns(self, role: Role) -> str:
        """Name of a host's network namespace."""
        return f"{self}-{role}"

    def netns_path(self, role: Role) -> Path:
        """What nsenter(1) and setns(2) open."""
        return NETNS_DIR / self.netns(role)

    @property
    def pin_path(self) -> Path:
        """The lab's own directory in bpffs."""
        return BPFFS / str(self)

    @property
    def directory(self) -> Path:
        """The lab's own directory for state, logs and results."""
        return Path(tempfile.gettempdir()) / str(self)
