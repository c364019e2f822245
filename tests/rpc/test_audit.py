# SPDX-License-Identifier: Apache-2.0
"""Every call that may change something leaves a line, whatever becomes of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.rpc.calls import GROUP, LB, LISTENER, Calls, refused
from tests.rpc.certificates import credentials_of, tls_of
from tests.rpc.controller import Controller
from xdpair import audit
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.cli.client import Client, Credentials
from xdpair.core.events import EventKind
from xdpair.rpc.audit_interceptor import resource_of


def lines(controller: Controller) -> list[dict[str, Any]]:
    if not controller.audit_file.exists():
        return []
    return [json.loads(line) for line in controller.audit_file.read_text().splitlines()]


def test_a_change_leaves_a_line(controller: Controller, calls: Calls) -> None:
    request = lb_pb.CreateLoadBalancerRequest(
        load_balancer_id="lb-web", load_balancer=LoadBalancer(address="192.0.2.10")
    )
    begun = datetime.now(UTC)
    calls.client.load_balancers.CreateLoadBalancer(request, metadata=[("x-request-id", "r-1")])
    (line,) = lines(controller)
    assert list(line) == [
        "time", "who", "role", "peer", "method", "request_id", "resource", "outcome", "changes",
    ]  # fmt: skip
    assert (line["who"], line["role"], line["peer"]) == ("unix", "admin", "unix:")
    assert line["method"] == "xdpair.api.v1.LoadBalancerService/CreateLoadBalancer"
    assert (line["request_id"], line["resource"], line["outcome"]) == ("r-1", LB, "OK")
    assert line["time"].endswith("Z")
    age = datetime.fromisoformat(line["time"]) - begun
    assert timedelta(milliseconds=-1) <= age < timedelta(seconds=5)
    assert controller.audit_file.stat().st_mode & 0o777 == 0o600


def test_looking_leaves_none(controller: Controller, calls: Calls) -> None:
    with refused(grpc.StatusCode.NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        calls.get_lb()
    assert lines(controller) == []


def test_a_call_that_fails_leaves_its_error(controller: Controller, calls: Calls) -> None:
    calls.create_lb()
    with refused(grpc.StatusCode.NOT_FOUND, "ListenerNotFound") as refusal:
        calls.start_listener()
    _, line = lines(controller)
    assert (line["resource"], line["changes"]) == (LISTENER, [])
    assert (line["outcome"], line["reason"]) == ("NOT_FOUND", "ListenerNotFound")
    assert line["message"] == refusal.message


def test_a_bug_leaves_a_line_too(controller: Controller, calls: Calls) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    controller.app.change = broken  # type: ignore[method-assign, assignment]
    with refused(grpc.StatusCode.INTERNAL, "InternalError"):
        calls.create_lb()
    (line,) = lines(controller)
    assert (line["outcome"], line["reason"]) == ("INTERNAL", "InternalError")
    assert "secret" not in line["message"]


def test_who_is_refused_is_written_down(tmp_path: Path, certificates: Path) -> None:
    with Controller(tmp_path, "127.0.0.1:0", tls=tls_of(certificates)) as controller:
        address = f"127.0.0.1:{controller.server.tcp_port}"
        with (
            Client(address, credentials_of("viewer", certificates)) as client,
            refused(grpc.StatusCode.PERMISSION_DENIED, "Forbidden.RAM"),
        ):
            client.groups.Switchover(group_pb.SwitchoverRequest(name=GROUP))
        (line,) = lines(controller)
    assert (line["who"], line["role"], line["resource"]) == ("viewer", "viewer", GROUP)
    assert line["peer"].startswith("ipv4:127.0.0.1:")
    assert (line["outcome"], line["reason"]) == ("PERMISSION_DENIED", "Forbidden.RAM")


def test_a_stranger_is_written_down(tmp_path: Path, certificates: Path) -> None:
    tls = tls_of(certificates, mutual=False)
    with Controller(tmp_path, "127.0.0.1:0", tls=tls) as controller:
        address = f"127.0.0.1:{controller.server.tcp_port}"
        with (
            Client(address, Credentials(ca=certificates / "ca.crt")) as client,
            refused(grpc.StatusCode.UNAUTHENTICATED, "InvalidAccessKeyId.NotFound"),
        ):
            client.groups.Hold(group_pb.HoldRequest(name="x" * 5000))
        (line,) = lines(controller)
    assert (line["who"], line["role"], line["outcome"]) == ("", "", "UNAUTHENTICATED")
    assert line["resource"] == "x" * 1024


# -- what a change notes ---------------------------------------------------------------------------


def noting(change: Callable[..., Any], keys: Iterator[str]) -> Callable[..., Any]:
    """Let each change of the application note something."""

    async def noted(*arguments: object) -> Any:
        result = await change(*arguments)
        audit.current().note("test", next(keys), {"a": 1}, {"a": 2})
        return result

    return noted


def test_what_a_change_notes_is_in_its_line(controller: Controller, calls: Calls) -> None:
    app = controller.app
    keys = iter(("first", "second"))
    app.change = noting(app.change, keys)  # type: ignore[method-assign]
    calls.create_lb()
    calls.create_group()
    noted = [
        [note for note in line["changes"] if note["kind"] == "test"] for line in lines(controller)
    ]
    assert noted == [
        [{"kind": "test", "key": key, "before": {"a": 1}, "after": {"a": 2}}]
        for key in ("first", "second")
    ]


def test_a_change_whose_caller_hangs_up_leaves_its_outcome(
    controller: Controller, calls: Calls
) -> None:
    save = controller.store.save
    go_on = threading.Event()

    def slow(*change: Any) -> None:
        assert go_on.wait(5)
        save(*change)

    controller.store.save = slow  # type: ignore[method-assign, assignment]
    with pytest.raises(grpc.RpcError) as caught:
        calls.create_lb_within(0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert lines(controller) == []
    go_on.set()
    calls.create_lb("lb-second", "192.0.2.11")  # waits for the first
    assert [line["outcome"] for line in lines(controller)] == ["OK", "OK"]


def test_a_full_disk_is_told_once_and_undoes_nothing(
    controller: Controller, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    controller.audit_file.mkdir()  # so that it can not be opened
    calls.create_lb()
    calls.create_group()
    assert calls.get_lb().name == LB
    controller.audit_file.rmdir()
    calls.create_listener()
    assert [line["method"].partition("/")[2] for line in lines(controller)] == ["CreateListener"]
    warnings = [
        event.message
        for event in controller.call(lambda: controller.app.events.tail(100))
        if event.kind is EventKind.WARNING
    ]
    assert warnings == [f"the audit log {controller.audit_file} can not be written: Is a directory"]
    said = [record.getMessage() for record in caplog.records if record.name == "xdpair.audit"]
    assert said == [*warnings, f"the audit log {controller.audit_file} is written again"]


# -- what a request is about -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (group_pb.HoldRequest(name=GROUP), GROUP),
        (lb_pb.CreateListenerRequest(parent=LB), LB),
        (lb_pb.UpdateLoadBalancerRequest(load_balancer=LoadBalancer(name=LB)), LB),
        (lb_pb.CreateLoadBalancerRequest(load_balancer_id="lb-web"), ""),
        (inventory_pb.DeleteServerRequest(), ""),
    ],
)
def test_resource_of(request_: Any, name: str) -> None:
    assert resource_of(request_) == name
