# SPDX-License-Identifier: Apache-2.0
"""Compile the programs and pin them with their maps. Runs as a process of its own:
``python -m …loader``. Prints the layout of the maps as one line as soon as the program itself is
there, and ends when those are there, too, that it calls.

A process of its own because compiling takes most of a second, which the event loop does not have,
and leaves 120 MB of compiler behind, which the controller need not carry. The only module that
imports bcc.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from xdpair.datapath import paths, syscalls
from xdpair.datapath.layout import Json, describe

MAPS = (
    "lookup",
    "listeners",
    "slots",
    "servers",
    "flows",
    "peers",
    "links",
    "wheels",
    "cursors",
    "loads",
    "limits",
    "sweeps",
    "traces",
    "acls",
    "exits",
    "listener_counters",
    "server_counters",
)


#: Maps whose keys are more than an index.
KEYED_MAPS = ("acls",)


#: Programs that a packet goes on to, in the order of STEP_* in bpf/steps.h.
STEPS = ("xdp_weighted", "xdp_tie", "xdp_least", "xdp_icmp")


#: include/uapi/linux/prctl.h
_PR_SET_PDEATHSIG = 1


class Module:
    """One main source, compiled. Maps that are pinned already are taken as they are.

    Raises:
        Exception: whatever bcc says; its messages went to stderr.
    """

    def __init__(self, main_source: str, defines: dict[str, str]) -> None:
        sources = paths.source_dir()
        os.environ["BCC_KERNEL_SOURCE"] = str(sources / "shim")
        import bcc  # noqa: PLC0415 - it reads the environment, and only this process pays for it

        multiarch = f"/usr/include/{os.uname().machine}-linux-gnu"
        flags = [f"-D{name}={value}" for name, value in defines.items()]
        flags += ["-isystem", "/usr/include", "-isystem", multiarch, "-Wno-unused-function"]
        text = paths.program_text(sources, main_source)
        self._kind = bcc.BPF.XDP
        self._module = bcc.BPF(text=text.encode(), cflags=flags)

    def load(self, entry: str) -> int:
        """Hand the program to the kernel, and return its descriptor."""
        fd: int = self._module.load_func(entry.encode(), self._kind).fd
        return fd

    def fill_steps(self) -> None:
        steps = self._module[b"steps"]
        for number, entry in enumerate(STEPS):
            steps[ctypes.c_int(number)] = ctypes.c_int(self.load(entry))

    def layout(self) -> Json:
        """``values`` and ``keys``, each map name -> description of its values or keys."""
        tables = {name: self._module[name.encode()] for name in MAPS}
        return {
            "values": {name: describe(_value_type(table)) for name, table in tables.items()},
            "keys": {name: describe(tables[name].Key) for name in KEYED_MAPS},
        }


def _value_type(table: Any) -> Any:
    """Of one CPU's value, where bcc's ``Leaf`` is the array over all of them."""
    return getattr(table, "sLeaf", table.Leaf)


def _die_with_parent() -> None:
    """Another controller may start, and load the same, as soon as this one has been killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    _die_with_parent()
    request = json.loads(sys.argv[1])
    defines = request["defines"]
    pair = Module(paths.PAIR_SOURCE, defines)
    syscalls.obj_pin(pair.load("xdp_pair"), Path(request["program"]))
    sys.stdout.write(json.dumps(pair.layout()) + "\n")
    sys.stdout.flush()
    steps = Module(paths.STEPS_SOURCE, defines)
    steps.fill_steps()
    # Last: who finds this finds everything.
    syscalls.obj_pin(steps.load("xdp_sweep"), Path(request["sweep"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
