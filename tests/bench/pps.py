# SPDX-License-Identifier: Apache-2.0
"""Part 2: packets per second through the lab, with generator, balancer and sink on one core."""

from __future__ import annotations

import os
import socket
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address

from tests.bench.figures import Figure, Target
from tests.bench.flood import Flood
from tests.bench.frames import UDP, Endpoint, frame
from tests.bench.programs import Program, set_xdp
from tests.bench.replay import CLIENT_ADDRESS, CLIENT_PORT, Stream, pinned
from tests.bench.subject import Subject
from tests.bench.yardsticks import MinimalRedirect
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.namespace import inside
from tests.lab.topology import LINKS, VIP, Interface, LabOptions
from xdpair.core.tables import Link

FLOW_COUNTS = {"1": 1, "10k": 10_000}

_FRONT, _CLIENT_END = LINKS[0].balancer, LINKS[0].peer
_BACK, _SERVER_END = LINKS[1].balancer, LINKS[1].peer
_MTU = 1500
_SETTLE_S = 0.2
#: How the minimal redirect can send a packet out of another interface: the faster one counts.
_WAYS = ("by_index", "by_map")

_NFT = """
table ip bench {{
    chain prerouting {{
        type nat hook prerouting priority dstnat;
        ip daddr {vip.address} udp dport {vip.port} dnat to {server.address}:{server.port}
    }}
}}
"""


def _mac(interface: Interface) -> bytes:
    return bytes.fromhex(interface.mac.replace(":", ""))


_CLIENT = Endpoint(CLIENT_ADDRESS, CLIENT_PORT, _mac(_CLIENT_END))
_VIP = Endpoint(IPv4Address(VIP), 80, _mac(_FRONT))
#: The VIP as servers see it: their packets come from the balancer's other interface.
_VIP_AT_BACK = Endpoint(_VIP.address, _VIP.port, _mac(_BACK))
_SERVER = Endpoint(IPv4Address(_SERVER_END.address), 8080, _mac(_SERVER_END))


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: rounds of so many seconds for each contender and flow count."""

    rounds: int = 5
    round_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that packets are sent through.

    Attributes:
        program_fd: of the XDP program on the balancer's front; None: none, the kernel forwards.
        sink: counts what it let through.
    """

    name: str
    program_fd: int | None
    sink: Program


def run(effort: Effort) -> Iterator[Figure]:
    """Measure all contenders in turn, round by round; figures come by flow count."""
    cpus = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        stack.enter_context(pinned(cpus[0]))
        lab = stack.enter_context(Lab(LabOptions(servers=False)))
        flood = stack.enter_context(
            Flood(lab.client.netns_path, _ifindex(lab.client, _CLIENT_END), cpus[-1])
        )
        lab.balancer.run(["nft", "-f", "-"], input=_NFT.format(vip=_VIP, server=_SERVER))
        contenders = _contenders(stack, lab)
        for suffix, flows in FLOW_COUNTS.items():
            stream = Stream(frame(UDP, _CLIENT, _VIP), flows)
            rates: dict[str, list[float]] = {contender.name: [] for contender in contenders}
            for _ in range(effort.rounds):
                for contender in contenders:
                    with _on_front(lab, contender), flood.of(stream):
                        rates[contender.name].append(_rate(contender, effort.round_s))
            medians = {name: statistics.median(values) for name, values in rates.items()}
            yield from _figures(suffix, medians)


def _contenders(stack: ExitStack, lab: Lab) -> list[Contender]:
    """Load everything; the stack lets go of it."""
    balancer = lab.balancer
    front = _link(balancer, _FRONT)
    back = _link(balancer, _BACK)
    drop = stack.enter_context(_sink(_VIP))
    end = stack.enter_context(_sink(_SERVER))
    inside(lab.primary.netns_path, lambda: set_xdp(_SERVER_END.name, end.fd))
    redirects = {
        way: stack.enter_context(
            inside(
                balancer.netns_path,
                partial(MinimalRedirect, way, _VIP_AT_BACK, _SERVER, back.ifindex),
            )
        )
        for way in _WAYS
    }
    subject = stack.enter_context(Subject(_VIP, _SERVER, front, back))
    return [
        Contender("drop", drop.fd, drop),
        *(Contender(way, program.fd, end) for way, program in redirects.items()),
        Contender("xdpair", subject.fd, end),
        Contender("nftables", None, end),
    ]


def _sink(at: Endpoint) -> Program:
    return Program("sink.c", "sink", ADDRESS=int(at.address), PORT=at.port)


@contextmanager
def _on_front(lab: Lab, contender: Contender) -> Iterator[None]:
    netns_path = lab.balancer.netns_path
    inside(netns_path, lambda: set_xdp(_FRONT.name, contender.program_fd))
    try:
        yield
    finally:
        inside(netns_path, lambda: set_xdp(_FRONT.name, None))


def _rate(contender: Contender, seconds: float) -> float:
    """Packets a second that reach the contender's sink."""
    time.sleep(_SETTLE_S)
    before, start_ns = _arrived(contender), time.monotonic_ns()
    time.sleep(seconds)
    arrived, elapsed_ns = _arrived(contender) - before, time.monotonic_ns() - start_ns
    if not arrived:
        raise RuntimeError(f"nothing came through {contender.name}")
    return arrived * 1e9 / elapsed_ns


def _arrived(contender: Contender) -> int:
    return sum(contender.sink.table("arrived")[0])


def _figures(suffix: str, rates: Mapping[str, float]) -> Iterator[Figure]:
    minimal = max(rates[way] for way in _WAYS)
    redirect = f"pps.redirect.{suffix}"

    def beside_redirect(name: str, value: float, target: Target | None = None) -> Figure:
        return Figure(name, value, "packets/s", redirect, minimal, target)

    yield beside_redirect(f"pps.drop.{suffix}", rates["drop"])
    yield beside_redirect(redirect, minimal)
    for way in _WAYS:
        yield beside_redirect(f"pps.redirect.{way}.{suffix}", rates[way])
    yield beside_redirect(f"pps.nftables.{suffix}", rates["nftables"])
    yield beside_redirect(f"pps.{suffix}", rates["xdpair"], Target("ratio", ">=", 0.85))
    yield Figure(
        f"pps.over_nftables.{suffix}",
        rates["xdpair"],
        "packets/s",
        f"pps.nftables.{suffix}",
        rates["nftables"],
        Target("ratio", ">=", 4.0),
    )


def _ifindex(host: Host, interface: Interface) -> int:
    return inside(host.netns_path, lambda: socket.if_nametoindex(interface.name))


def _link(host: Host, interface: Interface) -> Link:
    return Link(_ifindex(host, interface), interface.name, _mac(interface), _MTU)
