# SPDX-License-Identifier: Apache-2.0
"""A fresh controller for each test that asks for one, and a shell beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.rpc.calls import Calls
from tests.rpc.controller import Controller
from tests.rpc.shell import GROUP_WORDS, Run, Shell
from xdpair.cli.main import main


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `xdpair tls init` makes."""
    folder = tmp_path_factory.mktemp("tls")
    assert main(["tls", "init", str(folder)]) == 0
    return folder


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    with Controller(tmp_path) as running:
        yield running


@pytest.fixture
def calls(controller: Controller) -> Calls:
    return Calls(controller.client)


@pytest.fixture
def sh(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """Run `xdpair` as a shell would."""
    monkeypatch.setenv("XDPAIR_SOCKET", controller.address)

    def run(words: str | Sequence[str]) -> Run:
        capsys.readouterr()
        argv = words.split() if isinstance(words, str) else list(words)
        try:
            status = main(argv)
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capsys.readouterr()
        return Run(status, out, err)

    return run


@pytest.fixture
def ready(sh: Shell) -> Shell:
    """Everything is set up, by the command itself."""
    for words in (
        "lb create 192.0.2.10 --id lb-web --name web",
        f"group create --lb lb-web --id rsp-web {GROUP_WORDS}",
        "listener create lb-web tcp 80 --group rsp-web --check http --interval 100ms --start",
    ):
        assert sh(words).status == 0
    return sh
