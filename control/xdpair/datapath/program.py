# SPDX-License-Identifier: Apache-2.0
"""Get hold of the program and its maps: adopt what is pinned, load what is not.

Under the pin directory each map layout has a directory of its own (``abi-…``), and in it each
program (``prog-…``), both named for the digest of what they were made from. The same sources and
sizes find their pins again: nothing is compiled, nothing touched. Other sources with the same
layout get a new program over the same maps, flows included.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xdpair.core.errors import DatapathError
from xdpair.datapath import paths, syscalls
from xdpair.datapath.layout import to_dtype

LOAD_TIMEOUT_S = 120.0

#: include/uapi/linux/time.h; the time module does not name it.
_CLOCK_MONOTONIC_COARSE = 6


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of the maps; they are part of the layout, so changing one starts with empty maps."""

    max_listeners: int = 4096
    max_servers: int = 8192
    flow_buckets: int = 262_144

    @property
    def lookup_buckets(self) -> int:
        """A listener has at most three keys; half of the ways stay free, so that searches end in
        the first bucket.
        """
        return 1 << max(6, (self.max_listeners * 3 // 2).bit_length())

    def defines(self, pin_dir: Path) -> dict[str, str]:
        """What the C sources are told."""
        return {
            "PIN_DIR": f'"{pin_dir}"',
            "LOOKUP_BUCKETS": str(self.lookup_buckets),
            "LOOKUP_BITS": str(self.lookup_buckets.bit_length() - 1),
            "MAX_LISTENERS": str(self.max_listeners),
            "MAX_SERVERS": str(self.max_servers),
            "FLOW_BUCKETS": str(self.flow_buckets),
            "FLOW_BITS": str(self.flow_buckets.bit_length() - 1),
            "PEER_BITS": "13",
            "CLOCK_SHIFT": str(clock_shift()),
        }


def clock_shift() -> int:
    """Jiffies >> this is a clock of about one tick a second. The coarse clocks tick with the
    jiffies.
    """
    hz: int = round(1 / time.clock_getres(_CLOCK_MONOTONIC_COARSE))
    return round(math.log2(hz))


@dataclass(frozen=True, slots=True)
class Program:
    """A loaded program and the descriptors of its maps.

    Attributes:
        adopted: True if it was there already and nothing was compiled.
        dtypes: map name -> numpy dtype of a value.
    """

    fd: int
    program_id: int
    abi: str
    pin_dir: Path
    adopted: bool
    map_fds: Mapping[str, int]
    dtypes: Mapping[str, np.dtype[Any]]
    sizes: Sizes


async def obtain(pin_path: Path, state_dir: Path, sizes: Sizes) -> Program:
    """Adopt or load the program for these sources and sizes.

    Raises:
        DatapathError: no bpffs, no bcc, or the kernel refused; the compiler's or verifier's words
            are in the message.
    """
    sources = paths.source_dir()
    layout_text = "".join((sources / name).read_text() for name in ("abi.h", "maps.h"))
    abi = "abi-" + paths.digest(layout_text, repr(sizes))
    pin_dir = pin_path / abi
    defines = sizes.defines(pin_dir)
    name = "prog-" + paths.digest(paths.program_text(sources), repr(defines))
    layout_file = state_dir / f"layout-{name}.json"
    _ensure_directory(pin_dir)
    adopted = (pin_dir / name).exists() and layout_file.exists()
    if not adopted:
        (pin_dir / name).unlink(missing_ok=True)
        layout_file.write_text(await asyncio.to_thread(_load_in_child, pin_dir / name, defines))
    layout = json.loads(layout_file.read_text())
    fd = syscalls.obj_get(pin_dir / name)
    return Program(
        fd=fd,
        program_id=syscalls.program_id(fd),
        abi=abi,
        pin_dir=pin_dir,
        adopted=adopted,
        map_fds={map_name: syscalls.obj_get(pin_dir / map_name) for map_name in layout},
        dtypes={map_name: to_dtype(description) for map_name, description in layout.items()},
        sizes=sizes,
    )


def forget_others(pin_path: Path, state_dir: Path, program: Program) -> None:
    """Unpin what former versions left behind; for when the new program is attached everywhere."""
    ours = next(p.name for p in program.pin_dir.iterdir() if _is_program(p, program.program_id))
    for path in program.pin_dir.glob("prog-*"):
        if path.name != ours:
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


def _ensure_directory(pin_dir: Path) -> None:
    """Make the pin directory, mounting bpffs where the distribution has not."""
    mount_point = Path("/sys/fs/bpf")
    if pin_dir.is_relative_to(mount_point) and not mount_point.is_mount():
        done = subprocess.run(
            ["mount", "-t", "bpf", "bpf", str(mount_point)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DatapathError(f"bpffs can not be mounted on {mount_point}: {done.stderr.strip()}")
    try:
        pin_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatapathError(f"{pin_dir} can not be made: {error.strerror}") from error


def _load_in_child(program_pin: Path, defines: dict[str, str]) -> str:
    request = json.dumps({"program_pin": str(program_pin), "defines": defines})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "xdpair.datapath.loader"],
            input=request,
            capture_output=True,
            text=True,
            timeout=LOAD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DatapathError(
            f"compiling the program took more than {LOAD_TIMEOUT_S:.0f} s"
        ) from None
    if done.returncode != 0:
        raise DatapathError("the XDP program could not be loaded:\n" + done.stderr[-4000:])
    return done.stdout
