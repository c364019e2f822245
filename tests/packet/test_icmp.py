# SPDX-License-Identifier: Apache-2.0
"""ICMP: ping to a VIP, and errors about a flow, translated for the end that must see them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from tests.packet.balancer import REDIRECT, TX, Balancer
from tests.packet.frames import (
    ECHO,
    ECHO_REPLY,
    FRAGMENTATION_NEEDED,
    ICMP_REDIRECT,
    PARAMETER_PROBLEM,
    PORT_UNREACHABLE,
    SOURCE_QUENCH,
    SYN,
    TIME_EXCEEDED,
    UNREACHABLE,
    Endpoint,
    Icmp,
    Packet,
)
from tests.packet.outcomes import answered, dropped, passed, relayed
from tests.packet.verify import checks
from tests.packet.world import (
    CLIENT,
    CLIENTS_ADDRESS,
    CLIENTS_IF,
    DNS,
    FROM_CLIENT,
    FROM_PRIMARY,
    FROM_SECONDARY,
    LINKS,
    PRIMARY,
    SECONDARY,
    SERVERS_ADDRESS,
    STRANGER,
    TO_CLIENT,
    TO_PRIMARY,
    WEB,
    Scene,
    from_dns,
    from_web,
    to_dns,
    to_web,
)

ROUTER = Endpoint(IPv4Address("192.0.2.1"))
OPTIONS = b"\x44\x0c\x05\x00" + bytes(8)

ERRORS = [
    pytest.param(UNREACHABLE, FRAGMENTATION_NEEDED, 1400, id="fragmentation needed"),
    pytest.param(UNREACHABLE, PORT_UNREACHABLE, 0, id="port unreachable"),
    pytest.param(UNREACHABLE, 1, 0, id="host unreachable"),
    pytest.param(TIME_EXCEEDED, 0, 0, id="time exceeded"),
    pytest.param(PARAMETER_PROBLEM, 0, 20 << 24, id="parameter problem"),
]


@pytest.fixture
def known(balancer: Balancer) -> Balancer:
    for sent in (to_web(flags=SYN), to_web(), to_dns()):
        balancer.run(sent)
    return balancer


# -- ping ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ping",
    [
        Icmp(hop=FROM_CLIENT, source=CLIENT, dest=WEB, kind=ECHO, rest=0x12340001, body=body)
        for body in (b"", b"odd", bytes(range(56)), bytes(1472))
    ],
)
@pytest.mark.parametrize("ttl", [1, 64, 255])
def test_a_vip_answers_ping(balancer: Balancer, ping: Icmp, ttl: int) -> None:
    ping = replace(ping, ttl=ttl, ip_options=b"\x01" * 4)
    answer = replace(
        ping, kind=ECHO_REPLY, source=ping.dest, dest=ping.source, hop=TO_CLIENT, ttl=64
    )
    assert balancer.run(ping) == answered(answer, "icmp_echo")


@pytest.mark.parametrize(
    ("kind", "code", "dest"),
    [
        pytest.param(ECHO, 0, Endpoint(CLIENTS_ADDRESS), id="ping to the host"),
        pytest.param(ECHO, 0, STRANGER, id="ping to another host"),
        pytest.param(ECHO, 1, WEB, id="ping with a code"),
        pytest.param(ECHO_REPLY, 0, WEB, id="answer to a ping"),
        pytest.param(ICMP_REDIRECT, 1, WEB, id="redirect"),
        pytest.param(SOURCE_QUENCH, 0, WEB, id="source quench"),
        pytest.param(13, 0, WEB, id="timestamp"),
        pytest.param(UNREACHABLE, 1, WEB, id="error that quotes nothing"),
    ],
)
def test_other_icmp_is_the_hosts(balancer: Balancer, kind: int, code: int, dest: Endpoint) -> None:
    sent = Icmp(hop=FROM_CLIENT, source=CLIENT, dest=dest, kind=kind, code=code)
    assert balancer.run(sent) == passed(sent, "icmp")


# -- toward a server -------------------------------------------------------------------------------


def error_to(dest: Endpoint, about: bytes, **fields: object) -> Icmp:
    error = Icmp(hop=FROM_CLIENT, source=ROUTER, dest=dest, kind=UNREACHABLE, code=1, body=about)
    return replace(error, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "code", "rest"), ERRORS)
@pytest.mark.parametrize("source", [CLIENT, ROUTER])
def test_an_error_reaches_the_server(
    known: Balancer, kind: int, code: int, rest: int, source: Endpoint
) -> None:
    """As if it were about what the server itself had sent."""
    for answer, vip in ((from_web(ttl=55), WEB), (from_dns(ttl=55), DNS)):
        about = replace(answer, source=vip)
        sent = error_to(vip, about.quote(), kind=kind, code=code, rest=rest, source=source)
        there = replace(sent, hop=TO_PRIMARY, dest=PRIMARY, ttl=63, body=answer.quote())
        assert known.run(sent) == relayed(there, "icmp_to_server")


QUOTED = [
    pytest.param(from_web(payload=b"odd"), 8, id="TCP, 8 octets"),
    pytest.param(from_web(payload=b"odd"), 16, id="TCP, checksum cut off"),
    pytest.param(from_web(payload=b"odd"), 18, id="TCP, checksum last"),
    pytest.param(from_web(payload=b"odd"), 23, id="TCP, all of it"),
    pytest.param(from_web(ip_options=OPTIONS, payload=b"even"), 24, id="TCP with IP options"),
    pytest.param(from_dns(payload=b"odd"), 8, id="UDP, 8 octets"),
    pytest.param(from_dns(payload=b"odd"), 11, id="UDP, all of it"),
    pytest.param(from_dns(payload=b"odd", checksum=False), 11, id="UDP without checksum"),
    pytest.param(from_dns(payload=bytes(512)), 520, id="a long quote"),
]


@pytest.mark.parametrize(("answer", "size"), QUOTED)
@pytest.mark.parametrize("trailer", [b"", bytes(range(1, 30))])
def test_quotes_of_all_lengths_to_a_server(
    known: Balancer, answer: Packet, size: int, trailer: bytes
) -> None:
    """What follows the packet in the frame is no part of the quote."""
    vip = WEB if answer.protocol == 6 else DNS
    quote = replace(answer, source=vip).quote(size)
    sent = error_to(vip, quote, trailer=trailer, ip_options=b"\x01" * 4)
    there = replace(sent, hop=TO_PRIMARY, dest=PRIMARY, ttl=63, body=answer.quote(size))
    assert known.run(sent) == relayed(there, "icmp_to_server")


@pytest.mark.parametrize(("answer", "size"), QUOTED)
def test_quotes_of_all_lengths_to_a_client(known: Balancer, answer: Packet, size: int) -> None:
    vip = WEB if answer.protocol == 6 else DNS
    asked = replace(answer, source=CLIENT, dest=vip)
    sent = error_to(
        CLIENT, replace(asked, dest=PRIMARY).quote(size), hop=FROM_PRIMARY, trailer=bytes(7)
    )
    there = replace(sent, hop=TO_CLIENT, ttl=63, body=asked.quote(size))
    assert known.run(sent) == relayed(there, "icmp_to_client")


def test_half_a_quoted_checksum_is_left_alone(known: Balancer) -> None:
    quote = from_web(source=WEB).quote(17)
    sent = error_to(WEB, quote)
    body = from_web().quote(16) + quote[-1:]
    there = replace(sent, hop=TO_PRIMARY, dest=PRIMARY, ttl=63, body=body)
    assert known.run(sent) == relayed(there, "icmp_to_server")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(
            error_to(WEB, from_web(source=WEB, dest=STRANGER).quote()),
            dropped("icmp"),
            id="flow not known",
        ),
        pytest.param(
            error_to(WEB, from_web(source=WEB).quote(), ttl=1), dropped("ttl"), id="expired"
        ),
        pytest.param(
            error_to(CLIENT, to_web(dest=PRIMARY).quote(), hop=FROM_PRIMARY, ttl=1),
            dropped("ttl"),
            id="expired on its way to the client",
        ),
    ],
)
def test_an_error_that_goes_nowhere(known: Balancer, sent: Icmp, expected: object) -> None:
    assert known.run(sent) == expected


def test_an_error_for_a_server_that_can_not_be_reached(known: Balancer) -> None:
    known.set_scene(Scene(hops=(None, None)))
    assert known.run(error_to(WEB, from_web(source=WEB).quote())) == dropped("unresolved")


def test_an_error_goes_out_where_it_came_in(known: Balancer) -> None:
    sent = error_to(WEB, from_web(source=WEB).quote(), hop=FROM_PRIMARY)
    assert known.run(sent).action == TX


# -- toward a client -------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "code", "rest"), ERRORS)
@pytest.mark.parametrize(
    ("source", "shown"),
    [pytest.param(PRIMARY, WEB, id="server"), pytest.param(ROUTER, ROUTER, id="router")],
)
def test_an_error_reaches_the_client(
    known: Balancer, kind: int, code: int, rest: int, source: Endpoint, shown: Endpoint
) -> None:
    """As if it were about what the client itself had sent; the server's address is not shown."""
    for asked in (to_web(ttl=61), to_dns(ttl=61)):
        about = replace(asked, dest=PRIMARY)
        sent = error_to(CLIENT, about.quote(), kind=kind, code=code, rest=rest, source=source)
        sent = replace(sent, hop=FROM_PRIMARY)
        there = replace(sent, hop=TO_CLIENT, source=shown, ttl=63, body=asked.quote())
        assert known.run(sent) == relayed(there, "icmp_to_client")


