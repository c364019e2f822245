# SPDX-License-Identifier: Apache-2.0
"""A server that left its pair: its connections may go on for some time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.packet.balancer import Balancer
from tests.packet.flow_table import RESET
from tests.packet.frames import (
    ACK,
    FIN,
    FRAGMENTATION_NEEDED,
    RST,
    SYN,
    UNREACHABLE,
    Endpoint,
    Icmp,
)
from tests.packet.outcomes import fenced, was_reset
from tests.packet.pair import Pair
from tests.packet.world import (
    CLIENT,
    DNS_ROW,
    FROM_CLIENT,
    PRIMARY,
    PRIMARY_HOP,
    SECONDARY,
    SECONDARY_HOP,
    WEB,
    WEB_ROW,
    WEB_SERVERS,
    Scene,
    at_client,
    at_server,
    from_dns,
    from_web,
    to_dns,
    to_web,
)
from xdpair.core.model import Protocol
from xdpair.core.tables import (
    Kind,
    LookupKey,
    ServerEntry,
    TableChange,
    endpoint_value,
)

#: Rows of the pairs that come after; the former primary's rows stay so long.
NEW_WEB, NEW_DNS = (15, 16), (17, 18)
#: Who comes in place of the former primary.
SUCCESSOR = Endpoint(PRIMARY.address + 100, 8888)


def after(*, draining: bool = True) -> TableChange:
    """Both pairs with another primary. The old one's endpoints are shared: only flows tell."""
    tables = Scene(web_servers=NEW_WEB, dns_servers=NEW_DNS).tables()
    servers = dict(tables.servers)
    lookup = dict(tables.lookup)
    for (primary, _), former, protocol, row in (
        (NEW_WEB, 11, Protocol.TCP, WEB_ROW),
        (NEW_DNS, 13, Protocol.UDP, DNS_ROW),
    ):
        servers[primary] = ServerEntry(*SUCCESSOR, PRIMARY_HOP)
        old_key = LookupKey(Kind.ENDPOINT, *PRIMARY, protocol)
        lookup[LookupKey(Kind.ENDPOINT, *SUCCESSOR, protocol)] = lookup.pop(old_key)
        if draining:
            servers[former] = ServerEntry(*PRIMARY, PRIMARY_HOP, draining=True)
            lookup[old_key] = endpoint_value(row, 0, shared=True)
    return replace(tables, servers=servers, lookup=lookup)


@pytest.fixture
def draining(balancer: Balancer, pair: Pair) -> Balancer:
    """The client is with the primary, which then leaves."""
    for sent in (to_web(flags=SYN), to_web(), to_dns()):
        balancer.run(sent)
    balancer.datapath.apply(after())
    return balancer


def test_connections_go_on(draining: Balancer) -> None:
    for sent in (to_web(payload=b"more"), to_web(flags=FIN | ACK)):
        out = draining.run(sent)
        assert (out.exit, out.frame) == ("forward", at_server(sent, PRIMARY).frame())
        assert list(out.servers) == [WEB_SERVERS[0]]
    for answer in (from_web(payload=b"more"), from_web(flags=FIN | ACK)):
        out = draining.run(answer)
        assert (out.exit, out.frame) == ("reply", at_client(answer, WEB).frame())
        assert list(out.servers) == [WEB_SERVERS[0]]


def test_new_connections_go_to_the_successor(draining: Balancer) -> None:
    for client in (Endpoint(CLIENT.address, 1), CLIENT):
        sent = to_web(source=client, flags=SYN)
        out = draining.run(sent)
        assert (out.exit, out.frame) == (
            "forward_new",
            replace(at_server(sent, PRIMARY), dest=SUCCESSOR).frame(),
        )
    assert draining.run(from_web()) == fenced(from_web()), "its client is the successor's"


def test_datagrams_go_to_the_successor(draining: Balancer) -> None:
    """What is in flight still arrives."""
    assert draining.run(from_dns()).exit == "reply"
    sent = to_dns()
    out = draining.run(sent)
    assert out.exit == "forward_new"
    assert out.frame == replace(at_server(sent, PRIMARY), dest=SUCCESSOR).frame()


def test_the_end(draining: Balancer) -> None:
    draining.datapath.apply(after(draining=False))
    assert draining.run(to_web()) == was_reset(to_web())
    assert draining.run(from_web()).exit == "pass_no_listener"
    flow = draining.flows.get(CLIENT, WEB_ROW)
    assert flow is not None
    assert flow.state == RESET


def test_the_end_while_the_endpoint_is_still_known(draining: Balancer) -> None:
    """Whichever of the two stores comes first."""
    tables = after()
    former = tables.servers[11]
    assert former is not None
    gone = {**tables.servers, 11: replace(former, draining=False)}
    draining.datapath.apply(replace(tables, servers=gone))
    assert draining.run(from_web()) == fenced(from_web())
    assert draining.run(to_web()) == was_reset(to_web())


def test_a_failover_meanwhile_ends_nothing_of_it(draining: Balancer, pair: Pair) -> None:
    """It is the successor that failed."""
    pair.primary_fails()
    assert draining.run(to_web()).frame == at_server(to_web(), PRIMARY).frame()
    assert draining.run(from_web()).exit == "reply"
    pair.primary_recovers()
    assert draining.run(to_web()).frame == at_server(to_web(), PRIMARY).frame()


def test_after_a_reset_it_is_over(draining: Balancer) -> None:
    draining.run(to_web(flags=RST))
    sent = to_web(flags=SYN)
    assert draining.run(sent).exit == "forward_new"


def test_the_other_server_is_not_concerned(draining: Balancer, pair: Pair) -> None:
    pair.primary_fails()
    sent = to_web(source=Endpoint(CLIENT.address, 5), flags=SYN)
    assert draining.run(sent).frame == at_server(sent, SECONDARY).frame()
    answer = from_web(SECONDARY, dest=sent.source, flags=SYN | ACK)
    assert draining.run(answer).frame == at_client(answer, WEB).frame()


def test_errors_reach_it(draining: Balancer) -> None:
    error = Icmp(
        hop=FROM_CLIENT,
        source=CLIENT,
        dest=WEB,
        kind=UNREACHABLE,
        code=FRAGMENTATION_NEEDED,
        rest=1400,
        body=from_web(source=WEB, payload=bytes(40)).quote(28),
    )
    there = replace(at_server(error, PRIMARY), body=from_web(payload=bytes(40)).quote(28))
    out = draining.run(error)
    assert (out.exit, out.frame) == ("icmp_to_server", there.frame())


def test_both_servers_left(balancer: Balancer, pair: Pair) -> None:
    """One after the other: each goes on with its own."""
    balancer.run(to_web(flags=SYN))
    pair.primary_fails()
    other = Endpoint(CLIENT.address, 7)
    balancer.run(to_web(source=other, flags=SYN))
    balancer.run(to_web(source=other))
    pair.primary_recovers()
    tables = after()
    servers = {**tables.servers, 12: ServerEntry(*SECONDARY, SECONDARY_HOP, draining=True)}
    balancer.datapath.apply(replace(tables, servers=servers))
    for sent, server in ((to_web(source=other), SECONDARY), (to_web(), PRIMARY)):
        assert balancer.run(sent).frame == at_server(sent, server).frame()
