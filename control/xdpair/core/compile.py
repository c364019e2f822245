# SPDX-License-Identifier: Apache-2.0
"""From what users asked for and what the kernel says to the complete content of the maps, in one
pure function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set

from xdpair.core import errors, indexes
from xdpair.core.desired import Desired
from xdpair.core.model import FlowAction, Listener, ListenerKey, ListenerState, Side
from xdpair.core.tables import Facts, Kind, ListenerEntry, LookupKey, ServerEntry, Tables

#: What a lookup answers where only the fact matters.
PRESENT = 1

#: MAX_LINKS of bpf/abi.h: listeners whose answers come from one and the same endpoint.
MAX_LINKS = 64

Rows = Mapping[str, int]
#: Rows of (primary, secondary), by group.
ServerRows = Mapping[str, tuple[int, int]]


def compile_tables(
    desired: Desired, rows: Rows, facts: Facts, drained: Set[ListenerKey] = frozenset()
) -> Tables:
    """Everything the data plane must know, but the slots.

    Args:
        rows: from ``indexes.allocate`` for this very ``desired``.
        drained: listeners whose drain timeout is over: flows left on the secondary end now.

    Raises:
        LimitExceeded: too many running listeners share one server, port and protocol.
    """
    lookup: dict[LookupKey, int] = {
        LookupKey(Kind.LOCAL, address): PRESENT for address in facts.local_addresses
    }
    for lb in desired.load_balancers.values():
        lookup[LookupKey(Kind.VIP, lb.address)] = PRESENT
    listeners: dict[int, ListenerEntry] = {}
    chains: Counter[LookupKey] = Counter()
    server_rows = _server_rows(desired, rows)
    for _, listener in sorted(desired.listeners.items()):
        if listener.state is not ListenerState.RUNNING:
            continue
        key = listener.key
        row = rows[indexes.listener_name(key)]
        links = _chain(desired, lookup, chains, row, listener)
        entry = _entry(desired, rows, server_rows, listener, links, drained=key in drained)
        lookup[LookupKey(Kind.LISTENER, entry.vip, key.port, key.protocol)] = row
        listeners[row] = entry
    return Tables(lookup, listeners, _servers(desired, server_rows, facts), facts.links)


def _entry(
    desired: Desired,
    rows: Rows,
    server_rows: ServerRows,
    listener: Listener,
    links: tuple[int, int],
    *,
    drained: bool,
) -> ListenerEntry:
    unit = indexes.unit_of(listener, desired.group(listener.group_id))
    return ListenerEntry(
        vip=desired.load_balancer(listener.key.lb_id).address,
        port=listener.key.port,
        protocol=listener.key.protocol,
        slot=rows[indexes.slot_name(unit)],
        servers=server_rows[listener.group_id],
        keep_primary=listener.traffic.on_failover is FlowAction.KEEP,
        keep_secondary=listener.traffic.on_failback is FlowAction.KEEP and not drained,
        next_links=links,
    )


def _chain(
    desired: Desired,
    lookup: dict[LookupKey, int],
    chains: Counter[LookupKey],
    row: int,
    listener: Listener,
) -> tuple[int, int]:
    """Put the listener first in the chain of those whose answers come from the same endpoint.

    Returns:
        What follows it on either side.
    """
    group = desired.group(listener.group_id)
    links = []
    for side in Side:
        member = group.member(side)
        address = desired.address_of(member)
        endpoint = LookupKey(Kind.ENDPOINT, address, member.port, listener.key.protocol)
        links.append(lookup.get(endpoint, 0))
        lookup[endpoint] = row << 1 | side
        chains[endpoint] += 1
        if chains[endpoint] > MAX_LINKS:
            raise errors.LimitExceeded(
                f"more than {MAX_LINKS} running listeners use {address}:{member.port}",
                server=member.server_id,
            )
    return links[Side.PRIMARY], links[Side.SECONDARY]


def _server_rows(desired: Desired, rows: Rows) -> ServerRows:
    return {
        group.group_id: (
            rows[indexes.server_name(group, Side.PRIMARY, desired.address_of(group.primary))],
            rows[indexes.server_name(group, Side.SECONDARY, desired.address_of(group.secondary))],
        )
        for group in desired.groups.values()
    }


def _servers(desired: Desired, server_rows: ServerRows, facts: Facts) -> dict[int, ServerEntry]:
    entries = {}
    for group in desired.groups.values():
        for side, row in zip(Side, server_rows[group.group_id], strict=True):
            member = group.member(side)
            address = desired.address_of(member)
            entries[row] = ServerEntry(address, member.port, facts.next_hops.get(address))
    return entries
