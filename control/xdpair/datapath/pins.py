# SPDX-License-Identifier: Apache-2.0
"""Where program and maps are pinned, and the process that loads what is not there.

Imports nothing heavy: a start begins with this, so that the compiler runs beside everything else.
Under the pin directory each map layout has a directory of its own (``abi-…``), and in it each
program (``prog-…``), both named for the digest of what they were made from.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from xdpair.core.errors import DatapathError
from xdpair.datapath import paths

LOAD_TIMEOUT_S = 120.0

#: include/uapi/linux/time.h; the time module does not name it.
_CLOCK_MONOTONIC_COARSE = 6


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of the maps; they are part of the layout, so changing one starts with empty maps."""

    max_listeners: int = 4096
    max_servers: int = 8192
    flow_buckets: int = 65_536

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
class Pins:
    """The names that follow from sources and sizes.

    Attributes:
        layout_file: what the loader printed; without it the pins can not be read.
    """

    abi: str
    pin_dir: Path
    program: Path
    layout_file: Path
    sizes: Sizes

    @classmethod
    def of(cls, pin_path: Path, state_dir: Path, sizes: Sizes) -> Self:
        sources = paths.source_dir()
        layout = "".join((sources / name).read_text() for name in ("abi.h", "maps.h"))
        abi = "abi-" + paths.digest(layout, repr(sizes))
        pin_dir = pin_path / abi
        defines = sizes.defines(pin_dir)
        name = "prog-" + paths.digest(paths.program_text(sources), repr(defines))
        return cls(abi, pin_dir, pin_dir / name, state_dir / f"layout-{name}.json", sizes)

    @property
    def complete(self) -> bool:
        """True if there is nothing to load."""
        return self.program.exists() and self.layout_file.exists()

    def keep_layout(self, text: str) -> None:
        """Write the layout file whole or not at all: a start that finds half of one would fail.

        Raises:
            DatapathError: the disk refused.
        """
        draft = self.layout_file.with_suffix(".new")
        try:
            with draft.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.layout_file)
        except OSError as error:
            raise DatapathError(f"{self.layout_file}: {error.strerror}") from error


class Loading:
    """A load that is under way, or was not needed.

    Attributes:
        adopted: True if everything is pinned already.
    """

    def __init__(self, pins: Pins) -> None:
        self.pins = pins
        self.adopted = pins.complete
        self._child: subprocess.Popen[str] | None = None
        if not self.adopted:
            _ensure_directory(pins.pin_dir)
            pins.program.unlink(missing_ok=True)
            defines = pins.sizes.defines(pins.pin_dir)
            request = json.dumps({"program_pin": str(pins.program), "defines": defines})
            self._child = subprocess.Popen(
                [sys.executable, "-m", "xdpair.datapath.loader", request],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def finish(self) -> None:
        """Wait until program, maps and layout file are there. Blocks while the compiler runs.

        Raises:
            DatapathError: no bcc, or the compiler or the kernel refused; their words are in the
                message.
        """
        if self._child is None:
            return
        try:
            output, errors = self._child.communicate(timeout=LOAD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.abandon()
            raise DatapathError(
                f"compiling the program took more than {LOAD_TIMEOUT_S:.0f} s"
            ) from None
        if self._child.returncode != 0:
            raise DatapathError("the XDP program could not be loaded:\n" + errors[-4000:])
        self.pins.keep_layout(output)

    def abandon(self) -> None:
        """End the child, if it still runs."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.communicate()


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
