# SPDX-License-Identifier: Apache-2.0
"""UDP: a steady sender from one socket moves with the traffic, both ways, at once."""

from __future__ import annotations

import re
import time

import pytest

from tests.e2e.checks import BUSY_S, UDP_SILENT, UDP_TEXT, check
from tests.e2e.dialogue import Datagrams
from tests.e2e.world import World
from tests.lab import analysis
from xdpair.api.v1.listener_pb2 import HealthCheck


@pytest.mark.parametrize(
    ("fault", "health", "error"),
    [
        # Linux says "port unreachable" six times at once, then once a second; the rest is silence.
        pytest.param("kill", UDP_TEXT, "unreachable|timed out", id="expected text, dead process"),
        pytest.param("cut", UDP_TEXT, "timed out", id="expected text, silent host"),
        pytest.param("pause", UDP_TEXT, "timed out", id="expected text, hung process"),
        pytest.param("kill", UDP_SILENT, "unreachable", id="no text, dead process"),
    ],
)
@pytest.mark.parametrize("new_sockets", [False, True], ids=["one socket", "new sockets"])
def test_senders_move_to_the_secondary_and_back(
    world: World, fault: str, health: HealthCheck, error: str, new_sockets: bool
) -> None:
    pair = world.define(udp=health)
    primary, faults = world.lab.servers["primary"], world.lab.faults
    break_it = {"kill": primary.kill, "cut": lambda: faults.cut("primary"), "pause": primary.pause}
    mend_it = {
        "kill": primary.start,
        "cut": lambda: faults.restore("primary"),
        "pause": primary.resume,
    }
    with world.lab.traffic.udp(
        1000 if not new_sockets else 200, address=pair.vip, new_sockets=new_sockets
    ) as client:
        time.sleep(0.2)
        broken = break_it[fault]()
        pair.await_serving("secondary")
        time.sleep(0.2)
        mended = mend_it[fault]()
        pair.await_serving("primary")
        back_s = time.monotonic()
        time.sleep(0.2)
    requests = client.requests()
    outage_s = analysis.outage_s(requests, broken.at_s, "secondary")
    # At most 60 ms for a closed port, 3 x 80 ms and an interval for silence.
    assert outage_s is not None
    assert outage_s < 0.3 + BUSY_S
    # Not one is lost between the first answer of the secondary and the end, failback included.
    later = analysis.started_between(requests, broken.at_s + outage_s, time.monotonic())
    assert analysis.failed(later) == []
    between = analysis.started_between(later, 0, mended.at_s)
    assert analysis.count_sides(between) == {"secondary": len(between)}
    at_last = analysis.started_between(later, back_s + 0.05, time.monotonic())
    assert len(at_last) > 20
    assert analysis.count_sides(at_last) == {"primary": len(at_last)}
    assert re.search(error, pair.await_event("FAILOVER").error)


def test_without_text_a_silent_service_counts_as_fit(world: World) -> None:
    """Nothing comes back, and nothing says that the port is closed."""
    pair = world.define(udp=UDP_SILENT)
    world.lab.servers["primary"].pause()
    time.sleep(0.5)
    assert pair.serving() == "primary"


def test_a_wrong_answer_is_a_failure(world: World) -> None:
    """The secondary's text is expected of the primary: it never comes."""
    wrong = check("UDP", request=b"fit?", expected=b"secondary fit?")
    pair = world.define()
    pair.listen("UDP", wrong)
    pair.await_serving("secondary")
    assert "unexpected answer b'primary fit?'" in pair.await_event("FAILOVER").error
    with Datagrams(world.lab, pair.vip) as datagrams:
        assert datagrams.ask() == "secondary"
