# SPDX-License-Identifier: Apache-2.0
"""Declaration files: what they say, how their mistakes are told, and that what is written is read
back as the same.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from ipaddress import IPv4Address
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import strategies
from tests.unit.declaration_kit import WORLDS
from xdpair.api.v1.declaration_pb2 import Declaration as Message
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.cli import yaml_nodes
from xdpair.cli.yaml_nodes import FileError
from xdpair.cli.yaml_reader import read
from xdpair.cli.yaml_writer import quoted, write
from xdpair.core.declaration import Declaration, plan
from xdpair.core.desired import Desired
from xdpair.core.model import ListenerKey, ListenerState, Protocol
from xdpair.rpc.convert.declaration import declaration_from_pb, declare

PAIR = """
load_balancers:
  - id: lb-web
    address: 203.0.113.10
    server_groups:
      - id: rsp-web
        servers:
          - {server_id: web1, address: 10.0.0.11, port: 80}
          - {server_id: web2, address: 10.0.0.12, port: 80, role: SECONDARY}
    listeners:
      - {protocol: TCP, port: 80, server_group: rsp-web}
"""


def declared(text: str) -> Declaration:
    return asyncio.run(declaration_from_pb(read(dedent(text)).declaration))


def exported(desired: Desired) -> Message:
    message = Message()
    asyncio.run(declare(desired, message))
    return message


def written(desired: Desired) -> str:
    return "\n".join(write(exported(desired))) + "\n"


def in_order(message: Message) -> list[Any]:
    resources = (resource for _, resources in message.ListFields() for resource in resources)
    return sorted(resources, key=lambda resource: str(resource.name))


def mistake(text: str) -> tuple[int, str]:
    """Line, and path with words."""
    with pytest.raises(FileError) as caught:
        read(dedent(text).lstrip("\n"))
    return caught.value.line, str(caught.value)


@pytest.fixture(params=["libyaml", "python"])
def any_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(yaml_nodes, "_Composer", yaml_nodes._SlowComposer)
    else:
        assert yaml_nodes._Composer is not yaml_nodes._SlowComposer


# -- reading ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("any_parser")
def test_a_pair_with_its_address_takes_few_lines() -> None:
    wanted = declared(PAIR)
    lb = wanted.load_balancers["lb-web"]
    assert lb.address == IPv4Address("203.0.113.10")
    listener = wanted.listeners[ListenerKey("lb-web", Protocol.TCP, 80)]
    assert (listener.group_id, listener.state) == ("rsp-web", ListenerState.RUNNING)
    assert [member.server_id for member in wanted.groups["rsp-web"].members] == ["web1", "web2"]


def test_everything_has_its_place() -> None:
    message = read(
        """
        load_balancers:
          - id: lb-web
            address: 203.0.113.10
            default_group:
              servers: [{server_id: web1, weight: 50}]
            server_groups:
              - {id: rsp-w, kind: weighted, servers: [{server_id: web1, port: 0x50}]}
        servers:
          - {id: web1, address: 10.0.0.11, tags: {team: web, "80": no}}
        access_control_lists:
          - {id: acl-1, display_name: office, entries: [{cidr: 10.0.0.0/8}]}
        """.replace("0x50", "80")
    ).declaration
    assert [group.name for group in message.server_groups] == [
        "serverGroups/rsp-default-web",
        "serverGroups/rsp-w",
    ]
    assert {group.load_balancer for group in message.server_groups} == {"loadBalancers/lb-web"}
    assert [group.kind for group in message.server_groups] == [
        ServerGroup.DEFAULT,
        ServerGroup.WEIGHTED,
    ]
    assert message.servers[0].tags == {"team": "web", "80": "no"}
    assert message.access_control_lists[0].name == "accessControlLists/acl-1"


@pytest.mark.parametrize(
    ("text", "ms"), [("500ms", 500), ("5s", 5000), ("0.5s", 500), ("1m", 60_000), ("0", 0)]
)
def test_durations_have_units(text: str, ms: int) -> None:
    listener = _listener(f"health_check: {{interval: {text}}}")
    assert listener.health_check.interval.ToMilliseconds() == ms


def test_a_name_may_be_written_out() -> None:
    assert _listener("server_group: rsp-a") == _listener("server_group: serverGroups/rsp-a")


def test_payloads_are_text_or_hexadecimal() -> None:
    listener = _listener("health_check: {udp_request: ping, udp_expected: 'hex:00ff'}")
    check = HealthCheck(udp_request=b"ping", udp_expected=b"\x00\xff")
    assert listener.health_check == check


def test_a_key_without_a_value_says_nothing() -> None:
    assert _listener("description:") == _listener("state: ~") == _listener("")


def test_parts_may_be_shared() -> None:
    message = read(
        """
        load_balancers:
          - id: lb-web
            address: 203.0.113.10
            listeners:
              - {protocol: TCP, port: 80, health_check: &often {interval: 100ms}}
              - {protocol: TCP, port: 81, health_check: *often}
        """
    ).declaration
    assert message.listeners[0].health_check == message.listeners[1].health_check


def _listener(line: str) -> Listener:
    message = read(
        "load_balancers:\n  - id: lb-web\n    address: 203.0.113.10\n    listeners:\n"
        f"      - protocol: TCP\n        port: 80\n        {line}\n"
    ).declaration
    return message.listeners[0]


# -- mistakes --------------------------------------------------------------------------------------

LISTENER = """\
load_balancers:
  - id: lb-web
    address: 203.0.113.10
    listeners:
      - protocol: TCP
        port: 80
