# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between this process and the kernel's network configuration."""

from __future__ import annotations

import os

from xdpair.core.errors import NetworkError


class KernelRefusal(NetworkError):
    """The kernel answered a request with an error; nothing changed.

    Attributes:
        errno: the kernel's error number, positive.
        detail: the kernel's own words (extended acknowledgement), or empty.
    """

    def __init__(self, operation: str, interface: str, errno: int, detail: str = "") -> None:
        where = f" on {interface}" if interface else ""
        words = f"{os.strerror(errno)}: {detail}" if detail else os.strerror(errno)
        super().__init__(
            f"{operation}{where}: {words}", interface=interface, operation=operation, errno=errno
        )
        self.errno = errno
        self.detail = detail


class NetlinkLost(NetworkError):
    """No answer: the socket failed or the kernel stayed silent. Whether it acted is unknown."""

    def __init__(self, operation: str, interface: str, cause: BaseException) -> None:
        where = f" on {interface}" if interface else ""
        super().__init__(
            f"{operation}{where}: netlink gave no answer: {str(cause) or type(cause).__name__}",
            interface=interface,
            operation=operation,
        )


class ForeignXdpProgram(NetworkError):
    """Somebody else's XDP program is attached; it is never replaced."""

    reason = "OperationFailed.ForeignXdpProgram"

    def __init__(self, interface: str, program_id: int, name: str, tag: str) -> None:
        super().__init__(
            f"{interface} carries a foreign XDP program: id {program_id},"
            f" name {name or 'unknown'}, tag {tag or 'unknown'}",
            interface=interface,
            operation="attach XDP program",
            program_id=program_id,
            name=name,
            tag=tag,
        )
        self.program_id = program_id
