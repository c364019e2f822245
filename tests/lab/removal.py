# SPDX-License-Identifier: Apache-2.0
"""Removes labs: one's own at its end, and those whose process died without doing so."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.lab import processes
from tests.lab.errors import LabError
from tests.lab.naming import BPFFS, NETNS_DIR, LabName
from tests.lab.topology import ROLES

_MNT_DETACH = 2  # sys/mount.h

_libc = ctypes.CDLL(None, use_errno=True)


def mount_bpffs() -> None:
    """Mount bpffs at its usual place unless it is there; it stays.

    Raises:
        LabError: it cannot be mounted.
    """
    if _is_bpffs(BPFFS):
        return
    command = ["mount", "-t", "bpf", "bpf", str(BPFFS)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0 and not _is_bpffs(BPFFS):  # another lab may have been faster
        raise LabError(f"cannot mount bpffs at {BPFFS}: {result.stderr.strip()}")


def _is_bpffs(path: Path) -> bool:
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return any(mount[1] == str(path) and mount[2] == "bpf" for mount in mounts)


def remove(name: LabName) -> None:
    """Remove everything a lab made: processes, namespaces with their links, pins, files.

    What is already gone is no error: two processes may be reaping the same lab.
    """
    processes.kill_marked(str(name))
    for role in ROLES:
        path = name.netns_path(role)
        _libc.umount2(os.fsencode(path), _MNT_DETACH)  # fails if it never was mounted
        with suppress(FileNotFoundError):
            path.unlink()
    for directory in (name.pin_path, name.directory):
        shutil.rmtree(directory, ignore_errors=True)


def labs() -> list[LabName]:
    """Every lab of which anything is left on this machine, those in use included."""
    return sorted(set(_names()), key=str)


def _names() -> Iterator[LabName]:
    some_lab = LabName.new()
    for place in (NETNS_DIR, some_lab.pin_path.parent, some_lab.directory.parent):
        with suppress(FileNotFoundError):
            for entry in place.iterdir():
                if name := LabName.found_in(entry.name):
                    yield name


def reap() -> list[LabName]:
    """Remove every lab whose process is dead.

    Returns:
        Their names.
    """
    stale = [name for name in labs() if not name.owner_is_alive()]
    for name in stale:
        remove(name)
    return stale