"""


@pytest.mark.usefixtures("any_parser")
@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("", 0, "nothing is said", id="empty"),
        pytest.param("# nothing\n", 0, "nothing is said", id="only a comment"),
        pytest.param("servers: [\n", 2, "not YAML: ", id="not YAML"),
        pytest.param("servers: []\n---\n{}\n", 2, "not YAML: ", id="two documents"),
        pytest.param("- a\n", 1, "must have keys and values", id="a list"),
        pytest.param("servers: {}\n", 1, "servers: must be a list", id="no list"),
        pytest.param("servers: [a]\n", 1, "servers[0]: must have keys", id="no mapping"),
        pytest.param("servers:\n  - {id: a}\n", 2, "servers[0].address: is missing", id="missing"),
        pytest.param("servers: &a [*a]\n", 1, "servers[0]: must have keys", id="circle"),
        pytest.param("listeners: []\n", 1, "listeners: there is no such key", id="key at the top"),
        pytest.param(
            LISTENER + "        prot: 5\n",
            7,
            "load_balancers[0].listeners[0].prot: there is no such key; did you mean port?",
            id="misspelt",
        ),
        pytest.param(
            LISTENER + "        etag: abc\n",
            7,
            "load_balancers[0].listeners[0].etag: there is no such key",
            id="what only the API has",
        ),
        pytest.param(
            LISTENER + "        port: 81\n",
            7,
            "load_balancers[0].listeners[0].port: is given twice",
            id="twice",
        ),
        pytest.param(
            LISTENER.replace("80", "eighty"),
            6,
            "load_balancers[0].listeners[0].port: must be a whole number, not 'eighty'",
            id="no number",
        ),
        pytest.param(
            LISTENER.replace("80", "'80'"),
            6,
            "load_balancers[0].listeners[0].port: must not be a text: write 80 without quotes",
            id="a text",
        ),
        pytest.param(
            LISTENER.replace("80", "99999999999999999999"),
            6,
            "load_balancers[0].listeners[0].port: must be a whole number",
            id="a huge number",
        ),
        pytest.param(
            LISTENER + "        health_check: {enabled: yes}\n",
            7,
            "load_balancers[0].listeners[0].health_check.enabled: must be true or false",
            id="no boolean",
        ),
        pytest.param(
            LISTENER + "        health_check: {interval: 5}\n",
            7,
            "load_balancers[0].listeners[0].health_check.interval: '5' is not a duration",
            id="no unit",
        ),
        pytest.param(
            LISTENER + "        health_check: {interval: 99999999999999h}\n",
            7,
            "load_balancers[0].listeners[0].health_check.interval: ",
            id="for ever",
        ),
        pytest.param(
            LISTENER.replace("TCP", "SCTP"),
            5,
            "load_balancers[0].listeners[0].protocol: must be one of TCP, UDP",
            id="no such word",
        ),
        pytest.param(
            LISTENER + "        tags: {a: [b]}\n",
            7,
            "load_balancers[0].listeners[0].tags.a: must be one value",
            id="no text",
        ),
        pytest.param(
            LISTENER + "        tags: {a: b, a: c}\n",
            7,
            "load_balancers[0].listeners[0].tags.a: is given twice",
            id="tag twice",
        ),
        pytest.param(
            LISTENER + "        health_check: {udp_request: !!binary AAEC}\n",
            7,
            "load_balancers[0].listeners[0].health_check.udp_request: the tag tag:yaml.org,2002:"
            "binary is not understood",
            id="a tag of YAML",
        ),
        pytest.param(
            LISTENER + "        health_check: {udp_request: 'hex:xy'}\n",
            7,
            "load_balancers[0].listeners[0].health_check.udp_request: ",
            id="no hexadecimal digits",
        ),
        pytest.param("? [a]\n: b\n", 1, "a key must be one word", id="key"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, line: int, words: str) -> None:
    found, message = mistake(text)
    assert (found, message[: len(words)]) == (line, words)


def test_places_of_the_api_are_found_in_the_file() -> None:
    document = read(PAIR.lstrip("\n"))
    assert document.locate("listeners[0]", "") == ("load_balancers[0].listeners[0]", 10)
    assert document.locate("listeners[0]", "port") == ("load_balancers[0].listeners[0].port", 10)
    group = "load_balancers[0].server_groups[0]"
    assert document.locate("server_groups[0]", "servers[1].port") == (f"{group}.servers[1].port", 8)
    assert document.locate("server_groups[0]", "kind") == (group, 5)
    assert document.locate("loadBalancers/lb-old", "name") == ("loadBalancers/lb-old", 0)


@settings(max_examples=300)
@given(st.text(max_size=60) | st.text("{}[]&*!|>'\"%@`-:?,\n #ax", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(FileError):
        read(text)


# -- writing ---------------------------------------------------------------------------------------


def test_what_is_at_its_default_is_not_written() -> None:
    desired = _made(declared(PAIR))
    assert written(desired) == PAIR.lstrip("\n").replace(
        "{server_id: web1, address: 10.0.0.11, port: 80}",
        "{server_id: web1, port: 80, address: 10.0.0.11}",
    ).replace(
        "{server_id: web2, address: 10.0.0.12, port: 80, role: SECONDARY}",
        "{server_id: web2, port: 80, role: SECONDARY, address: 10.0.0.12}",
    )


def test_of_nothing_nothing_is_written() -> None:
    assert written(Desired()) == "{}\n"
    assert read("{}\n").declaration == Message()


def test_a_listener_that_stands_still_says_so() -> None:
    text = LISTENER + "        server_port: 8080\n        state: STOPPED\n"
    assert "state: STOPPED" in written(_made(declared(text)))


@WORLDS
@given(strategies.desired())
def test_what_is_written_is_read_back_as_the_same(desired: Desired) -> None:
    text = written(desired)
    assert plan(desired, declared(text), prune=True) == []
    assert in_order(read(text).declaration) == in_order(exported(desired))


@WORLDS
@given(strategies.desired())
def test_what_is_written_is_yaml_to_others(desired: Desired) -> None:
    content = yaml.safe_load(written(desired))
    lbs = content.get("load_balancers", [])
    assert [lb["id"] for lb in lbs] == sorted(desired.load_balancers)
    assert [server["id"] for server in content.get("servers", [])] == sorted(desired.servers)
    tags = {lb["id"]: lb.get("tags", {}) for lb in lbs}
    assert tags == {lb_id: dict(lb.tags) for lb_id, lb in desired.load_balancers.items()}


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"), max_size=64))
def test_any_text_can_be_quoted(text: str, tag: str) -> None:
    assert yaml.safe_load(f"{{{quoted(tag)}: {quoted(text)}}}") == {tag: text}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1", "web-1"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("", '""'),
        ("no", '"no"'),
        ("80", '"80"'),
        ("Zürich", '"Zürich"'),
        ('a"b\\c\n', '"a\\"b\\\\c\\x0a"'),
    ],
)
def test_only_what_needs_quotes_gets_them(text: str, shown: str) -> None:
    assert quoted(text) == shown


def _made(wanted: Declaration) -> Desired:
    return Desired(
        wanted.load_balancers, wanted.listeners, wanted.groups, wanted.servers, wanted.acls
    )
