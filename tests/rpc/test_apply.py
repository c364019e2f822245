# SPDX-License-Identifier: Apache-2.0
"""Declarations over the wire: all of it, or nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import grpc
import pytest

from tests.rpc.calls import GROUP, LB, LISTENER, Calls, pair, refused
from tests.rpc.controller import Controller
from xdpair.api.v1 import declaration_service_pb2 as pb
from xdpair.api.v1.access_control_list_pb2 import AccessControlList, AclEntry, AclPolicy
from xdpair.api.v1.declaration_pb2 import Change, Declaration, FieldChange
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup
from xdpair.api.v1.server_pb2 import Server
from xdpair.rpc.slices import in_slices

ABORTED, INVALID, NOT_FOUND, PRECONDITION = (
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
)
DEFAULT_GROUP = "serverGroups/rsp-default-web"
ACL = "accessControlLists/acl-office"


def declaration() -> Declaration:
    """Declare a bit of everything."""
    return Declaration(
        load_balancers=[LoadBalancer(name=LB, address="192.0.2.10")],
        listeners=[
            Listener(name=LISTENER, protocol="TCP", port=80, server_group=GROUP),
            Listener(
                name=f"{LB}/listeners/udp-53",
                protocol="UDP",
                port=53,
                server_port=5353,
                state="STOPPED",
                acl=AclPolicy(type="WHITE", access_control_lists=[ACL]),
            ),
        ],
        server_groups=[
            ServerGroup(name=GROUP, load_balancer=LB, servers=pair()),
            ServerGroup(
                name=DEFAULT_GROUP,
                load_balancer=LB,
                kind="DEFAULT",
                servers=[GroupServer(server_id="dns1", weight=50)],
            ),
        ],
        servers=[Server(name="servers/dns1", address="10.0.0.53")],
        access_control_lists=[
            AccessControlList(
                name=ACL, display_name="office", entries=[AclEntry(cidr="10.0.0.0/8")]
            )
        ],
    )


class Declarations:
    """Short forms of the calls."""

    def __init__(self, controller: Controller) -> None:
        self._stub = controller.client.declarations

    def apply(
        self, wanted: Declaration, *, prune: bool = False, etag: str = ""
    ) -> list[tuple[str, str]]:
        request = pb.ApplyRequest(declaration=wanted, prune=prune, etag=etag)
        return briefly(self._stub.Apply(request))

    def diff(self, wanted: Declaration, *, prune: bool = False) -> pb.DiffResponse:
        response: pb.DiffResponse = self._stub.Diff(pb.DiffRequest(declaration=wanted, prune=prune))
        return response

    def export(self) -> Declaration:
        response: pb.ExportResponse = self._stub.Export(pb.ExportRequest())
        return response.declaration


def briefly(response: pb.ApplyResponse | pb.DiffResponse) -> list[tuple[str, str]]:
    return [(Change.Action.Name(change.action), change.name) for change in response.changes]


@pytest.fixture
def declarations(controller: Controller) -> Declarations:
    return Declarations(controller)


# -- apply and diff --------------------------------------------------------------------------------


def test_everything_is_made_at_once(declarations: Declarations, calls: Calls) -> None:
    made = declarations.apply(declaration())
    assert made == [
        ("CREATE", "servers/dns1"),
        ("CREATE", ACL),
        ("CREATE", LB),
        ("CREATE", GROUP),
        ("CREATE", DEFAULT_GROUP),
        ("CREATE", LISTENER),
        ("CREATE", f"{LB}/listeners/udp-53"),
    ]
    listener = calls.get_listener()
    assert (listener.state, listener.server_group) == (Listener.RUNNING, GROUP)
    assert listener.create_time.seconds > 0
    stopped = calls.get_listener(f"{LB}/listeners/udp-53")
    assert (stopped.state, stopped.server_group) == (Listener.STOPPED, DEFAULT_GROUP)
    assert [server.weight for server in calls.get_group(DEFAULT_GROUP).servers] == [50]


def test_a_second_time_nothing_changes(declarations: Declarations, calls: Calls) -> None:
    declarations.apply(declaration())
    before = calls.get_listener(), calls.get_group(), calls.get_lb()
    assert declarations.apply(declaration()) == []
    assert declarations.apply(declaration(), prune=True) == []
    assert (calls.get_listener(), calls.get_group(), calls.get_lb()) == before


def test_it_outlives_the_controller(tmp_path: Path) -> None:
    with Controller(tmp_path) as first:
        Declarations(first).apply(declaration())
        exported = Declarations(first).export()
    with Controller(tmp_path) as second:
        assert Declarations(second).export() == exported
        assert Declarations(second).apply(declaration(), prune=True) == []


def test_what_differs_is_told_and_changed(declarations: Declarations, calls: Calls) -> None:
    declarations.apply(declaration())
    wanted = declaration()
    wanted.server_groups[0].servers[1].weight = 50
    wanted.listeners[0].description = "web"
    wanted.listeners[0].health_check.CopyFrom(HealthCheck(http_codes=["HTTP_2XX", "HTTP_3XX"]))
    wanted.access_control_lists[0].entries[0].cidr = "11.0.0.0/8"
    wanted.access_control_lists[0].tags["team"] = "web"
    difference = declarations.diff(wanted)
    fields = {change.name: list(change.fields) for change in difference.changes}
    assert fields == {
        ACL: [
            FieldChange(path="entries[0]", after="cidr: 11.0.0.0/8"),
            FieldChange(path="entries[0]", before="cidr: 10.0.0.0/8"),
            FieldChange(path="tags.team", after="web"),
        ],
        GROUP: [FieldChange(path="servers[1].weight", before="100", after="50")],
        LISTENER: [
            FieldChange(path="description", after="web"),
            FieldChange(
                path="health_check.http_codes", before="HTTP_2XX", after="HTTP_2XX, HTTP_3XX"
            ),
        ],
    }
    assert calls.get_listener().description == ""
    assert declarations.apply(wanted) == briefly(difference)
    assert calls.get_listener().description == "web"
    assert briefly(declarations.diff(wanted)) == []


def test_stopping_a_listener_is_a_change(declarations: Declarations) -> None:
    declarations.apply(declaration())
    wanted = declaration()
    wanted.listeners[0].state = Listener.STOPPED
    (change,) = declarations.diff(wanted).changes
    assert list(change.fields) == [FieldChange(path="state", before="RUNNING", after="STOPPED")]


def test_nothing_is_deleted_unless_asked(declarations: Declarations) -> None:
    declarations.apply(declaration())
    assert declarations.apply(Declaration()) == []
    assert declarations.apply(Declaration(), prune=True) == [
        ("DELETE", LISTENER),
        ("DELETE", f"{LB}/listeners/udp-53"),
        ("DELETE", GROUP),
        ("DELETE", LB),
        ("DELETE", ACL),
        ("DELETE", "servers/dns1"),
    ]
    assert declarations.export() == Declaration()


def test_what_is_applied_is_served(declarations: Declarations, controller: Controller) -> None:
    declarations.apply(declaration())
    names = {str(key) for key in controller.call(lambda: controller.app.desired.listeners)}
    assert names == {"lb-web/tcp-80", "lb-web/udp-53"}


# -- the etag --------------------------------------------------------------------------------------


def test_what_was_shown_is_what_is_done(declarations: Declarations, calls: Calls) -> None:
    etag = declarations.diff(declaration()).etag
    calls.create_lb()
    with refused(ABORTED, "OperationConflict.EtagMismatch"):
        declarations.apply(declaration(), etag=etag)
    assert len(declarations.export().listeners) == 0
    again = declarations.diff(declaration())
    assert declarations.apply(declaration(), etag=again.etag) == briefly(again)


def test_what_the_file_does_not_speak_of_may_change_meanwhile(
    declarations: Declarations, calls: Calls
) -> None:
    etag = declarations.diff(declaration()).etag
    calls.create_lb("lb-other", "192.0.2.11")
    assert len(declarations.apply(declaration(), etag=etag)) == 7


# -- refusals --------------------------------------------------------------------------------------


def test_a_broken_rule_changes_nothing_and_has_a_place(declarations: Declarations) -> None:
    wanted = declaration()
    wanted.listeners[1].health_check.interval.FromMilliseconds(5)
    with refused(INVALID, "InvalidParameter") as refusal:
        declarations.apply(wanted)
    assert refusal.metadata["place"] == "listeners[1]"
    assert refusal.metadata["field"] == "health_check.interval"
    assert refusal.message.startswith("listeners[1]: ")
    assert declarations.export() == Declaration()


@pytest.mark.parametrize("act", ["apply", "diff"])
def test_a_rule_between_resources_too(declarations: Declarations, act: str) -> None:
    wanted = declaration()
    wanted.listeners[0].server_group = "serverGroups/rsp-other"
    with refused(NOT_FOUND, "InvalidParameter") as refusal:
        getattr(declarations, act)(wanted)
    assert refusal.metadata["place"] == "listeners[0]"
    assert declarations.export() == Declaration()


def test_twice_is_once_too_often(declarations: Declarations) -> None:
    wanted = declaration()
    wanted.servers.append(wanted.servers[0])
    with refused(INVALID, "InvalidParameter") as refusal:
        declarations.apply(wanted)
    assert refusal.metadata["place"] == "servers[1]"


@pytest.mark.parametrize(
    ("field", "resource"),
    [
        ("load_balancers", LoadBalancer(address="192.0.2.11")),
        ("listeners", Listener(name=LISTENER, protocol="TCP", port=81)),
        ("listeners", Listener(name=LISTENER, protocol="HTTP", port=80)),
        ("server_groups", ServerGroup(name="serverGroups/rsp-x", load_balancer=LB)),
        ("server_groups", ServerGroup(name=GROUP, load_balancer=LB, kind="DEFAULT")),
        ("servers", Server(name="servers/", address="10.0.0.1")),
        ("access_control_lists", AccessControlList(name=ACL)),
    ],
)
def test_what_is_no_resource_is_refused(
    declarations: Declarations, field: str, resource: object
) -> None:
    wanted = Declaration(**{field: [resource]})  # type: ignore[arg-type]
    with pytest.raises(grpc.RpcError) as caught:
        declarations.diff(wanted)
    assert caught.value.code() in {INVALID, grpc.StatusCode.UNIMPLEMENTED}


def test_a_protected_load_balancer_keeps_everything(declarations: Declarations) -> None:
    wanted = declaration()
    wanted.load_balancers[0].delete_protection = True
    declarations.apply(wanted)
    before = declarations.export()
    other = LoadBalancer(name="loadBalancers/lb-new", address="192.0.2.99")
    with refused(PRECONDITION, "OperationDenied.DeleteProtectionIsOn") as refusal:
        declarations.apply(Declaration(load_balancers=[other]), prune=True)
    assert refusal.metadata["place"] == LB
    assert declarations.export() == before


def test_something_must_be_declared(controller: Controller) -> None:
    with refused(INVALID, "MissingParameter"):
        controller.client.declarations.Apply(pb.ApplyRequest(prune=True))


# -- export ----------------------------------------------------------------------------------------


def test_what_is_exported_makes_the_same_elsewhere(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    with Controller(tmp_path / "one") as one, Controller(tmp_path / "two") as two:
        Declarations(one).apply(declaration())
        exported = Declarations(one).export()
        assert Declarations(one).apply(exported, prune=True) == []
        Declarations(two).apply(exported)
        assert Declarations(two).export() == exported


def test_what_need_not_be_said_is_not_exported(declarations: Declarations) -> None:
    declarations.apply(declaration())
    exported = declarations.export()
    expected = declaration()
    expected.server_groups.sort(key=lambda group: group.name)
    expected.server_groups[1].servers[0].ClearField("role")
    assert exported == expected


# -- beside others ---------------------------------------------------------------------------------


def test_who_applied_what_is_written_down(
    declarations: Declarations, controller: Controller
) -> None:
    declarations.apply(declaration())
    record = json.loads(controller.audit_file.read_text().splitlines()[-1])
    assert (record["method"], record["outcome"]) == (
        "xdpair.api.v1.DeclarationService/Apply",
        "OK",
    )


def test_two_at_once_do_not_mix(declarations: Declarations, controller: Controller) -> None:
    def variant(weight: int) -> Declaration:
        wanted = declaration()
        for server in wanted.server_groups[0].servers:
            server.weight = weight
        return wanted

    def apply(weight: int) -> None:
        for _ in range(10):
            declarations.apply(variant(weight))

    threads = [threading.Thread(target=apply, args=(weight,)) for weight in (10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    group = controller.call(lambda: controller.app.desired.groups["rsp-web"])
    assert len({member.weight for member in group.members}) == 1


def test_long_work_lets_others_have_their_turns() -> None:
    async def work() -> tuple[list[int], int]:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        results = await in_slices(lambda number: sum(range(number)), [50_000] * 50)
        task.cancel()
        return results, turns

    results, turns = asyncio.run(work())
    assert results == [sum(range(50_000))] * 50
    assert turns > 2
