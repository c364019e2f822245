# SPDX-License-Identifier: Apache-2.0
"""Frames that really leave: the kernel sends them by the interface that the program named."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests import bpf_run
from tests.packet.balancer import Balancer
from tests.packet.frames import ETH_IPV4, SYN, Endpoint, Hop, Packet
from tests.packet.members import WEB_MEMBERS, Crowd, at_member, from_member, set_wheel
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENTS_IF,
    DNS,
    GATEWAY_MAC,
    OTHER_IF,
    OTHER_MAC,
    PRIMARY,
    SERVERS_IF,
    WEB,
    at_client,
    at_server,
    from_dns,
    from_web,
    reset_of,
    to_dns,
    to_web,
)
from xdpair.core.tables import Schedule

#: Frames are there long before.
SOON_S = 2.0


@contextmanager
def wire(balancer: Balancer, peer: str) -> Iterator[socket.socket]:
    """What arrives at the other end of an interface."""
    with balancer.namespace.inside():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_IPV4))
        tap.bind((peer, ETH_IPV4))
    tap.settimeout(SOON_S)
    with closing(tap):
        yield tap


def send(balancer: Balancer, sent: Packet, ingress_ifindex: int) -> None:
    with balancer.namespace.inside():
        bpf_run.prog_run(
            balancer.datapath.program.fd,
            sent.frame(),
            ingress_ifindex=ingress_ifindex,
            flags=bpf_run.BPF_F_TEST_XDP_LIVE_FRAMES,
        )


@pytest.mark.parametrize(
    ("ask", "answer", "listener"), [(to_web(), from_web(), WEB), (to_dns(), from_dns(), DNS)]
)
def test_there_and_back(
    balancer: Balancer, ask: Packet, answer: Packet, listener: Endpoint
) -> None:
    with wire(balancer, "sv1") as servers:
        send(balancer, ask, CLIENTS_IF)
        assert servers.recv(2000) == at_server(ask, PRIMARY).frame()
    with wire(balancer, "cl1") as clients:
        send(balancer, answer, SERVERS_IF)
        assert clients.recv(2000) == at_client(answer, listener).frame()


def test_back_by_the_routes(balancer: Balancer) -> None:
    with wire(balancer, "cl1") as clients:
        send(balancer, from_web(), SERVERS_IF)
        assert clients.recv(2000) == at_client(from_web(), WEB).frame()


def test_back_by_another_interface(balancer: Balancer) -> None:
    ask = to_dns(hop=Hop(GATEWAY_MAC, OTHER_MAC))
    send(balancer, ask, OTHER_IF)
    with wire(balancer, "ot1") as others:
        send(balancer, from_dns(), SERVERS_IF)
        frame = others.recv(2000)
    assert frame[:14] == GATEWAY_MAC + OTHER_MAC + b"\x08\0"
    assert frame[14:] == at_client(from_dns(), DNS).packet()


def test_a_reset_leaves_where_its_cause_came_in(balancer: Balancer, pair: Pair) -> None:
    for sent in (to_web(flags=SYN), to_web()):
        balancer.run(sent)
    pair.primary_fails()
    with wire(balancer, "cl1") as clients:
        send(balancer, to_web(), CLIENTS_IF)
        assert clients.recv(2000) == reset_of(to_web()).frame()


def test_steps_that_follow_send_it_too(balancer: Balancer) -> None:
    """A packet of a weighted listener goes through several programs, the last of which ties its
    client to the server.
    """
    Crowd(web={"schedule": Schedule.LEAST, "persistence_s": 100}).put(balancer)
    set_wheel(balancer, WEB_MEMBERS[:1])
    ask, answer = to_web(flags=SYN), from_member(WEB_MEMBERS[0])
    with wire(balancer, "sv1") as servers:
        send(balancer, ask, CLIENTS_IF)
        assert servers.recv(2000) == at_member(ask, WEB_MEMBERS[0]).frame()
    with wire(balancer, "cl1") as clients:
        send(balancer, answer, SERVERS_IF)
        assert clients.recv(2000) == at_client(answer, WEB).frame()


def test_an_unreachable_leaves_where_its_cause_came_in(balancer: Balancer, pair: Pair) -> None:
    pair.weigh(0, 0)
    with wire(balancer, "cl1") as clients:
        send(balancer, to_dns(), CLIENTS_IF)
        frame = clients.recv(2000)
    assert (frame[23], frame[34:36]) == (1, b"\3\3")
    assert frame[42:] == to_dns().quote()
