# SPDX-License-Identifier: Apache-2.0
"""Servers that leave a listener whose flows may go on for a while (``connection_drain_s``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from xdpair.core.changes import Departure
from xdpair.core.model import ListenerKey
from xdpair.core.parts import ListenerPart, ServerPart


@dataclass(frozen=True, slots=True)
class Move:
    """A listener before and after a change; None: it is not there."""

    key: ListenerKey
    old: ListenerPart | None
    new: ListenerPart | None

    @property
    def changes_kind(self) -> bool:
        """From a pair to many or back: what its flows say of servers means nothing any more."""
        return (
            self.old is not None and self.new is not None and self.old.is_pair != self.new.is_pair
        )

    @property
    def goes_on(self) -> bool:
        return (
            self.old is not None
            and self.old.forwards
            and self.new is not None
            and self.new.forwards
            and not self.changes_kind
        )

    def lost(self) -> list[ServerPart]:
        """Servers of a listener that goes on without them."""
        if self.old is None or self.new is None or not self.goes_on:
            return []
        if self.old.servers == self.new.servers:
            return []
        kept = {server.name for server in self.new.servers}
        return [server for server in self.old.servers if server.name not in kept]


def follow(
    known: Mapping[str, Departure],
    going_on: Mapping[str, Departure],
    moves: Iterable[Move],
    now_s: float,
) -> dict[str, Departure | None]:
    """What becomes of departures.

    A listener that stops or goes leaves those it is in; so does one to which the server came back.
    A departure that no listener is in is over.

    Args:
        going_on: those known, without those whose time is up.
        now_s: CLOCK_REALTIME.

    Returns:
        By name of the row, what differs from ``known``; None: over.
    """
    after: dict[str, Departure | None] = {**dict.fromkeys(known), **going_on}
    names: dict[ListenerKey, list[str]] = defaultdict(list)
    for departure in going_on.values():
        for key in departure.listeners:
            names[key].append(departure.name)
    for move in moves:
        if move.key in names:
            stays = move.new is not None and move.new.forwards and not move.changes_kind
            present = {server.name for server in move.new.servers} if move.new else set()
            for name in names[move.key]:
                if not stays or name in present:
                    after[name] = _without(after[name], move.key)
        drain_s = move.new.listener.traffic.connection_drain_s if move.new else 0
        if drain_s:
            for server in move.lost():
                after[server.name] = _with(
                    after.get(server.name), server, move.key, now_s + drain_s
                )
    return {name: each for name, each in after.items() if each != known.get(name)}


def _without(departure: Departure | None, key: ListenerKey) -> Departure | None:
    if departure is None:
        return None
    rest = tuple(each for each in departure.listeners if each != key)
    return replace(departure, listeners=rest) if rest else None


def _with(
    departure: Departure | None, server: ServerPart, key: ListenerKey, until_s: float
) -> Departure:
    if departure is None:
        return Departure(server.name, (key,), server.address, server.port, until_s)
    return replace(
        departure,
        listeners=tuple(sorted({*departure.listeners, key})),
        until_s=max(departure.until_s, until_s),
    )
