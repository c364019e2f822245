# SPDX-License-Identifier: Apache-2.0
"""Two CPUs at a flow table of two buckets: no flow ever gets what belongs to another one.

Each CPU runs the program on a stream of its own, of more flows than there are ways, so that they
meet in a bucket all the time, and the slots move meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.bench.replay import Replayer, Stream
from tests.packet.balancer import Balancer
from tests.packet.frames import ACK, SYN, Packet
from tests.packet.pair import Pair
from tests.packet.world import (
    DNS_ROW,
    DNS_SERVERS,
    WEB_ROW,
    WEB_SERVERS,
    Scene,
    to_dns,
    to_web,
)
from xdpair.core.failover import Slot
from xdpair.datapath.pins import Sizes

SIZES = Sizes(max_listeners=128, max_servers=256, flow_buckets=2)
#: For 8 ways. Of no prime factors but 2 and 5, as the replay wants it.
FLOWS = 16
PACKETS = 1_000_000
MOVE_EVERY_S = 0.002

#: Both of 64 octets.
SYN_PACKET = to_web(flags=SYN, payload=bytes(10))
SEGMENT = to_web(flags=ACK, payload=bytes(10))
DATAGRAM = to_dns(payload=bytes(22))


@pytest.fixture(scope="module")
def tiny_program(pin_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    balancer = Balancer(pin_path, tmp_path_factory.mktemp("state"), SIZES)
    yield balancer
    balancer.close()


@pytest.fixture
def balancer(tiny_program: Balancer) -> Balancer:
    tiny_program.reset(Scene(), Slot())
    return tiny_program


class Sender(threading.Thread):
    """Replays one stream; the kernel runs it without this process's lock."""

    def __init__(self, program_fd: int, sent: Packet) -> None:
        super().__init__()
        self._replayer = Replayer()
        self._program_fd = program_fd
        self._stream = Stream(sent.frame(), FLOWS)

    def run(self) -> None:
        self._replayer.run(self._program_fd, self._stream, PACKETS)
        self._replayer.close()


def totals(balancer: Balancer) -> Mapping[str, Counter[str]]:
    """Exits, and what both listeners and all servers counted."""
    rows = {
        "web": ("listener_counters", (WEB_ROW,)),
        "dns": ("listener_counters", (DNS_ROW,)),
        "web servers": ("server_counters", WEB_SERVERS),
        "dns servers": ("server_counters", DNS_SERVERS),
        "exits": ("exits", (0,)),
    }
    sums: dict[str, Counter[str]] = {}
    for name, (counters, numbers) in rows.items():
        sums[name] = Counter()
        for row in numbers:
            sums[name].update(balancer.maps.counters(counters, row))
    return sums


@pytest.mark.parametrize(
    ("left", "right", "is_kept"),
    [
        pytest.param(SYN_PACKET, DATAGRAM, False, id="SYNs and datagrams"),
        pytest.param(DATAGRAM, DATAGRAM, False, id="the same datagrams"),
        pytest.param(SEGMENT, SYN_PACKET, True, id="segments and SYNs"),
    ],
)
def test_no_flow_gets_what_is_anothers(
    balancer: Balancer, pair: Pair, left: Packet, right: Packet, is_kept: bool
) -> None:
    """Segments are kept, as a reset would change the frame's length, which the replay can not."""
    balancer.set_scene(Scene(keep_primary=is_kept, keep_secondary=is_kept))
    before = totals(balancer)
    senders = [Sender(balancer.datapath.program.fd, sent) for sent in (left, right)]
    for sender in senders:
        sender.start()
    while any(sender.is_alive() for sender in senders):
        pair.primary_fails()
        time.sleep(MOVE_EVERY_S)
        pair.primary_recovers()
    for sender in senders:
        sender.join()

    after = totals(balancer)
    moved = {name: after[name] - before[name] for name in after}
    assert moved["exits"].total() == 2 * PACKETS
    assert moved["exits"].keys() <= {"forward", "forward_new"}
    for name in ("web", "dns"):
        assert moved[name]["forward_packets"] == moved[f"{name} servers"]["forward_packets"]
    assert_sound(balancer)


def assert_sound(balancer: Balancer) -> None:
    """Each way holds a whole flow, of a server of its own listener's, once."""
    keys = balancer.maps.flows["keys"]
    servers = balancer.maps.flows["values"]["server"]
    words = np.ascontiguousarray(keys).view(np.uint64).reshape(keys.shape)
    used = words != 0
    assert used.all()
    assert np.all(servers[used] != 0)
    assert np.all(np.isin(servers[keys["listener"] == WEB_ROW], WEB_SERVERS))
    assert np.all(np.isin(servers[keys["listener"] == DNS_ROW], DNS_SERVERS))
    in_order = np.sort(words, axis=1)
    assert np.all(in_order[:, 1:] != in_order[:, :-1]), "a flow is there twice"
