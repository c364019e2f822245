# SPDX-License-Identifier: Apache-2.0
"""All listeners at run time: pairs, whose one slot says who serves, and pools, which share by
weight.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Address

from xdpair.checks import Surroundings
from xdpair.core.compile import Compiler
from xdpair.core.desired import Desired
from xdpair.core.failover import SlotState
from xdpair.core.model import Listener, ListenerKey, PairGroup, Side
from xdpair.core.status import ServerHealth
from xdpair.hooks import Hooks
from xdpair.pairs import Pairs
from xdpair.pools import Pools
from xdpair.ports import Datapath, PoolRecord, Prober


class Supervisor:
    """For the event loop's thread only.

    Attributes:
        pairs: failover units; operators talk to them.

    Args:
        slots: unit -> state, from the store.
        last_moves_s: unit -> when its serving side last changed, CLOCK_REALTIME.
        pools: what was down, from the store.
    """

    def __init__(
        self,
        datapath: Datapath,
        prober: Prober,
        compiler: Compiler,
        hooks: Hooks,
        slots: Mapping[str, SlotState],
        last_moves_s: Mapping[str, float],
        pools: Iterable[PoolRecord],
    ) -> None:
        self._prober = prober
        self._compiler = compiler
        around = Surroundings(prober, compiler.is_reachable, hooks.event)
        self.pairs = Pairs(datapath, around, hooks, slots, last_moves_s)
        self._pools = Pools(datapath, around, hooks, pools)

    @property
    def drained(self) -> frozenset[tuple[ListenerKey, Side]]:
        """Listeners whose flows of that side have drained for long enough."""
        return self.pairs.drained

    @property
    def counts_flows(self) -> bool:
        """Whether any scheduler goes by the number of flows."""
        return self._pools.counts_flows

    def touch(self, desired: Desired, changed: Collection[ListenerKey]) -> list[str]:
        """Find the failover units that a change concerns, and end the pools that it ends.

        Args:
            changed: listeners that were made, changed or deleted, or something that they use.
        """
        self._pools.leave(desired, changed)
        return self.pairs.touch(desired, changed)

    def prepare(self, desired: Desired, names: Iterable[str]) -> None:
        """To be called for all of these units before the tables are applied: slots come before the
        keys that lead to them.
        """
        self.pairs.prepare(desired, names, self._compiler.row)

    def follow_pairs(self, desired: Desired, names: Iterable[str]) -> None:
        """To be called for all of these units after the tables are applied: probes start."""
        self.pairs.follow(desired, names)

    def follow_pools(self, desired: Desired, changed: Collection[ListenerKey]) -> None:
        """The same for the weighted ones among these listeners; and wheels turn."""
        self._pools.follow(desired, changed, self._compiler.row, self._compiler.weighted_members)

    def clear_leftovers(self) -> None:
        """To be called once, at the end of a start: what is remembered and was not taken up by
        anybody is forgotten.
        """
        self._pools.clear_leftovers()

    def follow_hops(self, addresses: Iterable[IPv4Address]) -> None:
        """The way to these servers was found or lost."""
        self._pools.follow_hops(addresses)

    def close(self) -> None:
        """Stop probing; slots and wheels stay as they are."""
        self._prober.stop_all()
        self.pairs.close()
        self._pools.close()

    def health(self, desired: Desired, listeners: Iterable[Listener]) -> list[ServerHealth]:
        return [
            each
            for listener in listeners
            for each in (
                self.pairs.health(desired, listener)
                if isinstance(desired.group(listener.group_id), PairGroup)
                else self._pools.health(desired, listener)
            )
        ]
