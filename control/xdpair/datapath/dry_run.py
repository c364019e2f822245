# SPDX-License-Identifier: Apache-2.0
"""Asks the loaded program about a frame: it runs on the live maps, and writes only what
is read here.
"""

from __future__ import annotations

import sys

from xdpair.core.errors import DatapathError
from xdpair.datapath.constants import ABI
from xdpair.datapath.maps import Maps
from xdpair.datapath.program import Program
from xdpair.datapath.syscalls import run_program
from xdpair.ports import DryRun

#: ``enum xdp_action`` of linux/bpf.h.
VERDICTS = ("XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT")

_MAGIC = ABI["DRY_RUN_MAGIC"].to_bytes(8, sys.byteorder)
#: Row of ``exits`` that dry runs move.
_EXITS_ROW = 1


def dry_run(program: Program, maps: Maps, frame: bytes, ifindex: int) -> DryRun:
    """What would become of the frame if it came by that interface now.

    Raises:
        DatapathError: no such interface, or no such frame can be.
    """
    before = maps.counters("exits", _EXITS_ROW)
    try:
        run = run_program(program.fd, frame, metadata=_MAGIC, ingress_ifindex=ifindex)
    except DatapathError as error:
        raise DatapathError(
            f"a frame of {len(frame)} octets from interface {ifindex} can not be tried: {error}",
            **error.metadata,
        ) from error
    after = maps.counters("exits", _EXITS_ROW)
    moved = [name for name, count in after.items() if count != before[name]]
    if len(moved) != 1:
        raise DatapathError(f"the program took not one exit but {len(moved)}: {', '.join(moved)}")
    trace = maps.traces[0]
    fields = {name: int(trace[name]) for name in trace.dtype.names if name != "zero"}
    return DryRun(VERDICTS[run.verdict], moved[0], run.frame, fields)
