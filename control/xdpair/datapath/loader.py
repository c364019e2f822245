# SPDX-License-Identifier: Apache-2.0
"""Compile the program, pin it with its maps, print their layout. Runs as a process of its own:
``python -m …loader``.

A process of its own because compiling takes most of a second, which the event loop does not have,
and leaves 120 MB of compiler behind, which the controller need not carry. The only module that
imports bcc.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from xdpair.datapath import paths, syscalls
from xdpair.datapath.layout import Json, describe

ENTRY = b"xdp_pair"
MAPS = (
    "lookup",
    "listeners",
    "slots",
    "servers",
    "flows",
    "peers",
    "links",
    "exits",
    "listener_counters",
    "server_counters",
)


def load(program_pin: Path, defines: dict[str, str]) -> Json:
    """Compile, load and pin. Maps that are pinned already, beside the program, are taken as they
    are.

    Returns:
        Map name -> description of its value.

    Raises:
        Exception: whatever bcc says; its messages went to stderr.
    """
    sources = paths.source_dir()
    os.environ["BCC_KERNEL_SOURCE"] = str(sources / "shim")
    import bcc  # noqa: PLC0415 - it reads the environment, and only this process pays for it

    multiarch = f"/usr/include/{os.uname().machine}-linux-gnu"
    flags = [f"-D{name}={value}" for name, value in defines.items()]
    flags += ["-isystem", "/usr/include", "-isystem", multiarch, "-Wno-unused-function"]
    module = bcc.BPF(text=paths.program_text(sources).encode(), cflags=flags)
    function = module.load_func(ENTRY, bcc.BPF.XDP)
    syscalls.obj_pin(function.fd, program_pin)
    return {name: describe(_value_type(module[name.encode()])) for name in MAPS}


def _value_type(table: Any) -> Any:
    """Of one CPU's value, where bcc's ``Leaf`` is the array over all of them."""
    return getattr(table, "sLeaf", table.Leaf)


def main() -> int:
    request = json.loads(sys.argv[1])
    layout = load(Path(request["program_pin"]), request["defines"])
    json.dump(layout, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
