# SPDX-License-Identifier: Apache-2.0
"""The `xdpair` command on weighted and default groups, access control lists, tags and filters."""

import pytest

from tests.rpc.controller import Controller
from tests.rpc.shell import Shell


@pytest.fixture
def weighted(ready: Shell) -> Shell:
    for words in (
        "group create --lb lb-web --id rsp-many --kind weighted --server a@10.0.0.11:80:5 "
        "--server b@10.0.0.12:80*3",
        "listener create lb-web tcp 81 --group rsp-many --scheduler wlc --persistence 5m --start",
    ):
        assert ready(words).status == 0
    return ready


def test_servers_of_a_weighted_group(weighted: Shell) -> None:
    assert weighted("group add rsp-many c@10.0.0.13:80").out == (
        "rsp-many: a@10.0.0.11:80*5, b@10.0.0.12:80*3, c@10.0.0.13:80\n"
    )
    assert weighted("group weight rsp-many c:80:0 a:80*7").out == (
        "rsp-many: a@10.0.0.11:80*7, b@10.0.0.12:80*3, c@10.0.0.13:80*0\n"
    )
    words = "group replace rsp-many --old a:80 --new d@10.0.0.14:80 e@10.0.0.15:81"
    assert weighted(words).out.endswith("c@10.0.0.13:80*0 +1\n")
    group = weighted("group remove rsp-many b:80 c:80 -o json").json
    assert [server["server_id"] for server in group["servers"]] == ["d", "e"]
    assert weighted("group remove rsp-many b:80").status == 4
    assert weighted("group weight rsp-many d:80").status == 1  # no weight


def test_weights_of_a_pair(ready: Shell) -> None:
    group = ready("group weight rsp-web a:80:0 -o json").json
    assert [server["weight"] for server in group["servers"]] == [0, 50]
    assert ready("group add rsp-web c@10.0.0.13:80").status == 1


def test_the_default_group(ready: Shell) -> None:
    assert ready("group add rsp-default-web a@10.0.0.11 b@10.0.0.12*50").status == 0
    words = "listener create lb-web tcp 82 --server-port 8080 --start -o json"
    listener = ready(words).json
    assert (listener["server_group"], listener["server_port"]) == (
        "serverGroups/rsp-default-web",
        8080,
    )
    health = ready("health lb-web/tcp-82 -o json").json
    assert [server["port"] for server in health] == [8080, 8080]
    assert ready("group delete rsp-default-web").status == 5
    assert ready("group create --lb lb-web --server a@10.0.0.11").status == 1


def test_status_and_health_of_a_weighted_group(controller: Controller, weighted: Shell) -> None:
    controller.probe("10.0.0.12", *("connection refused",) * 3)
    rows = {line[2]: line for line in weighted("health lb-web/tcp-81").lines[1:]}
    assert rows["a"][1:4] == ["-", "a", "10.0.0.11:80"]
    assert rows["b"][4] == "abnormal"
    document = weighted("status rsp-many -o json").json
    (listener,) = document["listeners"]
    assert [(each["weight"], each["serving"]) for each in listener["servers"]] == [
        (5, True),
        (3, False),
    ]
    assert listener["slot"] is None
    assert weighted("status").status == 0
    assert weighted("counters").status == 0


def test_a_listener_is_told_everything(weighted: Shell) -> None:
    listener = weighted(
        "listener update lb-web/tcp-81 --scheduler rr --persistence 0 --idle-timeout 10s "
        "--connection-drain 30s --bandwidth 100 --all-unhealthy fail-open --tag a=1 -o json"
    ).json
    traffic = listener["traffic_policy"]
    assert (traffic["scheduler"], traffic["all_unhealthy"]) == ("RR", "FAIL_OPEN")
    assert (traffic["established_timeout"], traffic["connection_drain_timeout"]) == ("10s", "30s")
    assert (traffic["bandwidth_mbps"], traffic["persistence_timeout"]) == (100, "0s")
    assert listener["tags"] == {"a": "1"}
    listener = weighted("listener update lb-web/tcp-81 --bandwidth none --tag= -o json").json
    assert (listener["traffic_policy"]["bandwidth_mbps"], listener["tags"]) == (-1, {})
    assert weighted("listener update lb-web/tcp-81 --scheduler sch").status == 1


def test_access_control_lists(ready: Shell) -> None:
    create = ["acl", "create", "office", "--id", "acl-office", "--entry"]
    create.append("192.0.2.0/24=first floor")
    assert ready(create).out == "acl-office\n"
    assert ready("acl list").lines[1] == ["acl-office", "office", "ipv4", "1"]
    assert ready("acl add acl-office 198.51.100.7 192.0.2.0/24").out == (
        "acl-office has 2 entries\n"
    )
    listener = ready("listener update lb-web/tcp-80 --acl white:acl-office -o json").json
    assert listener["acl"] == {
        "type": "WHITE",
        "access_control_lists": ["accessControlLists/acl-office"],
    }
    acl = ready("acl show acl-office -o json").json
    assert acl["related_listeners"][0]["listener"].endswith("/tcp-80")
    assert [entry["comment"] for entry in acl["entries"]] == ["first floor", ""]
    assert ready("acl delete acl-office").status == 5
    assert ready("acl remove acl-office 192.0.2.0/24 198.51.100.7").out.endswith("0 entries\n")
    (warning,) = ready("listener get lb-web/tcp-80 -o json").json["warnings"]
    assert "acl-office" in warning
    assert warning in ready("status").out
    assert "acl" not in ready("listener update lb-web/tcp-80 --acl off -o json").json
    assert ready("acl update acl-office --name home").status == 0
    assert ready("acl delete acl-office").status == 0


@pytest.mark.parametrize("policy", ["grey:acl-a", "white", "white:", "white:a/b"])
def test_a_policy_has_its_form(ready: Shell, policy: str) -> None:
    assert ready(f"listener update lb-web/tcp-80 --acl {policy}").status == 2


def test_filters_and_tags(ready: Shell) -> None:
    ready("lb create 192.0.2.11 --id lb-db --tag team=db --tag x= --status inactive")
    for words in ("status=INACTIVE", "tags.team : d", "tags:x AND id != lb-web"):
        (line,) = ready(["lb", "list", "--filter", words]).lines[1:]
        assert (line[0], line[4]) == ("lb-db", "inactive")
    assert ready("lb list --filter nonsense").status == 1
    (line,) = ready(["listener", "list", "--filter", "port=80"]).lines[1:]
    assert line[0] == "lb-web/tcp-80"
    assert ready(["group", "list", "--filter", "kind=WEIGHTED"]).out == "none\n"
    assert ready(["server", "list", "--filter", "address:10."]).out == "none\n"
    assert ready(["acl", "list", "--filter", "ip_version=IPV6"]).out == "none\n"
    assert ready(["events", "--filter", "kind=FAILOVER"]).out == "none\n"
