# SPDX-License-Identifier: Apache-2.0
"""Two CPUs give flows of a weighted listener away, in a table of two buckets: no flow gets what
belongs to another one, no turn is lost or given twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import ACK, SYN, Packet
from tests.packet.members import WEB_MEMBERS, Crowd, set_wheel
from tests.packet.test_two_cpus import PACKETS, SIZES, Sender
from tests.packet.world import WEB_ROW, to_web
from xdpair.core.tables import Bandwidth, Schedule

CHANGE_EVERY_S = 0.002

SYN_PACKET = to_web(flags=SYN, payload=bytes(10))
SEGMENT = to_web(flags=ACK, payload=bytes(10))


@pytest.fixture(scope="module")
def tiny_program(pin_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    balancer = Balancer(pin_path, tmp_path_factory.mktemp("state"), SIZES)
    yield balancer
    balancer.close()


def storm(balancer: Balancer, *packets: Packet) -> Counter[str]:
    """Send these, a CPU each, while the wheel turns; the exits that they took."""
    before = Counter(balancer.exits())
    senders = [Sender(balancer.datapath.program.fd, sent) for sent in packets]
    for sender in senders:
        sender.start()
    number = 0
    while any(sender.is_alive() for sender in senders):
        number += 1
        set_wheel(balancer, WEB_MEMBERS[number % 2 :])
        time.sleep(CHANGE_EVERY_S)
    for sender in senders:
        sender.join()
    return Counter(balancer.exits()) - before


@pytest.mark.parametrize(
    ("fields", "packets"),
    [
        pytest.param({}, (SYN_PACKET, SYN_PACKET), id="the same SYNs"),
        pytest.param({}, (SYN_PACKET, SEGMENT), id="SYNs and segments"),
        pytest.param({"persistence_s": 100}, (SYN_PACKET, SYN_PACKET), id="ties"),
        pytest.param({"schedule": Schedule.LEAST}, (SYN_PACKET, SYN_PACKET), id="least"),
        pytest.param(
            {"schedule": Schedule.LEAST, "persistence_s": 100}, (SYN_PACKET, SEGMENT), id="both"
        ),
        pytest.param({"bandwidth": Bandwidth(5120)}, (SYN_PACKET, SEGMENT), id="limited"),
    ],
)
def test_no_flow_gets_what_is_anothers(
    tiny_program: Balancer, fields: dict[str, Any], packets: tuple[Packet, Packet]
) -> None:
    balancer = tiny_program
    Crowd(web=fields).put(balancer)
    balancer.maps.flows.view("u1").fill(0)
    exits = storm(balancer, *packets)
    assert exits.total() == 2 * PACKETS
    assert exits.keys() <= {"forward", "forward_new", "drop_bandwidth"}
    if not fields:
        assert balancer.maps.cursors[WEB_ROW] == exits["forward_new"]
    assert_sound(balancer)


def assert_sound(balancer: Balancer) -> None:
    """Each way holds a whole entry, of a server of the listener's, once; loads can be counted."""
    keys, values = balancer.maps.flows["keys"], balancer.maps.flows["values"]
    words = np.ascontiguousarray(keys).view(np.uint64).reshape(keys.shape)
    assert (words != 0).all()
    assert np.all(np.isin(values["server"], WEB_MEMBERS))
    assert np.all(keys["listener"] == WEB_ROW)
    in_order = np.sort(words, axis=1)
    assert np.all(in_order[:, 1:] != in_order[:, :-1]), "an entry is there twice"
    balancer.datapath.count_loads()
    is_flow = (keys["client_port_be"] != 0) & (values["seen_state"] >> 12 < 4)
    assert int(balancer.maps.loads.sum()) == int(is_flow.sum())
