# SPDX-License-Identifier: Apache-2.0
"""The program's flow table as the tests look into it; an independent copy of its hash."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tests.packet.frames import Endpoint

NEW, ESTABLISHED, CLIENT_FIN, SERVER_FIN, CLOSED, RESET = range(6)
WAYS = 4
CLOCK_MODULUS = 1 << 12

_WORD = 0xFFFF_FFFF_FFFF_FFFF


class Flow(NamedTuple):
    """One way's value; ``seen`` is a clock of about 1 s a tick, modulo CLOCK_MODULUS."""

    server: int
    epoch: int
    peer: int
    state: int
    seen: int


class FlowTable:
    def __init__(self, buckets: np.ndarray[Any, np.dtype[Any]]) -> None:
        self._buckets = buckets

    def bucket(self, client: Endpoint) -> int:
        """Where a client's flows live: the murmur3 finaliser over their key's first six octets."""
        key = int.from_bytes(_key_octets(client, 0), sys.byteorder)
        key = (key ^ key >> 33) * 0xFF51AFD7ED558CCD & _WORD
        key = (key ^ key >> 33) * 0xC4CEB9FE1A85EC53 & _WORD
        return key >> (64 - (len(self._buckets).bit_length() - 1))

    def get(self, client: Endpoint, listener: int) -> Flow | None:
        """The flow, or None. A key that is there twice is an error."""
        found = [way for key, way in self._ways(client, listener) if key]
        assert len(found) <= 1, f"{client} is there {len(found)} times"
        if not found:
            return None
        value = found[0]
        seen_state = int(value["seen_state"])
        return Flow(
            int(value["server"]),
            int(value["epoch"]),
            int(value["peer"]),
            seen_state >> 12,
            seen_state % CLOCK_MODULUS,
        )

    def age(self, client: Endpoint, listener: int, ticks: int) -> None:
        """Pretend that the flow's last packet came so many ticks of the clock earlier."""
        flow = self.get(client, listener)
        assert flow is not None
        (value,) = (way for key, way in self._ways(client, listener) if key)
        value["seen_state"] = flow.state << 12 | (flow.seen - ticks) % CLOCK_MODULUS

    def count(self) -> int:
        return int(np.count_nonzero(self._buckets["values"]["server"]))

    def sharing_bucket(self, client: Endpoint, listener: int, count: int) -> list[Endpoint]:
        """Clients whose flows compete with this one's for the same ways; it comes first."""
        bucket = self.bucket(client)
        ports = (Endpoint(client.address, port) for port in range(1, 65536))
        others = (end for end in ports if end != client and self.bucket(end) == bucket)
        return [client, *(next(others) for _ in range(count - 1))]

    def _ways(self, client: Endpoint, listener: int) -> Iterator[tuple[bool, Any]]:
        wanted = _key_octets(client, listener)
        row = self._buckets[self.bucket(client)]
        for way in range(WAYS):
            yield row["keys"][way].tobytes() == wanted, row["values"][way]


def _key_octets(client: Endpoint, listener: int) -> bytes:
    return (
        client.address.packed + client.port.to_bytes(2, "big") + listener.to_bytes(2, sys.byteorder)
    )
