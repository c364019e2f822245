# SPDX-License-Identifier: Apache-2.0
"""Makes the namespaces and links of a lab: one process in all, then one in each namespace."""

import os
import subprocess
from typing import Final

from tests.lab import processes
from tests.lab.errors import LabError
from tests.lab.naming import LabName
from tests.lab.topology import (
    LINKS,
    ROLES,
    VIP,
    Interface,
    LabOptions,
    Role,
    interfaces_of,
)

_TIMEOUT_S: Final = 20.0

#: Under /proc/sys/net, of every host. A fresh namespace inherits some of these from the machine.
_SYSCTLS: Final = {
    "ipv4/conf/all/rp_filter": "0",
    "ipv4/conf/default/rp_filter": "0",
    "ipv4/conf/all/send_redirects": "0",
    "ipv4/conf/default/send_redirects": "0",
    "ipv4/ip_forward": "0",
    "ipv6/conf/all/disable_ipv6": "1",  # else it chatters: router solicitations, MLD reports
    "ipv6/conf/default/disable_ipv6": "1",
}

#: Load clients open more connections than the default 28,000 ports / 60 s of TIME_WAIT allow.
_CLIENT_SYSCTLS: Final = {
    "ipv4/ip_local_port_range": "1024 65535",
    "ipv4/tcp_tw_reuse": "1",
}

_WIRE_LIKE: Final = "tx off tso off gso on gro on"


def build(name: LabName, options: LabOptions) -> None:
    """Make everything; what fails half way is for the caller to remove.

    Raises:
        LabError: a command failed.
    """
    layout = _start(name, ["ip", "-batch", "-"], _layout(name, options))
    _finish("making namespaces and links", layout)
    shells = {
        role: _start(
            name, ["nsenter", f"--net={name.netns_path(role)}", "sh", "-e"], _script(role, options)
        )
        for role in ROLES
    }
    for role, shell in shells.items():
        _finish(f"setting up {role}", shell)


def _layout(name: LabName, options: LabOptions) -> str:
    lines = [f"netns add {name.netns(role)}" for role in ROLES]
    for link in LINKS:
        one, two = (
            f"name {end.name} netns {name.netns(end.role)} address {end.mac} mtu {options.mtu}"
            for end in (link.balancer, link.peer)
        )
        lines.append(f"link add {one} type veth peer {two}")
    return "\n".join(lines) + "\n"


def _script(role: Role, options: LabOptions) -> str:
    interfaces = interfaces_of(role)
    lines = [
        f"[ ! -e /proc/sys/net/{key} ] || echo '{value}' >/proc/sys/net/{key}"
        for key, value in _sysctls(role, options).items()
    ]
    lines += ["ip -batch - <<END", "link set lo up", *_addresses(interfaces)]
    if role == "balancer" and options.vip_on_balancer:
        lines.append(f"addr add {VIP}/32 dev front")
    lines.append("END")
    if options.wire_like:
        lines += [f"ethtool -K {interface.name} {_WIRE_LIKE}" for interface in interfaces]
    return "\n".join(lines) + "\n"


def _sysctls(role: Role, options: LabOptions) -> dict[str, str]:
    sysctls = dict(_SYSCTLS)
    if role == "client":
        sysctls |= _CLIENT_SYSCTLS
    if role == "balancer" and options.forwarding:
        sysctls["ipv4/ip_forward"] = "1"
    if options.icmp_unlimited:
        sysctls["ipv4/icmp_ratelimit"] = "0"
    return sysctls


def _addresses(interfaces: tuple[Interface, ...]) -> list[str]:
    lines = []
    for interface in interfaces:
        lines.append(f"addr add {interface.address}/{interface.prefix_len} dev {interface.name}")
        lines.append(f"link set {interface.name} up")
        if interface.gateway:
            lines.append(f"route add default via {interface.gateway} dev {interface.name}")
    return lines


def _start(name: LabName, argv: list[str], text: str) -> subprocess.Popen[str]:
    """Start a command that reads ``text``, which fits into a pipe."""
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, processes.MARK: str(name)},
        )
    except FileNotFoundError as error:
        raise LabError(f"the lab needs the command {error.filename}") from error
    assert process.stdin is not None, "a pipe was asked for"
    process.stdin.write(text)
    process.stdin.close()
    process.stdin = None  # communicate() would flush it
    return process


def _finish(what: str, process: subprocess.Popen[str]) -> None:
    with process:
        try:
            output, _ = process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            raise LabError(f"{what}: no end after {_TIMEOUT_S:g} s") from None
    if process.returncode != 0:
        raise LabError(f"{what}: {output.strip()}")
