# SPDX-License-Identifier: Apache-2.0
"""What one run of the `xdpair` command leaves."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: The servers of a group, as `xdpair group create` takes them.
GROUP_WORDS = "--primary a@10.0.0.11:80 --secondary b@10.0.0.12:80*50"


@dataclass
class Run:
    """What one run of the command left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.out.splitlines()]


Shell = Callable[..., Run]
