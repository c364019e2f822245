# SPDX-License-Identifier: Apache-2.0
"""Request ids (AIP-155): a client that repeats a request, not knowing whether it arrived, makes
nothing twice.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable

from xdpair.ports import RequestRecord

#: How long a request id is good for, and how many are kept.
KEPT_S = 24 * 3600.0
KEPT = 10_000


class Requests:
    """Args:
    past: from the store, oldest first.
    """

    def __init__(self, past: Iterable[RequestRecord] = ()) -> None:
        self._seen = OrderedDict((record.request_id, record) for record in past)

    def get(self, request_id: str) -> RequestRecord | None:
        record = self._seen.get(request_id)
        return record if record is not None and record.time_s > time.time() - KEPT_S else None

    def record(self, request_id: str, digest: str, resource: str) -> RequestRecord:
        return RequestRecord(request_id, digest, resource, time.time())

    def remember(self, record: RequestRecord) -> None:
        """For what has come to be."""
        self._seen[record.request_id] = record
        while len(self._seen) > KEPT:
            self._seen.popitem(last=False)
