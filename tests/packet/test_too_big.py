# SPDX-License-Identifier: Apache-2.0
"""Packets that do not fit the way out: path MTU discovery (RFC 1191) works both ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import (
    FRAGMENTATION_NEEDED,
    SYN,
    UNREACHABLE,
    Hop,
    Icmp,
    Packet,
)
from tests.packet.outcomes import answered, dropped, forwarded, replied
from tests.packet.world import (
    CLIENT,
    GATEWAY_MAC,
    OTHER_IF,
    OTHER_MAC,
    PRIMARY_HOP,
    SECONDARY_HOP,
    WEB_ROW,
    Scene,
    from_dns,
    from_web,
    to_dns,
    to_web,
)

MTU = 1280
Make = Callable[..., Packet]


def sized(make: Make, packet_bytes: int, **fields: Any) -> Packet:
    """A packet of exactly so many octets, header included."""
    head = len(make(payload=b"", **fields).packet())
    return make(payload=b"\x5a" * (packet_bytes - head), **fields)


def needs_fragmentation(about: Packet, mtu: int) -> Icmp:
    """What the sender is told, from the address that it had sent to."""
    return Icmp(
        hop=about.hop.back(),
        source=about.dest,
        dest=about.source,
        ident=0,
        kind=UNREACHABLE,
        code=FRAGMENTATION_NEEDED,
        rest=mtu,
        body=about.quote(),
    )


@pytest.fixture
def narrow(balancer: Balancer) -> Balancer:
    """Both ways are narrower than the way in: to the primary, and to the client on ot0."""
    balancer.set_scene(Scene(hops=(replace(PRIMARY_HOP, mtu_bytes=MTU), SECONDARY_HOP)))
    for make in (to_web, to_dns):
        known = make(hop=Hop(GATEWAY_MAC, OTHER_MAC))
        assert balancer.run(known, OTHER_IF).exit == "forward_new"
    return balancer


@pytest.mark.parametrize("make", [to_web, to_dns, from_web, from_dns])
@pytest.mark.parametrize("options", [b"", b"\x01" * 4, b"\x01" * 40], ids=len)
@pytest.mark.parametrize("trailer", [b"", bytes(7)], ids=len)
class TestTooBig:
    @pytest.mark.parametrize("size", [MTU + 1, MTU + 2, 1500, 3400])
    def test_the_sender_is_told(
        self, narrow: Balancer, make: Make, options: bytes, trailer: bytes, size: int
    ) -> None:
        sent = sized(make, size, ip_options=options, trailer=trailer)
        assert narrow.run(sent) == answered(needs_fragmentation(sent, MTU), "too_big")

    def test_what_fits_passes(
        self, narrow: Balancer, make: Make, options: bytes, trailer: bytes
    ) -> None:
        sent = sized(make, MTU, ip_options=options, trailer=trailer)
        assert narrow.run(sent).exit in {"forward", "reply"}

    def test_without_permission_to_tell_it_is_dropped(
        self, narrow: Balancer, make: Make, options: bytes, trailer: bytes
    ) -> None:
        sent = sized(make, MTU + 1, ip_options=options, trailer=trailer, frag=0)
        assert narrow.run(sent) == dropped("too_big")


@pytest.mark.parametrize("make", [to_web, to_dns])
def test_the_first_packet_of_a_flow_may_be_too_big(balancer: Balancer, make: Make) -> None:
    balancer.set_scene(Scene(hops=(replace(PRIMARY_HOP, mtu_bytes=MTU), SECONDARY_HOP)))
    sent = sized(make, MTU + 1)
    out = balancer.run(sent)
    assert (out.exit, out.frame) == ("too_big", needs_fragmentation(sent, MTU).frame())
    fits = sized(make, MTU)
    assert balancer.run(fits) == forwarded(fits)


def test_an_answer_by_the_routes_may_be_too_big(balancer: Balancer) -> None:
    """The kernel knows the MTU of its routes."""
    balancer.namespace.run("ip link set cl0 mtu 1400", "ip route flush cache")
    try:
        for size, told in ((1400, False), (1401, True)):
            sent = sized(from_web, size)
            expected = (
                answered(needs_fragmentation(sent, 1400), "too_big")
                if told
                else replied(sent, by_routes=True)
            )
            assert balancer.run(sent) == expected
        assert balancer.run(sized(from_web, 1401, frag=0)) == dropped("too_big")
    finally:
        balancer.namespace.run("ip link set cl0 mtu 1500")


def test_a_server_that_can_not_be_reached_comes_before_its_mtu(balancer: Balancer) -> None:
    balancer.set_scene(Scene(hops=(None, None)))
    assert balancer.run(sized(to_web, 1500, flags=SYN)) == dropped("unresolved")
    assert balancer.flows.get(CLIENT, WEB_ROW) is None
