# SPDX-License-Identifier: Apache-2.0
"""From what users asked for and what the kernel says to the complete content of the maps, in one
pure function.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from xdpair.core import indexes
from xdpair.core.desired import Desired
from xdpair.core.model import FlowAction, Listener, ListenerKey, ListenerState, Side
from xdpair.core.tables import Facts, Kind, ListenerEntry, LookupKey, ServerEntry, Tables

#: What a lookup answers where only the fact matters.
PRESENT = 1


def compile_tables(
    desired: Desired, rows: Mapping[str, int], facts: Facts, drained: Set[ListenerKey] = frozenset()
) -> Tables:
    """Everything the data plane must know, but the slots.

    Args:
        rows: from ``indexes.allocate`` for this very ``desired``.
        drained: listeners whose drain timeout is over: flows left on the secondary end now.
    """
    lookup: dict[LookupKey, int] = {
        LookupKey(Kind.LOCAL, address): PRESENT for address in facts.local_addresses
    }
    listeners: dict[int, ListenerEntry] = {}
    running = [
        entry for entry in desired.listeners.values() if entry.state is ListenerState.RUNNING
    ]
    for lb in desired.load_balancers.values():
        lookup[LookupKey(Kind.VIP, lb.address)] = PRESENT
    for listener in sorted(running, key=lambda entry: entry.key):
        row = rows[indexes.listener_name(listener.key)]
        vip = desired.load_balancer(listener.key.lb_id).address
        lookup[LookupKey(Kind.LISTENER, vip, listener.key.port, listener.key.protocol)] = row
        listeners[row] = _listener_entry(desired, rows, listener, listener.key in drained)
        _chain(desired, lookup, listeners, row, listener)
    return Tables(lookup, listeners, _servers(desired, rows, facts), facts.links)


def _listener_entry(
    desired: Desired, rows: Mapping[str, int], listener: Listener, drained: bool
) -> ListenerEntry:
    group = desired.group(listener.group_id)
    primary, secondary = (
        rows[indexes.server_name(group, side, desired.address_of(group.member(side)))]
        for side in Side
    )
    return ListenerEntry(
        vip=desired.load_balancer(listener.key.lb_id).address,
        port=listener.key.port,
        protocol=listener.key.protocol,
        slot=rows[indexes.slot_name(indexes.unit_of(listener, group))],
        servers=(primary, secondary),
        keep_primary=listener.traffic.on_failover is FlowAction.KEEP,
        keep_secondary=listener.traffic.on_failback is FlowAction.KEEP and not drained,
    )


def _chain(
    desired: Desired,
    lookup: dict[LookupKey, int],
    listeners: dict[int, ListenerEntry],
    row: int,
    listener: Listener,
) -> None:
    """Put the listener first in the chain of those whose answers come from the same endpoint."""
    group = desired.group(listener.group_id)
    links = [0, 0]
    for side in Side:
        member = group.member(side)
        endpoint = LookupKey(
            Kind.ENDPOINT, desired.address_of(member), member.port, listener.key.protocol
        )
        links[side] = lookup.get(endpoint, 0)
        lookup[endpoint] = row << 1 | side
    listeners[row] = replace(listeners[row], next_links=(links[0], links[1]))


def _servers(desired: Desired, rows: Mapping[str, int], facts: Facts) -> dict[int, ServerEntry]:
    entries = {}
    for group in desired.groups.values():
        for side in Side:
            member = group.member(side)
            address = desired.address_of(member)
            row = rows[indexes.server_name(group, side, address)]
            entries[row] = ServerEntry(address, member.port, facts.next_hops.get(address))
    return entries
