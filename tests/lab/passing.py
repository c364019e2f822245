# SPDX-License-Identifier: Apache-2.0
"""An XDP program that passes everything: somebody else's, and what makes veth a good receiver."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

from tests.lab.host import Host
from tests.lab.lab import Lab
from xdpair.datapath.syscalls import obj_pin

NAME = "somebody_elses"
#: What xdpair's own program is called.
OURS = "xdp_pair"

_NR_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_BPF_PROG_LOAD = 5
_BPF_PROG_TYPE_XDP = 6
_XDP_PASS = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _load() -> int:
    """``r0 = XDP_PASS; exit``: the program's descriptor."""
    code = struct.pack("<BBhi", 0xB7, 0, 0, _XDP_PASS) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    instructions = ctypes.create_string_buffer(code)
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "=IIQQIIQII16s",
        _BPF_PROG_TYPE_XDP,
        len(code) // 8,
        ctypes.addressof(instructions),
        ctypes.addressof(licence),
        0, 0, 0, 0, 0,
        NAME.encode(),
    )  # fmt: skip
    fd: int = _libc.syscall(_NR_BPF[platform.machine()], _BPF_PROG_LOAD, attributes, 72)
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def attach(lab: Lab, host: Host, interface: str) -> None:
    """Attach it, in native mode. Raises ``CalledProcessError`` if something is there."""
    pin = lab.pin_path / "pass"
    if not pin.exists():
        fd = _load()
        try:
            obj_pin(fd, pin)
        finally:
            os.close(fd)
    host.run(["ip", "link", "set", "dev", interface, "xdpdrv", "pinned", pin])


def detach(host: Host, interface: str) -> None:
    """Take any program off."""
    host.run(["ip", "link", "set", "dev", interface, "xdpdrv", "off"])


def attach_to_peers(lab: Lab) -> None:
    """Let clients and servers take what the balancer answers by XDP_TX as soon as it comes.

    A veth wakes its peer after XDP_TX only if that has a program, too (``veth_xdp_flush``); with
    GRO alone the frame lies there until the next one of another kind.
    """
    for host in (lab.client, lab.primary, lab.secondary):
        attach(lab, host, host.interface.name)
