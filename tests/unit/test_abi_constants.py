# SPDX-License-Identifier: Apache-2.0
"""Numbers are read from the C header as a compiler reads them."""

from __future__ import annotations

import re

import pytest

from xdpair.core.lookup_table import MULTIPLIER, Geometry
from xdpair.core.tables import Kind, Schedule
from xdpair.datapath import paths
from xdpair.datapath.constants import ABI, numbers


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("#define N 4\n", 4, id="decimal"),
        pytest.param("#define N\t\t16 /* all others may */\n", 16, id="with a comment"),
        pytest.param("#define N 0xff // most\n", 255, id="hexadecimal"),
        pytest.param("#define N 0x9e3779b97f4a7c15ULL\n", 0x9E3779B97F4A7C15, id="64 bits"),
        pytest.param("#define N \\\n\t1 /* wrapped */\n", 1, id="on two lines"),
        pytest.param("#define N (1 | 2)\n", None, id="an expression"),
        pytest.param("#define N 1 << 2\n", None, id="a shift"),
        pytest.param("#define N OTHER\n", None, id="another name"),
        pytest.param("#define N(x) 3\n", None, id="with arguments"),
        pytest.param("/* #define N 3 */\n", None, id="in a comment"),
    ],
)
def test_plain_numbers_only(text: str, value: int | None) -> None:
    assert numbers(text).get("N") == value


def test_the_core_goes_by_the_same_numbers() -> None:
    """It may not read files; what it says of the program is compared here."""
    assert {kind.name: int(kind) for kind in Kind} == named("KIND_", but={"EMPTY", "TOMBSTONE"})
    assert {schedule.name: int(schedule) for schedule in Schedule} == named("SCHEDULE_")
    assert ABI["LOOKUP_MULTIPLIER"] == MULTIPLIER
    geometry = Geometry(64)
    assert (geometry.ways, geometry.max_buckets) == (ABI["LOOKUP_WAYS"], ABI["LOOKUP_MAX_BUCKETS"])


def test_no_plain_number_of_the_header_is_missed() -> None:
    text = (paths.source_dir() / "abi.h").read_text().replace("\\\n", " ")
    plain = re.findall(r"^#define (\w+)\s+[0-9]\w*\s*(?:/\*.*)?$", text, re.MULTILINE)
    assert set(plain) == ABI.keys()
    assert len(plain) > 20


def named(prefix: str, but: frozenset[str] | set[str] = frozenset()) -> dict[str, int]:
    names = (name.removeprefix(prefix) for name in ABI if name.startswith(prefix))
    return {name: ABI[prefix + name] for name in names if name not in but}
