# SPDX-License-Identifier: Apache-2.0
"""From the client to the server that serves."""

from __future__ import annotations

from tests.packet.balancer import REDIRECT, Balancer
from tests.packet.frames import SYN
from tests.packet.world import at_primary, to_web


def test_syn_goes_to_the_primary(balancer: Balancer) -> None:
    sent = to_web(flags=SYN)
    out = balancer.run(sent)
    assert (out.action, out.exit) == (REDIRECT, "forward_new")
    assert out.frame == at_primary(sent).frame()
    print(out)
