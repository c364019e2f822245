# SPDX-License-Identifier: Apache-2.0
"""Who is who in the packet tests, what they say, and the tables that most tests run on.

A gateway stands between the client and the balancer; the servers are on its other interface:

    client -- gateway -- cl0 (balancer) sv0 -- primary, secondary
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any, TypeVar

from tests.packet.frames import ACK, DF, RST, Endpoint, Hop, Packet, Tcp, Udp
from xdpair.core.model import Protocol, Side
from xdpair.core.tables import (
    Kind,
    Link,
    ListenerEntry,
    LookupKey,
    NextHop,
    ServerEntry,
    TableChange,
    endpoint_value,
)

CLIENTS_IF, SERVERS_IF, OTHER_IF = 101, 102, 103
CLIENTS_MAC = bytes.fromhex("020000000b01")
SERVERS_MAC = bytes.fromhex("020000000b02")
OTHER_MAC = bytes.fromhex("020000000b03")
GATEWAY_MAC = bytes.fromhex("020000000c01")
OTHER_GATEWAY_MAC = bytes.fromhex("020000000c02")
PRIMARY_MAC = bytes.fromhex("020000000a01")
SECONDARY_MAC = bytes.fromhex("020000000a02")

#: The balancer's own addresses, and its neighbour toward the client.
CLIENTS_ADDRESS = IPv4Address("203.0.113.1")
SERVERS_ADDRESS = IPv4Address("10.0.0.1")
GATEWAY_ADDRESS = IPv4Address("203.0.113.254")
CLIENTS_NETWORK = "198.51.100.0/24"

CLIENT = Endpoint(IPv4Address("198.51.100.7"), 40000)
VIP = IPv4Address("203.0.113.10")
WEB = Endpoint(VIP, 80)
DNS = Endpoint(VIP, 53)
PRIMARY = Endpoint(IPv4Address("10.0.0.11"), 8080)
SECONDARY = Endpoint(IPv4Address("10.0.0.12"), 9090)
STRANGER = Endpoint(IPv4Address("192.0.2.99"), 7777)

FROM_CLIENT = Hop(GATEWAY_MAC, CLIENTS_MAC)
TO_CLIENT = FROM_CLIENT.back()
TO_PRIMARY = Hop(SERVERS_MAC, PRIMARY_MAC)
FROM_PRIMARY = TO_PRIMARY.back()
TO_SECONDARY = Hop(SERVERS_MAC, SECONDARY_MAC)
FROM_SECONDARY = TO_SECONDARY.back()

MTU_BYTES = 1500
OTHER_MTU_BYTES = 1280

#: Rows of the maps. A slot has the row of its listener.
WEB_ROW, DNS_ROW = 1, 2
WEB_SERVERS, DNS_SERVERS = (11, 12), (13, 14)

PRIMARY_HOP = NextHop(SERVERS_IF, "sv0", SERVERS_MAC, PRIMARY_MAC, MTU_BYTES, SERVERS_ADDRESS)
SECONDARY_HOP = replace(PRIMARY_HOP, dest_mac=SECONDARY_MAC)
LINKS = (
    Link(CLIENTS_IF, "cl0", CLIENTS_MAC, MTU_BYTES),
    Link(SERVERS_IF, "sv0", SERVERS_MAC, MTU_BYTES),
    Link(OTHER_IF, "ot0", OTHER_MAC, OTHER_MTU_BYTES),
)

P = TypeVar("P", bound=Packet)


@dataclass(frozen=True, slots=True)
class Scene:
    """What differs between tests: how flows are kept, and how servers are reached.

    Attributes:
        hops: the way to the primary and to the secondary; None: not known.
        web_row: of the TCP listener; its slot stays in WEB_ROW.
        web_servers, dns_servers: rows of the listeners' pairs.
    """

    keep_primary: bool = False
    keep_secondary: bool = False
    hops: tuple[NextHop | None, NextHop | None] = (PRIMARY_HOP, SECONDARY_HOP)
    web_row: int = WEB_ROW
    web_servers: tuple[int, int] = WEB_SERVERS
    dns_servers: tuple[int, int] = DNS_SERVERS
    links: tuple[Link, ...] = LINKS

    def tables(self) -> TableChange:
        """One TCP and one UDP listener on one VIP, each with its pair."""
        lookup = {
            LookupKey(Kind.VIP, VIP): 1,
            LookupKey(Kind.LOCAL, CLIENTS_ADDRESS): 1,
            LookupKey(Kind.LOCAL, SERVERS_ADDRESS): 1,
        }
        listeners, servers = {}, {}
        for row, slot, end, protocol, pair in (
            (self.web_row, WEB_ROW, WEB, Protocol.TCP, self.web_servers),
            (DNS_ROW, DNS_ROW, DNS, Protocol.UDP, self.dns_servers),
        ):
            lookup[LookupKey(Kind.LISTENER, end.address, end.port, protocol)] = row
            listeners[row] = ListenerEntry(
                vip=end.address,
                port=end.port,
                protocol=protocol,
                slot=slot,
                servers=pair,
                keep_primary=self.keep_primary,
                keep_secondary=self.keep_secondary,
            )
            for side, server in ((Side.PRIMARY, PRIMARY), (Side.SECONDARY, SECONDARY)):
                endpoint = LookupKey(Kind.ENDPOINT, server.address, server.port, protocol)
                lookup[endpoint] = endpoint_value(row, side, shared=False)
                servers[pair[side]] = ServerEntry(server.address, server.port, self.hops[side])
        return TableChange(lookup, listeners, servers, links=self.links, whole=True)


# -- what is said ----------------------------------------------------------------------------------


def to_web(**fields: Any) -> Tcp:
    """A segment from the client to the TCP listener."""
    return replace(Tcp(hop=FROM_CLIENT, source=CLIENT, dest=WEB), **fields)


def to_dns(**fields: Any) -> Udp:
    """A datagram from the client to the UDP listener."""
    return replace(Udp(hop=FROM_CLIENT, source=CLIENT, dest=DNS), **fields)


def from_web(server: Endpoint = PRIMARY, **fields: Any) -> Tcp:
    """A segment from a server to the client."""
    return replace(Tcp(hop=_from(server), source=server, dest=CLIENT), **fields)


def from_dns(server: Endpoint = PRIMARY, **fields: Any) -> Udp:
    """A datagram from a server to the client."""
    return replace(Udp(hop=_from(server), source=server, dest=CLIENT, payload=b"pong"), **fields)


def _from(server: Endpoint) -> Hop:
    return FROM_PRIMARY if server == PRIMARY else FROM_SECONDARY


# -- what comes of it ------------------------------------------------------------------------------


def at_server(sent: P, server: Endpoint) -> P:
    hop = TO_PRIMARY if server == PRIMARY else TO_SECONDARY
    return replace(sent, hop=hop, dest=server, ttl=sent.ttl - 1)


def at_client(sent: P, listener: Endpoint) -> P:
    return replace(sent, hop=TO_CLIENT, source=listener, ttl=sent.ttl - 1)


def reset_of(sent: Tcp) -> Tcp:
    """The RST that answers a segment (RFC 793 s3.4), sent straight back."""
    seq, ack, flags = sent.ack, 0, RST
    if not sent.flags & ACK:
        occupied = len(sent.payload) + (sent.flags & 1) + (sent.flags >> 1 & 1)
        seq, ack, flags = 0, sent.seq + occupied, RST | ACK
    return Tcp(
        hop=sent.hop.back(),
        source=sent.dest,
        dest=sent.source,
        ident=0,
        frag=DF,
        flags=flags,
        seq=seq,
        ack=ack,
        window=0,
    )
