# SPDX-License-Identifier: Apache-2.0
"""What an installed xdpair has that a checkout has: the C sources above all."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built offline."""
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", os.fspath(out)]
    subprocess.run(build, cwd=REPO, check=True, capture_output=True)
    (path,) = out.iterdir()
    return zipfile.ZipFile(path)


def test_wheel_holds_every_source_under_bpf(wheel: zipfile.ZipFile) -> None:
    bpf = REPO / "bpf"
    sources = {path.relative_to(bpf).as_posix() for path in bpf.rglob("*") if path.is_file()}
    packed = {name.removeprefix("xdpair/_bpf/") for name in wheel.namelist()}
    assert sources <= packed


def test_wheel_holds_every_python_module(wheel: zipfile.ZipFile) -> None:
    control = REPO / "control"
    modules = {path.relative_to(control).as_posix() for path in control.rglob("*.py")}
    assert modules <= set(wheel.namelist())


def test_wheel_holds_nothing_but_the_package(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert all(top == "xdpair" or top.endswith(".dist-info") for top in tops)


def test_wheel_holds_both_licences(wheel: zipfile.ZipFile) -> None:
    licences = [name for name in wheel.namelist() if name.endswith("LICENSE")]
    assert any("licenses/bpf/LICENSE" in name for name in licences)
    assert any("licenses/LICENSE" in name for name in licences)


def test_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "xdpair = xdpair.cli.main:main" in wheel.read(entry_points).decode()
