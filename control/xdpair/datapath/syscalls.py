# SPDX-License-Identifier: Apache-2.0
"""The few commands of bpf(2) that adopting pinned objects needs. bcc has no part in it: it weighs
120 MB and 0.3 s.

Source: include/uapi/linux/bpf.h, union bpf_attr.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from pathlib import Path

from xdpair.core.errors import DatapathError

_SYS_BPF = {"x86_64": 321, "ppc64le": 361, "s390x": 351}.get(platform.machine(), 280)
_MAP_LOOKUP_ELEM, _MAP_UPDATE_ELEM, _OBJ_PIN, _OBJ_GET, _OBJ_GET_INFO_BY_FD = 1, 2, 6, 7, 15

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command: int, attributes: bytes, operation: str) -> int:
    buffer = ctypes.create_string_buffer(attributes, 128)
    result: int = _libc.syscall(_SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        number = ctypes.get_errno()
        raise DatapathError(
            f"{operation}: {os.strerror(number)}", operation=operation, errno=number
        )
    return result


def _address(buffer: ctypes.Array[ctypes.c_char]) -> int:
    return ctypes.addressof(buffer)


def obj_get(path: Path) -> int:
    """Open a pinned map or program; the caller closes the descriptor.

    Raises:
        DatapathError: not there, not ours to open, or no bpffs.
    """
    name = ctypes.create_string_buffer(os.fsencode(path))
    return _bpf(_OBJ_GET, struct.pack("=QII", _address(name), 0, 0), f"open {path}")


def obj_pin(fd: int, path: Path) -> None:
    """Give a map or program a name under bpffs, so that it outlives its descriptors."""
    name = ctypes.create_string_buffer(os.fsencode(path))
    _bpf(_OBJ_PIN, struct.pack("=QII", _address(name), fd, 0), f"pin {path}")


def program_id(fd: int) -> int:
    """The number by which the kernel, bpftool and netlink know a program."""
    info = ctypes.create_string_buffer(256)
    _bpf(
        _OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", fd, len(info), _address(info)), "read program info"
    )
    _, identifier = struct.unpack_from("=II", info)
    return int(identifier)


class MapRows:
    """Rows of a map that can not be mapped into memory (per-CPU arrays), copied by system calls.

    Args:
        row_bytes: of one row: the value for every possible CPU, each rounded up to 8 octets.
    """

    def __init__(self, fd: int, row_bytes: int) -> None:
        self._key = ctypes.c_uint32()
        self._value = ctypes.create_string_buffer(row_bytes)
        self._attributes = struct.pack(
            "=IIQQQ", fd, 0, ctypes.addressof(self._key), ctypes.addressof(self._value), 0
        )

    def read(self, index: int) -> bytes:
        """One row, copied by the kernel.

        Raises:
            DatapathError: no such row.
        """
        self._key.value = index
        _bpf(_MAP_LOOKUP_ELEM, self._attributes, f"read row {index}")
        return self._value.raw

    def write(self, index: int, row: bytes) -> None:
        """Replace one row.

        Raises:
            DatapathError: no such row.
        """
        self._key.value = index
        self._value.raw = row
        _bpf(_MAP_UPDATE_ELEM, self._attributes, f"write row {index}")


def possible_cpus() -> int:
    """How many values a row of a per-CPU map has (cpu/possible in sysfs reads ``0-3,8-11``)."""
    count = 0
    for part in Path("/sys/devices/system/cpu/possible").read_text().strip().split(","):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count
