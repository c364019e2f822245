# SPDX-License-Identifier: Apache-2.0
"""Get hold of the program and its maps: adopt what is pinned, load what is not.

The same sources and sizes find their pins again: nothing is compiled, nothing touched. Other
sources with the same layout get a new program over the same maps, flows included.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xdpair.datapath import syscalls
from xdpair.datapath.dtypes import to_dtype
from xdpair.datapath.pins import Loading, Sizes


@dataclass(frozen=True, slots=True)
class Program:
    """A loaded program and the descriptors of its maps.

    Attributes:
        adopted: True if it was there already and nothing was compiled.
        dtypes: map name -> numpy dtype of a value.
        key_dtypes: the same of keys that are more than an index.
    """

    fd: int
    program_id: int
    abi: str
    pin_dir: Path
    adopted: bool
    map_fds: Mapping[str, int]
    dtypes: Mapping[str, np.dtype[Any]]
    key_dtypes: Mapping[str, np.dtype[Any]]
    sizes: Sizes


async def obtain(loading: Loading) -> Program:
    """Adopt or load the program for these sources and sizes; those that it calls may come later.

    Raises:
        DatapathError: no bpffs, no bcc, or the compiler or the kernel refused.
    """
    await asyncio.to_thread(loading.begin)
    pins = loading.pins
    layout = json.loads(pins.layout_file.read_text())
    dtypes, key_dtypes = (
        {name: to_dtype(description) for name, description in layout[part].items()}
        for part in ("values", "keys")
    )
    fd = syscalls.obj_get(pins.program)
    return Program(
        fd=fd,
        program_id=syscalls.program_id(fd),
        abi=pins.abi,
        pin_dir=pins.pin_dir,
        adopted=loading.adopted,
        # The steps are nobody's to read or write, but would be emptied without pin and descriptor.
        map_fds={name: syscalls.obj_get(pins.pin_dir / name) for name in dtypes}
        | {"steps": syscalls.obj_get(pins.steps)},
        dtypes=dtypes,
        key_dtypes=key_dtypes,
        sizes=pins.sizes,
    )


def forget_others(pin_path: Path, state_dir: Path, program: Program) -> None:
    """Unpin what former versions left behind; for when the new program is attached everywhere."""
    ours = next(p.name for p in program.pin_dir.iterdir() if _is_program(p, program.program_id))
    for kind in ("prog", "steps", "sweep"):
        for path in program.pin_dir.glob(f"{kind}-*"):
            if path.name.partition("-")[2] != ours.partition("-")[2]:
                path.unlink()
    for path in pin_path.glob("abi-*"):
        if path != program.pin_dir:
            shutil.rmtree(path)
    for path in state_dir.glob("layout-*.json"):
        if path.name != f"layout-{ours}.json":
            path.unlink()


def _is_program(path: Path, program_id: int) -> bool:
    if not path.name.startswith("prog-"):
        return False
    fd = syscalls.obj_get(path)
    try:
        return syscalls.program_id(fd) == program_id
    finally:
        os.close(fd)
