# SPDX-License-Identifier: Apache-2.0
"""A failover while the network loses packets."""

from __future__ import annotations

import time

from tests.e2e.checks import BUSY_S, HTTP, await_true
from tests.e2e.world import World

#: Classic BPF for tc(8), "tcp[tcpflags] & tcp-rst != 0" and then TC_ACT_SHOT.
DROP_RESETS = (
    "11,40 0 0 12,21 0 8 2048,48 0 0 23,21 0 6 6,40 0 0 20,69 4 0 8191,177 0 0 14,80 0 0 27,"
    "69 0 1 4,6 0 0 2,6 0 0 0"
)


def test_a_lost_reset_is_sent_again(world: World) -> None:
    """None of those that are sent right after the failover reaches its client."""
    pair, client = world.define(HTTP), world.lab.client
    with world.lab.traffic.waiting(20, address=pair.vip, mode="hold") as waiting:
        client.run(["tc", "qdisc", "add", "dev", "eth0", "clsact"])
        ingress = ["tc", "filter", "add", "dev", "eth0", "ingress", "protocol", "all", "prio", "1"]
        client.run([*ingress, "bpf", "da", "bytecode", DROP_RESETS])
        world.lab.servers["primary"].answer_with(500)
        pair.await_serving("secondary")
        time.sleep(0.15)
        assert {waiter.how for waiter in waiting.waiters()} == {None}
        client.run(["tc", "qdisc", "del", "dev", "eth0", "clsact"])
        mended_s = time.monotonic()
        await_true(lambda: {w.how for w in waiting.waiters()} == {"reset"}, "all are reset")
        assert time.monotonic() - mended_s < 2.0 + BUSY_S
