# SPDX-License-Identifier: Apache-2.0
"""The wheels of weighted listeners: which servers get new flows, in which proportions and order.

A scheduler in turn steps from entry to entry; one that hashes takes entry hash % entries; one that
goes by the number of flows looks at some entries, which name each server once. What a wheel says
depends on the servers' identities and weights only, never on the order they are given in or on
their rows.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate, cycle
from math import gcd

from xdpair.core.model import Scheduler

MAX_ENTRIES = 65_521

#: Primes, as Maglev's permutations need them; the largest is MAX_ENTRIES.
TABLE_SIZES = (251, 1021, 4093, 16_381, MAX_ENTRIES)
#: Entries a server: a new table has at least so many,
WANTED_ENTRIES = 100
#: and is kept while it has at least so many and at most so many, since in a table of another size
#: nearly all flows have another server.
MIN_ENTRIES, TOO_MANY_ENTRIES = 50, 2000

#: Fraction of the golden ratio: multiples of it are spread evenly over [0, 1).
_GOLDEN = 0.618_033_988_749_894_9


@dataclass(frozen=True, slots=True)
class WheelServer:
    """Attributes:
    row: of ``servers``; 1 to 65,535.
    identity: address and port, or whatever else stays the same as long as the server does.
    weight: 0: gets nothing new.
    """

    row: int
    identity: bytes
    weight: int


def build(
    scheduler: Scheduler, servers: Iterable[WheelServer], present_entries: int = 0
) -> array[int]:
    """Make a wheel; an empty one if no server has a weight.

    Args:
        servers: all of the listener; those that may not get new flows with weight 0. (A hash's
            table is sized for all of them, so that it stays as it is when some fail.)
        present_entries: of the wheel there is, if the scheduler hashes: its size is kept if it
            fits.
    """
    everybody = sorted(servers, key=lambda server: server.identity)
    able = [server for server in everybody if server.weight > 0]
    if not able:
        return array("H")
    if scheduler is Scheduler.WRR:
        return array("H", [able[index].row for index in _turns(able)])
    if scheduler.is_hash:
        return _maglev(able, table_size(len(everybody), present_entries))
    return array("H", [server.row for server in able])


def without(
    wheel: Sequence[int], gone_rows: Collection[int], servers: Iterable[WheelServer]
) -> array[int]:
    """The wheel with the entries of some servers given to others in proportion to their weights;
    all other entries stay. Cheap: to be used until the true wheel is built.

    Args:
        servers: those that may get new flows.
    """
    gone = frozenset(gone_rows)
    able = sorted(
        (server for server in servers if server.weight > 0 and server.row not in gone),
        key=lambda server: server.identity,
    )
    if not able:
        return array("H")
    heirs = _in_proportion(able)
    return array("H", [next(heirs) if row in gone else row for row in wheel])


def table_size(servers: int, present_entries: int = 0) -> int:
    """Entries of a hash's table.

    Args:
        servers: 1 to 2,000.
        present_entries: of the table there is; 0: none.
    """
    least, most = min(MIN_ENTRIES * servers, MAX_ENTRIES), TOO_MANY_ENTRIES * servers
    if present_entries in TABLE_SIZES and least <= present_entries <= most:
        return present_entries
    wanted = min(WANTED_ENTRIES * servers, MAX_ENTRIES)
    return next(size for size in TABLE_SIZES if size >= wanted)


def _turns(servers: Sequence[WheelServer]) -> list[int]:
    """One cycle of turns, as indexes into ``servers``: each has as many as its weight says, evenly
    spread (the order of smooth weighted round robin).
    """
    weights = _shares([server.weight for server in servers])
    turns = [
        ((2 * turn + 1) / weight, index)
        for index, weight in enumerate(weights)
        for turn in range(weight)
    ]
    turns.sort()
    return [index for _, index in turns]


def _shares(weights: Sequence[int]) -> list[int]:
    """The same proportions in the smallest whole numbers. Where the sum of these passes
    MAX_ENTRIES, as close as such a wheel can come, but nobody gets less than one.
    """
    divisor = gcd(*weights)
    shares = [weight // divisor for weight in weights]
    total = sum(shares)
    if total <= MAX_ENTRIES:
        return shares
    scaled = [share * MAX_ENTRIES / total for share in shares]
    fitting = [max(int(share), 1) for share in scaled]
    # What is left goes to those that lost most by rounding down.
    left = MAX_ENTRIES - sum(fitting)
    losers = sorted(range(len(shares)), key=lambda index: fitting[index] - scaled[index])
    for index in losers[: max(left, 0)]:
        fitting[index] += 1
    return fitting


def _maglev(servers: Sequence[WheelServer], size: int) -> array[int]:
    """Each server in its turn takes the first free entry of its own permutation of the table
    (Eisenbud et al., NSDI 2016, section 3.4).
    """
    entries = array("H", bytes(2 * size))
    rows = [server.row for server in servers]
    hashes = [blake2b(server.identity, digest_size=16).digest() for server in servers]
    places = [int.from_bytes(each[:8], "big") % size for each in hashes]
    skips = [int.from_bytes(each[8:], "big") % (size - 1) + 1 for each in hashes]
    left = size
    for server in cycle(_turns(servers)):
        place, skip = places[server], skips[server]
        while entries[place]:
            place += skip
            if place >= size:
                place -= size
        entries[place] = rows[server]
        places[server] = place
        left -= 1
        if not left:
            break
    return entries


def _in_proportion(servers: Sequence[WheelServer]) -> Iterator[int]:
    """Rows for ever, evenly spread by weight."""
    sums = list(accumulate(server.weight for server in servers))
    at = 0.5
    while True:
        yield servers[bisect(sums, at * sums[-1])].row
        at = (at + _GOLDEN) % 1
