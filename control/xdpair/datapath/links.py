# SPDX-License-Identifier: Apache-2.0
"""Rows of ``links``: this host's interfaces, each at its ifindex modulo their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xdpair.core.tables import Link
from xdpair.datapath.maps import Array, words_of
from xdpair.datapath.words import macs_of

_LARGEST_MTU_BYTES = 0xFFFF


def write_links(rows: Array, links: Sequence[Link]) -> None:
    """Make the rows speak of these interfaces and no others. Where two share a place, the first one
    has it.
    """
    wanted = np.zeros_like(rows)
    first = list({link.ifindex % len(rows): link for link in reversed(links)}.items())
    places = [place for place, _ in first]
    wanted["mac"][places] = macs_of(link.mac for _, link in first)
    wanted["mtu"][places] = [min(link.mtu_bytes, _LARGEST_MTU_BYTES) for _, link in first]
    wanted["ifindex"][places] = [link.ifindex for _, link in first]
    words, wanted_words = words_of(rows), words_of(wanted)
    changed = np.flatnonzero((words != wanted_words).any(axis=1))
    # Another interface's MAC must not be taken for that of the one that was there.
    moved = changed[rows["ifindex"][changed] != wanted["ifindex"][changed]]
    rows["ifindex"][moved] = 0
    for column in (0, 1):
        words[changed, column] = wanted_words[changed, column]
