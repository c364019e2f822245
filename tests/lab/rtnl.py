# SPDX-License-Identifier: Apache-2.0
"""The few rtnetlink requests that faults need, each one system call.

Written by hand since faults are timed: starting tc(8) or ip(8) takes longer than the failovers
that are measured. ``send()`` on a netlink socket returns when the kernel has done what it was
asked, so the time around it is the time of the fault.
"""

import os
import socket
import struct
from pathlib import Path
from typing import Final

from tests.lab.namespace import inside

# linux/netlink.h
_NLM_F_REQUEST: Final = 0x1
_NLM_F_ACK: Final = 0x4
_NLM_F_CREATE_EXCLUSIVELY: Final = 0x400 | 0x200
_NLMSG_ERROR: Final = 2
_HEADER: Final = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, pid

# linux/rtnetlink.h
_RTM_NEWLINK: Final = 16
_RTM_GETLINK: Final = 18
_RTM_NEWROUTE: Final = 24
_RTM_NEWQDISC: Final = 36
_RTM_DELQDISC: Final = 37
_RTM_NEWTFILTER: Final = 44
_IFINFO: Final = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_TCMSG: Final = struct.Struct("=BxxxiIII")  # struct tcmsg: family, ifindex, handle, parent, info
_RTMSG: Final = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_IFF_UP: Final = 1
_IFLA_ADDRESS: Final = 1
_IFLA_IFNAME: Final = 3
_RTA_OIF: Final = 4
_RTA_GATEWAY: Final = 5
_RT_TABLE_MAIN: Final = 254
_RTPROT_BOOT: Final = 3
_RTN_UNICAST: Final = 1

# linux/pkt_sched.h, linux/pkt_cls.h
_TCA_KIND: Final = 1
_TCA_OPTIONS: Final = 2
_TCA_BPF_OPS_LEN: Final = 4
_TCA_BPF_OPS: Final = 5
_TCA_BPF_FLAGS: Final = 8
_TCA_BPF_FLAG_ACT_DIRECT: Final = 1
_CLSACT_HANDLE: Final = 0xFFFF0000
_CLSACT_PARENT: Final = 0xFFFFFFF1
_CLSACT_HOOKS: Final = (0xFFFFFFF2, 0xFFFFFFF3)  # ingress, egress
_EVERY_PROTOCOL_PRIORITY_1: Final = 1 << 16 | socket.htons(0x0003)  # ETH_P_ALL

#: Classic BPF, "return TC_ACT_STOLEN": gone without a trace. TC_ACT_SHOT would tell the local
#: sender (ENOBUFS), which no cut cable does.
_SWALLOW: Final = struct.pack("=HBBI", 0x06, 0, 0, 4)


def _attribute(kind: int, payload: bytes) -> bytes:
    padding = -len(payload) % 4
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(padding)


def _swallow_filter(ifindex: int, hook: int) -> bytes:
    options = (
        _attribute(_TCA_BPF_OPS_LEN, struct.pack("=H", len(_SWALLOW) // 8))
        + _attribute(_TCA_BPF_OPS, _SWALLOW)
        + _attribute(_TCA_BPF_FLAGS, struct.pack("=I", _TCA_BPF_FLAG_ACT_DIRECT))
    )
    return (
        _TCMSG.pack(socket.AF_UNSPEC, ifindex, 1, hook, _EVERY_PROTOCOL_PRIORITY_1)
        + _attribute(_TCA_KIND, b"bpf\0")
        + _attribute(_TCA_OPTIONS, options)
    )


def _raise_if_refused(reply: bytes) -> None:
    if _HEADER.unpack_from(reply)[1] == _NLMSG_ERROR:
        code = -struct.unpack_from("=i", reply, _HEADER.size)[0]
        if code:
            raise OSError(code, os.strerror(code))


class Rtnl:
    """An rtnetlink socket in a namespace. Every method raises ``OSError`` if refused."""

    def __init__(self, netns_path: Path) -> None:
        self._socket = inside(
            netns_path,
            lambda: socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
            ),
        )
        self._sequence = 0

    def close(self) -> None:
        """Let go of the namespace."""
        self._socket.close()

    def index_of(self, interface: str) -> int:
        """The number of an interface."""
        self._socket.send(self._message(_RTM_GETLINK, 0, self._link(interface)))
        reply = self._socket.recv(65536)
        _raise_if_refused(reply)
        return int(_IFINFO.unpack_from(reply, _HEADER.size)[2])

    def set_up(self, interface: str, up: bool) -> None:
        """``ip link set INTERFACE up`` or ``down``."""
        flags = _IFF_UP if up else 0
        self._change(_RTM_NEWLINK, 0, self._link(interface, flags, _IFF_UP))

    def set_mac(self, interface: str, mac: str) -> None:
        """``ip link set INTERFACE address MAC``."""
        address = _attribute(_IFLA_ADDRESS, bytes.fromhex(mac.replace(":", "")))
        self._change(_RTM_NEWLINK, 0, self._link(interface) + address)

    def add_default_route(self, ifindex: int, gateway: str) -> None:
        """``ip route add default via GATEWAY dev INTERFACE``."""
        route = _RTMSG.pack(
            socket.AF_INET, 0, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, 0, _RTN_UNICAST, 0
        )
        via = _attribute(_RTA_GATEWAY, socket.inet_aton(gateway))
        dev = _attribute(_RTA_OIF, struct.pack("=I", ifindex))
        self._change(_RTM_NEWROUTE, _NLM_F_CREATE_EXCLUSIVELY, route + via + dev)

    def add_clsact(self, ifindex: int) -> None:
        """``tc qdisc add dev INTERFACE clsact``: no effect on traffic by itself."""
        body = self._clsact(ifindex) + _attribute(_TCA_KIND, b"clsact\0")
        self._change(_RTM_NEWQDISC, _NLM_F_CREATE_EXCLUSIVELY, body)

    def delete_clsact(self, ifindex: int) -> None:
        """``tc qdisc del dev INTERFACE clsact``: both directions flow again, at one moment."""
        self._change(_RTM_DELQDISC, 0, self._clsact(ifindex))

    def swallow(self, ifindex: int) -> None:
        """Drop everything in both directions without a trace; needs ``add_clsact`` before."""
        self._change(
            _RTM_NEWTFILTER,
            _NLM_F_CREATE_EXCLUSIVELY,
            *(_swallow_filter(ifindex, hook) for hook in _CLSACT_HOOKS),
        )

    @staticmethod
    def _link(interface: str, flags: int = 0, change: int = 0) -> bytes:
        name = _attribute(_IFLA_IFNAME, interface.encode() + b"\0")
        return _IFINFO.pack(socket.AF_UNSPEC, 0, 0, flags, change) + name

    @staticmethod
    def _clsact(ifindex: int) -> bytes:
        return _TCMSG.pack(socket.AF_UNSPEC, ifindex, _CLSACT_HANDLE, _CLSACT_PARENT, 0)

    def _message(self, kind: int, flags: int, body: bytes) -> bytes:
        self._sequence += 1
        length = _HEADER.size + len(body)
        return _HEADER.pack(length, kind, _NLM_F_REQUEST | flags, self._sequence, 0) + body

    def _change(self, kind: int, flags: int, *bodies: bytes) -> None:
        messages = [self._message(kind, flags | _NLM_F_ACK, body) for body in bodies]
        self._socket.send(b"".join(messages))
        replies = [self._socket.recv(65536) for _ in messages]  # all, before any is judged
        for reply in replies:
            _raise_if_refused(reply)
