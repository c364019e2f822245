# SPDX-License-Identifier: Apache-2.0
"""Where program and maps are pinned, and the process that loads what is not there.

Imports nothing heavy: a start begins with this, so that the compiler runs beside everything else.
Under the pin directory each map layout has a directory of its own (``abi-…``), and in it each
program (``prog-…``, with its ``steps-…`` and ``sweep-…``), all named for the digest of what they
were made from.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from xdpair.core.errors import DatapathError
from xdpair.datapath import paths
from xdpair.datapath.clock import clock_shift
from xdpair.datapath.constants import ABI

LOAD_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Rows of the maps; they are part of the layout, so changing one starts with empty maps."""

    max_listeners: int = 16_384
    max_servers: int = 32_768
    flow_buckets: int = 65_536
    wheel_words: int = 1_048_576
    max_acl_entries: int = 65_536

    @property
    def lookup_buckets(self) -> int:
        """A listener has a key, maybe a VIP, and each server one; half of the ways of four stay
        free, so that searches end in the first bucket.
        """
        keys = 2 * self.max_listeners + self.max_servers
        return 1 << max(6, (keys * 2 // 4 - 1).bit_length())

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
            "WHEEL_WORDS": str(self.wheel_words),
            "MAX_ACL_ENTRIES": str(self.max_acl_entries),
            "PEER_BITS": str(ABI["PEER_BUCKETS"].bit_length() - 1),
            "CLOCK_SHIFT": str(clock_shift()),
        }


@dataclass(frozen=True, slots=True)
class Pins:
    """The names that follow from sources and sizes.

    Attributes:
        steps: the map of the programs that ``program`` hands packets on to. Without a pin, or an
            open descriptor, the kernel empties it.
        sweep: the program that times out flows.
        layout_file: what the loader printed; without it the pins can not be read.
        log_file: the compiler's and the kernel's words, if they refuse.
    """

    abi: str
    pin_dir: Path
    program: Path
    steps: Path
    sweep: Path
    layout_file: Path
    log_file: Path
    sizes: Sizes

    @classmethod
    def of(cls, pin_path: Path, state_dir: Path, sizes: Sizes) -> Self:
        sources = paths.source_dir()
        layout = "".join((sources / name).read_text() for name in ("abi.h", "maps.h"))
        abi = "abi-" + paths.digest(layout, repr(sizes))
        pin_dir = pin_path / abi
        defines = sizes.defines(pin_dir)
        texts = [
            paths.program_text(sources, name) for name in (paths.PAIR_SOURCE, paths.STEPS_SOURCE)
        ]
        name = paths.digest(*texts, repr(defines))
        return cls(
            abi,
            pin_dir,
            pin_dir / f"prog-{name}",
            pin_dir / f"steps-{name}",
            pin_dir / f"sweep-{name}",
            state_dir / f"layout-prog-{name}.json",
            state_dir / "loader.log",
            sizes,
        )

    @property
    def parts(self) -> tuple[Path, ...]:
        """What the loader pins beside the maps; ``sweep`` comes last."""
        return self.steps, self.program, self.sweep

    @property
    def complete(self) -> bool:
        """True if there is nothing to load."""
        return all(path.exists() for path in (*self.parts, self.layout_file))

    def request(self) -> str:
        """What the loader is told."""
        steps_pin = {"STEPS_PIN": f'"{self.steps}"'}
        return json.dumps(
            {
                "program": str(self.program),
                "sweep": str(self.sweep),
                "defines": self.sizes.defines(self.pin_dir) | steps_pin,
            }
        )

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
            for path in pins.parts:
                path.unlink(missing_ok=True)
            with pins.log_file.open("w") as log:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "xdpair.datapath.loader", pins.request()],
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )

    def begin(self) -> None:
        """Wait until the program itself, the maps and the layout file are there: pairs can be
        forwarded. Blocks while the compiler runs.

        Raises:
            DatapathError: no bcc, or the compiler or the kernel refused; their words are in the
                message.
        """
        if self._child is None or self._child.stdout is None:
            return
        ready, _, _ = select.select([self._child.stdout], [], [], LOAD_TIMEOUT_S)
        layout = self._child.stdout.readline() if ready else ""
        if not layout:
            if ready:
                self._child.wait(LOAD_TIMEOUT_S)
            raise self._failure()
        self._child.stdout.close()
        self.pins.keep_layout(layout)

    def finish(self) -> None:
        """Wait until the programs are there, too, that the first one calls.

        Raises:
            DatapathError: as above.
        """
        if self._child is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(LOAD_TIMEOUT_S)
        if self._child.returncode != 0:
            raise self._failure()
        self.pins.log_file.unlink(missing_ok=True)

    def abandon(self) -> None:
        """End the child, if it still runs."""
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        if self._child.stdout is not None:
            self._child.stdout.close()
        self._child = None

    def _failure(self) -> DatapathError:
        is_late = self._child is not None and self._child.poll() is None
        self.abandon()
        if is_late:
            return DatapathError(f"compiling the program took more than {LOAD_TIMEOUT_S:.0f} s")
        words = self.pins.log_file.read_text(errors="replace")[-4000:]
        return DatapathError(f"the XDP program could not be loaded:\n{words}")


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
