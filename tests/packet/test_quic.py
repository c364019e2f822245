# SPDX-License-Identifier: Apache-2.0
"""QUIC connections (RFC 9000 s17) go by their connection ids, whatever address the client has.

The ids of a connection: the client makes one up for its first packets, then uses those that the
server chose, which the balancer reads off the server's long headers.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import Endpoint
from tests.packet.members import (
    DNS_MEMBERS,
    Crowd,
    datagram_from,
    exclude,
    given_to,
    returned,
    set_wheel,
    taken,
)
from tests.packet.world import CLIENT, DNS_ROW, to_dns
from xdpair.core.model import Protocol
from xdpair.core.tables import Schedule

MEMBERS = tuple(range(30, 130))
VERSION_1 = b"\0\0\0\1"
#: Ids of QUIC version 1 have at most so many octets; others may have more (RFC 8999 s5.3).
LENGTHS = [8, 9, 12, 16, 20, 64, 255]
#: UDP_IDLE_TICKS of bpf/abi.h.
IDLE_TICKS = 90


def long_header(dest: bytes, source: bytes = b"", kind: int = 0xC3) -> bytes:
    """An Initial, Handshake or other packet, as far as anybody but its receiver can read it."""
    return (
        bytes((kind,))
        + VERSION_1
        + bytes((len(dest),))
        + dest
        + bytes((len(source),))
        + source
        + bytes(40)
    )


def short_header(dest: bytes, kind: int = 0x43) -> bytes:
    return bytes((kind,)) + dest + bytes(24)


def elsewhere(number: int) -> Endpoint:
    """The client behind another address."""
    return Endpoint(CLIENT.address + number, 50_000 + number)


def chosen(balancer: Balancer, payload: bytes, source: Endpoint = CLIENT) -> int:
    return given_to(balancer.verdict(to_dns(source=source, payload=payload))[1])


def forget(balancer: Balancer) -> None:
    balancer.maps.flows.view("u1").fill(0)


@pytest.fixture
def balancer(balancer: Balancer) -> Balancer:
    members = {Protocol.TCP: DNS_MEMBERS[:1], Protocol.UDP: MEMBERS}
    Crowd(dns={"schedule": Schedule.QUIC}, members=members).put(balancer)
    return balancer


@pytest.fixture
def few(balancer: Balancer) -> Balancer:
    members = {Protocol.TCP: DNS_MEMBERS[:1], Protocol.UDP: DNS_MEMBERS}
    return Crowd(dns={"schedule": Schedule.QUIC}, members=members).put(balancer)


# -- without a tie: by the hash of the id ----------------------------------------------------------


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", [0x80, 0xC0, 0xC3, 0xFF, 0xD1, 0xE2])
def test_one_id_leads_to_one_server(balancer: Balancer, length: int, kind: int) -> None:
    """From anywhere; by long headers of any type and by short ones."""
    ident = random.Random(length).randbytes(length)
    found = {
        chosen(balancer, long_header(ident, bytes(n), kind), elsewhere(n)) for n in range(1, 9)
    }
    found |= {chosen(balancer, short_header(ident), elsewhere(n)) for n in range(20, 29)}
    assert len(found) == 1


@pytest.mark.parametrize("header", [long_header, short_header])
def test_ids_spread(balancer: Balancer, header: object) -> None:
    """Also from one address and port, once it was forgotten."""
    assert callable(header)
    rng = random.Random("ids")
    found = []
    for number in range(1000):
        found.append(chosen(balancer, header(rng.randbytes(8)), elsewhere(number % 100)))
        forget(balancer)
    assert len(set(found)) > 90
    assert max(Counter(found).values()) < 30


@pytest.mark.parametrize("at", range(8))
def test_every_octet_counts(balancer: Balancer, at: int) -> None:
    """Of the first eight: a short header does not tell where the id ends."""
    ident = bytes(range(8))
    others = [ident[:at] + bytes((value,)) + ident[at + 1 :] for value in range(100, 120)]
    found = {chosen(balancer, long_header(other), elsewhere(n)) for n, other in enumerate(others)}
    assert len(found) > 10
    assert chosen(balancer, long_header(ident + b"a"), elsewhere(200)) == chosen(
        balancer, long_header(ident + b"b"), elsewhere(201)
    )


@pytest.mark.parametrize("length", range(1, 8))
def test_short_ids_count_whole_and_alone(balancer: Balancer, length: int) -> None:
    """What follows an id of less than eight octets in a long header is none of it."""
    ident = b"\x5a" * length
    found = {chosen(balancer, long_header(ident, bytes((n,)) * 8), elsewhere(n)) for n in range(12)}
    assert len(found) == 1
    others = {
        chosen(balancer, long_header(bytes((n,)) * length), elsewhere(100 + n)) for n in range(20)
    }
    assert len(others) > 8


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x43", id="one octet"),
        pytest.param(b"\x43" + b"id" * 3, id="short header, id cut"),
        pytest.param(b"\xc3" + VERSION_1, id="long header, no length"),
        pytest.param(b"\xc3" + VERSION_1 + b"\x08abcdefg", id="long header, id cut"),
        pytest.param(b"\xc3" + VERSION_1 + b"\xff" + bytes(100), id="length beyond the end"),
        pytest.param(long_header(b""), id="no id"),
    ],
)
def test_a_datagram_that_tells_no_id(balancer: Balancer, payload: bytes) -> None:
    """Goes by its addresses and ports, like one that is no QUIC at all."""
    found = {chosen(balancer, payload, elsewhere(n)) for n in range(60)}
    assert len(found) > 30
    forget(balancer)
    again = {n: chosen(balancer, payload, elsewhere(n)) for n in range(20)}
    forget(balancer)
    assert {n: chosen(balancer, payload, elsewhere(n)) for n in range(20)} == again


@pytest.mark.parametrize(
    "payload",
    [b"\x43abc", b"\x43abcdef", b"\x43abcdefg", b"\xc3" + VERSION_1 + b"\x08abc"],
)
def test_padding_is_no_id(balancer: Balancer, payload: bytes) -> None:
    """Octets behind the IP packet are Ethernet's."""
    found = set()
    for number in range(40):
        sent = to_dns(source=elsewhere(number), payload=payload, trailer=bytes(20))
        found.add(given_to(balancer.verdict(sent)[1]))
    assert len(found) > 20


