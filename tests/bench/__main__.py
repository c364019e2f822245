# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.bench``: measure, print a table, write ``build/bench.json``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import control, failover, packet, pps, scale
from tests.bench.figures import Figure, table, this_host, write_json


def _packet(quick: bool) -> Iterator[Figure]:
    return packet.run(packet.Effort(rounds=3, packets=500_000) if quick else packet.Effort())


def _pps(quick: bool) -> Iterator[Figure]:
    return pps.run(pps.Effort(rounds=2, round_s=0.3) if quick else pps.Effort())


def _failover(quick: bool) -> Iterator[Figure]:
    quickly = failover.Effort(failovers=2, settings=failover.SETTINGS[:1])
    return failover.run(quickly if quick else failover.Effort())


def _control(quick: bool) -> Iterator[Figure]:
    return control.run(control.Effort(starts=1, groups=100) if quick else control.Effort())


def _scale(quick: bool) -> Iterator[Figure]:
    return scale.run(scale.Effort(listeners=500, changes=5) if quick else scale.Effort())


_PARTS: dict[str, Callable[[bool], Iterator[Figure]]] = {
    "packet": _packet,
    "pps": _pps,
    "failover": _failover,
    "control": _control,
    "scale": _scale,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--only", choices=_PARTS, help="one part only")
    parser.add_argument("--quick", action="store_true", help="few rounds: does it work?")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), metavar="FILE")
    options = parser.parse_args()
    figures: list[Figure] = []
    for name in [options.only] if options.only else _PARTS:
        for figure in _PARTS[name](options.quick):
            figures.append(figure)
            print(f"{figure.name}: {figure.value:g} {figure.unit}", file=sys.stderr, flush=True)
    print(table(figures))
    write_json(options.json, this_host(), figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
