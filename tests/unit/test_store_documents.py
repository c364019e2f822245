# SPDX-License-Identifier: Apache-2.0
"""Documents: whatever is legal survives the way to text and back, and nothing else is let in."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import strategies
from xdpair.core.errors import StoreError, XdpairError
from xdpair.core.events import Event, EventKind
from xdpair.core.failover import SlotState
from xdpair.store import resources
from xdpair.store.document import Document, from_text, to_text
from xdpair.store.records import event_from, event_to, slot_state_from, slot_state_to

KINDS: dict[str, tuple[resources.Kind[Any, Any], st.SearchStrategy[Any]]] = {
    "load balancer": (resources.LOAD_BALANCERS, strategies.LOAD_BALANCERS),
    "listener": (resources.LISTENERS, strategies.LISTENERS),
    "server group": (resources.GROUPS, strategies.GROUPS),
    "server": (resources.SERVERS, strategies.SERVERS),
}
repeatable = settings(derandomize=True, max_examples=40, deadline=None)


def field_names(value: object) -> Any:
    """The names of a dataclass's fields, nested as the dataclasses are."""
    if dataclasses.is_dataclass(value):
        return {f.name: field_names(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return None


def key_names(document: object) -> Any:
    if isinstance(document, dict):
        return {key: key_names(value) for key, value in document.items()}
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
@given(strategies.SLOT_STATES)
def test_slot_state_survives_the_round_trip(state: SlotState) -> None:
    assert slot_state_from(from_text(to_text(slot_state_to(state)))) == state


@repeatable
@given(strategies.EVENTS)
def test_event_survives_the_round_trip(event: Event) -> None:
    assert event_from(from_text(to_text(event_to(event)))) == event


@pytest.mark.parametrize("name", KINDS)
def test_no_field_of_a_resource_is_forgotten(name: str) -> None:
    kind, values = KINDS[name]

    @settings(derandomize=True, max_examples=5, deadline=None)
    @given(values)
    def same_names(value: Any) -> None:
        assert key_names(kind.to_json(value)) == field_names(value)

    same_names()


def test_no_field_of_a_slot_or_an_event_is_forgotten() -> None:
    slot = field_names(SlotState())
    slot["slot"]["fence"] = slot["slot"]["silenced"] = {"primary": None, "secondary": None}
    assert key_names(slot_state_to(SlotState())) == slot
    event = Event(EventKind.STARTED)
    assert key_names(event_to(event)) == field_names(event)


def server_document(**changes: object) -> dict[str, object]:
    return {"server_id": "a", "address": "192.0.2.1", "description": "", **changes}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param([], "server must be a JSON object, not []", id="no object"),
        pytest.param({"server_id": "a"}, "server lacks address", id="missing key"),
        pytest.param(server_document(color="red"), "unknown keys: color", id="unknown key"),
        pytest.param(server_document(server_id=7), "server_id must be text, not 7", id="no text"),
        pytest.param(server_document(address="::1"), "must be an IPv4 address", id="no address"),
        pytest.param(server_document(address="0.0.0.0"), "not a unicast", id="rule of the model"),
    ],
)
def test_document_of_another_shape_is_refused(document: object, reason: str) -> None:
    with pytest.raises(XdpairError) as caught:
        resources.SERVERS.from_json(document)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("method", "bad", "allowed"),
    [
        ("text", 1, "text"),
        ("integer", True, "an integer"),
        ("integer", 1.0, "an integer"),
        ("integer", "1", "an integer"),
        ("integers", 1, "a list of integers"),
        ("integers", [1, True], "a list of integers"),
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
