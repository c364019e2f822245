# SPDX-License-Identifier: Apache-2.0
"""BPF_PROG_TEST_RUN for XDP: hand a frame to a program in the kernel, see what comes out."""

from __future__ import annotations

import ctypes
import os
import platform
from typing import NamedTuple

BPF_PROG_TEST_RUN = 10
BPF_F_TEST_XDP_LIVE_FRAMES = 1 << 1

XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = range(5)

#: bpf(2) by number: glibc has no wrapper for it.
_NR_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
#: What a program may add to a frame and we still get all of it back, octets.
_GROWTH_BYTES = 512

_libc = ctypes.CDLL(None, use_errno=True)


class _XdpMd(ctypes.Structure):
    """``struct xdp_md`` of linux/bpf.h."""

    _fields_ = (
        ("data", ctypes.c_uint32),
        ("data_end", ctypes.c_uint32),
        ("data_meta", ctypes.c_uint32),
        ("ingress_ifindex", ctypes.c_uint32),
        ("rx_queue_index", ctypes.c_uint32),
        ("egress_ifindex", ctypes.c_uint32),
    )


class _TestRunAttr(ctypes.Structure):
    """The ``test`` member of ``union bpf_attr`` in linux/bpf.h."""

    _fields_ = (
        ("prog_fd", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("data_in", ctypes.c_uint64),
        ("data_out", ctypes.c_uint64),
        ("repeat", ctypes.c_uint32),
        ("duration", ctypes.c_uint32),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_uint64),
        ("ctx_out", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
    )


class Run(NamedTuple):
    """What one test run gave back.

    Attributes:
        action: the program's verdict in the last repetition, ``XDP_*``.
        frame: the frame after the last repetition (empty for live frames, which leave for good).
        duration_ns: the kernel's own mean time of one repetition, whole nanoseconds.
    """

    action: int
    frame: bytes
    duration_ns: int


def prog_run(
    fd: int,
    frame: bytes,
    *,
    repeat: int = 1,
    ingress_ifindex: int | None = None,
    flags: int = 0,
    batch_size: int = 0,
    metadata: bytes = b"",
) -> Run:
    """Run an XDP program on ``frame`` in the calling thread's network namespace.

    The frame is not restored between repetitions: a program that rewrites sees its own output
    from the second one on.

    Args:
        fd: file descriptor of the program.
        frame: Ethernet frame without FCS, at least 14 octets.
        repeat: repetitions, 1 .. 2**32 - 1.
        ingress_ifindex: the interface the frame seems to arrive on; in this namespace, up, and its
            receive queue in XDP's hands (a veth with a program or GRO). None: loopback.
        flags: with ``BPF_F_TEST_XDP_LIVE_FRAMES`` each frame is really sent, redirected or passed;
            without, the verdict is all that comes of it.
        batch_size: frames per batch, live frames only; 0: the kernel's default of 64.
        metadata: what stands before the frame (``data_meta``), 4 to 32 octets by fours.

    Raises:
        OSError: the kernel refused; ``InterruptedError`` if a signal ended the run.
    """
    live = bool(flags & BPF_F_TEST_XDP_LIVE_FRAMES)
    octets = metadata + frame
    room = 0 if live else len(octets) + _GROWTH_BYTES
    data_in = ctypes.create_string_buffer(octets, len(octets))
    data_out = ctypes.create_string_buffer(max(room, 1))
    attr = _TestRunAttr(
        prog_fd=fd,
        data_size_in=len(octets),
        data_size_out=room,
        data_in=ctypes.addressof(data_in),
        data_out=0 if live else ctypes.addressof(data_out),
        repeat=repeat,
        flags=flags,
        batch_size=batch_size,
    )
    context = _XdpMd(data=len(metadata), data_end=len(octets), ingress_ifindex=ingress_ifindex or 0)
    if ingress_ifindex is not None or metadata:
        attr.ctx_in = ctypes.addressof(context)
        attr.ctx_size_in = ctypes.sizeof(context)
    number = _NR_BPF[platform.machine()]
    if _libc.syscall(number, BPF_PROG_TEST_RUN, ctypes.byref(attr), ctypes.sizeof(attr)) < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"BPF_PROG_TEST_RUN: {os.strerror(errno)}")
    out = data_out.raw[len(metadata) : attr.data_size_out] if room else b""
    return Run(int(attr.retval), out, int(attr.duration))
