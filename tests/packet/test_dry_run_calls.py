# SPDX-License-Identifier: Apache-2.0
"""What is asked about a frame is answered as the frame would be, and nothing moves."""

from __future__ import annotations

import pytest

from tests import bpf_run
from tests.packet.balancer import Balancer
from tests.packet.farm import ROWS, farm, row_of
from tests.packet.frames import ACK, SYN, Packet
from tests.packet.kinds import EVERY_KIND, make_flows
from tests.packet.world import CLIENTS_IF, PRIMARY, SERVERS_IF, SERVERS_MAC, WEB_ROW, to_web
from xdpair.core.errors import DatapathError
from xdpair.datapath.constants import ABI
from xdpair.datapath.dry_run import VERDICTS
from xdpair.ports import DryRun

MAPS = ("flows", "peers", "slots", "listeners", "servers", "lookup", "cursors", "loads", "limits")


def ask(balancer: Balancer, sent: Packet | bytes, ifindex: int | None = None) -> DryRun:
    """In the namespace whose interfaces frames come by."""
    frame = sent if isinstance(sent, bytes) else sent.frame()
    if ifindex is None:
        ifindex = SERVERS_IF if frame[:6] == SERVERS_MAC else CLIENTS_IF
    with balancer.namespace.inside():
        return balancer.datapath.dry_run(frame, ifindex)


def content(balancer: Balancer) -> list[bytes]:
    return [getattr(balancer.maps, name).tobytes() for name in MAPS]


def test_verdicts_have_the_kernels_numbers() -> None:
    assert {name: getattr(bpf_run, name) for name in VERDICTS} == {
        name: number for number, name in enumerate(VERDICTS)
    }


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_answer_is_what_the_frame_then_meets(balancer: Balancer, kind: str) -> None:
    make_flows(balancer)
    sent = EVERY_KIND[kind]
    before, counters = content(balancer), balancer.datapath.listener_counters(WEB_ROW)
    told = ask(balancer, sent)
    assert content(balancer) == before
    assert balancer.datapath.listener_counters(WEB_ROW) == counters
    met = balancer.run(sent)
    assert (told.verdict, told.exit) == (VERDICTS[met.action], met.exit)
    if met.frame:
        assert told.frame == met.frame


def test_the_trace_by_names(balancer: Balancer) -> None:
    told = ask(balancer, to_web(flags=SYN))
    assert told.exit == "forward_new"
    assert told.trace["listener"] == WEB_ROW
    assert told.trace["chose"] == ABI["CHOSE_SLOT"]
    assert told.trace["ifindex"] == SERVERS_IF
    assert told.trace["flow_found"] == 0
    assert "zero" not in told.trace
    for flags in (SYN, ACK):
        balancer.run(to_web(flags=flags))
    told = ask(balancer, to_web())
    assert told.exit == "forward"
    assert told.trace["flow_found"] == 1
    assert told.trace["flow_state"] == ABI["FLOW_ESTABLISHED"]
    assert told.trace["flow_server"] == told.trace["server"]


def test_a_turn_is_not_taken_by_asking(balancer: Balancer) -> None:
    balancer.datapath.apply(farm())
    balancer.datapath.write_wheel(WEB_ROW, ROWS, dict.fromkeys(ROWS, True))
    sent = to_web(flags=SYN)
    answers = {row_of(ask(balancer, sent).frame) for _ in range(3)}
    assert answers == {row_of(balancer.run(sent).frame)}
    told = ask(balancer, to_web(source=PRIMARY, flags=SYN))
    assert told.trace["chose"] == ABI["CHOSE_SCHEDULER"]
    assert told.trace["server"] == row_of(told.frame)


@pytest.mark.parametrize(
    ("octets", "ifindex"),
    [
        pytest.param(60, 9999, id="no such interface"),
        pytest.param(6, CLIENTS_IF, id="not even an Ethernet header"),
        pytest.param(100_000, CLIENTS_IF, id="larger than a page"),
    ],
)
def test_what_can_not_be_is_said_in_words(balancer: Balancer, octets: int, ifindex: int) -> None:
    with pytest.raises(DatapathError, match=f"{octets} octets from interface {ifindex}") as error:
        ask(balancer, bytes(octets), ifindex)
    assert error.value.metadata["errno"]


def test_counters_of_packets_do_not_move(balancer: Balancer) -> None:
    before = balancer.datapath.exit_counters()
    for sent in EVERY_KIND.values():
        ask(balancer, sent)
    assert balancer.datapath.exit_counters() == before
