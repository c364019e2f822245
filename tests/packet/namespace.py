# SPDX-License-Identifier: Apache-2.0
"""The network that the kernel shows to the program under test: interfaces, a route, a neighbour."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.packet import world

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace without a name: it is gone when this object, or the process, is."""

    def __init__(self) -> None:
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _checked(_libc.unshare(_CLONE_NEWNET))
        try:
            self._fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _checked(_libc.setns(self._home, _CLONE_NEWNET))

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in there meanwhile; costs two system calls of less than 1 µs."""
        _checked(_libc.setns(self._fd, _CLONE_NEWNET))
        try:
            yield
        finally:
            _checked(_libc.setns(self._home, _CLONE_NEWNET))

    def run(self, *commands: str) -> None:
        """Run commands in there, one after the other."""
        with self.inside():
            for command in commands:
                subprocess.run(command.split(), check=True, capture_output=True, timeout=10)

    def close(self) -> None:
        os.close(self._fd)
        os.close(self._home)


def balancer_namespace() -> Namespace:
    """The balancer's interfaces as ``world`` tells; their peers (cl1, sv1, ot1) are in there too.

    The kernel takes a test frame as received by an interface only if its receive queue could be
    XDP's, and sends frames to such peers only: GRO sees to both. The program is not attached, so it
    sees nothing but test frames.
    """
    namespace = Namespace()
    namespace.run("ip link set lo up")
    for name, ifindex, mac, mtu_bytes in (
        ("cl", world.CLIENTS_IF, world.CLIENTS_MAC, world.MTU_BYTES),
        ("sv", world.SERVERS_IF, world.SERVERS_MAC, world.MTU_BYTES),
        ("ot", world.OTHER_IF, world.OTHER_MAC, world.OTHER_MTU_BYTES),
    ):
        namespace.run(
            f"ip link add {name}0 index {ifindex} address {mac.hex(':')} mtu {mtu_bytes}"
            f" type veth peer name {name}1",
            f"ethtool -K {name}0 gro on",
            f"ethtool -K {name}1 gro on",
            f"ip link set {name}0 up",
            f"ip link set {name}1 up",
        )
    namespace.run(
        f"ip address add {world.CLIENTS_ADDRESS}/24 dev cl0",
        f"ip address add {world.SERVERS_ADDRESS}/24 dev sv0",
        f"ip neighbour add {world.GATEWAY_ADDRESS} lladdr {world.GATEWAY_MAC.hex(':')} dev cl0",
        f"ip route add {world.CLIENTS_NETWORK} via {world.GATEWAY_ADDRESS}",
    )
    with namespace.inside():
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    return namespace


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
