# SPDX-License-Identifier: Apache-2.0
"""The `xdpair` command against a real server: what it does and prints."""

from tests.rpc.calls import PRIMARY_IP
from tests.rpc.controller import Controller
from tests.rpc.shell import GROUP_WORDS, Shell

FAILURES = ("connection refused",) * 3


def test_create_prints_the_id(sh: Shell) -> None:
    lb = sh("lb create 192.0.2.10").out.strip()
    group = sh(f"group create --lb {lb} {GROUP_WORDS}").out.strip()
    listener = sh(f"listener create {lb} tcp 80 --group {group}").out.strip()
    assert lb.startswith("lb-")
    assert group.startswith("rsp-")
    assert listener == f"{lb}/tcp-80"
    assert sh("server create web1 10.0.0.21").out.strip() == "web1"


def test_lists(ready: Shell) -> None:
    assert ready("lb list").lines[1][:4] == ["lb-web", "192.0.2.10", "web", "-"]
    default, group = ready("group list").lines[1:]
    assert default == ["rsp-default-web", "-", "lb-web", "default", "none", "-", "-"]
    assert group == [
        *("rsp-web", "-", "lb-web", "pair", "a@10.0.0.11:80,", "b@10.0.0.12:80*50"),
        *("auto", "primary"),
    ]
    (listener,) = ready("listener list").out.splitlines()[1:]
    assert listener.split()[:3] == ["lb-web/tcp-80", "running", "rsp-web"]
    assert "http / every 100ms, timeout 100ms, rise 3, fall 3" in listener
    assert ready("server list").out == "none\n"


def test_lists_as_json(ready: Shell) -> None:
    (lb,) = ready("lb list -o json").json
    assert (lb["name"], lb["address"]) == ("loadBalancers/lb-web", "192.0.2.10")
    default, group = ready("-o json group list lb-web").json
    assert (default["kind"], default["servers"]) == ("DEFAULT", [])
    assert [server["weight"] for server in group["servers"]] == [100, 50]
    assert group["slots"][0]["serving"] == "PRIMARY"
    (listener,) = ready("listener list --output json").json
    assert listener["health_check"]["interval"] == "0.100s"
    assert ready("server list -o json").json == []


def test_json_has_every_field_and_numbers_as_numbers(ready: Shell) -> None:
    counters = ready("counters -o json").json
    assert counters["exits"]["forward_known"] == 2**40
    lb = ready("lb get lb-web -o json").json
    assert lb["delete_protection"] is False
    assert lb["interface"] == ""
    assert lb["create_time"].endswith("Z")


def test_get_shows_every_field(ready: Shell) -> None:
    out = ready("group get rsp-web").out
    assert "load_balancer: loadBalancers/lb-web" in out
    assert "  weight: 50" in out


def test_update_changes_only_what_is_said(ready: Shell) -> None:
    ready("lb update lb-web --delete-protection")
    lb = ready("lb update lb-web --interface eth1 -o json").json
    assert (lb["display_name"], lb["interface"], lb["delete_protection"]) == ("web", "eth1", True)
    assert ready("lb update lb-web --no-delete-protection -o json").json["interface"] == "eth1"


def test_update_of_a_listener(ready: Shell) -> None:
    listener = ready(
        "listener update lb-web/tcp-80 --fall 1 --path /up --codes 2xx,3xx --on-failover keep "
        "--drain 30s -o json"
    ).json
    check, traffic = listener["health_check"], listener["traffic_policy"]
    assert check["type"] == "HTTP"
    assert (check["unhealthy_threshold"], check["healthy_threshold"]) == (1, 3)
    assert (check["http_path"], check["http_codes"]) == ("/up", ["HTTP_2XX", "HTTP_3XX"])
    assert (traffic["on_failover"], traffic["drain_timeout"]) == ("KEEP", "30s")
    assert listener["state"] == "RUNNING"
    off = ready("listener update lb-web tcp 80 --check none -o json").json["health_check"]
    assert (off["enabled"], off["type"]) == (False, "HTTP")
    assert ready("listener update lb-web/tcp-80 --check tcp -o json").json["health_check"][
        "enabled"
    ]


def test_update_of_one_server_leaves_the_other(ready: Shell) -> None:
    group = ready("group update rsp-web --primary a@10.0.0.11:80*0 --failback manual -o json").json
    assert [server["weight"] for server in group["servers"]] == [0, 50]
    assert group["failover_policy"]["failback"] == "MANUAL"
    assert group["slots"][0]["serving"] == "SECONDARY"
    assert ready("group update rsp-web --secondary c@10.0.0.13:80 --etag old").status == 1


def test_udp_payloads(ready: Shell) -> None:
    ready("listener create lb-web udp 53 --group rsp-web --send hex:00ff --expect pong")
    check = ready("listener get lb-web/udp-53 -o json").json["health_check"]
    assert (check["udp_request"], check["udp_expected"]) == ("\x00\\xff", "pong")


def test_stop_start_delete(ready: Shell) -> None:
    assert ready("listener stop lb-web/tcp-80").out == "lb-web/tcp-80 stopped\n"
    assert ready("listener start lb-web tcp 80").out == "lb-web/tcp-80 running\n"
    assert ready("group delete rsp-web").status == 5
    assert ready("listener delete lb-web/tcp-80").status == 0
    assert ready("group delete rsp-web").status == 0
    assert ready("lb delete lb-web -o json").json == {}


