# SPDX-License-Identifier: Apache-2.0
"""One loaded program for all packet tests; each test starts with empty flows and plain tables."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packet.balancer import Balancer
from tests.packet.pair import Pair
from tests.packet.world import Scene
from xdpair.core.failover import Slot

BPFFS = Path("/sys/fs/bpf")
PIN_PREFIX = "xdpair-test-"


@pytest.fixture(scope="session")
def pin_path() -> Iterator[Path]:
    """A directory under bpffs of this process's own; those of processes that are gone go, too."""
    for left in BPFFS.glob(f"{PIN_PREFIX}*"):
        pid = left.name.removeprefix(PIN_PREFIX)
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(left)
    path = BPFFS / f"{PIN_PREFIX}{os.getpid()}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def program(pin_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    balancer = Balancer(pin_path, tmp_path_factory.mktemp("state"))
    yield balancer
    balancer.close()


@pytest.fixture
def balancer(program: Balancer) -> Balancer:
    """Both primaries serve, no policy is KEEP."""
    program.reset(Scene(), Slot())
    return program


@pytest.fixture
def pair(balancer: Balancer) -> Pair:
    """The failover machine, writing the slots of both listeners."""
    return Pair(balancer.write_slots)
