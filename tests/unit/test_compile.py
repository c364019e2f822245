# SPDX-License-Identifier: Apache-2.0
"""From wishes and facts to the content of the maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.desired_kit import LB, PRIMARY, SECONDARY, Wishes, key, worlds
from xdpair.core.compile import MAX_LINKS, compile_tables
from xdpair.core.desired import Desired
from xdpair.core.errors import LimitExceeded
from xdpair.core.indexes import Limits, allocate, listener_name, server_name, slot_name
from xdpair.core.model import (
    FailoverScope,
    FlowAction,
    ListenerKey,
    ListenerState,
    LoadBalancer,
    Protocol,
    Side,
    TrafficPolicy,
)
from xdpair.core.tables import (
    Facts,
    Kind,
    Link,
    ListenerEntry,
    LookupKey,
    NextHop,
    ServerEntry,
    Tables,
)

OWN = IPv4Address("203.0.113.1")
PRIMARY_ADDRESS, SECONDARY_ADDRESS = IPv4Address("10.0.0.11"), IPv4Address("10.0.0.12")
HOP = NextHop(2, "eth1", b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", 1500, IPv4Address("10.0.0.1"))
LINKS = (Link(2, "eth1", b"\2\0\0\0\0\1", 1500),)
FACTS = Facts({PRIMARY_ADDRESS: HOP}, frozenset({OWN}), LINKS)
#: Another address than LB's, for a second load balancer.
OTHER_LB = LoadBalancer("lb-2", IPv4Address("203.0.113.11"))


def compiled(
    desired: Desired, facts: Facts = FACTS, drained: frozenset[ListenerKey] = frozenset()
) -> tuple[Tables, dict[str, int]]:
    rows = allocate({}, desired, Limits())
    return compile_tables(desired, rows, facts, drained), rows


def endpoint(address: IPv4Address, port: int, protocol: Protocol = Protocol.TCP) -> LookupKey:
    return LookupKey(Kind.ENDPOINT, address, port, protocol)


def chain(tables: Tables, head: LookupKey) -> Iterator[tuple[int, Side]]:
    """Follow the links as the program does."""
    link = tables.lookup.get(head, 0)
    while link:
        row, side = link >> 1, Side(link & 1)
        yield row, side
        link = tables.listeners[row].next_links[side]


def test_one_listener_in_full() -> None:
    desired = Wishes().lb().group().listener(80).desired
    tables, rows = compiled(desired)
    group = desired.group("rsp-1")
    row = rows[listener_name(key(80))]
    primary = rows[server_name(group, Side.PRIMARY, PRIMARY_ADDRESS)]
    secondary = rows[server_name(group, Side.SECONDARY, SECONDARY_ADDRESS)]
    assert tables == Tables(
        lookup={
            LookupKey(Kind.LOCAL, OWN): 1,
            LookupKey(Kind.VIP, LB.address): 1,
            LookupKey(Kind.LISTENER, LB.address, 80, Protocol.TCP): row,
            endpoint(PRIMARY_ADDRESS, 8080): row << 1,
            endpoint(SECONDARY_ADDRESS, 9090): row << 1 | 1,
        },
        listeners={
            row: ListenerEntry(
                vip=LB.address,
                port=80,
                protocol=Protocol.TCP,
                slot=rows[slot_name(str(key(80)))],
                servers=(primary, secondary),
                keep_primary=False,
                keep_secondary=True,
            )
        },
        servers={
            primary: ServerEntry(PRIMARY_ADDRESS, 8080, HOP),
            secondary: ServerEntry(SECONDARY_ADDRESS, 9090, None),
        },
        links=LINKS,
    )


def test_nothing_wanted() -> None:
    assert compiled(Desired(), Facts())[0] == Tables()


def test_a_stopped_listener_is_not_there() -> None:
    """Its VIP still answers ping, and its servers stay known."""
    wishes = Wishes().lb().group().listener(80, state=ListenerState.STOPPED)
    tables, _ = compiled(wishes.desired)
    assert set(tables.lookup) == {LookupKey(Kind.LOCAL, OWN), LookupKey(Kind.VIP, LB.address)}
    assert not tables.listeners
    assert len(tables.servers) == 2


def test_protocols_are_apart() -> None:
    wishes = Wishes().lb().group().listener(53).listener(53, protocol=Protocol.UDP)
    tables, rows = compiled(wishes.desired)
    for protocol in Protocol:
        row = rows[listener_name(key(53, protocol))]
        assert tables.lookup[LookupKey(Kind.LISTENER, LB.address, 53, protocol)] == row
        assert list(chain(tables, endpoint(PRIMARY_ADDRESS, 8080, protocol))) == [
            (row, Side.PRIMARY)
        ]


@pytest.mark.parametrize("on_failover", FlowAction)
@pytest.mark.parametrize("on_failback", FlowAction)
@pytest.mark.parametrize("is_drained", [False, True])
def test_flows_are_kept_as_the_policy_says(
    on_failover: FlowAction, on_failback: FlowAction, is_drained: bool
) -> None:
    policy = TrafficPolicy(on_failover, on_failback)
    desired = Wishes().lb().group().listener(80, traffic=policy).listener(81).desired
    tables, rows = compiled(desired, drained=frozenset({key(80)} if is_drained else ()))
    entry = tables.listeners[rows[listener_name(key(80))]]
    assert entry.keep_primary == (on_failover is FlowAction.KEEP)
    assert entry.keep_secondary == (on_failback is FlowAction.KEEP and not is_drained)
    assert tables.listeners[rows[listener_name(key(81))]].keep_secondary


def test_a_group_that_fails_over_as_one_has_one_slot() -> None:
    wishes = Wishes().lb().group(scope=FailoverScope.GROUP).listener(80).listener(81)
    tables, rows = compiled(wishes.desired)
    assert {entry.slot for entry in tables.listeners.values()} == {rows[slot_name("rsp-1")]}
    wishes = Wishes().lb().group().listener(80).listener(81)
    tables, _ = compiled(wishes.desired)
    assert len({entry.slot for entry in tables.listeners.values()}) == 2


# -- listeners that share a server's port ----------------------------------------------------------


def test_listeners_that_share_an_endpoint_are_chained() -> None:
    """Over groups and load balancers, primary of one, secondary of another."""
    wishes = Wishes().lb().lb(OTHER_LB).group()
    wishes.group("rsp-2", primary=SECONDARY, secondary=PRIMARY)
    wishes.group("rsp-3", lb_id="lb-2", secondary=replace(SECONDARY, port=1))
    wishes.listener(80).listener(81, group_id="rsp-2")
    wishes.listener(80, lb_id="lb-2", group_id="rsp-3")
    tables, rows = compiled(wishes.desired)
    first, second = rows[listener_name(key(80))], rows[listener_name(key(81))]
    third = rows[listener_name(key(80, lb_id="lb-2"))]
    assert set(chain(tables, endpoint(PRIMARY_ADDRESS, 8080))) == {
        (first, Side.PRIMARY),
        (second, Side.SECONDARY),
        (third, Side.PRIMARY),
    }
    assert set(chain(tables, endpoint(SECONDARY_ADDRESS, 9090))) == {
        (first, Side.SECONDARY),
        (second, Side.PRIMARY),
    }
    assert set(chain(tables, endpoint(SECONDARY_ADDRESS, 1))) == {(third, Side.SECONDARY)}


def crowd(listeners: int) -> Wishes:
    wishes = Wishes().lb().lb(OTHER_LB).group().group("rsp-2", lb_id="lb-2")
    for number in range(listeners):
        lb_id, group_id = (("lb-1", "rsp-1"), ("lb-2", "rsp-2"))[number % 2]
        wishes.listener(1000 + number, lb_id=lb_id, group_id=group_id)
    return wishes


def test_no_chain_is_longer_than_the_program_follows() -> None:
    tables, _ = compiled(crowd(MAX_LINKS).desired)
    assert len(list(chain(tables, endpoint(PRIMARY_ADDRESS, 8080)))) == MAX_LINKS
    one_too_many = crowd(MAX_LINKS + 1)
    with pytest.raises(LimitExceeded):
        compiled(one_too_many.desired)
    stopped = crowd(MAX_LINKS).listener(1, state=ListenerState.STOPPED)
    compiled(stopped.desired)
    compiled(crowd(MAX_LINKS).listener(1, protocol=Protocol.UDP).desired)


@given(desired=worlds(), data=st.data())
def test_every_answer_finds_its_listener(desired: Desired, data: st.DataObject) -> None:
    """Each running listener is in the chains of its two endpoints, once, and nothing else is."""
    addresses = [
        desired.address_of(group.member(side)) for group in desired.groups.values() for side in Side
    ]
    facts = Facts(dict.fromkeys(data.draw(st.sets(st.sampled_from(addresses))), HOP))
    tables, rows = compiled(desired, facts)
    seen = set()
    for head in tables.lookup:
        if head.kind is Kind.ENDPOINT:
            links = list(chain(tables, head))
            assert len(set(links)) == len(links)
            seen |= {(head, *link) for link in links}
    assert seen == {
        (
            endpoint(desired.address_of(member), member.port, listener.key.protocol),
            rows[listener_name(listener.key)],
            side,
        )
        for listener in desired.listeners.values()
        if listener.state is ListenerState.RUNNING
        for side in Side
        for member in [desired.group(listener.group_id).member(side)]
    }
    for entry in tables.listeners.values():
        assert all(row in tables.servers for row in entry.servers)
    for server in tables.servers.values():
        assert server.hop == facts.next_hops.get(server.address)
