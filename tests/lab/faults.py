# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the network, on request and at a known time."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from tests.lab.host import Host
from tests.lab.rtnl import Rtnl
from tests.lab.topology import Interface, Role, Side


@dataclass(frozen=True, slots=True)
class LabEvent:
    """Something that was done to the lab. Times are CLOCK_MONOTONIC seconds.

    Attributes:
        kind: what, e.g. ``cut``.
        role: to which host.
        at_s: it did not happen before this time; what outages are counted from.
        done_s: it had happened by this time, normally well under a millisecond later.
    """

    kind: str
    role: Role
    at_s: float
    done_s: float


@dataclass(slots=True)
class Timeline:
    """All that was done to a lab so far, in order."""

    events: list[LabEvent] = field(default_factory=list)

    def record(self, kind: str, role: Role, action: Callable[[], object]) -> LabEvent:
        """Do something and note when."""
        at_s = time.monotonic()
        action()
        event = LabEvent(kind, role, at_s, time.monotonic())
        self.events.append(event)
        return event


class Faults:
    """Breaks and mends the lab's network. Every method returns when it has taken effect."""

    def __init__(self, hosts: Mapping[Role, Host], timeline: Timeline) -> None:
        self._hosts = hosts
        self._timeline = timeline
        self._rtnl: dict[Role, Rtnl] = {}

    def close(self) -> None:
        """Let go of the namespaces."""
        for rtnl in self._rtnl.values():
            rtnl.close()
        self._rtnl.clear()

    def cut(self, side: Side) -> LabEvent:
        """Make a server's host silent: nothing passes either way, and the carrier stays.

        Raises:
            FileExistsError: it is cut already.
        """
        rtnl, ifindex = self._server_link(side)
        with suppress(FileExistsError):
            rtnl.add_clsact(ifindex)
        return self._timeline.record("cut", side, lambda: rtnl.swallow(ifindex))

    def restore(self, side: Side) -> LabEvent:
        """Undo ``cut``.

        Raises:
            OSError: it was not cut.
        """
        rtnl, ifindex = self._server_link(side)
        return self._timeline.record("restore", side, lambda: rtnl.delete_clsact(ifindex))

    def link_down(self, interface: Interface) -> LabEvent:
        """Shut an interface down; its peer loses the carrier."""
        rtnl = self._of(interface.role)
        return self._timeline.record(
            "link-down", interface.role, lambda: rtnl.set_up(interface.name, False)
        )

    def link_up(self, interface: Interface) -> LabEvent:
        """Undo ``link_down``, and bring back the default route that went with it."""
        rtnl = self._of(interface.role)

        def up() -> None:
            rtnl.set_up(interface.name, True)
            if interface.gateway:
                rtnl.add_default_route(rtnl.index_of(interface.name), interface.gateway)

        return self._timeline.record("link-up", interface.role, up)

    def change_mac(self, side: Side, mac: str, *, announce: bool) -> LabEvent:
        """Give a server another hardware address.

        Args:
            side: whose server.
            mac: the new address, e.g. ``02:00:00:00:02:99``.
            announce: the server's kernel sends a gratuitous ARP request, as after a move.
        """
        host = self._hosts[side]
        host.write_sysctl(
            f"net/ipv4/conf/{host.interface.name}/arp_notify", "1" if announce else "0"
        )
        rtnl = self._of(side)
        return self._timeline.record("mac", side, lambda: rtnl.set_mac(host.interface.name, mac))

    def _server_link(self, side: Side) -> tuple[Rtnl, int]:
        rtnl = self._of(side)
        return rtnl, rtnl.index_of(self._hosts[side].interface.name)

    def _of(self, role: Role) -> Rtnl:
        if role not in self._rtnl:
            self._rtnl[role] = Rtnl(self._hosts[role].netns_path)
        return self._rtnl[role]
