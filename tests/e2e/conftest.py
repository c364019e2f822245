# SPDX-License-Identifier: Apache-2.0
"""One lab with a controller for all tests of a module; each test defines pairs of its own in it."""

from collections.abc import Iterator

import pytest

from tests.e2e.world import World, world_of


@pytest.fixture(scope="module")
def _shared_world() -> Iterator[World]:
    with world_of() as world:
        yield world


@pytest.fixture
def world(_shared_world: World) -> Iterator[World]:
    """A lab with a controller; what the test defined and broke is cleared away afterwards."""
    yield _shared_world
    _shared_world.clear()
