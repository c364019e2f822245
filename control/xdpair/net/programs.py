# SPDX-License-Identifier: Apache-2.0
"""Who is that? Identity of BPF programs in the kernel, by bpf(2)."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_BPF_PROG_GET_FD_BY_ID = 13
_BPF_OBJ_GET_INFO_BY_FD = 15
_SYSCALL_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "s390x": 351, "ppc64le": 361}
_NAME_BYTES = 16
_TAG_BYTES = 8


class _GetFdById(ctypes.Structure):
    """``union bpf_attr`` of BPF_PROG_GET_FD_BY_ID."""

    _fields_ = (("id", ctypes.c_uint32), ("next_id", ctypes.c_uint32), ("flags", ctypes.c_uint32))


class _GetInfo(ctypes.Structure):
    """``union bpf_attr`` of BPF_OBJ_GET_INFO_BY_FD."""

    _fields_ = (("fd", ctypes.c_uint32), ("info_bytes", ctypes.c_uint32), ("info", ctypes.c_uint64))


class _ProgInfo(ctypes.Structure):
    """The head of ``struct bpf_prog_info`` (linux/bpf.h); the kernel fills what has room."""

    _fields_ = (
        ("type", ctypes.c_uint32),
        ("id", ctypes.c_uint32),
        ("tag", ctypes.c_uint8 * _TAG_BYTES),
        ("jited_prog_len", ctypes.c_uint32),
        ("xlated_prog_len", ctypes.c_uint32),
        ("jited_prog_insns", ctypes.c_uint64),
        ("xlated_prog_insns", ctypes.c_uint64),
        ("load_time_ns", ctypes.c_uint64),
        ("created_by_uid", ctypes.c_uint32),
        ("nr_map_ids", ctypes.c_uint32),
        ("map_ids", ctypes.c_uint64),
        ("name", ctypes.c_char * _NAME_BYTES),
    )


@dataclass(frozen=True, slots=True)
class Program:
    """A loaded BPF program; ``tag`` is the kernel's hash of its instructions, 16 hex digits."""

    program_id: int
    name: str
    tag: str


def program_of(fd: int) -> Program:
    """Identify the program behind a descriptor.

    Raises:
        OSError: not a BPF program, or no permission.
    """
    info = _ProgInfo()
    _bpf(
        _BPF_OBJ_GET_INFO_BY_FD,
        _GetInfo(fd=fd, info_bytes=ctypes.sizeof(info), info=ctypes.addressof(info)),
    )
    return Program(info.id, info.name.decode("ascii", "replace"), bytes(info.tag).hex())


@contextmanager
def opened(program_id: int) -> Iterator[int]:
    """A descriptor of the program with that id, for the length of a block.

    Raises:
        OSError: no such program, or no permission.
    """
    fd = _bpf(_BPF_PROG_GET_FD_BY_ID, _GetFdById(id=program_id))
    try:
        yield fd
    finally:
        os.close(fd)


def _bpf(command: int, attributes: ctypes.Structure) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    number = _SYSCALL_BPF[platform.machine()]
    result: int = libc.syscall(number, command, ctypes.byref(attributes), ctypes.sizeof(attributes))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
