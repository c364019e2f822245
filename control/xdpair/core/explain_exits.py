# SPDX-License-Identifier: Apache-2.0
"""Every way that a packet can leave the program, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What becomes of the packet.

    FORWARDED: it goes to a server, or, for an ICMP error, to the end that must see it. REPLIED: it
    goes to a client. ANSWERED: its sender gets an answer, the packet itself goes nowhere. PASSED:
    it is left to this host. DROPPED: nothing comes of it.
    """

    FORWARDED = "forwarded"
    REPLIED = "replied"
    ANSWERED = "answered"
    PASSED = "passed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Exit:
    """``words`` go on from "forwarded: ", "dropped: " and so on."""

    outcome: Outcome
    words: str


#: By field of ``struct exits`` in bpf/abi.h.
EXITS: Mapping[str, Exit] = {
    "forward": Exit(Outcome.FORWARDED, "to its server, as earlier packets of its flow"),
    "forward_new": Exit(Outcome.FORWARDED, "to a server, as the first of its flow there"),
    "reply": Exit(Outcome.REPLIED, "to the client, by the way its packets come"),
    "reply_without_flow": Exit(
        Outcome.REPLIED,
        "to the client, by the kernel's routes: the flow, or the neighbour it came from, is not "
        "known any more",
    ),
    "icmp_echo": Exit(Outcome.ANSWERED, "the VIP answers the ping itself"),
    "icmp_to_server": Exit(
        Outcome.FORWARDED, "the ICMP error is about an answer: the server that sent it must know"
    ),
    "icmp_to_client": Exit(
        Outcome.REPLIED, "the ICMP error is about a client's packet: the client must know"
    ),
    "reset_client": Exit(
        Outcome.ANSWERED,
        "the client gets a RST: the server of this connection no longer serves it, or it was "
        "silent for too long",
    ),
    "reset_server": Exit(
        Outcome.ANSWERED, "the server gets a RST: the connection was silent for too long"
    ),
    "reject_tcp": Exit(Outcome.ANSWERED, "the client gets a RST: nobody serves"),
    "reject_udp": Exit(Outcome.ANSWERED, "the client gets an ICMP port unreachable: nobody serves"),
    "too_big": Exit(
        Outcome.ANSWERED,
        "the sender gets an ICMP fragmentation needed: the packet does not fit the way out",
    ),
    "pass_not_ipv4": Exit(Outcome.PASSED, "it is not IPv4"),
    "pass_other_protocol": Exit(Outcome.PASSED, "it is neither TCP nor UDP nor ICMP"),
    "pass_no_listener": Exit(
        Outcome.PASSED, "no listener is there, and it comes from no server of one"
    ),
    "pass_local": Exit(
        Outcome.PASSED, "a server answers this host itself, as it does to health checks"
    ),
    "pass_direct": Exit(Outcome.PASSED, "a server answers somebody who asked it and not a VIP"),
    "pass_fragment": Exit(Outcome.PASSED, "it is a fragment, and not for a VIP"),
    "pass_icmp": Exit(Outcome.PASSED, "it is ICMP about nothing that is balanced"),
    "pass_multicast": Exit(Outcome.PASSED, "its frame is for many"),
    "drop_malformed": Exit(
        Outcome.DROPPED, "a header is cut off, or its lengths contradict each other"
    ),
    "drop_fragment": Exit(
        Outcome.DROPPED, "it is a fragment: without ports nobody can tell whose it is"
    ),
    "drop_fenced": Exit(
        Outcome.DROPPED, "its sender no longer serves this flow: what it says is out of date"
    ),
    "drop_no_flow": Exit(
        Outcome.DROPPED,
        "it belongs to no known flow, and is a RST, or several listeners may own it",
    ),
    "drop_ended": Exit(
        Outcome.DROPPED, "a RST of a client that was reset: it knows that the connection is over"
    ),
    "drop_unresolved": Exit(
        Outcome.DROPPED,
        "the next hop to the server is not known: no route, or its neighbour does not answer",
    ),
    "drop_no_route": Exit(Outcome.DROPPED, "the kernel knows no way to the client"),
    "drop_ttl": Exit(Outcome.DROPPED, "its TTL expires here"),
    "drop_too_big": Exit(
        Outcome.DROPPED, "it does not fit the way out, and its sender allows fragments"
    ),
    "drop_martian": Exit(
        Outcome.DROPPED, "its source address is one that only this host has, or nobody"
    ),
    "drop_hairpin": Exit(
        Outcome.DROPPED, "a server as client of its own listener: the answer would not come back"
    ),
    "drop_acl": Exit(Outcome.DROPPED, "the listener's access control lists say so"),
    "drop_bandwidth": Exit(Outcome.DROPPED, "it is beyond the listener's bandwidth"),
    "drop_icmp": Exit(Outcome.DROPPED, "an ICMP error about a flow that is not known"),
    "drop_internal": Exit(
        Outcome.DROPPED, "a map or a function of the kernel refused: this should never be"
    ),
}
