# SPDX-License-Identifier: Apache-2.0
"""Reads the flow table, as a whole and without disturbing it, the way the program reads one flow.

The rules are those of bpf/forward.h and bpf/weighted.h, over all flows at once. A million flows
take some 20 ms: words are copied rather than structs, and what is asked of listeners and servers is
asked once a row and looked up by flow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from xdpair.core.model import Protocol
from xdpair.datapath import clock
from xdpair.datapath.constants import ABI
from xdpair.datapath.maps import Array, Maps, words_of
from xdpair.datapath.words import address_of
from xdpair.ports import WaitingFlow

#: The client was sent a RST, which may have been lost.
_RESET = ABI["FLOW_RESET"]
#: The server has to do with it.
_LIVE = {ABI[f"FLOW_{name}"] for name in ("NEW", "ESTABLISHED", "CLIENT_FIN", "SERVER_FIN")}
#: The client may still expect something.
_WAITING = _LIVE - {ABI["FLOW_NEW"]} | {_RESET}

_WAYS, _STATE_SHIFT, _SEEN_MASK = ABI["FLOW_WAYS"], ABI["FLOW_STATE_SHIFT"], ABI["FLOW_SEEN_MASK"]
_KEEP_SIDE = (ABI["LISTENER_KEEP_PRIMARY"], ABI["LISTENER_KEEP_SECONDARY"])
_UDP_IDLE_TICKS = ABI["UDP_IDLE_TICKS"]


class Flows:
    """Copies of those flows that are in certain states. All its arrays have shape ``(flows,)``.

    Attributes:
        listeners, servers: the rows that the flows name.
    """

    def __init__(self, maps: Maps, states: Collection[int]) -> None:
        self._maps = maps
        words = words_of(maps.flows)
        keys, values = words[:, :_WAYS].reshape(-1), words[:, _WAYS:].reshape(-1)
        self._dtypes = [maps.flows.dtype[name].base for name in ("keys", "values")]
        self._select(keys, values, _is_in(states, _column(values, self._dtypes[1], "seen_state")))
        is_sound = (self.key("client_port_be") != 0) & (self.value("server") != 0)
        is_sound &= self.key("listener") < len(maps.listeners)
        is_sound &= self.value("server") < len(maps.servers)
        if not is_sound.all():
            self._select(self._keys, self._values, is_sound)
        self.listeners: Array = self.key("listener").astype(np.intp)
        self.servers: Array = self.value("server").astype(np.intp)

    def _select(self, keys: Array, values: Array, chosen: Array) -> None:
        places = np.flatnonzero(chosen)
        self._keys, self._values = keys.take(places), values.take(places)

    def key(self, field: str) -> Array:
        """A field of ``struct flow_key``."""
        return _column(self._keys, self._dtypes[0], field)

    def value(self, field: str) -> Array:
        """A field of ``struct flow_value``."""
        return _column(self._values, self._dtypes[1], field)

    def are_reset(self) -> Array:
        return _is_in({_RESET}, self.value("seen_state"))

    def are_over(self) -> Array:
        """Has the server changed hands, failed, or left?"""
        weighted = self._of_listener(_has_flag(self._maps.listeners, "LISTENER_WEIGHTED"))
        return np.where(weighted, self._are_of_another_epoch(), self._have_lost_their_side())

    def are_loads(self) -> Array:
        """Does a weighted listener's server still have to do with it?"""
        weighted = self._of_listener(_has_flag(self._maps.listeners, "LISTENER_WEIGHTED"))
        tcp = self._of_listener(_is_tcp(self._maps.listeners))
        idle = clock.now() - self.value("seen_state") & _SEEN_MASK
        are_loads: Array = (
            weighted & ~self._are_of_another_epoch() & (tcp | (idle < _UDP_IDLE_TICKS))
        )
        return are_loads

    def _are_of_another_epoch(self) -> Array:
        """Of weighted listeners: the server failed, or its row is another server's now."""
        are_over: Array = self.value("epoch") != self._of_server(self._maps.servers["epoch"])
        return are_over

    def _have_lost_their_side(self) -> Array:
        """Of pairs: fenced and not kept, or of a server that is neither the pair's nor drained."""
        drained = self._of_server(_has_flag(self._maps.servers, "SERVER_DRAINING"))
        lost: Array = ~drained
        listeners = self._maps.listeners
        fences = self._maps.slots["fence"][listeners["slot"]]
        for side, keep in enumerate(_KEEP_SIDE):
            is_of_side = self.value("server") == self._of_listener(listeners["server"][:, side])
            kept = self._of_listener(listeners["flags"] & keep != 0)
            # Serial-number arithmetic, RFC 1982: the difference of 16-bit words, read as signed.
            age = self.value("epoch") - self._of_listener(fences[:, side])
            lost = np.where(is_of_side, ~kept & (age.view(np.int16) < 0), lost)
        return lost

    def _of_listener(self, column: Array) -> Array:
        return column.take(self.listeners)

    def _of_server(self, column: Array) -> Array:
        return column.take(self.servers)


def waiting_flows(maps: Maps, running: Array) -> list[WaitingFlow]:
    """TCP flows that have ended, and whose client may still be waiting for an answer; first those
    whose client was sent no RST yet.

    Args:
        running: shape ``(max_listeners,)``, True for rows of ``listeners`` that are in use.
    """
    flows = Flows(maps, _WAITING)
    may_be_told = (running & _is_tcp(maps.listeners)).take(flows.listeners)
    are_over, are_reset = flows.are_over(), flows.are_reset()
    chosen = np.flatnonzero(may_be_told & (are_over | are_reset))
    chosen = chosen[np.argsort(are_reset[chosen], kind="stable")]
    return list(_describe(maps, flows, chosen, has_timed_out=~are_over[chosen]))


def count_flows(maps: Maps) -> Array:
    """Live flows of weighted listeners by server, shape ``(max_servers,)``."""
    flows = Flows(maps, _LIVE)
    counts: Array = np.bincount(flows.servers[flows.are_loads()], minlength=len(maps.servers))
    return counts


def _describe(
    maps: Maps, flows: Flows, chosen: Array, has_timed_out: Array
) -> Iterator[WaitingFlow]:
    listeners = maps.listeners[flows.listeners[chosen]]
    servers = maps.servers[flows.servers[chosen]]
    columns = zip(
        listeners["vip_be"].tolist(),
        listeners["port_be"].view(">u2").tolist(),
        flows.key("client_be")[chosen].tolist(),
        flows.key("client_port_be")[chosen].view(">u2").tolist(),
        servers["addr_be"].tolist(),
        servers["port_be"].view(">u2").tolist(),
        has_timed_out.tolist(),
        strict=True,
    )
    for vip_be, port, client_be, client_port, server_be, server_port, is_server_there in columns:
        server = (address_of(server_be), server_port) if is_server_there else None
        yield WaitingFlow(address_of(vip_be), port, address_of(client_be), client_port, server)


def _column(words: Array, dtype: np.dtype[np.void], field: str) -> Array:
    column: Array = words.view(dtype)[field]
    return column


def _is_in(states: Collection[int], seen_states: Array) -> Array:
    bits = sum(1 << state for state in states)
    is_in: Array = (bits >> (seen_states >> _STATE_SHIFT)) & 1 != 0
    return is_in


def _is_tcp(listeners: Array) -> Array:
    is_tcp: Array = listeners["proto"] == int(Protocol.TCP)
    return is_tcp


def _has_flag(rows: Array, name: str) -> Array:
    has_flag: Array = rows["flags"] & ABI[name] != 0
    return has_flag
