# SPDX-License-Identifier: Apache-2.0
"""Documents: whatever is legal survives the way to text and back, and nothing else is let in."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import record_strategies, strategies
from xdpair.core.changes import Departure
from xdpair.core.errors import StoreError, XdpairError
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import SlotState
from xdpair.ports import PoolRecord
from xdpair.store import resources
from xdpair.store.document import Document, from_text, to_text
from xdpair.store.records import (
    departure_from,
    departure_to,
    event_from,
    event_to,
    pool_from,
    pool_to,
    slot_state_from,
    slot_state_to,
)

KINDS: dict[str, tuple[resources.Kind[Any, Any], st.SearchStrategy[Any]]] = {
    "load balancer": (resources.LOAD_BALANCERS, strategies.LOAD_BALANCERS),
    "listener": (resources.LISTENERS, strategies.LISTENERS),
    "primary/secondary group": (resources.GROUPS, strategies.PAIR_GROUPS),
    "weighted group": (resources.GROUPS, strategies.WEIGHTED_GROUPS),
    "default group": (resources.GROUPS, strategies.DEFAULT_GROUPS),
    "server": (resources.SERVERS, strategies.SERVERS),
    "access control list": (resources.ACLS, strategies.ACLS),
}
repeatable = settings(derandomize=True, max_examples=40, deadline=None)


def field_names(value: object) -> Any:
    """The names of a dataclass's fields, nested as the dataclasses are; of tags and the like, their
    keys.
    """
    if dataclasses.is_dataclass(value):
        return {f.name: field_names(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return dict.fromkeys(value)
    if isinstance(value, tuple | frozenset):
        return [field_names(each) for each in value]
    return None


def key_names(document: object) -> Any:
    if isinstance(document, dict):
        return {key: key_names(value) for key, value in document.items()}
    if isinstance(document, list):
        return [key_names(each) for each in document]
    return None


@pytest.mark.parametrize("name", KINDS)
def test_resource_survives_the_round_trip(name: str) -> None:
    kind, values = KINDS[name]

    @repeatable
    @given(values)
    def round_trip(value: Any) -> None:
        assert kind.from_json(from_text(to_text(kind.to_json(value)))) == value

    round_trip()


@repeatable
@given(record_strategies.SLOT_STATES)
def test_slot_state_survives_the_round_trip(state: SlotState) -> None:
    assert slot_state_from(from_text(to_text(slot_state_to(state)))) == state


@repeatable
@given(record_strategies.EVENTS)
def test_event_survives_the_round_trip(event: Event) -> None:
    assert event_from(from_text(to_text(event_to(event)))) == event


@repeatable
@given(record_strategies.POOLS)
def test_pool_survives_the_round_trip(pool: PoolRecord) -> None:
    assert pool_from(from_text(to_text(pool_to(pool)))) == pool


@repeatable
@given(record_strategies.DEPARTURES)
def test_departure_survives_the_round_trip(departure: Departure) -> None:
    assert departure_from(from_text(to_text(departure_to(departure)))) == departure


@pytest.mark.parametrize("name", KINDS)
def test_no_field_of_a_resource_is_forgotten(name: str) -> None:
    kind, values = KINDS[name]

    @settings(derandomize=True, max_examples=20, deadline=None)
    @given(values)
    def same_names(value: Any) -> None:
        names = field_names(value)
        if kind is resources.GROUPS:
            names["kind"] = None
        assert key_names(kind.to_json(value)) == names

    same_names()


@settings(derandomize=True, max_examples=5, deadline=None)
@given(record_strategies.POOLS, record_strategies.DEPARTURES)
def test_no_field_of_a_pool_or_a_departure_is_forgotten(
    pool: PoolRecord, departure: Departure
) -> None:
    assert key_names(pool_to(pool)) == field_names(pool)
    assert key_names(departure_to(departure)) == field_names(departure)


def test_no_field_of_a_slot_or_an_event_is_forgotten() -> None:
    slot = field_names(SlotState())
    slot["slot"]["fence"] = slot["slot"]["silenced"] = {"primary": None, "secondary": None}
    assert key_names(slot_state_to(SlotState())) == slot
    event = Event(EventKind.STARTED)
    assert key_names(event_to(event)) == field_names(event)


def server_document(**changes: object) -> dict[str, object]:
    return {"server_id": "a", "address": "192.0.2.1", "description": "", "tags": {}, **changes}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param([], "server must be a JSON object, not []", id="no object"),
        pytest.param({"server_id": "a"}, "server lacks address", id="missing key"),
        pytest.param(server_document(color="red"), "unknown keys: color", id="unknown key"),
        pytest.param(server_document(server_id=7), "server_id must be text, not 7", id="no text"),
        pytest.param(server_document(address="::1"), "must be an IPv4 address", id="no address"),
        pytest.param(server_document(address="0.0.0.0"), "not a unicast", id="rule of the model"),
        pytest.param(server_document(tags={"aliyun": ""}), "tag key", id="rule of tags"),
    ],
)
def test_document_of_another_shape_is_refused(document: object, reason: str) -> None:
    with pytest.raises(XdpairError) as caught:
        resources.SERVERS.from_json(document)
    assert reason in str(caught.value)


@pytest.mark.parametrize("kind", [None, "PAIR", "triple"])
def test_group_of_no_kind_is_refused(kind: str | None) -> None:
    with pytest.raises(StoreError, match="server group: kind must be"):
        resources.GROUPS.from_json({"kind": kind, "lb_id": "lb-1"})


def test_group_has_the_keys_of_its_kind() -> None:
    document = {"lb_id": "lb-1", "members": [], "create_time_s": 0.0, "tags": {}}
    resources.GROUPS.from_json({"kind": "default", **document})
    with pytest.raises(StoreError, match="server group lacks group_id"):
        resources.GROUPS.from_json({"kind": "weighted", **document})
    with pytest.raises(StoreError, match="server group has unknown keys: name"):
        resources.GROUPS.from_json({"kind": "default", "name": "", **document})


@pytest.mark.parametrize(
    ("method", "bad", "allowed"),
    [
        ("text", 1, "text"),
        ("integer", True, "an integer"),
        ("integer", 1.0, "an integer"),
        ("integer", "1", "an integer"),
        ("integers", 1, "a list of integers"),
        ("integers", [1, True], "a list of integers"),
        ("texts", "a", "a list of texts"),
        ("texts", ["a", None], "a list of texts"),
        ("texts_by_name", [], "an object of texts"),
        ("texts_by_name", {"a": 1}, "an object of texts"),
        ("numbers_by_name", {"a": True}, "an object of numbers"),
        ("numbers_by_name", 1, "an object of numbers"),
        ("network", "192.0.2.1/24", "a network"),
        ("network", "::/129", "a network"),
        ("number", "1.5", "a number"),
        ("number", False, "a number"),
        ("flag", 1, "true or false"),
        ("octets", "0", "octets in hexadecimal"),
        ("octets", None, "text"),
        ("address", "192.0.2.256", "an IPv4 address"),
    ],
)
def test_value_of_another_type_is_refused(method: str, bad: object, allowed: str) -> None:
    document = Document("thing", {"key": bad})
    with pytest.raises(StoreError, match=f"thing: key must be {allowed}"):
        getattr(document, method)("key")


def test_children_are_a_list() -> None:
    with pytest.raises(StoreError, match="thing: key must be a list, not"):
        Document("thing", {"key": {}}).children("key", str)


def test_choice_is_exact() -> None:
    with pytest.raises(StoreError, match=r"kind must be .*started.*, not 'STARTED'"):
        Document("event", {"kind": "STARTED"}).choice("kind", EventKind)


def test_null_is_only_for_optional_values() -> None:
    document = Document("thing", {"port": None, "rest": None})
    assert document.optional("port", document.integer) is None
    with pytest.raises(StoreError):
        document.integer("rest")
    with pytest.raises(StoreError, match="lacks port"):
        document.optional("port", document.integer)


@pytest.mark.parametrize("text", ["", "{", "NaN", "-Infinity", '{"a": NaN}'])
def test_only_json_is_json(text: str) -> None:
    with pytest.raises(StoreError, match="not JSON"):
        from_text(text)
