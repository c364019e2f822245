# SPDX-License-Identifier: Apache-2.0
"""Part 1: nanoseconds per packet, beside two yardsticks, at 1, 65,536 and 1,000,000 flows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from tests.bench.figures import Figure, Target
from tests.bench.frames import ACK, PSH, SYN, TCP, UDP, Endpoint, Headers, frame
from tests.bench.programs import Program
from tests.bench.replay import (
    CLIENT_ADDRESS,
    CLIENT_PORT,
    Replayer,
    Stream,
    Timing,
    Track,
    pinned,
)
from tests.bench.subject import Subject
from tests.bench.yardsticks import YardstickA, YardstickB
from tests.bpf_run import XDP_PASS, XDP_TX
from xdpair.core.model import Scheduler
from xdpair.core.tables import Link
from xdpair.datapath.pins import Sizes

FLOW_COUNTS = {"1": 1, "64k": 65_536, "1M": 1_000_000}
#: So many that no packet of a run meets a flow that another one made.
_ALL_NEW = 200_000_000
#: Of a million flows in xdpair's table of four-way buckets, so many may displace each other; their
#: packets are timed with the rest.
_DISPLACED_SHARE = 0.02
#: Strangers of the tracks between may take a flow's place now and then.
_ONCE = 0.001

_BALANCER_MAC = bytes.fromhex("020000000101")
_CLIENT_MAC = bytes.fromhex("020000000110")
_SERVER_MAC = bytes.fromhex("020000000210")
_VIP = Endpoint(IPv4Address("198.51.100.100"), 80, _BALANCER_MAC)
_NO_LISTENER = Endpoint(_VIP.address, 81, _BALANCER_MAC)
_SERVER = Endpoint(IPv4Address("203.0.113.10"), 8080, _SERVER_MAC)
_CLIENT = Endpoint(CLIENT_ADDRESS, CLIENT_PORT, _CLIENT_MAC)
#: Test runs happen on the loopback interface: what comes from it and leaves by it is XDP_TX.
_LOOPBACK = Link(1, "lo", _BALANCER_MAC, 1500)

#: Room for a million flows: 64 MiB, less than yardstick B's table takes.
_ROOMY = Sizes(flow_buckets=1 << 20)

_AT_MOST_1_2 = Target("ratio", "<=", 1.2)
_TARGETS = {
    f"packet.{path}.known.{flows}": _AT_MOST_1_2
    for path in ("forward", "reply")
    for flows in ("1", "1M")
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: rounds of so many packets, 1,000,000 at least for the figures."""

    rounds: int = 9
    packets: int = 1_000_000


def run(effort: Effort) -> Iterator[Figure]:
    """Measure everything; figures come as they are known."""
    with (
        pinned(max(os.sched_getaffinity(0))),
        Program("bounce.c", "bounce") as bounce,
        YardstickA(_VIP, _SERVER) as a,
        YardstickB(_VIP, _SERVER) as b,
        Subject(_VIP, _SERVER, _LOOPBACK, _LOOPBACK, _ROOMY) as subject,
        Replayer() as replayer,
    ):
        tracks = Tracks(a, b, subject)
        for name, flows in FLOW_COUNTS.items():
            group = tracks.known(name, flows)
            if flows == 1:
                group.append(Track("wrapper.1", bounce.fd, group[0].stream, XDP_TX))
                group.append(tracks.no_listener())
            yield from _figures(replayer.measure(group, effort.rounds, effort.packets), name)
        yield from _schedulers(tracks, replayer, effort)
        # These fill the flow tables with strangers, so they come last.
        for suffix, protocol in (("first", TCP), ("first.udp", UDP)):
            group = tracks.first(suffix, protocol)
            yield from _figures(replayer.measure(group, effort.rounds, effort.packets), suffix)


def _schedulers(tracks: Tracks, replayer: Replayer, effort: Effort) -> Iterator[Figure]:
    """Weighted listeners: a known flow beside a pair's, first packets by few or many servers."""
    timings = replayer.measure(tracks.weighted(), effort.rounds, effort.packets)
    for name, baseline, target in (
        ("weighted.known", "forward.known.again", None),
        ("weighted.first.wrr.2", "weighted.first.sch.2", None),
        ("weighted.first.sch.2000", "weighted.first.sch.2", Target("ratio", "<=", 1.2)),
    ):
        yield Figure(
            name=f"packet.{name}",
            value=timings[name].median_ns,
            unit="ns",
            baseline=f"packet.{baseline}",
            baseline_value=timings[baseline].median_ns,
            target=target,
        )


def _figures(timings: dict[str, Timing], baseline_suffix: str) -> Iterator[Figure]:
    baseline = f"yardstick_b.{baseline_suffix}"
    for track, timing in timings.items():
        name = f"packet.{track}"
        yield Figure(
            name=name,
            value=timing.median_ns,
            unit="ns",
            baseline=f"packet.{baseline}",
            baseline_value=timings[baseline].median_ns,
            target=_TARGETS.get(name),
        )


