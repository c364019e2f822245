# SPDX-License-Identifier: Apache-2.0
"""What each resource contributes to the maps, as long as rows have names and no numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from xdpair.core import indexes
from xdpair.core.desired import Desired
from xdpair.core.model import (
    AclType,
    FlowAction,
    Listener,
    ListenerKey,
    LoadBalancerStatus,
    Member,
    PairGroup,
    Scheduler,
    Side,
)
from xdpair.core.tables import Bandwidth, Kind, ListenerEntry, LookupKey, Schedule

#: What a lookup answers where only the fact matters.
PRESENT = 1

MAX_WEIGHT = 100

SCHEDULES = {
    Scheduler.RR: Schedule.IN_TURN,
    Scheduler.WRR: Schedule.IN_TURN,
    Scheduler.WLC: Schedule.LEAST,
    Scheduler.SCH: Schedule.SOURCE,
    Scheduler.TCH: Schedule.TUPLE,
    Scheduler.QCH: Schedule.QUIC,
}


@dataclass(frozen=True, slots=True)
class ServerPart:
    """One row of ``servers``.

    Attributes:
        weight: of a weighted listener's server; 0 for one of a pair.
        member: of several that are reached there, the first.
    """

    name: str
    address: IPv4Address
    port: int
    weight: int
    member: Member


#: Primary and secondary.
PairPart = tuple[ServerPart, ServerPart]


@dataclass(frozen=True, slots=True)
class ListenerPart:
    """Attributes:
    forwards: it runs, and its load balancer is active; else it has nothing but its rows.
    unit: of a pair; else empty.
    acl: name of its row; empty without access control.
    names: all rows that are held for it; those of pairs' servers are their group's.
    servers: by side, or all of a weighted listener.
    """

    listener: Listener
    vip: IPv4Address
    forwards: bool
    unit: str
    acl: str
    names: tuple[str, ...]
    servers: tuple[ServerPart, ...]

    @property
    def is_pair(self) -> bool:
        return bool(self.unit)

    def own_servers(self) -> tuple[ServerPart, ...]:
        """Those that are there while it forwards; a pair's are there anyway."""
        return () if self.is_pair or not self.forwards else self.servers

    def endpoints(self, row: int, known: Set[str]) -> Iterator[tuple[LookupKey, int]]:
        """Where answers come from, and who stands behind them: row of the listener << 1 | side.

        Args:
            known: servers that are left out.
        """
        protocol, is_pair = self.listener.key.protocol, self.is_pair
        for side, server in enumerate(self.servers):
            if server.name not in known:
                key = LookupKey(Kind.ENDPOINT, server.address, server.port, protocol)
                yield key, row << 1 | (is_pair and side)


def vip_key(desired: Desired, lb_id: str) -> LookupKey | None:
    """None while nothing is forwarded: then the address is the host's own business."""
    lb = desired.load_balancers.get(lb_id)
    if lb is None or lb.status is not LoadBalancerStatus.ACTIVE:
        return None
    return LookupKey(Kind.VIP, lb.address)


def pair_part(desired: Desired, group: PairGroup) -> PairPart:
    """Its two servers, who are there whether a listener uses them or not."""
    primary, secondary = (_side_part(desired, group, side) for side in Side)
    return primary, secondary


def _side_part(desired: Desired, group: PairGroup, side: Side) -> ServerPart:
    member = group.member(side)
    address, port = desired.address_of(member), member.port
    if port is None:
        raise ValueError(f"a server of {group.group_id} has no port")
    return ServerPart(indexes.server_name(group, side, address), address, port, 0, member)


def listener_part(
    desired: Desired,
    listener: Listener,
    pair_of: Callable[[str], PairPart | None],
    old: ListenerPart | None,
) -> ListenerPart:
    """Args:
    pair_of: what ``pair_part`` made of a group.
    old: what it was; of that is taken what is the same.
    """
    lb, group = desired.load_balancer(listener.key.lb_id), desired.group(listener.group_id)
    acl = indexes.acl_name(listener.acl.acl_ids) if listener.acl else ""
    names = [indexes.listener_name(listener.key)]
    if acl:
        names.append(acl)
    unit, servers = "", tuple[ServerPart, ...]()
    if isinstance(group, PairGroup):
        unit, servers = indexes.unit_of(listener, group), pair_of(listener.group_id) or ()
        names.append(indexes.slot_name(unit))
    else:
        known = {server.name: server for server in old.servers} if old else {}
        servers = _weighted_servers(desired, listener, group.members, known)
        names += [server.name for server in servers]
    return ListenerPart(
        listener=listener,
        vip=lb.address,
        forwards=desired.is_forwarding(listener),
        unit=unit,
        acl=acl,
        names=tuple(names),
        servers=servers,
    )


def _weighted_servers(
    desired: Desired,
    listener: Listener,
    members: Iterable[Member],
    known: Mapping[str, ServerPart],
) -> tuple[ServerPart, ...]:
    """Members that are reached at the same address and port are one server."""
    found: dict[str, ServerPart] = {}
    for member in members:
        address, port = desired.address_of(member), listener.port_of(member)
        name = indexes.weighted_server_name(listener.key, address, port)
        twin, same = found.get(name), known.get(name)
        if twin is not None:
            found[name] = replace(twin, weight=min(twin.weight + member.weight, MAX_WEIGHT))
        elif same is not None and same.weight == member.weight and same.member == member:
            found[name] = same
        else:
            found[name] = ServerPart(name, address, port, member.weight, member)
    return tuple(found.values())


def acl_part(desired: Desired, name: str) -> frozenset[IPv4Network]:
    """The prefixes of all lists that the row's name names."""
    return frozenset(
        entry.network
        for acl_id in name.removeprefix("acl:").split("+")
        for entry in desired.acl(acl_id).entries
        if isinstance(entry.network, IPv4Network)
    )


def listener_entry(
    part: ListenerPart, row_of: Callable[[str], int], drained: Set[tuple[ListenerKey, Side]]
) -> ListenerEntry:
    """The row of a listener that forwards.

    Args:
        drained: listeners whose flows of that side were kept for long enough.
    """
    listener, traffic = part.listener, part.listener.traffic
    key = listener.key
    keep = {
        Side.PRIMARY: traffic.on_failover is FlowAction.KEEP or traffic.connection_drain_s > 0,
        Side.SECONDARY: traffic.on_failback is FlowAction.KEEP,
    }
    servers = (0, 0)
    if part.is_pair:
        servers = (row_of(part.servers[0].name), row_of(part.servers[1].name))
    return ListenerEntry(
        vip=part.vip,
        port=key.port,
        protocol=key.protocol,
        slot=row_of(indexes.slot_name(part.unit)) if part.is_pair else 0,
        servers=servers,
        keep_primary=part.is_pair and keep[Side.PRIMARY] and (key, Side.PRIMARY) not in drained,
        keep_secondary=(
            part.is_pair and keep[Side.SECONDARY] and (key, Side.SECONDARY) not in drained
        ),
        schedule=None if part.is_pair else SCHEDULES[traffic.scheduler],
        persistence_s=0 if part.is_pair else traffic.persistence_timeout_s,
        established_timeout_s=traffic.established_timeout_s,
        acl=row_of(part.acl) if part.acl else 0,
        acl_is_white=listener.acl is not None and listener.acl.type is AclType.WHITE,
        bandwidth=Bandwidth(traffic.bandwidth_mbps) if traffic.bandwidth_mbps > 0 else None,
    )
