# SPDX-License-Identifier: Apache-2.0
"""Flows of a listener that many servers share: who goes on, who ends, who is chosen anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.packet.balancer import Balancer
from tests.packet.flow_table import CLOSED, RESET, WAYS
from tests.packet.frames import (
    ACK,
    DF,
    FIN,
    FRAGMENTATION_NEEDED,
    PORT_UNREACHABLE,
    RST,
    SYN,
    UNREACHABLE,
    Endpoint,
    Hop,
    Icmp,
    Packet,
    Tcp,
    Udp,
)
from tests.packet.members import (
    DNS_MEMBERS,
    STRANGER_ROW,
    WEB_MEMBERS,
    Crowd,
    at_member,
    datagram_from,
    exclude,
    from_member,
    hop_to,
    loads,
    member,
    returned,
    set_wheel,
    taken,
)
from tests.packet.outcomes import answered, dropped, fenced, passed, rejected, relayed, was_reset
from tests.packet.world import (
    CLIENT,
    DNS_ROW,
    FROM_CLIENT,
    GATEWAY_MAC,
    OTHER_IF,
    OTHER_MAC,
    SERVERS_ADDRESS,
    TO_CLIENT,
    VIP,
    WEB,
    WEB_ROW,
    Scene,
    to_dns,
    to_web,
)
from xdpair.core.failover import Slot

FIRST, SECOND, THIRD = WEB_MEMBERS
SYN_PACKET = to_web(flags=SYN)
DATAGRAM = to_dns()
#: UDP_IDLE_TICKS of bpf/abi.h.
IDLE_TICKS = 90


@pytest.fixture
def balancer(balancer: Balancer) -> Balancer:
    return Crowd().put(balancer)


@pytest.fixture
def connected(balancer: Balancer) -> Balancer:
    """The client is the first server's, by TCP and by UDP."""
    for sent in (SYN_PACKET, to_web(), DATAGRAM):
        balancer.run(sent)
    return balancer


# -- there and back --------------------------------------------------------------------------------


def test_a_connection(balancer: Balancer) -> None:
    assert balancer.run(SYN_PACKET) == taken(SYN_PACKET, FIRST, flow="new")
    for answer in (from_member(FIRST, flags=SYN | ACK), from_member(FIRST, payload=b"hello")):
        assert balancer.run(answer) == returned(answer, FIRST)
    for sent in (to_web(), to_web(payload=b"GET /"), to_web(flags=FIN | ACK), to_web()):
        assert balancer.run(sent) == taken(sent, FIRST)


def test_datagrams(balancer: Balancer) -> None:
    assert balancer.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[0], flow="new")
    assert balancer.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[0])
    answer = datagram_from(DNS_MEMBERS[0])
    assert balancer.run(answer) == returned(answer, DNS_MEMBERS[0])


def test_each_client_keeps_its_server(balancer: Balancer) -> None:
    """Also while the clock goes on."""
    clients = [Endpoint(CLIENT.address, 2000 + number) for number in range(9)]
    for number, client in enumerate(clients):
        sent = to_web(source=client, flags=SYN)
        assert balancer.run(sent) == taken(sent, WEB_MEMBERS[number % 3], flow="new")
    for ticks in (0, 1, 500):
        for number, client in enumerate(clients):
            balancer.flows.age(client, WEB_ROW, ticks)
            sent, answer = to_web(source=client), from_member(WEB_MEMBERS[number % 3], dest=client)
            assert balancer.run(sent) == taken(sent, WEB_MEMBERS[number % 3])
            assert balancer.run(answer) == returned(answer, WEB_MEMBERS[number % 3])


def test_answers_follow_the_client_to_another_gateway(connected: Balancer) -> None:
    connected.run(to_web(hop=Hop(GATEWAY_MAC, OTHER_MAC)), OTHER_IF)
    out = connected.run(from_member(FIRST))
    assert out.frame[:12] == GATEWAY_MAC + OTHER_MAC


