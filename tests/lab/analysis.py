# SPDX-License-Identifier: Apache-2.0
"""What results mean: outages, failures, gaps. Pure functions of records."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from tests.lab.records import Request
from tests.lab.topology import Side


def answered_by(requests: Iterable[Request], side: Side) -> list[Request]:
    """Those that a side answered."""
    return [request for request in requests if request.side == side]


def failed(requests: Iterable[Request]) -> list[Request]:
    """Those that were not answered: failed connections, lost datagrams."""
    return [request for request in requests if request.side is None]


def started_between(requests: Iterable[Request], from_s: float, to_s: float) -> list[Request]:
    """Those started at ``from_s`` or later, and before ``to_s``."""
    return [request for request in requests if from_s <= request.start_s < to_s]


def count_errors(requests: Iterable[Request]) -> Counter[str]:
    """How many failed how."""
    return Counter(request.error for request in requests if request.error is not None)


def count_sides(requests: Iterable[Request]) -> Counter[Side]:
    """How many each side answered."""
    return Counter(request.side for request in requests if request.side is not None)


def outage_s(requests: Iterable[Request], fault_s: float, to: Side) -> float | None:
    """How long clients had to wait for the other side.

    Args:
        requests: in any order.
        fault_s: when the failure began, e.g. ``LabEvent.at_s``.
        to: the side that takes over.

    Returns:
        From the failure to the first whole answer from ``to``, in seconds; None if there was
        none.
    """
    ends = (r.end_s for r in answered_by(requests, to) if r.end_s >= fault_s)
    return min((end - fault_s for end in ends), default=None)


def longest_gap_s(requests: Iterable[Request]) -> float:
    """The longest time between two answers, whoever gave them; 0 if there are fewer than two.

    Without any fault this is about the time between two requests.
    """
    ends = sorted(request.end_s for request in requests if request.side is not None)
    return max((later - earlier for earlier, later in pairwise(ends)), default=0.0)


def lateness_s(requests: Iterable[Request]) -> list[float]:
    """How late each was started: the client's own inaccuracy."""
    return [request.start_s - request.due_s for request in requests]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` (0 to 100) of the values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    rank = math.ceil(len(values) * percent / 100)
    return sorted(values)[max(rank, 1) - 1]
