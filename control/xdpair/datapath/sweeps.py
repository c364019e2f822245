# SPDX-License-Identifier: Apache-2.0
"""Drives the second program over the flow table, a few buckets a run; it remembers where it
stopped.
"""

from __future__ import annotations

from xdpair.datapath.constants import ABI
from xdpair.datapath.maps import Maps
from xdpair.datapath.program import Program
from xdpair.datapath.syscalls import run_program
from xdpair.ports import Swept

#: The program looks at no frame; the kernel wants one of at least this.
_FRAME = bytes(14)


def sweep(sweep_fd: int, program: Program, maps: Maps) -> Swept:
    """Go over the whole flow table once.

    Raises:
        DatapathError: the kernel refused.
    """
    totals = maps.sweeps[0]
    timed_out, expired = int(totals["timed_out"]), int(totals["expired"])
    runs = -(-program.sizes.flow_buckets // ABI["SWEEP_BUCKETS"])
    run_program(sweep_fd, _FRAME, repeat=runs)
    return Swept(int(totals["timed_out"]) - timed_out, int(totals["expired"]) - expired)