class Tracks:
    """What is timed."""

    def __init__(self, a: YardstickA, b: YardstickB, subject: Subject) -> None:
        self._a = a
        self._b = b
        self._subject = subject

    def known(self, suffix: str, flows: int) -> list[Track]:
        """Packets of established flows, toward the server and back."""
        syn = Stream(frame(TCP, _CLIENT, _VIP, tcp_flags=SYN), flows)
        data = Stream(frame(TCP, _CLIENT, _VIP, tcp_flags=ACK | PSH), flows)
        reply = Stream(frame(TCP, _SERVER_TO_US, _CLIENT_BY_US), flows, to_client=True)
        forward, back = (self._subject.detours_from(name) for name in ("forward", "reply"))
        displaced = _DISPLACED_SHARE if flows > 100_000 else 0.0
        fd = self._subject.fd
        return [
            Track(f"yardstick_a.{suffix}", self._a.fd, data, XDP_TX, _check_forward),
            Track(
                f"yardstick_b.{suffix}",
                self._b.fd,
                data,
                XDP_TX,
                _check_forward,
                lessons=[data],
                detours=self._b.misses,
            ),
            Track(
                f"forward.known.{suffix}",
                fd,
                data,
                XDP_TX,
                _check_forward,
                lessons=[syn, data],
                detours=forward,
                detour_share=displaced,
            ),
            Track(
                f"reply.known.{suffix}",
                fd,
                reply,
                XDP_TX,
                _check_reply,
                detours=back,
                detour_share=displaced,
            ),
        ]

    def first(self, suffix: str, protocol: int) -> list[Track]:
        """Packets that each begin a flow."""
        stream = Stream(frame(protocol, _CLIENT, _VIP, tcp_flags=SYN), _ALL_NEW)
        return [
            Track(f"yardstick_b.{suffix}", self._b.fd, stream, XDP_TX, _check_forward),
            Track(
                f"forward.{suffix}",
                self._subject.fd,
                stream,
                XDP_TX,
                _check_forward,
                detours=self._subject.detours_from("forward_new"),
            ),
        ]

    def weighted(self) -> list[Track]:
        """Packets for weighted listeners, and one of a pair to compare with."""
        by_two, by_many, in_turn = (replace(_VIP, port=port) for port in (1001, 1002, 1003))
        self._subject.share(by_two, Scheduler.SCH, 2)
        self._subject.share(by_many, Scheduler.SCH, 2000)
        self._subject.share(in_turn, Scheduler.WRR, 2)
        known = [
            Track(
                name,
                self._subject.fd,
                Stream(frame(TCP, _CLIENT, vip, tcp_flags=ACK | PSH), 1),
                XDP_TX,
                _check_forward,
                lessons=[Stream(frame(TCP, _CLIENT, vip, tcp_flags=SYN), 1)],
                detours=self._subject.detours_from("forward"),
                detour_share=_ONCE,
            )
            for name, vip in (("forward.known.again", _VIP), ("weighted.known", in_turn))
        ]
        first = [
            Track(
                f"weighted.first.{name}",
                self._subject.fd,
                Stream(frame(TCP, _CLIENT, vip, tcp_flags=SYN), _ALL_NEW),
                XDP_TX,
                _check_forward,
                detours=self._subject.detours_from("forward_new"),
            )
            for name, vip in (("sch.2", by_two), ("sch.2000", by_many), ("wrr.2", in_turn))
        ]
        return [*known, *first]

    def no_listener(self) -> Track:
        """Packets that are none of the balancer's business."""
        stream = Stream(frame(TCP, _CLIENT, _NO_LISTENER), 1)
        detours = self._subject.detours_from("pass_no_listener")
        return Track("pass", self._subject.fd, stream, XDP_PASS, detours=detours)


#: Replies as the server sends them: from its own address, to the client, by way of the balancer.
_SERVER_TO_US = _SERVER
_CLIENT_BY_US = Endpoint(_CLIENT.address, _CLIENT.port, _BALANCER_MAC)


def _check_forward(sent: Headers, got: Headers) -> None:
    source = Endpoint(sent.source.address, sent.source.port, _BALANCER_MAC)
    _require(got == Headers(sent.protocol, source, _SERVER, sent.ttl - 1, sent.payload), got)


def _check_reply(sent: Headers, got: Headers) -> None:
    client = Endpoint(sent.dest.address, sent.dest.port, _CLIENT_MAC)
    _require(got == Headers(sent.protocol, _VIP, client, sent.ttl - 1, sent.payload), got)


def _require(right: bool, got: Headers) -> None:
    if not right:
        raise ValueError(f"a packet came out wrong: {got}")
