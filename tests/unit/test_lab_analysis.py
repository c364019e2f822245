# SPDX-License-Identifier: Apache-2.0
"""What the lab concludes from what its clients saw, and the configuration it writes."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.lab import analysis, daemon
from tests.lab.http_wire import complete_answer, request, response
from tests.lab.records import Request, Waiter, read_requests, read_waiters
from tests.lab.topology import Side, other


def answered(n: int, end_s: float, side: Side, took_s: float = 0.25) -> Request:
    return Request(n, end_s - took_s, end_s - took_s, end_s, side, None)


def lost(n: int, start_s: float, error: str = "timeout") -> Request:
    return Request(n, start_s, start_s, start_s + 1, None, error)


#: The primary answers until 2.0, fails at 2.5, and the secondary answers from 4.0 on.
FAILOVER = [
    answered(0, 1.0, "primary"),
    answered(1, 2.0, "primary"),
    lost(2, 2.5),
    lost(3, 3.0, "refused"),
    answered(5, 4.5, "secondary"),
    answered(4, 4.0, "secondary", took_s=1.0),
]


@pytest.mark.parametrize(
    ("fault_s", "to", "outage_s"),
    [
        pytest.param(2.5, "secondary", 1.5, id="failover"),
        pytest.param(4.0, "secondary", 0.0, id="answered at that very moment"),
        pytest.param(4.25, "secondary", 0.25, id="earlier answers do not count"),
        pytest.param(2.5, "primary", None, id="never"),
    ],
)
def test_outage(fault_s: float, to: Side, outage_s: float | None) -> None:
    assert analysis.outage_s(FAILOVER, fault_s, to) == outage_s


def test_failures_are_counted_by_kind() -> None:
    assert [request.n for request in analysis.failed(FAILOVER)] == [2, 3]
    assert analysis.count_errors(FAILOVER) == {"timeout": 1, "refused": 1}
    assert analysis.count_sides(FAILOVER) == {"primary": 2, "secondary": 2}


def test_requests_are_chosen_by_side_and_start() -> None:
    assert [r.n for r in analysis.answered_by(FAILOVER, "secondary")] == [5, 4]
    assert [r.n for r in analysis.started_between(FAILOVER, 2.5, 3.0)] == [2]


@pytest.mark.parametrize(
    ("requests", "gap_s"), [(FAILOVER, 2.0), (FAILOVER[:1], 0.0), (FAILOVER[2:4], 0.0), ([], 0.0)]
)
def test_longest_gap_between_answers(requests: list[Request], gap_s: float) -> None:
    assert analysis.longest_gap_s(requests) == gap_s


def test_lateness() -> None:
    late = Request(0, due_s=1.0, start_s=1.5, end_s=2.0, side="primary", error=None)
    assert analysis.lateness_s([late]) == [0.5]


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (10, 1), (11, 2), (50, 5), (90, 9), (99, 10), (100, 10)]
)
def test_percentile(percent: float, value: float) -> None:
    assert analysis.percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="no values"):
        analysis.percentile([], 50)


def test_the_other_side() -> None:
    assert (other("primary"), other("secondary")) == ("secondary", "primary")


def write_lines(path: Path, *lines: dict[str, object], rest: str = "") -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + rest)
    return path


def test_requests_are_read_up_to_the_last_whole_line(tmp_path: Path) -> None:
    line: dict[str, object] = {
        "n": 7,
        "due": 1.0,
        "start": 1.5,
        "end": 2.0,
        "side": None,
        "error": "reset",
    }
    path = write_lines(tmp_path / "out", line, rest='{"n": 8, "du')
    assert read_requests(path) == [Request(7, 1.0, 1.5, 2.0, None, "reset")]


def test_events_of_a_waiting_connection_are_put_together(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "out",
        {"n": 1, "at": 1.0, "event": "opened"},
        {"n": 0, "at": 1.5, "event": "ended", "how": "refused"},
        {"n": 1, "at": 2.0, "event": "answer", "side": "primary"},
        {"n": 1, "at": 3.0, "event": "answer", "side": "secondary"},
        {"n": 1, "at": 4.0, "event": "ended", "how": "reset"},
        {"n": 2, "at": 5.0, "event": "opened"},
    )
    assert read_waiters(path) == [
        Waiter(0, None, (), 1.5, "refused"),
        Waiter(1, 1.0, ((2.0, "primary"), (3.0, "secondary")), 4.0, "reset"),
        Waiter(2, 5.0, (), None, None),
    ]


def test_settings_become_toml_and_overrule_the_labs() -> None:
    base: daemon.Settings = {"interfaces": ["a", "b"], "api": {"socket": '/tmp/"x"'}, "n": 1}
    settings = daemon.merged(base, {"api": {"listen": "here"}, "n": 2, "vip": {"announce": False}})
    assert tomllib.loads(daemon.toml(settings)) == {
        "interfaces": ["a", "b"],
        "api": {"socket": '/tmp/"x"', "listen": "here"},
        "n": 2,
        "vip": {"announce": False},
    }


def test_no_socket_speaks_no_http2(tmp_path: Path) -> None:
    assert not daemon.speaks_http2(tmp_path / "none")


def test_an_answer_is_complete_with_its_last_byte() -> None:
    answer = response(500, "secondary", b"body", close=False)
    for cut in range(len(answer)):
        assert complete_answer(answer[:cut]) is None
    assert complete_answer(answer + b"HTTP/1.1 ") == (500, "secondary", len(answer))


@pytest.mark.parametrize(("close", "word"), [(True, b"close"), (False, b"keep-alive")])
def test_a_request_says_whether_the_connection_stays(close: bool, word: bytes) -> None:
    assert b"\r\nConnection: " + word + b"\r\n" in request("/", "198.51.100.100", close=close)
