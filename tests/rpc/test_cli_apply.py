# SPDX-License-Identifier: Apache-2.0
"""`xdpair apply`, `diff` and `export`, as a shell sees them."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rpc.controller import Controller
from tests.rpc.shell import Shell
from xdpair.cli.main import main

DOCS = Path(__file__).parents[2] / "docs"

Write = Callable[[str], str]


def example() -> str:
    """Return the example of the documentation's first page."""
    found = re.search(r"```yaml\n(.*?)```", (DOCS / "declarative.md").read_text(), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file, and return its name."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def write(text: str) -> str:
        Path("web.yaml").write_text(text)
        return "web.yaml"

    return write


# -- the way of a file -----------------------------------------------------------------------------


def test_a_pair_with_its_address(sh: Shell, write: Write) -> None:
    file = write(example())
    applied = sh(f"apply -f {file}")
    assert (applied.status, applied.err) == (0, "")
    assert applied.out.splitlines() == [
        "+ load balancer lb-web",
        "+ server group rsp-web",
        "+ listener lb-web/tcp-80",
        "3 created",
    ]
    (listener,) = sh("listener list -o json").json
    assert (listener["state"], listener["server_group"]) == ("RUNNING", "serverGroups/rsp-web")
    assert sh(f"apply -f {file}").out == "nothing to change\n"


def test_diff_tells_and_does_nothing(sh: Shell, write: Write) -> None:
    file = write(example())
    differs = sh(f"diff -f {file}")
    assert (differs.status, differs.err) == (6, "")
    assert differs.out.splitlines()[-1] == "3 to create"
    assert sh(f"apply --dry-run -f {file}") == differs
    assert sh("lb list").out == "none\n"
    sh(f"apply -f {file}")
    same = sh(f"diff -f {file}")
    assert (same.status, same.out) == (0, "no differences\n")


def test_what_changes_is_told_before_it_does(sh: Shell, write: Write) -> None:
    sh(f"apply -f {write(example())}")
    changed = example().replace("port: 80, role", "port: 80, weight: 50, role")
    changed = changed.replace("rsp-web}", "rsp-web, health_check: {interval: 100ms}}")
    applied = sh(f"apply -f {write(changed)}")
    assert applied.out.splitlines() == [
        "~ server group rsp-web: servers[1].weight 100 → 50",
        "~ listener lb-web/tcp-80",
        "    health_check.interval 500ms → 100ms",
        "    health_check.timeout 500ms → 100ms",
        "2 changed",
    ]
    assert sh("group get rsp-web -o json").json["servers"][1]["weight"] == 50


def test_prune_deletes_what_the_file_does_not_say(sh: Shell, write: Write) -> None:
    sh(f"apply -f {write(example())}")
    sh("server create spare 10.0.0.99")
    file = write(example().partition("    listeners:")[0])
    assert sh(f"diff -f {file}").status == 0
    pruned = sh(f"apply --prune -f {file}")
    assert pruned.out.splitlines() == [
        "- listener lb-web/tcp-80",
        "- server spare",
        "2 deleted",
    ]
    assert sh("listener list").out == "none\n"


def test_what_is_protected_stays_and_all_the_rest(sh: Shell, write: Write) -> None:
    protected = example().replace("id: lb-web\n", "id: lb-web\n    delete_protection: true\n")
    sh(f"apply -f {write(protected)}")
    refused = sh(f"apply --prune -f {write('servers: [{id: a, address: 10.0.0.1}]')}")
    assert refused.status == 5
    assert "[OperationDenied.DeleteProtectionIsOn]" in refused.err
    assert sh(f"diff --prune -f {write(protected)}").status == 0


def test_the_example_is_in_order(sh: Shell) -> None:
    file = DOCS / "example.yaml"
    assert sh(f"apply -f {file}").out.splitlines()[-1] == "15 created"
    assert sh(f"diff --prune -f {file}").status == 0


# -- export ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [example(), (DOCS / "example.yaml").read_text()])
def test_what_is_exported_can_be_applied(sh: Shell, write: Write, text: str) -> None:
    sh(f"apply -f {write(text)}")
    exported = sh("export").out
    assert sh(f"apply --prune -f {write(exported)}").out == "nothing to change\n"
    protected = exported.replace("    delete_protection: true\n", "")
    sh(f"apply -f {write(protected)}")
    sh(f"apply --prune -f {write('{}')}")
    assert sh("export").out == "{}\n"
    sh(f"apply -f {write(exported)}")
    assert sh("export").out == exported


def test_everything_by_hand_can_be_exported(ready: Shell) -> None:
    assert ready("export").out.splitlines() == [
        "load_balancers:",
        "  - id: lb-web",
        "    display_name: web",
        "    address: 192.0.2.10",
        "    server_groups:",
        "      - id: rsp-web",
        "        servers:",
        "          - {server_id: a, port: 80, address: 10.0.0.11}",
        "          - {server_id: b, port: 80, role: SECONDARY, weight: 50, address: 10.0.0.12}",
        "    listeners:",
        "      - protocol: TCP",
        "        port: 80",
        "        server_group: rsp-web",
        "        health_check: {type: HTTP, interval: 100ms}",
    ]


# -- refusals --------------------------------------------------------------------------------------


def test_a_mistake_in_the_file_has_its_line(sh: Shell, write: Write) -> None:
    refused = sh(f"apply -f {write(example().replace('protocol', 'protcol'))}")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == (
        "xdpair: web.yaml:10: load_balancers[0].listeners[0].protcol: there is no such key; "
        "did you mean protocol?\n"
    )


@pytest.mark.parametrize("command", ["apply", "diff"])
def test_what_the_controller_refuses_too(sh: Shell, write: Write, command: str) -> None:
    refused = sh(f"{command} -f {write(example().replace('port: 80,', 'port: 70000,', 1))}")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("xdpair: web.yaml:5: load_balancers[0].server_groups[0]: ")
    assert refused.err.endswith(" [RealServerPortNotSupport]\n")
    missing = sh(f"{command} -f {write(example().replace('group: rsp-web', 'group: rsp-x'))}")
    assert missing.status == 4
    assert missing.err.startswith("xdpair: web.yaml:10: load_balancers[0].listeners[0]: The spec")


def test_a_field_is_found_in_its_line(sh: Shell, write: Write) -> None:
    wrong = example().replace("rsp-web}", "rsp-web,\n         health_check: {\n  interval: 5ms}}")
    refused = sh(f"apply -f {write(wrong)}")
    assert refused.err.startswith(
        "xdpair: web.yaml:12: load_balancers[0].listeners[0].health_check.interval: "
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file or directory"), (b"\xff", "not UTF-8"), (b"", "nothing is said")],
)
def test_a_file_that_can_not_be_read(
    sh: Shell, write: Write, content: bytes | None, words: str
) -> None:
    file = Path(write(""))
    file.unlink() if content is None else file.write_bytes(content)
    refused = sh(f"apply -f {file}")
    assert refused.status == 1
    assert refused.err.startswith(f"xdpair: {file}: {words}")


def test_nobody_listens(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", "/nonexistent/api.sock", "diff", "-f", write(example())]) == 3
    assert "is `xdpair serve` running?" in capsys.readouterr().err


# -- other ways ------------------------------------------------------------------------------------


def test_the_file_may_come_from_a_pipe(sh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(example().encode())))
    assert sh("apply -f -").out.splitlines()[-1] == "3 created"


def test_scripts_get_one_document(sh: Shell, write: Write) -> None:
    file = write(example())
    assert [change["name"] for change in sh(f"diff -f {file} -o json").json["changes"]] == [
        "loadBalancers/lb-web",
        "serverGroups/rsp-web",
        "loadBalancers/lb-web/listeners/tcp-80",
    ]
    assert {change["action"] for change in sh(f"apply -f {file} -o json").json["changes"]} == {
        "CREATE"
    }
    assert sh(f"apply -f {file} -o json").json == {"changes": []}
    exported = sh("export -o json").json
    assert exported["load_balancers"][0]["name"] == "loadBalancers/lb-web"


def test_json_is_a_declaration_too(sh: Shell, write: Write) -> None:
    lb = {"id": "lb-web", "address": "203.0.113.10", "tags": {"a": '\u00e4 \\ "'}}
    assert sh(f"apply -f {write(json.dumps({'load_balancers': [lb]}))}").status == 0
    assert sh("lb get lb-web -o json").json["tags"] == lb["tags"]


def test_many_at_once(controller: Controller, sh: Shell, write: Write) -> None:
    servers = "\n".join(
        f"  - {{id: s{n}, address: 10.{n // 250}.{n % 250}.1}}" for n in range(5000)
    )
    file = write(f"servers:\n{servers}\n")
    assert sh(f"apply -f {file}").out.splitlines()[-1] == "5000 created"
    assert controller.call(lambda: len(controller.app.desired.servers)) == 5000
    assert sh(f"apply -f {file}").out == "nothing to change\n"
