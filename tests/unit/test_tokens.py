# SPDX-License-Identifier: Apache-2.0
"""The token file: what may be in it, who may read it, and what happens when it changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from xdpair.core.errors import ConfigError
from xdpair.rpc.access import Caller, Role, TokenFile

OLGA = Caller("olga", Role.OPERATOR)


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.touch(mode=0o600)
    path.write_text(f"operator olga {sha256('one')}\n")
    return path


def loaded(path: Path) -> TokenFile:
    tokens = TokenFile(path)
    tokens.load()
    return tokens


def test_a_token_names_its_caller(path: Path) -> None:
    path.write_text(
        f"# comment\n\n  operator\tolga  {sha256('one').upper()}\nviewer vera {sha256('two')}"
    )
    tokens = loaded(path)
    assert tokens.caller("one") == OLGA
    assert tokens.caller("two") == Caller("vera", Role.VIEWER)
    assert [tokens.caller(wrong) for wrong in ("", "three", sha256("one"), "ones")] == [None] * 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("operator olga", "line 1 is not ROLE NAME SHA256"),
        (f"\nroot olga {'0' * 64}", "line 2 is not ROLE NAME SHA256; roles: viewer, operator"),
        (f"operator olga {'0' * 64} extra", "line 1 is not"),
        (f"operator olga {'0' * 63}", "line 1: a SHA-256 has 64 hexadecimal digits"),
        (f"operator olga {'g' * 64}", "line 1: a SHA-256 has"),
        (f"operator a {'a' * 64}\nviewer b {'A' * 64}", "line 2: the token is given twice"),
    ],
)
def test_a_line_that_is_wrong(path: Path, content: str, message: str) -> None:
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        loaded(path)
    assert f"{path}: {message}" in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_others_may_use(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}"):
        loaded(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_that_belongs_to_somebody_else(path: Path) -> None:
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match="must belong to root"):
        loaded(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        loaded(tmp_path / "none")


def test_while_the_file_is_wrong_nobody_gets_in(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = path.read_text()
    tokens = loaded(path)
    for spoil in (
        lambda: path.chmod(0o644),
        lambda: path.write_text("nonsense"),
        lambda: path.write_bytes(b"\xff"),
        lambda: path.unlink(),
    ):
        caplog.clear()
        spoil()
        assert [tokens.caller("one") for _ in range(3)] == [None] * 3
        assert [record.levelname for record in caplog.records] == ["ERROR"]  # once, not thrice
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(good)
        assert tokens.caller("one") == OLGA


def test_a_file_of_the_same_size_put_in_its_place_is_seen(path: Path, tmp_path: Path) -> None:
    tokens = loaded(path)
    times = path.stat()
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_text(f"operator olga {sha256('two')}\n")
    os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))
    new.rename(path)
    assert (tokens.caller("one"), tokens.caller("two")) == (None, OLGA)
