# SPDX-License-Identifier: Apache-2.0
"""Rise and fall."""

from __future__ import annotations

from itertools import product

import pytest

from xdpair.core.health import Health, observe


def after(script: str, rise: int, fall: int, start: Health | None = None) -> Health:
    """What is known after these probes; x failed, . passed."""
    health = start or Health()
    for probe in script:
        health = observe(health, probe == ".", rise, fall)
    return health


@pytest.mark.parametrize(
    ("script", "rise", "fall", "up"),
    [
        pytest.param("", 3, 3, True, id="fit until proved otherwise"),
        pytest.param("xx", 3, 3, True, id="two are not three"),
        pytest.param("xxx", 3, 3, False, id="three are"),
        pytest.param("xx.xx", 3, 3, True, id="only consecutive ones count"),
        pytest.param("xx.xx.xx.xx", 3, 3, True, id="however often"),
        pytest.param("xx.xxx", 3, 3, False, id="three in a row at last"),
        pytest.param("xxx..", 3, 3, False, id="two do not bring it back"),
        pytest.param("xxx...", 3, 3, True, id="three do"),
        pytest.param("xxx..x..", 3, 3, False, id="only consecutive ones bring it back"),
        pytest.param("x", 1, 1, False, id="one is enough to fall"),
        pytest.param("x.", 1, 1, True, id="one is enough to rise"),
        pytest.param("xxxxxxxxxxxx.", 1, 3, True, id="a long failure is not held against it"),
        pytest.param("............xxx", 3, 3, False, id="nor a long life counted for it"),
        pytest.param("xx.", 1, 3, True, id="up all the time"),
        pytest.param("x" * 9, 10, 10, True, id="nine of ten"),
        pytest.param("x" * 10, 10, 10, False, id="ten of ten"),
        pytest.param("x" * 10 + "." * 9, 10, 10, False, id="nine of ten back"),
        pytest.param("x" * 10 + "." * 10, 10, 10, True, id="ten of ten back"),
    ],
)
def test_script(script: str, rise: int, fall: int, up: bool) -> None:
    assert after(script, rise, fall).up is up


@pytest.mark.parametrize(
    ("script", "known"),
    [("", False), (".", False), ("..", False), ("...", True), ("xx", False), ("xxx", True),
     ("..x.", False), ("xxx.", True), ("...x", True), ("...xx..", True)],
)  # fmt: skip
def test_first_verdict_takes_as_many_probes_as_any(script: str, known: bool) -> None:
    assert after(script, rise=3, fall=3).known is known


@pytest.mark.parametrize(
    ("script", "streak"),
    [("", 0), (".", 1), ("..x", -1), ("xx", -2), ("xx.", 1), ("xxx", -3), ("xxx..", 2)],
)
def test_streak_tells_how_near_a_change_is(script: str, streak: int) -> None:
    assert after(script, rise=4, fall=3).streak == streak


def test_every_history_is_judged_by_its_runs_alone() -> None:
    for rise, fall in ((1, 1), (1, 3), (3, 1), (2, 3)):
        for probes in product("x.", repeat=9):
            script = "".join(probes)
            before, health = after(script[:-1], rise, fall), after(script, rise, fall)
            fell = before.up and script.endswith("x" * fall)
            rose = not before.up and script.endswith("." * rise)
            assert health.up == ((before.up and not fell) or rose), script
            assert abs(health.streak) <= max(rise, fall)
            assert health.up or health.known


@pytest.mark.parametrize(
    ("script", "then", "rise", "fall", "up"),
    [
        pytest.param("xx", "x", 3, 1, False, id="fall is lowered: the next one decides"),
        pytest.param("xx", ".", 3, 1, True, id="if it fails"),
        pytest.param("xx", "x", 3, 5, True, id="fall is raised: more are needed"),
        pytest.param("xx", "xxx", 3, 5, False, id="and those before count"),
        pytest.param("xxx..", ".", 2, 3, True, id="rise is lowered"),
        pytest.param("xxx..", "..", 5, 3, False, id="rise is raised"),
    ],
)
def test_thresholds_may_change_on_the_way(
    script: str, then: str, rise: int, fall: int, up: bool
) -> None:
    assert after(then, rise, fall, after(script, rise=3, fall=3)).up is up
