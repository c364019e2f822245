# SPDX-License-Identifier: Apache-2.0
"""Marks tests by folder, and decides what happens where XDP programs cannot be loaded.

There, tests that need it are skipped, but with ``XDPAIR_REQUIRE_BPF=1`` (``make test``) they
fail: a suite that skips its packets proves nothing.
"""

import importlib.util
import os
from pathlib import Path

import pytest

#: Folder under ``tests/`` -> markers of every test in it.
FOLDER_MARKERS = {"packet": ("packet", "root"), "e2e": ("e2e", "root")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(here).parts[0]
        for name in FOLDER_MARKERS.get(folder, ()):
            item.add_marker(name)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") is None:
        return
    lacking = _what_is_lacking()
    if lacking is None:
        return
    if os.environ.get("XDPAIR_REQUIRE_BPF") == "1":
        pytest.fail(lacking, pytrace=False)
    pytest.skip(lacking)


def _what_is_lacking() -> str | None:
    if os.geteuid() != 0:
        return "needs root"
    if importlib.util.find_spec("bcc") is None:
        return "needs bcc (Debian package python3-bpfcc)"
    return None
