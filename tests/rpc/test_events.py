# SPDX-License-Identifier: Apache-2.0
"""The event log over the wire."""

from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.rpc.calls import GROUP, LB, LISTENER, PRIMARY_IP, Calls, refused
from tests.rpc.controller import Controller
from xdpair.api.v1 import event_service_pb2 as pb
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.core import events as core

FAILURES = ("connection refused",) * 3


def test_a_failover_is_told_with_all_that_is_known(controller: Controller, calls: Calls) -> None:
    calls.create_all()
    stream = watch(calls)
    controller.probe(PRIMARY_IP, *FAILURES)
    event = next(each for each in stream if each.kind == Event.FAILOVER)
    assert (event.load_balancer, event.server_group, event.listener) == (LB, GROUP, LISTENER)
    assert (event.from_side, event.to_side) == (ServerGroup.PRIMARY, ServerGroup.SECONDARY)
    assert (event.cause, event.error) == ("health", "connection refused")
    assert PRIMARY_IP in event.check
    assert event.HasField("decided_after")
    assert event.seq > 0
    assert event.HasField("time")


def test_a_watch_begins_with_what_comes(controller: Controller, calls: Calls) -> None:
    say(controller, "before")
    stream = watch(calls)
    say(controller, "after")
    assert next(stream).message == "after"


def test_a_watch_can_begin_in_the_past(controller: Controller, calls: Calls) -> None:
    for words in ("one", "two", "three"):
        say(controller, words)
    assert [event.message for event in islice(watch(calls, after_seq=0), 3)] == [
        "one",
        "two",
        "three",
    ]
    assert next(watch(calls, after_seq=2)).message == "three"


def test_a_watch_of_one_group(controller: Controller, calls: Calls) -> None:
    stream = watch(calls, server_group=GROUP)
    for words, group_id in (("other", "rsp-other"), ("mine", "rsp-web"), ("all", "")):
        say(controller, words, group_id)
    assert [event.message for event in islice(stream, 2)] == ["mine", "all"]


def test_past_events_come_newest_first_by_pages(controller: Controller, calls: Calls) -> None:
    for number in range(1, 8):
        say(controller, str(number))
    messages, token = [], ""
    while True:
        request = pb.ListEventsRequest(page_size=3, page_token=token)
        response = calls.client.events.ListEvents(request)
        messages += [event.message for event in response.events]
        token = response.next_page_token
        if not token:
            break
    assert messages == ["7", "6", "5", "4", "3", "2", "1"]
    request = pb.ListEventsRequest(after_seq=5)
    newer = calls.client.events.ListEvents(request).events
    assert [event.seq for event in newer] == [7, 6]


def test_a_bad_filter_is_refused(calls: Calls) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "InvalidParameter"):
        calls.client.events.ListEvents(pb.ListEventsRequest(server_group="rsp-web"))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "InvalidParameter"):
        next(calls.client.events.WatchEvents(pb.WatchEventsRequest(server_group="rsp-web")))


def test_a_side_is_nobody_only_where_sides_matter(controller: Controller, calls: Calls) -> None:
    kinds = (core.EventKind.REJECTING, core.EventKind.WARNING)
    for kind in kinds:
        controller.call(partial(controller.app.events.append, core.Event(kind)))
    rejecting, warning = islice(watch(calls, after_seq=0), 2)
    assert rejecting.to_side == ServerGroup.NOBODY
    assert warning.to_side == ServerGroup.SIDE_UNSPECIFIED


def test_when_the_controller_stops_watchers_are_told(tmp_path: Path) -> None:
    with Controller(tmp_path) as controller:
        stream = watch(Calls(controller.client))
        controller.run(controller.server.stop)
        with refused(grpc.StatusCode.UNAVAILABLE, "ServiceUnavailable"):
            next(stream)


@pytest.mark.parametrize("watchers", [50])
def test_many_can_watch_and_leave(controller: Controller, calls: Calls, watchers: int) -> None:
    streams = [watch(calls) for _ in range(watchers)]
    say(controller, "hello")
    assert {next(stream).message for stream in streams} == {"hello"}
    for stream in streams[1:]:
        stream.cancel()
    say(controller, "still here?")
    assert next(streams[0]).message == "still here?"


def watch(calls: Calls, **fields: Any) -> Any:
    """Begin to watch; from the return on, no event is missed."""
    stream = calls.client.events.WatchEvents(pb.WatchEventsRequest(**fields))
    stream.initial_metadata()
    return stream


def say(controller: Controller, message: str, group_id: str = "") -> None:
    event = core.Event(core.EventKind.WARNING, group_id=group_id, message=message)
    controller.call(lambda: controller.app.events.append(event))
