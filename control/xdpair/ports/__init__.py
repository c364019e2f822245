# SPDX-License-Identifier: Apache-2.0
"""What the controller needs of the world, as Protocols, and the values that cross them."""

from xdpair.ports.datapath import Datapath, DryRun, Swept, WaitingFlow
from xdpair.ports.network import Network, XdpMode
from xdpair.ports.probing import Prober, ProbeResult, ProbeTarget
from xdpair.ports.store import Commit, PoolRecord, RequestRecord, SlotRecord, Store

__all__ = [
    "Commit",
    "Datapath",
    "DryRun",
    "Network",
    "PoolRecord",
    "ProbeResult",
    "ProbeTarget",
    "Prober",
    "RequestRecord",
    "SlotRecord",
    "Store",
    "Swept",
    "WaitingFlow",
    "XdpMode",
]
