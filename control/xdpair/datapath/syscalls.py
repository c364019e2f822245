# SPDX-License-Identifier: Apache-2.0
"""The few commands of bpf(2) that adopting and driving pinned objects needs. bcc has no part in it:
it weighs 120 MB and 0.3 s.

Source: include/uapi/linux/bpf.h, union bpf_attr.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from xdpair.core.errors import DatapathError

_SYS_BPF = {"x86_64": 321, "ppc64le": 361, "s390x": 351}.get(platform.machine(), 280)
_MAP_LOOKUP_ELEM, _MAP_UPDATE_ELEM, _MAP_DELETE_ELEM, _MAP_GET_NEXT_KEY = 1, 2, 3, 4
_OBJ_PIN, _OBJ_GET, _PROG_TEST_RUN, _OBJ_GET_INFO_BY_FD = 6, 7, 10, 15

#: What a program may add to a frame and we still get all of it back, octets.
_GROWTH_BYTES = 512
#: The member ``test`` of the union, as far as it is used.
_TEST = struct.Struct("=IIIIQQIIIIQQ")
#: ``struct xdp_md``: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
_XDP_MD = struct.Struct("=IIIIII")

_libc = ctypes.CDLL(None, use_errno=True)


def _call(command: int, attributes: bytes) -> tuple[int, bytes]:
    """The result, or minus the error's number; and what the kernel made of the attributes."""
    buffer = ctypes.create_string_buffer(attributes, 128)
    result: int = _libc.syscall(_SYS_BPF, command, buffer, len(buffer))
    return (result if result >= 0 else -ctypes.get_errno()), buffer.raw


def _bpf(command: int, attributes: bytes, operation: str) -> int:
    result, _ = _call(command, attributes)
    if result < 0:
        raise _refusal(operation, -result)
    return result


def _refusal(operation: str, number: int) -> DatapathError:
    return DatapathError(f"{operation}: {os.strerror(number)}", operation=operation, errno=number)


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


class ProgramRun(NamedTuple):
    """What a program made of a frame.

    Attributes:
        verdict: ``XDP_*`` by number, of the last repetition.
        frame: without metadata.
    """

    verdict: int
    frame: bytes


def run_program(
    fd: int,
    frame: bytes,
    *,
    metadata: bytes = b"",
    ingress_ifindex: int = 0,
    repeat: int = 1,
) -> ProgramRun:
    """Run an XDP program on a frame, in the calling thread's network namespace. Nothing is sent.

    The interpreter's lock is free meanwhile.

    Args:
        metadata: in front of the frame, as another program might have put it there; a multiple of 4
            octets.
        ingress_ifindex: the interface that the frame seems to come by; 0: the loopback.
        repeat: how many runs on the same frame, one after the other.

    Raises:
        DatapathError: the kernel refused: no such interface, or a frame of less than 14 octets or
            more than a page.
    """
    sent = ctypes.create_string_buffer(metadata + frame, len(metadata) + len(frame))
    got = ctypes.create_string_buffer(len(sent) + _GROWTH_BYTES)
    context = ctypes.create_string_buffer(
        _XDP_MD.pack(len(metadata), len(sent), 0, ingress_ifindex, 0, 0), _XDP_MD.size
    )
    sizes = (fd, 0, len(sent), len(got), _address(sent), _address(got))
    contexts = (len(context), len(context), _address(context), _address(context))
    attributes = _TEST.pack(*sizes, repeat, 0, *contexts)
    result = -errno.EINTR
    while result == -errno.EINTR:  # a signal ends a run of many repetitions
        result, answer = _call(_PROG_TEST_RUN, attributes)
    if result < 0:
        raise _refusal("run the program on a frame", -result)
    _, verdict, _, size, *_ = _TEST.unpack_from(answer)
    first, *_ = _XDP_MD.unpack(context.raw)
    return ProgramRun(int(verdict), got.raw[first:size])


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


class MapKeys:
    """A map that is a set: its values, of one octet, say nothing.

    Args:
        key_bytes: of one key.
    """

    def __init__(self, fd: int, key_bytes: int) -> None:
        self._fd = fd
        self._key = ctypes.create_string_buffer(key_bytes)
        self._next = ctypes.create_string_buffer(key_bytes)
        self._value = ctypes.create_string_buffer(b"\1", 1)

    def add(self, key: bytes) -> None:
        """Have it there.

        Raises:
            DatapathError: the map is full, or the key none of its kind.
        """
        self._key.raw = key
        _bpf(_MAP_UPDATE_ELEM, self._attributes(self._key, self._value), f"add key {key.hex()}")

    def remove(self, key: bytes) -> None:
        """Have it gone.

        Raises:
            DatapathError: it was not there.
        """
        self._key.raw = key
        _bpf(_MAP_DELETE_ELEM, self._attributes(self._key, None), f"remove key {key.hex()}")

    def __iter__(self) -> Iterator[bytes]:
        """All keys. Nobody may change the map meanwhile.

        Raises:
            DatapathError: the kernel refused.
        """
        attributes = self._attributes(None, self._next)
        while (result := _call(_MAP_GET_NEXT_KEY, attributes)[0]) == 0:
            self._key.raw = self._next.raw
            yield self._key.raw
            attributes = self._attributes(self._key, self._next)
        if result != -errno.ENOENT:
            raise _refusal("read the next key", -result)

    def _attributes(
        self,
        key: ctypes.Array[ctypes.c_char] | None,
        value: ctypes.Array[ctypes.c_char] | None,
    ) -> bytes:
        places = (0 if each is None else _address(each) for each in (key, value))
        return struct.pack("=IIQQQ", self._fd, 0, *places, 0)


def possible_cpus() -> int:
    """How many values a row of a per-CPU map has (cpu/possible in sysfs reads ``0-3,8-11``)."""
    count = 0
    for part in Path("/sys/devices/system/cpu/possible").read_text().strip().split(","):
        first, _, last = part.partition("-")
        count += int(last or first) - int(first) + 1
    return count
