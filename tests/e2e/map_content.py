# SPDX-License-Identifier: Apache-2.0
"""The octets of all maps that a lab's controller has pinned."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.lab.lab import Lab
from xdpair.datapath.syscalls import MapKeys, MapRows, obj_get, possible_cpus

#: enum bpf_map_type of linux/bpf.h.
_ARRAY, _PERCPU_ARRAY, _LPM_TRIE = 2, 6, 11
#: Programs, and the map of those that they call.
_PROGRAMS: Final = ("prog-", "sweep-", "steps-")


def pinned_maps(lab: Lab) -> dict[str, bytes]:
    """Their content by name; of per-CPU arrays one row after the other.

    Row 0 of the listeners' and servers' counters and all but row 0 of ``exits`` are left out: there
    a dry run counts. So is ``traces``, where it writes what it found.
    """
    (directory,) = lab.pin_path.glob("abi-*")
    found = {}
    for path in sorted(directory.iterdir()):
        if path.name != "traces" and not path.name.startswith(_PROGRAMS):
            found[path.name] = _content(path)
    return found


def _content(path: Path) -> bytes:
    fd = obj_get(path)
    try:
        fields = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
        info = {key: value.strip() for key, _, value in (line.partition(":") for line in fields)}
        return _READERS[int(info["map_type"])](fd, path.name, info)
    finally:
        os.close(fd)


def _array(fd: int, _name: str, info: dict[str, str]) -> bytes:
    octets = -(-int(info["value_size"]) // 8) * 8 * int(info["max_entries"])
    size = -(-octets // mmap.PAGESIZE) * mmap.PAGESIZE
    with mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
        return memory[:octets]


def _per_cpu(fd: int, name: str, info: dict[str, str]) -> bytes:
    rows = MapRows(fd, -(-int(info["value_size"]) // 8) * 8 * possible_cpus())
    count = int(info["max_entries"])
    wanted = range(1) if name == "exits" else range(1, count)
    return b"".join(map(rows.read, wanted))


def _keys(fd: int, _name: str, info: dict[str, str]) -> bytes:
    return b"".join(sorted(MapKeys(fd, int(info["key_size"]))))


_READERS: Final[dict[int, Callable[[int, str, dict[str, str]], bytes]]] = {
    _ARRAY: _array,
    _PERCPU_ARRAY: _per_cpu,
    _LPM_TRIE: _keys,
}
