# SPDX-License-Identifier: Apache-2.0
"""Reads the flow table, as a whole and without disturbing it, the way the program reads one flow.

The rules are those of ``choose`` in bpf/forward.h, over all flows at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

import numpy as np

from xdpair.core.model import Protocol
from xdpair.datapath.maps import Array, Maps
from xdpair.ports import WaitingFlow

#: FLOW_ESTABLISHED, FLOW_CLIENT_FIN and FLOW_SERVER_FIN of bpf/abi.h: the client may still expect
#: something.
_FIRST_OPEN_STATE, _LAST_OPEN_STATE = 1, 3
#: FLOW_RESET: the client was sent a RST, which may have been lost.
_RESET_STATE = 5
_STATE_SHIFT = 12
#: FLOW_DIRECT: in place of a server, for clients that asked one themselves.
_DIRECT = 0xFFFF
_KEEP_PRIMARY, _KEEP_SECONDARY = 1, 2


def waiting_flows(maps: Maps, running: Array) -> list[WaitingFlow]:
    """TCP flows that ended by a change of side, and whose client may still be waiting for an
    answer; first those whose client was sent no RST yet.

    Args:
        running: shape ``(max_listeners,)``, True for rows of ``listeners`` that are in use.
    """
    keys, values = maps.flows["keys"].reshape(-1), maps.flows["values"].reshape(-1)
    state = values["seen_state"] >> _STATE_SHIFT
    used = (
        (values["server"] != 0)
        & (values["server"] != _DIRECT)
        & ((state >= _FIRST_OPEN_STATE) & (state <= _LAST_OPEN_STATE) | (state == _RESET_STATE))
    )
    places = np.flatnonzero(used)
    places = places[np.argsort(state[places] == _RESET_STATE, kind="stable")]
    keys, values = keys[places], values[places]
    known = keys["listener"] < len(running)
    keys, values = keys[known], values[known]
    listeners = maps.listeners[keys["listener"]]
    tcp = running[keys["listener"]] & (listeners["proto"] == int(Protocol.TCP))
    ended = tcp & _has_ended(maps, listeners, values)
    return list(_describe(listeners[ended], keys[ended]))


def _has_ended(maps: Maps, listeners: Array, values: Array) -> Array:
    """Shape ``(flows,)``: reset already, fenced and not kept, or of a server that is no longer the
    listener's.
    """
    reset = values["seen_state"] >> _STATE_SHIFT == _RESET_STATE
    slots = maps.slots[listeners["slot"]]
    primary = values["server"] == listeners["server"][:, 0]
    secondary = values["server"] == listeners["server"][:, 1]
    fence = np.where(primary, slots["fence"][:, 0], slots["fence"][:, 1])
    keep = np.where(primary, _KEEP_PRIMARY, _KEEP_SECONDARY)
    # Serial-number arithmetic, RFC 1982: the difference of 16-bit words, read as signed.
    older = (values["epoch"] - fence).astype(np.uint16).view(np.int16) < 0
    fenced = older & ((listeners["flags"] & keep) == 0)
    ended: Array = reset | ~(primary | secondary) | fenced
    return ended


def _describe(listeners: Array, keys: Array) -> Iterator[WaitingFlow]:
    columns = zip(
        listeners["vip_be"].tolist(),
        listeners["port_be"].byteswap().tolist(),
        keys["client_be"].tolist(),
        keys["client_port_be"].byteswap().tolist(),
        strict=True,
    )
    for vip_be, port, client_be, client_port in columns:
        yield WaitingFlow(_address(vip_be), port, _address(client_be), client_port)


def _address(word: int) -> IPv4Address:
    return IPv4Address(np.uint32(word).tobytes())