def test_a_known_address_stays_whatever_id_it_uses(balancer: Balancer) -> None:
    """A connection changes ids at will (RFC 9000 s5.1)."""
    first = chosen(balancer, long_header(b"original"))
    rng = random.Random("change")
    assert {chosen(balancer, short_header(rng.randbytes(8))) for _ in range(20)} == {first}


# -- ties ------------------------------------------------------------------------------------------


def handshake(balancer: Balancer, client: Endpoint, server_id: bytes, first: bytes) -> int:
    """The client's first packet, and the server's answer with an id of its own."""
    row = chosen(balancer, long_header(first, b"client01"), client)
    answer = datagram_from(row, dest=client, payload=long_header(b"client01", server_id))
    out = balancer.run(answer)
    assert out.exit == "reply"
    return row


@pytest.mark.parametrize("length", LENGTHS[:6])
@pytest.mark.parametrize("client_id", [0, 1, 8, 20])
def test_an_id_that_the_server_chose_leads_to_it(
    few: Balancer, length: int, client_id: int
) -> None:
    """From another address: with the handshake's id, by a long header and by a short one."""
    rng = random.Random(f"{length} {client_id}")
    strays = 0
    for number in range(12):
        ident, first = rng.randbytes(length), rng.randbytes(8)
        row = chosen(few, long_header(first), elsewhere(number))
        said = long_header(rng.randbytes(client_id), ident)
        answer = datagram_from(row, dest=elsewhere(number), payload=said)
        assert few.run(answer) == returned(answer, row)
        assert chosen(few, long_header(ident), elsewhere(100 + number)) == row
        assert chosen(few, short_header(ident), elsewhere(150 + number)) == row
        forget(few)
        strays += chosen(few, short_header(ident), elsewhere(200 + number)) != row
    assert strays, "the hash alone leads elsewhere"