# -- SYNs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [SYN, ACK, FIN | ACK])
def test_a_syn_stays_with_a_server_that_may_have_it(balancer: Balancer, flags: int) -> None:
    """It may have been sent again, or the port be used again."""
    balancer.run(SYN_PACKET)
    balancer.run(to_web(flags=flags))
    assert balancer.run(SYN_PACKET) == taken(SYN_PACKET, FIRST)
    assert balancer.run(to_web()) == taken(to_web(), FIRST)


@pytest.mark.parametrize("ending", [to_web(flags=RST), from_member(FIRST, flags=RST)])
def test_a_syn_after_the_end_is_a_new_connection(connected: Balancer, ending: Tcp) -> None:
    connected.run(ending)
    assert connected.run(SYN_PACKET) == taken(SYN_PACKET, SECOND, flow="new")
    assert connected.run(to_web()) == taken(to_web(), SECOND)
    late = from_member(FIRST)
    assert connected.run(late) == fenced(late)


def test_a_syn_leaves_a_server_that_gets_nothing_new(connected: Balancer) -> None:
    """Its other connections go on."""
    other = Endpoint(CLIENT.address, 1)
    exclude(connected, FIRST)
    assert connected.run(to_web()) == taken(to_web(), FIRST)
    assert connected.run(from_member(FIRST)) == returned(from_member(FIRST), FIRST)
    sent = to_web(source=other, flags=SYN)
    assert connected.run(sent).exit == "forward_new"
    assert connected.run(SYN_PACKET).exit == "forward_new"
    late = from_member(FIRST)
    assert connected.run(late) == fenced(late)


# -- ends ------------------------------------------------------------------------------------------


def test_the_end_of_a_servers_flows(connected: Balancer) -> None:
    """One store: its connections are reset when next heard of, its datagrams go elsewhere."""
    connected.datapath.end_flows(FIRST)
    connected.datapath.end_flows(DNS_MEMBERS[0])
    for late in (from_member(FIRST), from_member(FIRST, flags=FIN | ACK)):
        assert connected.run(late) == fenced(late)
    late_datagram = datagram_from(DNS_MEMBERS[0])
    assert connected.run(late_datagram) == fenced(late_datagram)
    for _ in range(2):
        assert connected.run(to_web(ack=77)) == was_reset(to_web(ack=77))
    flow = connected.flows.get(CLIENT, WEB_ROW)
    assert flow is not None
    assert flow.state == RESET
    assert connected.run(from_member(FIRST)) == fenced(from_member(FIRST))
    assert connected.run(to_web(flags=RST)) == dropped("ended")
    assert connected.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[1], flow="moved")
    assert connected.run(late_datagram) == fenced(late_datagram)


def test_a_new_connection_after_the_end(connected: Balancer) -> None:
    """Of the same server, if it is its turn: the end was that of older ones."""
    connected.datapath.end_flows(FIRST)
    set_wheel(connected, [FIRST])
    assert connected.run(SYN_PACKET) == taken(SYN_PACKET, FIRST, flow="new")
    assert connected.run(from_member(FIRST)) == returned(from_member(FIRST), FIRST)
    assert connected.run(to_web()) == taken(to_web(), FIRST)


@pytest.mark.parametrize("times", [1, 2, 0x8000, 0xFFFF])
def test_ends_are_told_apart(connected: Balancer, times: int) -> None:
    epochs = connected.maps.servers["epoch"]
    epochs[FIRST] = (int(epochs[FIRST]) + times) & 0xFFFF
    assert connected.run(to_web()) == was_reset(to_web())


def test_a_row_that_became_another_servers(connected: Balancer) -> None:
    crowd = Crowd(servers={FIRST: {"address": member(STRANGER_ROW).address}})
    crowd.put(connected)
    assert connected.run(to_web()) == was_reset(to_web())


