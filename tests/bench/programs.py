# SPDX-License-Identifier: Apache-2.0
"""Compiles the benchmarks' own programs with bcc, without kernel headers, as xdpair's are."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Any, Self

_XDP_FLAGS_DRV_MODE = 1 << 2  # linux/if_link.h
HERE = Path(__file__).resolve().parent
_SHIM = HERE.parent.parent / "bpf" / "shim"


class Program:
    """One loaded XDP program and its maps. A context manager: leaving it unloads both.

    Args:
        source: a C file in this directory.
        function: the program in it.
        constants: preprocessor constants for the source.
    """

    def __init__(self, source: str, function: str, **constants: int) -> None:
        os.environ["BCC_KERNEL_SOURCE"] = str(_SHIM)
        import bcc  # takes 0.1 s and 100 MB: not for those who only ask for --help

        multiarch = sysconfig.get_config_var("MULTIARCH") or ""
        flags = [f"-I{HERE}", "-isystem/usr/include", f"-isystem/usr/include/{multiarch}"]
        flags += [f"-D{name}={value}" for name, value in constants.items()]
        self.bpf: Any = bcc.BPF(src_file=str(HERE / source).encode(), cflags=flags)
        self.function: Any = self.bpf.load_func(function.encode(), bcc.BPF.XDP)
        self.fd: int = self.function.fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def table(self, name: str) -> Any:
        return self.bpf[name.encode()]

    def close(self) -> None:
        self.bpf.cleanup()


def set_xdp(interface: str, program_fd: int | None) -> None:
    """Put a program on an interface of the calling thread's namespace, or take it off.

    Raises:
        OSError: the kernel refused native mode.
    """
    import bcc

    fd, name = -1 if program_fd is None else program_fd, interface.encode()
    result = bcc.lib.bpf_attach_xdp(name, fd, _XDP_FLAGS_DRV_MODE)
    if result < 0:
        raise OSError(-result, f"XDP on {interface}: {os.strerror(-result)}")
