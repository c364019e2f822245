# SPDX-License-Identifier: Apache-2.0
"""Whether this host answers for the virtual addresses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from xdpair.core.desired import Desired
from xdpair.core.errors import NetworkError
from xdpair.core.events import Event, EventKind
from xdpair.core.model import LoadBalancer
from xdpair.ports import Network


class Vips:
    """The addresses of the load balancers on this host's interfaces.

    A load balancer that is INACTIVE keeps its address there: it forwards nothing, and the host
    answers as it does for any address of its own. Thus a change of the status sends no ARP, and
    another host cannot take the address over meanwhile.

    What can not be announced is reported, once for each reason, and tried again at the next
    ``follow``.

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
        #: Why those that could not be announced could not.
        self._refused: dict[str, str] = {}
        self._followed: Mapping[str, LoadBalancer] | None = None

    async def follow(self, desired: Desired) -> None:
        """Announce those that are wanted, withdraw those that are not.

        Load balancers are values: an object that was there before costs one comparison by identity,
        and a mapping that was there before costs nothing.
        """
        if not self._enabled:
            return
        wanted = desired.load_balancers
        if wanted is not self._followed:
            self._followed = None  # until all is done
            await self._withdraw_unwanted(wanted)
            missing = [lb_id for lb_id, lb in wanted.items() if not self._is_announced(lb)]
        else:
            missing = list(self._refused)
        for lb_id in missing:
            await self._announce(wanted[lb_id])
        self._followed = wanted

    async def withdraw_all(self) -> None:
        """Take the addresses off this host: another one takes over."""
        for lb in list(self._announced.values()):
            await self._withdraw(lb)
        self._followed = None

    async def _withdraw_unwanted(self, wanted: Mapping[str, LoadBalancer]) -> None:
        """Before anything is announced: the address may be another load balancer's from now on."""
        for lb_id, lb in list(self._announced.items()):
            now = wanted.get(lb_id)
            if now is not lb and (now is None or now.address != lb.address):
                await self._withdraw(lb)
        for lb_id in self._refused.keys() - wanted.keys():
            del self._refused[lb_id]

    def _is_announced(self, lb: LoadBalancer) -> bool:
        known = self._announced.get(lb.lb_id)
        if known is lb:
            return True
        if known is None or (known.address, known.interface) != (lb.address, lb.interface):
            return False
        self._announced[lb.lb_id] = lb
        self._refused.pop(lb.lb_id, None)  # it was to move, and stays
        return True

    async def _announce(self, lb: LoadBalancer) -> None:
        announcing = self._network.announce(lb.address, lb.interface or None)
        refusal = await _refusal("announce", lb, announcing)
        if not refusal:
            self._announced[lb.lb_id] = lb
            self._refused.pop(lb.lb_id, None)
        elif self._refused.get(lb.lb_id) != refusal:
            self._refused[lb.lb_id] = refusal
            self._warn(lb, refusal)

    async def _withdraw(self, lb: LoadBalancer) -> None:
        refusal = await _refusal("withdraw", lb, self._network.withdraw(lb.address))
        del self._announced[lb.lb_id]
        if refusal:
            self._warn(lb, refusal)

    def _warn(self, lb: LoadBalancer, words: str) -> None:
        self._on_event(Event(EventKind.WARNING, lb_id=lb.lb_id, message=words))


async def _refusal(verb: str, lb: LoadBalancer, step: Awaitable[object]) -> str:
    """Why it could not be done; empty if it could."""
    try:
        await step
    except NetworkError as error:
        return f"could not {verb} {lb.address}: {error}"
    return ""
