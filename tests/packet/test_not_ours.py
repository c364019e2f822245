# SPDX-License-Identifier: Apache-2.0
"""What the host keeps for itself, byte for byte, and what nobody may have."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import (
    DF,
    ECHO,
    ETH_ARP,
    ETH_IPV6,
    ETH_VLAN,
    MF,
    SYN,
    Endpoint,
    Hop,
    Icmp,
    Other,
    Packet,
    ethernet,
)
from tests.packet.outcomes import dropped, passed
from tests.packet.world import (
    CLIENT,
    CLIENTS_ADDRESS,
    DNS,
    FROM_CLIENT,
    GATEWAY_MAC,
    PRIMARY,
    STRANGER,
    VIP,
    WEB,
    from_dns,
    from_web,
    to_dns,
    to_web,
)

BROADCAST = Hop(GATEWAY_MAC, b"\xff" * 6)
MULTICAST = Hop(GATEWAY_MAC, bytes.fromhex("01005e0000fb"))
OWN = Endpoint(CLIENTS_ADDRESS, 22)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        pytest.param(ethernet(FROM_CLIENT, bytes(28), ETH_ARP), "not_ipv4", id="ARP"),
        pytest.param(ethernet(BROADCAST, bytes(28), ETH_ARP), "not_ipv4", id="ARP to all"),
        pytest.param(ethernet(FROM_CLIENT, bytes(60), ETH_IPV6), "not_ipv4", id="IPv6"),
        pytest.param(
            ethernet(FROM_CLIENT, b"\0\5\x08\0" + to_web().packet(), ETH_VLAN),
            "not_ipv4",
            id="VLAN tag",
        ),
        pytest.param(ethernet(FROM_CLIENT, b"", 0x88CC), "not_ipv4", id="14 octets"),
        pytest.param(to_web(hop=BROADCAST), "multicast", id="broadcast"),
        pytest.param(to_dns(hop=MULTICAST), "multicast", id="multicast"),
        pytest.param(to_web(dest=Endpoint(VIP, 81)), "no_listener", id="other TCP port"),
        pytest.param(to_web(dest=DNS), "no_listener", id="TCP to the UDP listener"),
        pytest.param(to_dns(dest=WEB), "no_listener", id="UDP to the TCP listener"),
        pytest.param(to_web(dest=STRANGER), "no_listener", id="other host"),
        pytest.param(to_web(dest=OWN, flags=SYN), "no_listener", id="own ssh"),
        pytest.param(to_web(dest=PRIMARY), "no_listener", id="straight to a server"),
        pytest.param(from_web(source=STRANGER), "no_listener", id="from elsewhere"),
        pytest.param(to_web(dest=STRANGER, ttl=0), "no_listener", id="expired, not for us"),
        pytest.param(
            Other(hop=FROM_CLIENT, source=CLIENT, dest=WEB, number=47, payload=bytes(30)),
            "other_protocol",
            id="GRE to the VIP",
        ),
        pytest.param(
            Other(hop=FROM_CLIENT, source=CLIENT, dest=WEB, number=132, payload=b"\0P\0P"),
            "other_protocol",
            id="SCTP to the VIP",
        ),
    ],
)
def test_the_host_gets_it_untouched(balancer: Balancer, sent: Packet | bytes, why: str) -> None:
    assert balancer.run(sent) == passed(sent, why)


# -- fragments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frag",
    [
        pytest.param(MF, id="first"),
        pytest.param(MF | 185, id="in the middle"),
        pytest.param(185, id="last"),
        pytest.param(DF | MF, id="first, with DF"),
    ],
)
class TestFragment:
    @pytest.mark.parametrize(
        "sent", [to_web(payload=bytes(600)), to_dns(payload=bytes(600)), to_web(dest=Endpoint(VIP))]
    )
    def test_for_a_vip_is_dropped(self, balancer: Balancer, sent: Packet, frag: int) -> None:
        assert balancer.run(replace(sent, frag=frag)) == dropped("fragment")

    @pytest.mark.parametrize("sent", [from_web(payload=b"x"), from_dns()])
    def test_from_a_servers_port_must_not_show_its_address(
        self, balancer: Balancer, sent: Packet, frag: int
    ) -> None:
        """Only the first one can be told from others by its ports."""
        sent = replace(sent, frag=frag)
        is_first = not frag & 0x1FFF
        expected = dropped("fragment") if is_first else passed(sent, "fragment")
        assert balancer.run(sent) == expected

    @pytest.mark.parametrize(
        "sent",
        [
            pytest.param(to_web(dest=STRANGER), id="to another host"),
            pytest.param(from_web(source=STRANGER), id="from another host"),
            pytest.param(from_dns(dest=OWN), id="answer to the host itself"),
            pytest.param(
                Icmp(hop=FROM_CLIENT, source=CLIENT, dest=WEB, kind=ECHO, body=bytes(99)),
                id="ping to a VIP, for the host to join",
            ),
        ],
    )
    def test_for_others_is_the_hosts(self, balancer: Balancer, sent: Packet, frag: int) -> None:
        sent = replace(sent, frag=frag)
        assert balancer.run(sent) == passed(sent, "fragment")


def test_a_first_fragment_may_be_tiny(balancer: Balancer) -> None:
    """Eight octets of TCP have the ports, but not the whole header (RFC 1858)."""
    segment = from_web().transport()[:8]
    sent = Other(
        hop=from_web().hop, source=PRIMARY, dest=CLIENT, number=6, payload=segment, frag=MF
    )
    assert balancer.run(sent) == dropped("fragment")


def test_the_reserved_flag_is_no_fragment(balancer: Balancer) -> None:
    """RFC 3514 notwithstanding."""
    assert balancer.run(to_web(frag=0x8000)).exit == "forward_new"


# -- senders that can not be -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("203.0.113.1", id="own"),
        pytest.param("203.0.113.10", id="the VIP itself"),
        pytest.param("0.0.0.0", id="unspecified"),
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
    ],
)
@pytest.mark.parametrize(
    "sent",
    [
        to_web(flags=SYN),
        to_dns(),
        Icmp(hop=FROM_CLIENT, source=CLIENT, dest=WEB, kind=ECHO),
    ],
)
def test_a_martian_gets_no_answer(balancer: Balancer, sent: Packet, address: str) -> None:
    source = Endpoint(IPv4Address(address), 80)
    assert balancer.run(replace(sent, source=source)) == dropped("martian")
    assert balancer.flows.count() == 0


@pytest.mark.parametrize("address", ["1.0.0.1", "126.0.0.1", "128.0.0.1", "223.255.255.254"])
def test_unusual_clients_are_clients(balancer: Balancer, address: str) -> None:
    sent = to_web(flags=SYN, source=Endpoint(IPv4Address(address), 1))
    assert balancer.run(sent).exit == "forward_new"


@pytest.mark.parametrize("make", [to_web, to_dns])
def test_a_server_can_not_be_client_of_its_own_listener(balancer: Balancer, make: type) -> None:
    sent = make(source=Endpoint(PRIMARY.address, 50000))
    assert balancer.run(sent) == dropped("hairpin")
