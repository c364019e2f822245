# SPDX-License-Identifier: Apache-2.0
"""Frames of every kind with random damage, under a fixed seed, in every state of the balancer.

Each ends by one exit, with a legal verdict; what leaves has right checksums if it came with right
ones (and wrong ones stay wrong), and holds nothing but the sender's own octets.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.packet.balancer import Balancer
from tests.packet.frames import SYN
from tests.packet.invariants import assert_holds
from tests.packet.kinds import EVERY_KIND, make_flows
from tests.packet.verify import checks
from tests.packet.world import PRIMARY_HOP, SECONDARY_HOP, Scene, to_dns, to_web
from xdpair.core.failover import Slot
from xdpair.core.model import Side

MUTATIONS = 8000
#: The flow table is put back after so many, as damaged segments end or move flows.
RESTORE_EVERY = 20
MAX_OCTETS = 8

FRAMES = [packet.frame() for packet in EVERY_KIND.values()]
LARGE = [replace(packet, payload=bytes(range(250)) * 5).frame() for packet in (to_web(), to_dns())]

STATES = {
    "normal": (Scene(), Slot()),
    "failed over": (Scene(), Slot(Side.SECONDARY, 2, (2, 1), (True, False))),
    "kept": (Scene(keep_primary=True), Slot(Side.SECONDARY, 2, (2, 1), (True, False))),
    "failed back": (Scene(), Slot(Side.PRIMARY, 3, (2, 3), (False, False))),
    "nobody serves": (Scene(), Slot(None, 2, (2, 2), (False, False))),
    "narrow": (
        Scene(hops=(replace(PRIMARY_HOP, mtu_bytes=1280), replace(SECONDARY_HOP, mtu_bytes=1280))),
        Slot(),
    ),
}


def damaged(rng: random.Random, frames: list[bytes], count: int) -> Iterator[bytes]:
    """Frames with 1 to 8 octets changed, the addresses and ports that matter more rarely."""
    for _ in range(count):
        frame = bytearray(rng.choice(frames))
        for _ in range(rng.randint(1, MAX_OCTETS)):
            frame[rng.randrange(12, len(frame))] = rng.choice((rng.randrange(256), 0, 255))
        yield bytes(frame)


@pytest.mark.parametrize("state", STATES)
def test_damage_does_no_harm(balancer: Balancer, state: str) -> None:
    scene, slot = STATES[state]
    balancer.reset(scene, Slot())
    make_flows(balancer)
    balancer.write_slots(slot)
    rng = random.Random(f"damage, {state}")
    exits_before = balancer.exits()
    taken: Counter[str] = Counter()
    flows = balancer.maps.flows.copy()
    for number, frame in enumerate(damaged(rng, FRAMES + LARGE, MUTATIONS)):
        if number % RESTORE_EVERY == 0:
            balancer.maps.flows[...] = flows
        action, result = balancer.verdict(frame)
        exits = balancer.exits()
        moved = [name for name, total in exits.items() if total != exits_before[name]]
        assert len(moved) == 1
        assert exits[moved[0]] == exits_before[moved[0]] + 1
        exits_before = exits
        taken[moved[0]] += 1
        assert_holds(frame, action, result, moved[0])
    assert taken["drop_internal"] == 0
    assert len(taken) > 8, taken


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_one_flipped_bit(balancer: Balancer, kind: str) -> None:
    """Every bit of every kind of frame; behind the addresses a checksum must tell it."""
    frame = EVERY_KIND[kind].frame()
    make_flows(balancer)
    for bit in range(12 * 8, len(frame) * 8):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        exits_before = balancer.exits()
        action, result = balancer.verdict(bytes(flipped))
        exits = balancer.exits()
        (moved,) = (name for name, total in exits.items() if total != exits_before[name])
        assert_holds(bytes(flipped), action, result, moved)
        if moved in {"forward", "forward_new", "reply", "icmp_to_server", "icmp_to_client"}:
            assert bit < 14 * 8 or not checks(result).all_right() or is_unchecked(flipped)


def is_unchecked(frame: bytearray) -> bool:
    """UDP without a checksum, or with a length that its checksum covers but nobody compares."""
    return frame[23] == 17 and checks(bytes(frame)).l4 is None


def test_random_octets(balancer: Balancer) -> None:
    """Nothing but noise behind an IPv4 Ethernet header."""
    rng = random.Random("noise")
    balancer.run(to_web(flags=SYN))
    for _ in range(2000):
        noise = rng.randbytes(rng.randrange(1, 120))
        frame = to_web().frame()[:14] + bytes((0x45 | rng.randrange(16),)) + noise
        exits_before = balancer.exits()
        action, result = balancer.verdict(frame)
        exits = balancer.exits()
        (moved,) = (name for name, total in exits.items() if total != exits_before[name])
        assert_holds(frame, action, result, moved)
