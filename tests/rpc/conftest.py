# SPDX-License-Identifier: Apache-2.0
"""A fresh controller for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rpc.calls import Calls
from tests.rpc.controller import Controller


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with Controller(tmp_path) as running:
        yield running


@pytest.fixture
def calls(controller: Controller) -> Calls:
    return Calls(controller.client)
