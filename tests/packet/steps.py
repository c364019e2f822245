# SPDX-License-Identifier: Apache-2.0
"""Packets that come between any two steps of the adapter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from tests.packet.balancer import DROP, PASS, Balancer
from tests.packet.frames import SYN, Endpoint, Packet
from tests.packet.world import CLIENT, to_web
from xdpair.core.tables import TableChange
from xdpair.datapath import adapter

_ADAPTER_DIR = str(Path(adapter.__file__).parent)


@contextmanager
def between_steps(look: Callable[[], None]) -> Iterator[None]:
    """Call ``look`` before every line of the adapter's that runs meanwhile, in this thread. The
    kernel's maps are as a packet finds them that comes at this moment.
    """

    def on_line(frame: FrameType, event: str, arg: Any) -> Any:
        look()
        return on_line

    def on_call(frame: FrameType, event: str, arg: Any) -> Any:
        return on_line if frame.f_code.co_filename.startswith(_ADAPTER_DIR) else None

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield
    finally:
        sys.settrace(before)


class Traffic:
    """What comes between the steps, and the ports it goes to; by its kind of packet."""

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer
        self._client_ports = count(1024)
        self.looks = 0
        self.seen: dict[str, set[int]] = {}

    def look(self, *packets: Packet, new_client: bool = True) -> None:
        """Send some, and one from a client that was never seen."""
        self.looks += 1
        for sent in packets:
            self._send("known", sent)
        if new_client:
            source = Endpoint(CLIENT.address, next(self._client_ports))
            self._send("new", to_web(source=source, flags=SYN))

    def _send(self, kind: str, sent: Packet) -> None:
        action, frame = self._balancer.verdict(sent)
        went = -action if action in {DROP, PASS} else _port_of(frame)
        self.seen.setdefault(kind, set()).add(went)


def _port_of(frame: bytes) -> int:
    return int.from_bytes(frame[36:38], "big")


def ports(rows: Iterable[int]) -> set[int]:
    return {8000 + row for row in rows}


def turn_by_turn(balancer: Balancer, change: TableChange, *known: Packet) -> Traffic:
    """Apply it, with packets at every step; at the first and last step there were some."""
    traffic = Traffic(balancer)
    with between_steps(lambda: traffic.look(*known)):
        balancer.datapath.apply(change)
    traffic.look(*known)
    assert traffic.looks > 20
    return traffic
