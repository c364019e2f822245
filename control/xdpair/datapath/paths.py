# SPDX-License-Identifier: Apache-2.0
"""The one place that knows both homes of the C sources, and how they become one text."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

#: The program itself, and those that it calls.
PAIR_SOURCE, STEPS_SOURCE = "xdp_pair.c", "xdp_steps.c"

_LOCAL_INCLUDE = re.compile(r'#include "([\w.]+)"')


def source_dir() -> Path:
    """``xdpair/_bpf`` of an installed wheel, else ``bpf`` of the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_bpf"
    return installed if installed.is_dir() else package.parents[1] / "bpf"


def program_text(sources: Path, main_source: str) -> str:
    """One main source as one text, each header pasted in once, with line marks for the compiler's
    messages.

    bcc rewrites map operations in the main text only: in an included header they compile, and fail
    to load.
    """
    return "".join(_paste(sources, main_source, set()))


def digest(*parts: str) -> str:
    """A short name for everything that went into a program or a map layout."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _paste(sources: Path, name: str, seen: set[str]) -> list[str]:
    lines = [f'#line 1 "{name}"\n']
    for number, line in enumerate((sources / name).read_text().splitlines(keepends=True), start=1):
        match = _LOCAL_INCLUDE.match(line)
        if match is None:
            lines.append(line)
        elif match[1] not in seen:
            seen.add(match[1])
            lines += [*_paste(sources, match[1], seen), f'#line {number + 1} "{name}"\n']
        else:
            lines.append("\n")
    return lines