def test_an_error_finds_its_client_by_the_routes(known: Balancer) -> None:
    known.set_scene(Scene(links=LINKS[1:]))
    sent = error_to(CLIENT, to_dns(dest=PRIMARY).quote(), hop=FROM_PRIMARY)
    there = replace(sent, hop=TO_CLIENT, ttl=63, body=to_dns().quote())
    assert known.run(sent) == relayed(there, "icmp_to_client")
    asked = to_dns(source=STRANGER)
    known.run(asked)
    lost = error_to(STRANGER, replace(asked, dest=PRIMARY).quote(), hop=FROM_PRIMARY)
    assert known.run(lost) == dropped("no_route")


PROBE = to_dns(source=Endpoint(SERVERS_ADDRESS, 50000), dest=PRIMARY)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(error_to(PROBE.source, PROBE.quote()), id="about the host's own probe"),
        pytest.param(error_to(CLIENT, to_dns(dest=SECONDARY).quote()), id="other side's server"),
        pytest.param(
            error_to(STRANGER, to_dns(source=STRANGER, dest=PRIMARY).quote()), id="no such flow"
        ),
        pytest.param(error_to(CLIENT, to_dns(dest=STRANGER).quote()), id="not a server of ours"),
        pytest.param(error_to(STRANGER, to_dns(dest=PRIMARY).quote()), id="to another host"),
        pytest.param(error_to(DNS, from_web(source=STRANGER).quote()), id="spoof"),
        pytest.param(error_to(STRANGER, from_web(source=WEB).quote()), id="not to the VIP"),
        pytest.param(error_to(CLIENT, to_dns(dest=PRIMARY).quote(7)), id="7 octets quoted"),
        pytest.param(
            error_to(CLIENT, to_dns(dest=PRIMARY).quote(7), trailer=bytes(9)),
            id="7 octets quoted, and padding",
        ),
        pytest.param(error_to(CLIENT, to_dns(dest=PRIMARY).packet()[:19]), id="header cut"),
        pytest.param(error_to(CLIENT, to_dns(dest=PRIMARY, frag=1).quote()), id="a fragment"),
        pytest.param(
            error_to(CLIENT, error_to(PRIMARY, to_dns().quote(), source=CLIENT).quote()),
            id="about an error",
        ),
    ],
)
def test_an_error_about_others_is_the_hosts(known: Balancer, sent: Icmp) -> None:
    sent = replace(sent, hop=FROM_SECONDARY)
    assert known.run(sent) == passed(sent, "icmp")


@pytest.mark.parametrize("at", [24, 36])
def test_a_wrong_checksum_stays_wrong(known: Balancer, at: int) -> None:
    """Nobody may be made to believe an error that was damaged on its way."""
    frame = bytearray(error_to(WEB, from_web(source=WEB).quote()).frame())
    frame[at] ^= 0x10
    before = checks(bytes(frame))
    action, after = known.verdict(bytes(frame), CLIENTS_IF)
    assert action == REDIRECT
    assert not before.all_right()
    assert checks(after) == before
