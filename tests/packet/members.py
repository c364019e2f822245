# SPDX-License-Identifier: Apache-2.0
"""Both of the tests' listeners as weighted ones, each with servers of its own; what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Any, TypeVar

from tests.packet.balancer import REDIRECT, TX, Balancer, Outcome
from tests.packet.flow_table import ESTABLISHED
from tests.packet.frames import Endpoint, Hop, Packet, Tcp, Udp
from tests.packet.outcomes import dropped, listener_of
from tests.packet.world import (
    CLIENT,
    CLIENTS_ADDRESS,
    DNS,
    DNS_ROW,
    LINKS,
    PRIMARY_HOP,
    SERVERS_ADDRESS,
    SERVERS_MAC,
    VIP,
    WEB,
    WEB_ROW,
    at_client,
    reset_of,
)
from xdpair.core.model import Protocol
from xdpair.core.tables import (
    AclKey,
    Kind,
    ListenerEntry,
    LookupKey,
    NextHop,
    Schedule,
    ServerEntry,
    TableChange,
    endpoint_value,
)

#: Rows of ``servers``.
WEB_MEMBERS = (21, 22, 23)
DNS_MEMBERS = (24, 25, 26)
#: A server that only some tests know.
STRANGER_ROW = 29

_LISTENERS = {Protocol.TCP: (WEB_ROW, WEB), Protocol.UDP: (DNS_ROW, DNS)}
_ROWS = {Protocol.TCP: WEB_MEMBERS, Protocol.UDP: DNS_MEMBERS}

P = TypeVar("P", bound=Packet)


def member(row: int) -> Endpoint:
    return Endpoint(IPv4Address("10.0.0.100") + row, 8000 + row)


def _mac(row: int) -> bytes:
    return bytes((2, 0, 0, 0, 0x0A, row & 0xFF))


def hop_to(row: int) -> NextHop:
    return replace(PRIMARY_HOP, dest_mac=_mac(row))


@dataclass(frozen=True, slots=True)
class Crowd:
    """What differs between tests.

    Attributes:
        web, dns: fields of the two listeners.
        members: rows of each listener's servers.
        servers: row -> fields of the server.
        acls: entries of the access control lists.
    """

    web: Mapping[str, Any] | None = None
    dns: Mapping[str, Any] | None = None
    members: Mapping[Protocol, Sequence[int]] | None = None
    servers: Mapping[int, Mapping[str, Any]] | None = None
    acls: Sequence[AclKey] = ()

    def tables(self) -> TableChange:
        lookup: dict[LookupKey, int | None] = {
            LookupKey(Kind.VIP, VIP): 1,
            LookupKey(Kind.LOCAL, CLIENTS_ADDRESS): 1,
            LookupKey(Kind.LOCAL, SERVERS_ADDRESS): 1,
        }
        listeners, servers = {}, {}
        for protocol, (row, end) in _LISTENERS.items():
            fields = (self.web if protocol is Protocol.TCP else self.dns) or {}
            lookup[LookupKey(Kind.LISTENER, *end, protocol)] = row
            entry = ListenerEntry(*end, protocol, 0, (0, 0), False, False, Schedule.IN_TURN)
            listeners[row] = replace(entry, **fields)
            for server in self.rows(protocol):
                key = LookupKey(Kind.ENDPOINT, *member(server), protocol)
                lookup[key] = endpoint_value(row, 0, shared=False)
                plain = ServerEntry(*member(server), hop_to(server), weight=100)
                servers[server] = replace(plain, **(self.servers or {}).get(server, {}))
        acls = dict.fromkeys(self.acls, True)
        return TableChange(lookup, listeners, servers, acls, LINKS, whole=True)

    def rows(self, protocol: Protocol) -> Sequence[int]:
        return (self.members or _ROWS)[protocol]

    def put(self, balancer: Balancer) -> Balancer:
        """Make it so, with all servers on the wheels."""
        balancer.datapath.apply(self.tables())
        balancer.maps.cursors[:] = 0
        balancer.maps.loads[:] = 0
        for protocol, (row, _) in _LISTENERS.items():
            set_wheel(balancer, self.rows(protocol), row)
        return balancer


def set_wheel(balancer: Balancer, wheel: Sequence[int], listener: int = WEB_ROW) -> None:
    """New flows go to these, in that order."""
    balancer.datapath.write_wheel(listener, wheel, dict.fromkeys(wheel, True))


def exclude(balancer: Balancer, row: int, listener: int = WEB_ROW) -> None:
    """Down, or of weight 0: nothing new for that server."""
    wheel = [each for each in balancer.datapath.read_wheel(listener) if each != row]
    balancer.datapath.write_wheel(listener, wheel, {row: False})


# -- who talks -------------------------------------------------------------------------------------


def from_member(row: int, **fields: Any) -> Tcp:
    plain = Tcp(hop=Hop(_mac(row), SERVERS_MAC), source=member(row), dest=CLIENT)
    return replace(plain, **fields)


def datagram_from(row: int, **fields: Any) -> Udp:
    hop = Hop(_mac(row), SERVERS_MAC)
    return replace(Udp(hop=hop, source=member(row), dest=CLIENT, payload=b"pong"), **fields)


def at_member(sent: P, row: int) -> P:
    return replace(sent, hop=Hop(SERVERS_MAC, _mac(row)), dest=member(row), ttl=sent.ttl - 1)


def given_to(frame: bytes) -> int:
    """The row of the server that a frame without IP options is for."""
    return int.from_bytes(frame[36:38], "big") - 8000


# -- what comes of it ------------------------------------------------------------------------------


def taken(sent: Packet, row: int, *, flow: str = "") -> Outcome:
    """The packet goes to that server; ``flow`` as in ``outcomes.forwarded``."""
    listener = listener_of(sent)[0]
    octets = {"forward_packets": 1, "forward_bytes": len(sent.frame())}
    at_listener = {"new": {"flows_new": 1}, "moved": {"flows_moved": 1}}.get(flow, {})
    at_host = {"flows_new": 1} if flow in {"new", "moved"} else {}
    return Outcome(
        REDIRECT,
        at_member(sent, row).frame(),
        "forward_new" if flow else "forward",
        {listener: octets | at_listener},
        {row: octets | at_host},
    )


def returned(sent: Packet, row: int, *, by_routes: bool = False) -> Outcome:
    """That server's packet goes to the client; without a flow nobody knows whose it was."""
    listener, end, _ = listener_of(sent)
    octets = {"reply_packets": 1, "reply_bytes": len(sent.frame())}
    return Outcome(
        REDIRECT,
        at_client(sent, end).frame(),
        "reply_without_flow" if by_routes else "reply",
        {listener: octets},
        {} if by_routes else {row: octets},
    )


def told_server(sent: Tcp) -> Outcome:
    """The server gets a RST: the flow is over."""
    return Outcome(TX, reset_of(sent).frame(), "reset_server", {}, {})


def refused(sent: Packet, why: str) -> Outcome:
    """Dropped at the listener's gate."""
    counter = {"acl": "acl_packets", "bandwidth": "limit_packets"}[why]
    return dropped(why, {listener_of(sent)[0]: {counter: 1}})


def loads(balancer: Balancer, rows: Sequence[int] = WEB_MEMBERS) -> list[int]:
    return [int(balancer.maps.loads[row]) for row in rows]


def is_open(balancer: Balancer, client: Endpoint = CLIENT, listener: int = WEB_ROW) -> bool:
    flow = balancer.flows.get(client, listener)
    return flow is not None and flow.state == ESTABLISHED