def test_silent_datagrams_are_given_away_anew(balancer: Balancer) -> None:
    balancer.run(DATAGRAM)
    balancer.flows.age(CLIENT, DNS_ROW, IDLE_TICKS - 2)
    assert balancer.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[0])
    balancer.flows.age(CLIENT, DNS_ROW, IDLE_TICKS + 1)
    assert balancer.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[1], flow="moved")
    late = datagram_from(DNS_MEMBERS[0])
    assert balancer.run(late) == fenced(late)


def test_an_answer_is_no_silence(balancer: Balancer) -> None:
    balancer.run(DATAGRAM)
    balancer.flows.age(CLIENT, DNS_ROW, IDLE_TICKS + 1)
    balancer.run(datagram_from(DNS_MEMBERS[0]))
    assert balancer.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[0])


def test_a_clock_that_was_read_a_moment_later_elsewhere(balancer: Balancer) -> None:
    """Another CPU's tick is ahead of ours: that is no hour of silence."""
    balancer.run(DATAGRAM)
    balancer.flows.age(CLIENT, DNS_ROW, -2)
    assert balancer.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[0])


def test_datagrams_leave_no_server_that_gets_nothing_new(balancer: Balancer) -> None:
    balancer.run(DATAGRAM)
    exclude(balancer, DNS_MEMBERS[0], DNS_ROW)
    assert balancer.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[0])


# -- without a flow --------------------------------------------------------------------------------


def test_a_segment_of_a_flow_that_was_evicted(balancer: Balancer) -> None:
    assert balancer.run(to_web()) == taken(to_web(), FIRST, flow="new")
    evicted = Endpoint(CLIENT.address, 1)
    answer = from_member(THIRD, dest=evicted)
    assert balancer.run(answer) == returned(answer, THIRD, by_routes=True)


def test_a_reset_makes_no_flow(balancer: Balancer) -> None:
    sent = to_web(flags=RST)
    assert balancer.run(sent) == taken(sent, FIRST, flow="none")
    assert balancer.flows.count() == 0


def test_who_asked_a_server_itself(balancer: Balancer) -> None:
    for answer in (from_member(FIRST, flags=SYN | ACK), from_member(FIRST)):
        assert balancer.run(answer) == passed(answer, "direct")
    datagram = datagram_from(DNS_MEMBERS[0])
    assert balancer.run(datagram) == passed(datagram, "direct")
    assert balancer.run(SYN_PACKET) == taken(SYN_PACKET, FIRST, flow="new")


def test_health_checks(connected: Balancer) -> None:
    answer = from_member(FIRST, dest=Endpoint(SERVERS_ADDRESS, 50000))
    assert connected.run(answer) == passed(answer, "local")


def test_an_answer_of_a_server_that_was_not_asked(connected: Balancer) -> None:
    answers: list[Packet] = [from_member(SECOND), datagram_from(DNS_MEMBERS[1])]
    for answer in answers:
        assert connected.run(answer) == fenced(answer)


def test_no_client_has_port_0(balancer: Balancer) -> None:
    """In the flow table it would be a tie."""
    nobody = Endpoint(CLIENT.address, 0)
    for sent in (to_web(source=nobody, flags=SYN), to_dns(source=nobody)):
        assert balancer.run(sent) == dropped("malformed")
    assert balancer.flows.count() == 0


# -- who can not be given anything -----------------------------------------------------------------


def test_an_empty_wheel_rejects(connected: Balancer) -> None:
    """Known flows go on."""
    for row in (WEB_ROW, DNS_ROW):
        set_wheel(connected, (), row)
    other = Endpoint(CLIENT.address, 1)
    sent = to_web(source=other, flags=SYN)
    assert connected.run(sent) == rejected(sent)
    asked = to_dns(source=other)
    unreachable = Icmp(
        hop=TO_CLIENT,
        source=Endpoint(VIP),
        dest=Endpoint(other.address),
        ident=0,
        frag=DF,
        kind=UNREACHABLE,
        code=PORT_UNREACHABLE,
        body=asked.quote(),
    )
    assert connected.run(asked) == answered(unreachable, "reject_udp", {DNS_ROW: {"rejects": 1}})
    assert connected.run(to_web()) == taken(to_web(), FIRST)
    assert connected.run(DATAGRAM) == taken(DATAGRAM, DNS_MEMBERS[0])