def test_rebinding(few: Balancer) -> None:
    """The client's NAT gives it another address in the middle: both directions go on."""
    row = handshake(few, CLIENT, b"serverid", b"firstone")
    moved = to_dns(source=elsewhere(1), payload=short_header(b"serverid"))
    assert few.run(moved) == taken(moved, row, flow="new")
    answer = datagram_from(row, dest=elsewhere(1), payload=short_header(b"client01"))
    assert few.run(answer) == returned(answer, row)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(short_header(b"serverid"), id="short header"),
        pytest.param(long_header(b"client01", b""), id="no id of its own"),
        pytest.param(long_header(b"client01", b"serverid")[:20], id="id cut"),
        pytest.param(b"\xc3" + VERSION_1 + b"\xffserverid", id="its client's id cut"),
        pytest.param(long_header(b"client01", b"")[:14], id="nothing behind its client's id"),
        pytest.param(b"\xc3", id="hardly anything"),
    ],
)
@pytest.mark.parametrize("padding", [b"", b"\x08serverid" + bytes(40)])
def test_an_answer_that_tells_no_id(few: Balancer, said: bytes, padding: bytes) -> None:
    row = chosen(few, long_header(b"firstone"))
    before = few.flows.count()
    answer = datagram_from(row, payload=said, trailer=padding)
    assert few.run(answer) == returned(answer, row)
    assert few.flows.count() == before


def test_a_client_can_not_tie_anybody(few: Balancer) -> None:
    chosen(few, long_header(b"firstone", b"client01"))
    assert few.flows.count() == 1


def test_a_stranger_can_not_tie_anybody(few: Balancer) -> None:
    """Nor can a server that the client is not with."""
    row = chosen(few, long_header(b"firstone"))
    other = next(each for each in DNS_MEMBERS if each != row)
    few.run(datagram_from(other, payload=long_header(b"client01", b"serverid")))
    assert few.flows.count() == 1


def test_never_to_a_server_that_gets_nothing_new(few: Balancer) -> None:
    row = handshake(few, CLIENT, b"serverid", b"firstone")
    exclude(few, row, DNS_ROW)
    assert chosen(few, short_header(b"serverid"), elsewhere(1)) != row
    assert chosen(few, short_header(b"serverid")) == row, "where it is known it stays"


def test_never_against_an_end(few: Balancer) -> None:
    row = handshake(few, CLIENT, b"serverid", b"firstone")
    few.datapath.end_flows(row)
    set_wheel(few, [each for each in DNS_MEMBERS if each != row], DNS_ROW)
    few.maps.servers["flags"][row] |= 4
    assert chosen(few, short_header(b"serverid"), elsewhere(1)) != row


def age_tie(balancer: Balancer, ticks: int) -> None:
    keys, values = balancer.maps.flows["keys"], balancer.maps.flows["values"]
    where = (keys["client_port_be"] == 0) & (values["server"] != 0)
    assert where.sum() == 1
    seen = values["seen_state"][where]
    values["seen_state"][where] = seen & 0xF000 | (seen - ticks) & 0xFFF


def test_a_tie_lasts_as_long_as_its_connection_is_used(few: Balancer) -> None:
    row = handshake(few, CLIENT, b"serverid", b"firstone")
    for _ in range(3):
        age_tie(few, IDLE_TICKS - 5)
        few.flows.age(CLIENT, DNS_ROW, 1)
        few.run(to_dns(payload=short_header(b"serverid")))
    set_wheel(few, [each for each in DNS_MEMBERS if each != row], DNS_ROW)
    assert chosen(few, short_header(b"serverid"), elsewhere(1)) == row
    age_tie(few, IDLE_TICKS + 1)
    assert chosen(few, short_header(b"serverid"), elsewhere(2)) != row


def test_an_id_that_another_server_takes(few: Balancer) -> None:
    """The last one to say so has it."""
    row = handshake(few, CLIENT, b"serverid", b"firstone")
    other = next(each for each in DNS_MEMBERS if each != row)
    set_wheel(few, [other], DNS_ROW)
    assert handshake(few, elsewhere(1), b"serverid", b"otherone") == other
    set_wheel(few, DNS_MEMBERS, DNS_ROW)
    assert chosen(few, short_header(b"serverid"), elsewhere(2)) == other


def test_no_id_is_learnt_for_other_schedulers(few: Balancer) -> None:
    members = {Protocol.TCP: DNS_MEMBERS[:1], Protocol.UDP: DNS_MEMBERS}
    Crowd(members=members).put(few)
    handshake(few, CLIENT, b"serverid", b"firstone")
    assert few.flows.count() == 1


def test_a_whole_frame(few: Balancer) -> None:
    """IP options do not hide the id."""
    ident = b"identity"
    rows = {
        given_to(few.verdict(to_dns(source=elsewhere(n), payload=short_header(ident)))[1])
        for n in range(5)
    }
    sent = to_dns(source=elsewhere(9), payload=short_header(ident), ip_options=b"\x01" * 8)
    (row,) = rows
    assert few.run(sent) == taken(sent, row, flow="new")
