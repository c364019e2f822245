# SPDX-License-Identifier: Apache-2.0
"""The program's clock: jiffies, shifted until a tick lasts about a second. Flows remember 12 bits
of it.
"""

from __future__ import annotations

import math
import time
from functools import cache

from xdpair.datapath.constants import ABI

#: What is silent for longer looks as if just heard: the clock went round. No timeout may come near.
MAX_TICKS = 4000

#: include/uapi/linux/time.h; the time module does not name it.
_CLOCK_MONOTONIC_COARSE = 6
#: The kernel begins to count so long before 32 bits overflow (INITIAL_JIFFIES, linux/jiffies.h).
_INITIAL_JIFFIES, _INITIAL_BEFORE_S = 1 << 32, 300


@cache
def jiffies_per_s() -> int:
    """The kernel's HZ. The coarse clocks tick with the jiffies."""
    return round(1 / time.clock_getres(_CLOCK_MONOTONIC_COARSE))


def clock_shift() -> int:
    """Jiffies >> this is a clock of about one tick a second."""
    return round(math.log2(jiffies_per_s()))


def ticks_of(seconds: float) -> int:
    """So long on the program's clock, rounded up; at most MAX_TICKS."""
    return min(math.ceil(seconds * jiffies_per_s() / (1 << clock_shift())), MAX_TICKS)


def now() -> int:
    """What the program reads now, give or take a tick: jiffies and CLOCK_MONOTONIC run alike, but
    start some milliseconds apart.
    """
    since_boot_s = time.clock_gettime(_CLOCK_MONOTONIC_COARSE)
    jiffies = _INITIAL_JIFFIES + int((since_boot_s - _INITIAL_BEFORE_S) * jiffies_per_s())
    return jiffies >> clock_shift() & ABI["FLOW_SEEN_MASK"]