def test_a_server_that_can_not_be_reached(balancer: Balancer) -> None:
    Crowd(servers={FIRST: {"hop": None}}).put(balancer)
    assert balancer.run(SYN_PACKET) == dropped("unresolved")
    assert balancer.run(SYN_PACKET) == taken(SYN_PACKET, SECOND, flow="new")


def test_martians_and_hairpins(balancer: Balancer) -> None:
    martian = to_web(source=Endpoint(SERVERS_ADDRESS, 1), flags=SYN)
    assert balancer.run(martian) == dropped("martian")
    hairpin = to_web(source=Endpoint(member(FIRST).address, 1), flags=SYN)
    assert balancer.run(hairpin) == dropped("hairpin")


def test_hop_limits_and_sizes(balancer: Balancer) -> None:
    narrow = replace(hop_to(FIRST), mtu_bytes=1280)
    Crowd(servers={FIRST: {"hop": narrow}}).put(balancer)
    set_wheel(balancer, [FIRST])
    balancer.run(SYN_PACKET)
    assert balancer.run(to_web(ttl=1)) == dropped("ttl")
    big = to_web(payload=bytes(1400))
    answer = Icmp(
        hop=TO_CLIENT,
        source=Endpoint(VIP),
        dest=Endpoint(CLIENT.address),
        ident=0,
        frag=DF,
        kind=UNREACHABLE,
        code=FRAGMENTATION_NEEDED,
        rest=1280,
        body=big.quote(),
    )
    assert balancer.run(big) == answered(answer, "too_big")
    assert balancer.run(replace(big, frag=0)) == dropped("too_big")


# -- errors ----------------------------------------------------------------------------------------


def error_about(answer: Packet, **fields: object) -> Icmp:
    """From the client, about what the VIP had sent it."""
    sent = Icmp(
        hop=FROM_CLIENT,
        source=CLIENT,
        dest=WEB,
        kind=UNREACHABLE,
        code=FRAGMENTATION_NEEDED,
        rest=1400,
        body=answer.quote(28 if isinstance(answer, Tcp) else 8),
    )
    return replace(sent, **fields)  # type: ignore[arg-type]


def test_an_error_reaches_the_flows_server(connected: Balancer) -> None:
    sent = error_about(replace(from_member(FIRST, payload=bytes(40)), source=WEB))
    inner = from_member(FIRST, payload=bytes(40)).quote(28)
    there = replace(at_member(sent, FIRST), body=inner)
    assert connected.run(sent) == relayed(there, "icmp_to_server")
    connected.datapath.end_flows(FIRST)
    assert connected.run(sent) == dropped("icmp")


def test_an_error_about_no_flow(connected: Balancer) -> None:
    other = replace(from_member(FIRST), source=WEB, dest=Endpoint(CLIENT.address, 1))
    assert connected.run(error_about(other)) == dropped("icmp")


def test_an_error_reaches_the_client(connected: Balancer) -> None:
    row = DNS_MEMBERS[0]
    asked: Udp = at_member(DATAGRAM, row)
    sent = Icmp(
        hop=datagram_from(row).hop,
        source=member(row),
        dest=CLIENT,
        kind=UNREACHABLE,
        code=PORT_UNREACHABLE,
        body=asked.quote(),
    )
    body = replace(DATAGRAM, ttl=DATAGRAM.ttl - 1).quote()
    there = replace(sent, hop=TO_CLIENT, source=Endpoint(VIP), ttl=sent.ttl - 1, body=body)
    assert connected.run(sent) == relayed(there, "icmp_to_client")


