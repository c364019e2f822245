# SPDX-License-Identifier: Apache-2.0
"""The numbers that the program and the controller share, read from bpf/abi.h: there they stand,
once.

Imports nothing heavy, as ``pins`` needs it before anything else is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from xdpair.datapath import paths

#: A macro whose whole value is one number; its comment may follow.
_NUMBER = re.compile(
    r"^#define (\w+)\s+(0x[0-9a-fA-F]+|\d+)(?:U?LL?|U)?\s*(?:/[*/].*)?$", re.MULTILINE
)


def numbers(text: str) -> dict[str, int]:
    """Every macro of a header that is a plain number, by name; expressions are left out."""
    lines = text.replace("\\\n", "")
    return {match[1]: int(match[2], 0) for match in _NUMBER.finditer(lines)}


#: A name that is not there is an error of whoever asks: ``KeyError``, at import.
ABI: Mapping[str, int] = numbers((paths.source_dir() / "abi.h").read_text())
