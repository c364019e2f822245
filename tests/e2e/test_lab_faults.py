# SPDX-License-Identifier: Apache-2.0
"""The lab's faults: silent, timed, and completely undone."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.e2e.lab_kit import IN_FLIGHT_S, ask_udp
from tests.lab import analysis
from tests.lab.lab import Lab
from tests.lab.records import Request
from tests.lab.topology import SERVICE_PORT, LabOptions, Role

IP_RECVERR = 11  # linux/in.h


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One lab for all tests here; each leaves it as it found it."""
    with Lab() as lab:
        yield lab


def carrier(lab: Lab, interface: str) -> bool:
    return "LOWER_UP" in lab.balancer.run(["ip", "link", "show", interface]).stdout


def ended_between(requests: list[Request], from_s: float, to_s: float) -> list[Request]:
    return [r for r in requests if r.side is not None and from_s < r.end_s < to_s]


def test_a_cut_is_silent_and_slows_no_client_down(lab: Lab) -> None:
    address = lab.secondary.address
    with (
        lab.traffic.tcp(500, address=address, timeout_ms=150) as tcp,
        lab.traffic.udp(500, address=address, timeout_ms=150) as udp,
    ):
        time.sleep(0.2)
        cut = lab.faults.cut("secondary")
        assert carrier(lab, "to-secondary")
        time.sleep(0.3)
        restored = lab.faults.restore("secondary")
        time.sleep(0.3)
        tcp.stop()
        udp.stop()
    assert cut.done_s - cut.at_s < 0.05
    for client in (tcp, udp):
        requests = client.requests()
        assert ended_between(requests, 0, cut.at_s)
        assert not ended_between(requests, cut.done_s + IN_FLIGHT_S, restored.at_s)
        assert ended_between(requests, restored.done_s, restored.done_s + 0.3)
        meanwhile = analysis.started_between(requests, cut.done_s, restored.at_s - 0.15)
        assert set(analysis.count_errors(meanwhile)) == {"timeout"}
        # None was left out, and they were on time even though nobody answered.
        assert sorted(request.n for request in requests) == list(range(len(requests)))
        assert analysis.percentile(analysis.lateness_s(meanwhile), 50) < 0.005
        assert 0.3 < analysis.longest_gap_s(requests) < 0.8


@pytest.mark.parametrize(("sender", "receiver"), [("client", "primary"), ("primary", "client")])
def test_a_cut_swallows_both_directions_untold(lab: Lab, sender: Role, receiver: Role) -> None:
    ask_udp(lab, "primary", SERVICE_PORT, b"so that nothing has to wait for ARP")
    address = (lab.hosts[receiver].address, 4711)
    with (
        lab.hosts[receiver].socket(socket.SOCK_DGRAM) as inbox,
        lab.hosts[sender].socket(socket.SOCK_DGRAM) as outbox,
    ):
        inbox.bind(address)
        inbox.settimeout(2)
        outbox.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)  # also local drops are told
        lab.faults.cut("primary")
        outbox.sendto(b"lost", address)
        time.sleep(0.1)
        lab.faults.restore("primary")
        outbox.sendto(b"arrives", address)
        assert inbox.recv(100) == b"arrives"


def test_a_cut_is_made_and_undone_once(lab: Lab) -> None:
    lab.faults.cut("primary")
    with pytest.raises(FileExistsError):
        lab.faults.cut("primary")
    lab.faults.restore("primary")
    with pytest.raises(OSError, match="Invalid argument"):
        lab.faults.restore("primary")


def test_link_down_takes_the_carrier_and_link_up_brings_all_back(lab: Lab) -> None:
    lab.faults.link_down(lab.primary.interface)
    assert not carrier(lab, "to-primary")
    lab.faults.link_up(lab.primary.interface)
    assert carrier(lab, "to-primary")
    assert ask_udp(lab, "primary", SERVICE_PORT, b"back") == b"primary back"


def test_a_moved_server_announces_itself(lab: Lab) -> None:
    host = lab.primary
    ask_udp(lab, "primary", SERVICE_PORT, b"so that the balancer knows its address")
    for mac in ("02:00:00:00:02:99", host.interface.mac):
        lab.faults.change_mac("primary", mac, announce=True)
        deadline_s = time.monotonic() + 2
        while mac not in lab.balancer.run(["ip", "neigh", "show", host.address]).stdout:
            assert time.monotonic() < deadline_s, "the balancer has not learnt it"
            time.sleep(0.01)
    assert ask_udp(lab, "primary", SERVICE_PORT, b"here") == b"primary here"


def test_the_timeline_holds_what_was_done() -> None:
    with Lab(LabOptions(servers=False)) as lab:
        lab.faults.cut("primary")
        lab.faults.restore("primary")
        lab.servers["secondary"].start()
        kinds = [(event.kind, event.role) for event in lab.timeline.events]
        times = [at for event in lab.timeline.events for at in (event.at_s, event.done_s)]
    assert kinds == [("cut", "primary"), ("restore", "primary"), ("server-start", "secondary")]
    assert times == sorted(times)
