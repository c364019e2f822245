# SPDX-License-Identifier: Apache-2.0
"""What a test expects, in one expression: verdict, whole frame, the one exit, every counter."""

from __future__ import annotations

from tests.packet.balancer import DROP, PASS, REDIRECT, TX, Changes, Outcome
from tests.packet.frames import Endpoint, Packet, Tcp
from tests.packet.world import (
    DNS,
    DNS_ROW,
    DNS_SERVERS,
    PRIMARY,
    WEB,
    WEB_ROW,
    WEB_SERVERS,
    at_client,
    at_server,
    reset_of,
)


def listener_of(packet: Packet) -> tuple[int, Endpoint, tuple[int, int]]:
    """Row, address and server rows of the listener for such packets."""
    if isinstance(packet, Tcp):
        return WEB_ROW, WEB, WEB_SERVERS
    return DNS_ROW, DNS, DNS_SERVERS


def forwarded(
    sent: Packet, server: Endpoint = PRIMARY, *, flow: str = "", action: int = REDIRECT
) -> Outcome:
    """The packet goes to a server.

    Args:
        flow: ``new``: it makes a flow; ``moved``: its flow moves there; ``none``: no flow comes of
            it; empty: it belongs to a flow of that server's.
    """
    row, _, servers = listener_of(sent)
    octets = {"forward_packets": 1, "forward_bytes": len(sent.frame())}
    at_listener = {"new": {"flows_new": 1}, "moved": {"flows_moved": 1}}.get(flow, {})
    at_host = {"flows_new": 1} if flow in {"new", "moved"} else {}
    return Outcome(
        action,
        at_server(sent, server).frame(),
        "forward_new" if flow else "forward",
        {row: octets | at_listener},
        {servers[server != PRIMARY]: octets | at_host},
    )


def replied(
    sent: Packet, *, by_routes: bool = False, action: int = REDIRECT, expected: Packet | None = None
) -> Outcome:
    """The packet of a server goes to its client.

    Args:
        by_routes: where the kernel's routes say, for want of a learnt neighbour.
        expected: what the client gets, if not by the way that the tests' client came.
    """
    row, listener, servers = listener_of(sent)
    octets = {"reply_packets": 1, "reply_bytes": len(sent.frame())}
    return Outcome(
        action,
        (expected or at_client(sent, listener)).frame(),
        "reply_without_flow" if by_routes else "reply",
        {row: octets},
        {servers[sent.source != PRIMARY]: octets},
    )


def passed(sent: Packet | bytes, why: str) -> Outcome:
    """The host gets the frame as it came."""
    frame = sent.frame() if isinstance(sent, Packet) else sent
    return Outcome(PASS, frame, f"pass_{why}", {}, {})


def dropped(why: str, listeners: Changes | None = None) -> Outcome:
    return Outcome(DROP, b"", f"drop_{why}", listeners or {}, {})


def fenced(sent: Packet) -> Outcome:
    """Dropped: from a server that no longer serves the flow."""
    return dropped("fenced", {listener_of(sent)[0]: {"fenced_packets": 1}})


def was_reset(sent: Tcp) -> Outcome:
    """The client gets a RST, because its server no longer serves."""
    return Outcome(TX, reset_of(sent).frame(), "reset_client", {WEB_ROW: {"resets": 1}}, {})


def rejected(sent: Tcp) -> Outcome:
    """The client gets a RST, because nobody serves."""
    return Outcome(TX, reset_of(sent).frame(), "reject_tcp", {WEB_ROW: {"rejects": 1}}, {})


def answered(answer: Packet, why: str, listeners: Changes | None = None) -> Outcome:
    """The sender gets an answer of the balancer's own."""
    return Outcome(TX, answer.frame(), why, listeners or {}, {})


def relayed(expected: Packet, why: str) -> Outcome:
    """An ICMP error goes on, translated."""
    return Outcome(REDIRECT, expected.frame(), why, {}, {})
