# SPDX-License-Identifier: Apache-2.0
"""Values of the core's as the words and columns that the maps hold."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from ipaddress import IPv4Address

import numpy as np

from xdpair.core.failover import Slot
from xdpair.core.tables import LookupKey
from xdpair.datapath.constants import ABI
from xdpair.datapath.maps import Array


def slot_word(slot: Slot) -> int:
    """``struct slot``."""
    side = ABI["SIDE_NONE"] if slot.side is None else int(slot.side)
    silenced = slot.silenced[0] | slot.silenced[1] << 1
    order = sys.byteorder
    octets = bytes((side, silenced)) + b"".join(
        n.to_bytes(2, order) for n in (slot.epoch, *slot.fence)
    )
    return int.from_bytes(octets, order)


def lookup_word(key: LookupKey) -> int:
    """``struct lookup_key``."""
    octets = key.address.packed + key.port.to_bytes(2, "big") + bytes((key.protocol, key.kind))
    return int.from_bytes(octets, sys.byteorder)


#: ``struct lookup_key`` with kind KIND_TOMBSTONE and nothing else.
TOMBSTONE = int.from_bytes(bytes(7) + bytes((ABI["KIND_TOMBSTONE"],)), sys.byteorder)


def addresses_be(addresses: Iterable[IPv4Address]) -> Array:
    """As ``__be32``, shape ``(addresses,)``."""
    return np.array([int(address) for address in addresses], ">u4").view(np.uint32)


def ports_be(ports: Iterable[int]) -> Array:
    """As ``__be16``, shape ``(ports,)``."""
    return np.array(list(ports), ">u2").view(np.uint16)


def address_of(word: int) -> IPv4Address:
    """Of a ``__be32``."""
    return IPv4Address(word.to_bytes(4, sys.byteorder))


def macs_of(macs: Iterable[bytes]) -> Array:
    """Shape ``(macs, 6)``."""
    return np.frombuffer(b"".join(macs), np.uint8).reshape(-1, 6)
