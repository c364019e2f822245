# SPDX-License-Identifier: Apache-2.0
"""Wheels, lists and servers are rewritten while another CPU is at it: no packet goes astray."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

import pytest

from tests.bench.replay import CLIENT_ADDRESS, CLIENTS, Replayer, Stream
from tests.packet.balancer import Balancer
from tests.packet.farm import ROWS, farm, listener, row_of, server
from tests.packet.frames import SYN, Endpoint
from tests.packet.world import PRIMARY_HOP, SECONDARY_HOP, WEB_ROW, to_web
from xdpair.core.tables import AclKey, Bandwidth, TableChange

OLD, NEW = ROWS[:3], ROWS[3:]
#: Another weighted listener and its servers; nobody asks it.
OTHER_ROW, STRANGERS = 5, (31, 32, 33)
CHANGES = 1000

#: Of 64 octets, as the replay wants it.
SYN_PACKET = to_web(flags=SYN, payload=bytes(10))
FLOWS = 20_000


@pytest.fixture
def weighted(balancer: Balancer) -> Balancer:
    balancer.datapath.apply(farm([*ROWS, *STRANGERS]))
    balancer.datapath.apply(TableChange(listeners={OTHER_ROW: listener(port=81)}))
    balancer.datapath.write_wheel(WEB_ROW, OLD, dict.fromkeys(OLD, True))
    return balancer


class Storm(threading.Thread):
    """New connections, one after the other; the kernel runs it without this process's lock."""

    def __init__(self, program_fd: int) -> None:
        super().__init__()
        self._program_fd = program_fd
        self._over = threading.Event()
        self.has_begun = threading.Event()
        self.packets = 0

    def run(self) -> None:
        stream = Stream(SYN_PACKET.frame(), FLOWS)
        with Replayer() as replayer:
            while not self._over.is_set():
                replayer.run(self._program_fd, stream, FLOWS)
                self.packets += FLOWS
                self.has_begun.set()

    def end(self) -> None:
        self._over.set()
        self.join()


@contextmanager
def storm(balancer: Balancer) -> Iterator[Storm]:
    thread = Storm(balancer.datapath.program.fd)
    thread.start()
    try:
        assert thread.has_begun.wait(30)
        yield thread
    finally:
        thread.end()


def moved(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return dict(Counter(after) - Counter(before))


def forwarded(balancer: Balancer, rows: Iterable[int]) -> int:
    """Packets to these servers."""
    counters = (balancer.datapath.server_counters(row) for row in rows)
    return sum(each["forward_packets"] for each in counters)


def test_every_packet_of_a_storm_goes_to_a_server_of_its_listener(weighted: Balancer) -> None:
    datapath, rng = weighted.datapath, random.Random(1)
    mine = AclKey(1, IPv4Network((int(CLIENT_ADDRESS), 32 - CLIENTS.bit_length() + 1)))
    datapath.apply(TableChange(acls={mine: True}))
    exits = datapath.exit_counters()
    forwards = forwarded(weighted, ROWS)
    strangers = forwarded(weighted, STRANGERS)
    with storm(weighted) as sent:
        for number in range(CHANGES):
            wheel, gone = (OLD, NEW) if number % 2 else (NEW, OLD)
            datapath.write_wheel(OTHER_ROW, rng.choices(STRANGERS, k=rng.randint(1, 251)), {})
            datapath.write_wheel(
                WEB_ROW,
                rng.choices(wheel, k=rng.randint(1, 251)),
                dict.fromkeys(wheel, True) | dict.fromkeys(gone, False),
            )
            other = AclKey(1, IPv4Network((number << 8, 24)))
            hop = rng.choice((PRIMARY_HOP, SECONDARY_HOP))
            fields = rng.choice(
                ({}, {"acl": 1, "acl_is_white": True}, {"acl": 2}, {"bandwidth": Bandwidth(5000)})
            )
            datapath.apply(
                TableChange(
                    listeners={WEB_ROW: listener(**fields)},
                    servers={row: server(row, hop=hop) for row in gone},
                    acls={other: bool(number % 3)},
                )
            )
    exits = moved(exits, datapath.exit_counters())
    assert exits.keys() <= {"forward", "forward_new", "drop_bandwidth"}
    assert sum(exits.values()) == sent.packets > CHANGES
    assert forwarded(weighted, STRANGERS) == strangers
    limited = exits.get("drop_bandwidth", 0)
    assert forwarded(weighted, ROWS) - forwards == sent.packets - limited


@dataclass
class Clock:
    """Numbers of changes; the time by which it is told what was written before a packet came."""

    begun: int = 0
    done: int = 0


@dataclass
class Asker(threading.Thread):
    """Asks with a new client each time, and notes who was chosen and what was being written."""

    balancer: Balancer
    clock: Clock
    over: threading.Event = field(default_factory=threading.Event)
    seen: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            source = Endpoint(IPv4Address("198.51.100.0") + number % 251, 1024 + number % 60_000)
            done = self.clock.done
            _, frame = self.balancer.verdict(to_web(source=source, flags=SYN))
            self.seen.append((done, row_of(frame), self.clock.begun))


def test_nobody_is_chosen_who_is_in_neither_wheel(weighted: Balancer) -> None:
    """Nor anybody of a wheel before the last: change n gives the wheel to the pair of rows n."""
    pairs = [(ROWS[number % 6], ROWS[(number + 1) % 6]) for number in range(CHANGES + 1)]
    weighted.datapath.write_wheel(WEB_ROW, pairs[0], dict.fromkeys(ROWS, True))
    clock = Clock()
    asker = Asker(weighted, clock)
    asker.start()
    try:
        for number in range(1, CHANGES + 1):
            clock.begun = number
            weighted.datapath.write_wheel(WEB_ROW, pairs[number], {})
            clock.done = number
            time.sleep(0)  # the other thread's turn
    finally:
        asker.over.set()
        asker.join()
    assert len({done for done, _, _ in asker.seen}) > 10, "they came all the time"
    for done, row, begun in asker.seen:
        assert row in {row for pair in pairs[done : begun + 1] for row in pair}


def test_a_server_that_is_rewritten_gets_every_packet_of_a_storm(weighted: Balancer) -> None:
    """Its row is rewritten again and again: the epoch and who is eligible stay."""
    row = OLD[0]
    weighted.datapath.write_wheel(WEB_ROW, [row], {})
    before = forwarded(weighted, [row])
    epoch = int(weighted.maps.servers["epoch"][row])
    with storm(weighted) as sent:
        for number in range(CHANGES):
            hop = (PRIMARY_HOP, SECONDARY_HOP)[number % 2]
            entry = server(row, weight=1 + number % 100, hop=hop)
            weighted.datapath.apply(TableChange(servers={row: entry}))
    assert int(weighted.maps.servers["epoch"][row]) == epoch
    assert forwarded(weighted, [row]) - before == sent.packets
