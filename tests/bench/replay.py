# SPDX-License-Identifier: Apache-2.0
"""Nanoseconds a program takes per packet, when every packet is of another flow than the last."""

from __future__ import annotations

import ctypes
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address

from tests.bench.frames import FRAME_BYTES, UDP, Headers, blank, parse
from tests.bench.programs import Program
from tests.bench.yardsticks import address_be
from tests.bpf_run import BPF_F_TEST_XDP_LIVE_FRAMES, Run, prog_run

#: Client addresses that flows are spread over; a power of 2. Flow n is address n mod CLIENTS, port
#: CLIENT_PORT + n / CLIENTS.
CLIENTS = 4096
CLIENT_PORT = 1024
#: The first client's address: as many low bits are 0 as CLIENTS needs.
CLIENT_ADDRESS = IPv4Address("10.128.0.0")
MAX_FLOWS = CLIENTS * (65536 - CLIENT_PORT)

#: Full period for every flow count without a prime factor other than 2 and 5 (Hull and Dobell: the
#: increment is coprime to it, multiplier - 1 divisible by its prime factors, and by 4 if it is).
_LCG = {"LCG_MULTIPLIER": 20 * 1_234_567 + 1, "LCG_INCREMENT": 7_654_321}

WARM_UP_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Stream:
    """Packets that differ in their client only.

    Attributes:
        frame: one of them.
        flows: how many clients, 1 .. MAX_FLOWS, without prime factors other than 2 and 5.
        to_client: the client is the frame's destination, not its source.
    """

    frame: bytes
    flows: int
    to_client: bool = False


@dataclass(frozen=True, slots=True)
class Track:
    """One thing to time.

    Attributes:
        program_fd: the program under test.
        stream: the packets it is timed with.
        action: the verdict that each of them gets.
        check: raises ValueError unless the packet that came out is right, given the one that went
            in; None: it must be unchanged.
        lessons: streams that go through once before, so that the program knows the flows.
        detours: how many packets took another path than the one being timed, so far.
        detour_share: what part of a round's packets may do that.
    """

    name: str
    program_fd: int
    stream: Stream
    action: int
    check: Callable[[Headers, Headers], None] | None = None
    lessons: Sequence[Stream] = ()
    detours: Callable[[], int] = lambda: 0
    detour_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Nanoseconds per packet over several rounds, the replaying program's share included."""

    median_ns: float
    minimum_ns: float


class Replayer:
    """Runs programs on streams. A context manager: leaving it unloads the replaying program."""

    def __init__(self) -> None:
        self._program = Program("replay.c", "replay", CLIENTS=CLIENTS, **_LCG)
        self._positions: dict[Stream, int] = {}

    def __enter__(self) -> Replayer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._program.close()

    def run(self, program_fd: int, stream: Stream, packets: int) -> Run:
        """Send the stream's next packets, for real time; the result is the last one's."""
        self._load(program_fd, stream)
        run = prog_run(self._program.fd, bytes(FRAME_BYTES), repeat=packets)
        self._positions[stream] = int(self._program.table("replays")[0].at)
        return run

    def flood(self, program_fd: int, stream: Stream, ifindex: int) -> None:
        """Send the stream's packets for real, as if each had come in by an interface.

        Returns after 2**32 - 1 packets, 10 minutes or more.

        Args:
            ifindex: in the calling thread's network namespace; XDP_TX sends out of it.

        Raises:
            InterruptedError: a signal ended it.
        """
        self._load(program_fd, stream)
        prog_run(
            self._program.fd,
            bytes(FRAME_BYTES),
            repeat=0xFFFF_FFFF,
            ingress_ifindex=ifindex,
            flags=BPF_F_TEST_XDP_LIVE_FRAMES,
        )

    def measure(self, tracks: Sequence[Track], rounds: int, packets: int) -> dict[str, Timing]:
        """Time all tracks in turn, round by round, so that a slow moment hits all of them.

        Returns:
            Track name -> timing.

        Raises:
            ValueError: a program did not do to a packet what its track says.
        """
        for track in tracks:
            for lesson in track.lessons:
                self.run(track.program_fd, lesson, lesson.flows)
            self._verify_one(track)
        times: dict[str, list[int]] = {track.name: [] for track in tracks}
        for number in range(WARM_UP_ROUNDS + rounds):
            for track in tracks:
                duration_ns = self._round(track, packets)
                if number >= WARM_UP_ROUNDS:
                    times[track.name].append(duration_ns)
        return {
            name: Timing(statistics.median(values), min(values)) for name, values in times.items()
        }

    def _round(self, track: Track, packets: int) -> int:
        detours = track.detours()
        run = self.run(track.program_fd, track.stream, packets)
        if (run.action, len(run.frame)) != (track.action, FRAME_BYTES):
            raise ValueError(f"{track.name}: verdict {run.action}, {len(run.frame)} octets")
        detours = track.detours() - detours
        if detours > packets * track.detour_share:
            raise ValueError(f"{track.name}: {detours} of {packets} packets took another path")
        return run.duration_ns

    def _verify_one(self, track: Track) -> None:
        """Compare one packet in full with what should become of it."""
        with Program("bounce.c", "bounce") as bounce:
            before = self._positions.get(track.stream, 0)
            sent = self.run(bounce.fd, track.stream, 1).frame
            self._positions[track.stream] = before
        run = self.run(track.program_fd, track.stream, 1)
        if run.action != track.action:
            raise ValueError(f"{track.name}: verdict {run.action}, not {track.action}")
        if track.check:
            track.check(parse(sent), parse(run.frame))
        elif run.frame != sent:
            raise ValueError(f"{track.name}: the packet was changed")

    def _load(self, program_fd: int, stream: Stream) -> None:
        if not (1 <= stream.flows <= MAX_FLOWS):
            raise ValueError(f"{stream.flows} flows do not fit the client addresses and ports")
        words, ip_sum, l4_sum = blank(stream.frame, client_is_dest=stream.to_client)
        table = self._program.table("replays")
        replay = table.Leaf(
            at=self._positions.get(stream, 0),
            flows=stream.flows,
            ip_sum=ip_sum,
            l4_sum=l4_sum,
            client_be=address_be(CLIENT_ADDRESS),
            client_port=CLIENT_PORT,
            to_client=stream.to_client,
            udp=parse(stream.frame).protocol == UDP,
        )
        ctypes.memmove(replay.words, words, FRAME_BYTES)
        table[0] = replay
        self._program.table("programs")[ctypes.c_int(0)] = ctypes.c_int(program_fd)


@contextmanager
def pinned(cpu: int) -> Iterator[None]:
    """Keep this thread on one CPU."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
