# SPDX-License-Identifier: Apache-2.0
"""Whether this host answers for the virtual addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from xdpair.core.desired import Desired
from xdpair.core.errors import NetworkError
from xdpair.core.events import Event, EventKind
from xdpair.core.model import LoadBalancer
from xdpair.ports import Network


class Vips:
    """The addresses of the load balancers on this host's interfaces.

    What can not be announced is reported, and tried again at the next ``follow``.

    Args:
        enabled: False: somebody else brings the packets here.
    """

    def __init__(
        self, network: Network, on_event: Callable[[Event], None], *, enabled: bool
    ) -> None:
        self._network = network
        self._on_event = on_event
        self._enabled = enabled
        self._announced: dict[str, LoadBalancer] = {}

    async def follow(self, desired: Desired) -> None:
        """Announce those that are wanted, withdraw those that are not."""
        if not self._enabled:
            return
        for lb_id, lb in list(self._announced.items()):
            if desired.load_balancers.get(lb_id) is None:
                await self._attempt("withdraw", lb, self._network.withdraw(lb.address))
                del self._announced[lb_id]
        for lb_id, lb in desired.load_balancers.items():
            known = self._announced.get(lb_id)
            if known is not None and known.interface == lb.interface:
                continue
            announcing = self._network.announce(lb.address, lb.interface or None)
            if await self._attempt("announce", lb, announcing):
                self._announced[lb_id] = lb

    async def withdraw_all(self) -> None:
        """Take the addresses off this host: another one takes over."""
        for lb in self._announced.values():
            await self._attempt("withdraw", lb, self._network.withdraw(lb.address))
        self._announced.clear()

    async def _attempt(self, verb: str, lb: LoadBalancer, step: Awaitable[object]) -> bool:
        try:
            await step
        except NetworkError as error:
            words = f"could not {verb} {lb.address}: {error}"
            self._on_event(Event(EventKind.WARNING, lb_id=lb.lb_id, message=words))
            return False
        return True