# -- loads -----------------------------------------------------------------------------------------


def test_loads_follow_the_flows(balancer: Balancer) -> None:
    clients = [Endpoint(CLIENT.address, 2000 + number) for number in range(6)]
    for client in clients:
        balancer.run(to_web(source=client, flags=SYN))
    assert loads(balancer) == [2, 2, 2]
    balancer.run(to_web(source=clients[0], flags=SYN))
    balancer.run(to_web(source=clients[0]))
    assert loads(balancer) == [2, 2, 2], "nothing new"
    balancer.run(to_web(source=clients[0], flags=RST))
    balancer.run(to_web(source=clients[0], flags=RST))
    assert loads(balancer) == [1, 2, 2]
    for sent in (to_web(source=clients[1], flags=FIN | ACK), to_web(source=clients[1])):
        balancer.run(sent)
    assert loads(balancer) == [1, 2, 2], "one end only"
    balancer.run(from_member(SECOND, dest=clients[1], flags=FIN | ACK))
    assert loads(balancer) == [1, 1, 2]
    balancer.run(from_member(THIRD, dest=clients[2], flags=RST))
    assert loads(balancer) == [1, 1, 1]
    exclude(balancer, FIRST)
    balancer.run(to_web(source=clients[3], flags=SYN))
    assert sum(loads(balancer)) == 3
    assert loads(balancer)[0] == 0, "its client went elsewhere"
    assert balancer.maps.loads[0] == 0, "nobody's"


def test_loads_of_ended_flows(connected: Balancer) -> None:
    """The controller counts again what an end leaves."""
    assert loads(connected) == [1, 0, 0]
    connected.datapath.end_flows(FIRST)
    connected.datapath.count_loads()
    assert loads(connected) == [0, 0, 0]
    connected.run(to_web())
    connected.run(to_web(flags=RST))
    assert loads(connected) == [0, 0, 0]


def test_loads_of_datagrams(balancer: Balancer) -> None:
    balancer.run(DATAGRAM)
    assert loads(balancer, DNS_MEMBERS) == [1, 0, 0]
    balancer.datapath.end_flows(DNS_MEMBERS[0])
    balancer.datapath.count_loads()
    balancer.run(DATAGRAM)
    assert loads(balancer, DNS_MEMBERS) == [0, 1, 0]


def test_a_pair_counts_no_loads(program: Balancer) -> None:
    program.reset(Scene(), Slot())
    program.maps.servers["epoch"][:] = Slot().epoch
    program.maps.loads[:] = 0
    for sent in (SYN_PACKET, to_web(), to_web(flags=RST), DATAGRAM):
        program.run(sent)
    assert not program.maps.loads.any()


def test_a_crowd_in_one_bucket(balancer: Balancer) -> None:
    """Evictions: the newest are known, the others are chosen for again, and end there."""
    clients = balancer.flows.sharing_bucket(CLIENT, WEB_ROW, WAYS + 1)
    for client in clients:
        for flags in (SYN, ACK):
            balancer.run(to_web(source=client, flags=flags))
    known = [client for client in clients if balancer.flows.get(client, WEB_ROW)]
    assert len(known) == WAYS
    assert clients[WAYS] in known


def test_closed_flows_answer_still(connected: Balancer) -> None:
    """The last segments of both ends, in any order."""
    for sent in (to_web(flags=FIN | ACK), from_member(FIRST, flags=FIN | ACK)):
        connected.run(sent)
    flow = connected.flows.get(CLIENT, WEB_ROW)
    assert flow is not None
    assert flow.state == CLOSED
    assert connected.run(to_web()) == taken(to_web(), FIRST)
    assert connected.run(from_member(FIRST)) == returned(from_member(FIRST), FIRST)
