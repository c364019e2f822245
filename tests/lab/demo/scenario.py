# SPDX-License-Identifier: Apache-2.0
"""What happens to the primary: the scenarios of the demo, and how fast they go."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.lab.faults import LabEvent
from tests.lab.lab import Lab


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to fail, and back.

    Attributes:
        name: for scripts.
        title: heading of its part.
        short: heading of its column.
        why: what is special about it.
        fail: breaks the primary.
        failed: what that is called.
        mend: brings it back.
        mended: what that is called.
        silent: nothing refuses: a probe has to wait for its timeout.
    """

    name: str
    title: str
    short: str
    why: str
    fail: Callable[[Lab], LabEvent]
    failed: str
    mend: Callable[[Lab], LabEvent]
    mended: str
    silent: bool

    def promise_ms(self, interval_ms: int, timeout_ms: int, fall: int) -> int:
        """How long after the fault the controller knows at the latest."""
        return interval_ms * fall + (timeout_ms if self.silent else 0)


SCENARIOS: Final = (
    Scenario(
        name="kill",
        title="Scenario 1: the primary's process is killed",
        short="process killed",
        why="The host lives on and refuses connections: the easy case, known after three refusals.",
        fail=lambda lab: lab.servers["primary"].kill(),
        failed="the primary's process is killed (SIGKILL)",
        mend=lambda lab: lab.servers["primary"].start(),
        mended="the primary's process is started again",
        silent=False,
    ),
    Scenario(
        name="cut",
        title="Scenario 2: the primary's link is cut",
        short="link cut",
        why="Nothing refuses, nothing resets, the carrier stays: clients of a plain balancer would "
        "wait for minutes. xdpair ends their connections, those that only wait too, and "
        "UDP follows with its next datagram.",
        fail=lambda lab: lab.faults.cut("primary"),
        failed="the primary's link is cut: it is silent",
        mend=lambda lab: lab.faults.restore("primary"),
        mended="the primary's link is whole again",
        silent=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things are watched, in seconds, and how many connections wait.

    Attributes:
        before_s: traffic before the fault.
        on_secondary_s: after the failover, before the primary returns.
        after_s: after the failback.
        patience_s: the longest wait for a failover or a failback.
    """

    before_s: float
    on_secondary_s: float
    after_s: float
    waiting: int
    patience_s: float = 6.0


NORMAL: Final = Pace(before_s=1.0, on_secondary_s=1.5, after_s=1.5, waiting=50)
QUICK: Final = Pace(before_s=0.5, on_secondary_s=0.5, after_s=0.5, waiting=20)
