# SPDX-License-Identifier: Apache-2.0
"""What a benchmark found, beside what it is compared with: as a table and as JSON."""

from __future__ import annotations

import json
import operator
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

_REPO = Path(__file__).resolve().parent.parent.parent
_COMPARE = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure must reach.

    Attributes:
        what: ``value``, or ``ratio`` to the baseline.
        compare: ``<=`` or ``>=``.
    """

    what: str
    compare: str
    limit: float

    def __str__(self) -> str:
        return f"{self.what} {self.compare} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One result.

    Attributes:
        name: stable over versions, dotted: ``packet.forward.known.1M``.
        unit: ``ns``, ``packets/s``, ``ms``, …
        baseline: the name of what it is compared with, measured in the same run.
    """

    name: str
    value: float
    unit: str
    baseline: str | None = None
    baseline_value: float | None = None
    target: Target | None = None

    @property
    def ratio(self) -> float | None:
        """Value over baseline; None without one."""
        return self.value / self.baseline_value if self.baseline_value else None

    @property
    def holds(self) -> bool | None:
        """Is the target reached? None if there is none."""
        if self.target is None:
            return None
        found = self.value if self.target.what == "value" else self.ratio
        if found is None:
            return False  # nothing to compare with is not a success
        return bool(_COMPARE[self.target.compare](found, self.target.limit))


@dataclass(frozen=True, slots=True)
class Host:
    """Where and when the figures were made."""

    kernel: str
    cpu: str
    cores: int
    commit: str
    date: str


def this_host() -> Host:
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    return Host(
        kernel=platform.release(),
        cpu=cpu,
        cores=os.cpu_count() or 1,
        commit=_commit(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def write_json(path: Path, host: Host, figures: Sequence[Figure]) -> None:
    """Write ``{"host": …, "figures": […]}``; missing folders are made."""
    rows = [
        {
            "name": figure.name,
            "value": _rounded(figure.value),
            "unit": figure.unit,
            "baseline": figure.baseline,
            "baseline_value": _rounded(figure.baseline_value),
            "ratio": _rounded(figure.ratio),
            "target": str(figure.target) if figure.target else None,
            "holds": figure.holds,
        }
        for figure in figures
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"host": asdict(host), "figures": rows}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def table(figures: Sequence[Figure]) -> str:
    """The figures for people, one a line."""
    rows = [("figure", "value", "unit", "baseline", "its value", "ratio", "target", "holds")]
    rows += [
        (
            figure.name,
            _number(figure.value),
            figure.unit,
            figure.baseline or "",
            _number(figure.baseline_value),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            str(figure.target or ""),
            {True: "yes", False: "NO", None: ""}[figure.holds],
        )
        for figure in figures
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = {1, 4, 5}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in numeric else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _rounded(value: float | None) -> float | None:
    """Four digits at least, and no more than mean something."""
    if value is None:
        return None
    return round(value) if abs(value) >= 10_000 else round(value, 4)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _commit() -> str:
    """The checkout's commit, with ``-dirty`` if it was changed since; ``unknown`` without git."""
    command = ["git", "-C", str(_REPO), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()
