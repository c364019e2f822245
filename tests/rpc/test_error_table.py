# SPDX-License-Identifier: Apache-2.0
"""docs/errors.md is true: each of its rows is sent to a server."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest

from tests.rpc.bad_requests import BAD_REQUESTS, call_of
from tests.rpc.calls import Calls, refusal_of
from tests.rpc.controller import Controller
from tests.rpc.request_kit import set_up

_TABLE = Path(__file__).parents[2] / "docs" / "errors.md"
_ROW = re.compile(r"\| `(\w+)` \| (.+) \| `([A-Z_]+)` \| `([\w.]+)` \|")


class Row(NamedTuple):
    service: str
    method: str
    words: str
    status: str
    reason: str


def rows() -> Iterator[Row]:
    """Read the table. A line of it that is no row fails."""
    service = ""
    for line in _TABLE.read_text().splitlines():
        if line.startswith("## "):
            service = line.removeprefix("## ")
        elif line.startswith("|") and not line.startswith(("| method", "| ---")):
            match = _ROW.fullmatch(line)
            assert match is not None, line
            yield Row(service, *match.groups())


ROWS = list(rows())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with Controller(tmp_path_factory.mktemp("errors")) as running:
        set_up(Calls(running.client))
        yield running


def test_each_row_has_its_request_and_each_request_its_row() -> None:
    assert [row[:3] for row in ROWS] == list(BAD_REQUESTS)
    assert len(ROWS) > 150


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method}: {row.words}")
def test_a_row(world: Controller, row: Row) -> None:
    before = world.app.desired
    call = call_of(Calls(world.client), row.service, row.method)
    with pytest.raises(grpc.RpcError) as caught:
        call(BAD_REQUESTS[row[:3]])
    refusal = refusal_of(caught.value)
    assert (refusal.code.name, refusal.reason) == (row.status, row.reason), refusal
    if refusal.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert refusal.message
    assert world.app.desired is before


def test_a_method_that_does_not_exist(world: Controller) -> None:
    with grpc.insecure_channel(world.address) as channel:
        call: Any = channel.unary_unary("/xdpair.api.v1.RuleService/CreateRules")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\x0a\x01x")
    refusal = refusal_of(caught.value)
    assert refusal.code is grpc.StatusCode.UNIMPLEMENTED
    assert refusal.reason == "OperationFailed.ActionNotSupport"
    assert refusal.metadata == {"method": "xdpair.api.v1.RuleService/CreateRules"}