def test_the_inventory(ready: Shell) -> None:
    ready("server create web1 10.0.0.21 --description spare")
    group = ready("group update rsp-web --secondary web1:8080 -o json").json
    assert group["servers"][1]["address"] == ""
    assert ready("server update web1 --address 10.0.0.22 -o json").json["description"] == "spare"
    assert ready("server delete web1").status == 5
    assert ready("server get web1").out.startswith("name: servers/web1\n")
    assert ready("server list").lines[1] == ["web1", "10.0.0.22", "spare"]


def test_operations(ready: Shell, controller: Controller) -> None:
    assert ready("switchover rsp-web").lines[1] == [
        *("lb-web/tcp-80", "secondary", "operator", "secondary"),
    ]
    assert ready("failback rsp-web").lines[1][1:] == ["primary", "operator", "no"]
    assert ready("hold rsp-web -o json").json[0]["pinned"] == "PRIMARY"
    controller.probe(PRIMARY_IP, *FAILURES)
    assert ready("hold rsp-web --release").lines[1][1:] == ["secondary", "health", "no"]
    assert ready("failback rsp-web").status == 5
    assert ready("switchover rsp-web --to primary --listener lb-web/tcp-80").status == 0


def test_health(ready: Shell, controller: Controller) -> None:
    controller.probe(PRIMARY_IP, *FAILURES)
    (primary, secondary) = ready("health").out.splitlines()[1:]
    assert primary.split()[:5] == ["lb-web/tcp-80", "primary", "a", "10.0.0.11:80", "abnormal"]
    assert primary.endswith("connection refused")
    assert "not checked" in secondary
    assert ready("health lb-web -o json").json[0]["state"] == "ABNORMAL"
    assert ready("health lb-web/tcp-81").status == 4


def test_status_shows_it_all(ready: Shell, controller: Controller) -> None:
    ready("group create --lb lb-web --id rsp-idle --primary 10.0.0.1:1 --secondary 10.0.0.2:1")
    ready("listener create lb-web udp 53 --group rsp-web --check none")
    controller.probe(PRIMARY_IP, *FAILURES)
    out = ready("status").out
    for words in (
        "xdpair 0.1.0",
        "program 42",
        "eth0: native",
        "lb-web/tcp-80",
        "192.0.2.10:80/tcp",
        "connection refused",
        "! eth1: several times slower",
        "! rsp-idle: no listener uses this group",
    ):
        assert words in out
    lines = out.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("lb-web/tcp-80"))
    assert lines[start].split()[2:5] == ["running", "rsp-web", "secondary"]
    assert lines[start].split()[6:] == ["health", "no"]
    assert lines[start + 1].split()[:3] == ["primary", "a", "10.0.0.11:80"]
    assert lines[start + 2].split()[:3] == ["→", "secondary", "b"]
    assert any(line.split()[2:5] == ["stopped", "rsp-web", "-"] for line in lines if "udp" in line)


def test_status_warns(ready: Shell, controller: Controller) -> None:
    ready("hold rsp-web")
    controller.probe(PRIMARY_IP, *FAILURES)
    ready("listener create lb-web tcp 81 --group rsp-web --check none --start")
    warnings = ready("status rsp-web -o json").json["warnings"]
    assert any("held on the primary" in words for words in warnings)
    assert any("a serves, but is abnormal: connection refused" in words for words in warnings)
    assert any(words.startswith("lb-web/tcp-81: no health check") for words in warnings)
    ready("hold rsp-web --release")
    ready("group update rsp-web --primary a@10.0.0.11:80*0 --secondary b@10.0.0.12:80*0")
    assert any("both weights are 0" in w for w in ready("status -o json").json["warnings"])


def test_status_as_json(ready: Shell) -> None:
    document = ready("status -o json").json
    assert document["system"]["interfaces"][1]["mode"] == "GENERIC"
    (listener,) = document["listeners"]
    assert listener["slot"]["serving"] == "PRIMARY"
    assert [server["serving"] for server in listener["servers"]] == [True, False]
    assert [server["weight"] for server in listener["servers"]] == [100, 50]


def test_status_of_nothing(sh: Shell) -> None:
    assert "no listeners" in sh("status").out
    assert sh("status rsp-none").status == 4


def test_events(ready: Shell, controller: Controller) -> None:
    controller.probe(PRIMARY_IP, *FAILURES)
    events = ready("events -o json").json
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    (failover,) = (event for event in events if event["kind"] == "FAILOVER")
    (line,) = (line for line in ready("events").out.splitlines() if "failover" in line)
    for words in (
        "lb-web/tcp-80",
        "primary → secondary",
        "cause: health",
        "error: connection refused",
        "decided after 2",
    ):
        assert words in line
    assert len(ready("events -n 1").out.splitlines()) == 1
    assert ready(f"events --since {failover['seq'] - 1} -o json").json[0] == failover
    assert "rsp-web" not in ready("events rsp-other -o json").out


def test_counters(ready: Shell) -> None:
    lines = ready("counters").lines
    assert ["all", "packets", "forward_known", str(2**40)] in lines
    assert not any("drop_truncated" in line for line in lines)
    assert ["all", "packets", "drop_truncated", "0"] in ready("counters --all").lines
