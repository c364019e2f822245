# SPDX-License-Identifier: Apache-2.0
"""The tests' TCP listener as a weighted one: many servers, told apart by their ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

from tests.packet.frames import Endpoint
from tests.packet.world import PRIMARY_HOP, VIP, WEB, WEB_ROW, Scene
from xdpair.core.model import Protocol
from xdpair.core.tables import (
    Kind,
    ListenerEntry,
    LookupKey,
    Schedule,
    ServerEntry,
    TableChange,
    endpoint_value,
)

#: Rows of ``servers``.
ROWS = (21, 22, 23, 24, 25, 26)

_FIRST_ADDRESS = IPv4Address("10.0.0.0")
_FIRST_PORT = 8000


def endpoint_of(row: int) -> Endpoint:
    """The server that has the row."""
    return Endpoint(_FIRST_ADDRESS + row, _FIRST_PORT + row)


def row_of(frame: bytes) -> int:
    """Whom a frame without IP options is addressed to."""
    return int.from_bytes(frame[36:38], "big") - _FIRST_PORT


def listener(**fields: Any) -> ListenerEntry:
    """The TCP listener, weighted unless ``fields`` say otherwise."""
    entry = ListenerEntry(*WEB, Protocol.TCP, 0, (0, 0), False, False, Schedule.IN_TURN)
    return replace(entry, **fields)


def server(row: int, **fields: Any) -> ServerEntry:
    return replace(ServerEntry(*endpoint_of(row), PRIMARY_HOP, weight=100), **fields)


def endpoints(rows: Iterable[int], listener_row: int = WEB_ROW) -> dict[LookupKey, int | None]:
    """Where the servers' answers lead to."""
    return {
        LookupKey(Kind.ENDPOINT, *endpoint_of(row), Protocol.TCP): endpoint_value(
            listener_row, 0, shared=False
        )
        for row in rows
    }


def farm(rows: Iterable[int] = ROWS, **fields: Any) -> TableChange:
    """All tables: the weighted listener and its servers, and the UDP listener's pair.

    Args:
        fields: of the listener.
    """
    pairs = Scene().tables()
    rows = list(rows)
    lookup = {key: value for key, value in pairs.lookup.items() if not _is_of_web_pair(key)}
    lookup[LookupKey(Kind.LISTENER, VIP, WEB.port, Protocol.TCP)] = WEB_ROW
    return replace(
        pairs,
        lookup=lookup | endpoints(rows),
        listeners={**pairs.listeners, WEB_ROW: listener(**fields)},
        servers={**pairs.servers, **{row: server(row) for row in rows}},
    )


def _is_of_web_pair(key: LookupKey) -> bool:
    return key.kind is Kind.ENDPOINT and key.protocol == Protocol.TCP
