# SPDX-License-Identifier: Apache-2.0
"""What differs between two ``Desired``, and what outlives a change for a while."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from xdpair.core.model import ListenerKey


@dataclass(frozen=True, slots=True)
class Delta:
    """Keys of resources that were made, changed or deleted, by kind."""

    load_balancers: frozenset[str] = frozenset()
    listeners: frozenset[ListenerKey] = frozenset()
    groups: frozenset[str] = frozenset()
    servers: frozenset[str] = frozenset()
    acls: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Departure:
    """A server that left its group, but whose flows may go on (``connection_drain_s``).

    Attributes:
        name: of its row in ``servers``, which is kept so long.
        listeners: whose flows it may have; at least one.
        until_s: CLOCK_REALTIME; then what is left ends.
    """

    name: str
    listeners: tuple[ListenerKey, ...]
    address: IPv4Address
    port: int
    until_s: float
