# SPDX-License-Identifier: Apache-2.0
"""Where the API is served, to whom, and what happens when things go wrong."""

import logging
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.rpc.calls import LB, Calls, refused
from tests.rpc.certificates import credentials_of, tls_of
from tests.rpc.controller import Controller
from xdpair.api.v1 import event_service_pb2, system_service_pb2
from xdpair.api.v1.system_service_pb2 import InterfaceStatus
from xdpair.cli.client import Client
from xdpair.core.errors import ConfigError, StoreError

SERVICES = {
    f"xdpair.api.v1.{name}Service"
    for name in ("LoadBalancer", "ServerGroup", "Inventory", "Event", "System")
}


def test_only_the_owner_may_connect(controller: Controller) -> None:
    mode = controller.socket.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_a_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "api.sock"))
    with Controller(tmp_path) as controller:
        Calls(controller.client).create_lb()


def test_a_socket_in_use_is_left_alone(controller: Controller, calls: Calls) -> None:
    with (
        pytest.raises(ConfigError, match="another controller"),
        Controller(controller.socket.parent, store="other.db"),
    ):
        pass
    calls.create_lb()


def test_what_is_not_a_socket_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "api.sock").write_text("precious")
    with pytest.raises(ConfigError, match="not a socket"), Controller(tmp_path):
        pass
    assert (tmp_path / "api.sock").read_text() == "precious"


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    with pytest.raises(ConfigError, match="too long"), Controller(folder):
        pass


def test_the_socket_is_gone_with_the_controller(tmp_path: Path) -> None:
    with Controller(tmp_path) as controller:
        assert controller.socket.exists()
    assert not controller.socket.exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_tcp(tmp_path: Path, certificates: Path, host: str) -> None:
    if host == "[::1]" and not has_ipv6_loopback():
        pytest.skip("no ::1 here")
    admin = credentials_of("admin", certificates)
    with (
        Controller(tmp_path, f"{host}:0", tls=tls_of(certificates)) as controller,
        Client(f"{host}:{controller.server.tcp_port}", admin) as client,
    ):
        assert Calls(client).create_lb().name == LB


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "0.0.0.0:0"])
def test_tcp_without_tls_is_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ConfigError, match="TCP only with TLS"), Controller(tmp_path, listen):
        pass


def test_a_tcp_port_in_use_is_refused(tmp_path: Path, certificates: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        controller = Controller(tmp_path, listen, tls=tls_of(certificates))
        with pytest.raises(ConfigError, match="can not listen"), controller:
            pass


@pytest.mark.parametrize("service", ["", *sorted(SERVICES)])
def test_health_service(controller: Controller, service: str) -> None:
    with grpc.insecure_channel(controller.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_service(controller: Controller) -> None:
    with grpc.insecure_channel(controller.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = set(database.get_services())
        file = database.FindFileContainingSymbol("xdpair.api.v1.ServerGroup")
    assert services >= SERVICES | {"grpc.health.v1.Health"}
    assert file.name == "xdpair/api/v1/server_group.proto"


def test_system_status(calls: Calls) -> None:
    status = calls.client.system.GetStatus(system_service_pb2.GetStatusRequest())
    assert (status.version, status.program_id, status.abi) == ("0.1.0", 42, "1")
    assert status.start_time.ToNanoseconds() == 1_800_000_000_250_000_000
    assert [(each.interface, each.mode, each.warning) for each in status.interfaces] == [
        ("eth0", InterfaceStatus.NATIVE, ""),
        ("eth1", InterfaceStatus.GENERIC, "several times slower"),
    ]


def test_counters(calls: Calls) -> None:
    calls.create_all()
    counters = calls.client.system.GetCounters(system_service_pb2.GetCountersRequest())
    assert counters.exits["forward_known"] == 2**40
    assert [each.listener for each in counters.listeners] == [f"{LB}/listeners/tcp-80"]
    assert len(counters.servers) == 2


def test_a_bug_is_internal_and_logged(
    controller: Controller, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Any:
        raise ZeroDivisionError("secret")

    controller.app.system = broken
    with refused(grpc.StatusCode.INTERNAL, "InternalError") as refusal:
        calls.client.system.GetStatus(system_service_pb2.GetStatusRequest())
    assert "secret" not in refusal.message
    (record,) = (entry for entry in caplog.records if entry.levelno == logging.ERROR)
    assert "GetStatus" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_bug_in_a_stream_is_internal_too(controller: Controller, calls: Calls) -> None:
    controller.app.events = None  # type: ignore[assignment]
    with refused(grpc.StatusCode.INTERNAL, "InternalError"):
        next(calls.client.events.WatchEvents(event_service_pb2.WatchEventsRequest()))


def test_a_full_disk_is_unavailable_and_changes_nothing(
    controller: Controller, calls: Calls
) -> None:
    calls.create_lb()

    def full(*_: object) -> None:
        raise StoreError("no space left on device")

    store = controller.store
    store.save = full  # type: ignore[method-assign, assignment]
    with refused(grpc.StatusCode.UNAVAILABLE, "OperationFailed.Store"):
        calls.create_group()
    with refused(grpc.StatusCode.NOT_FOUND, "InvalidParameter"):
        calls.get_group()


def test_a_change_is_finished_when_its_caller_hangs_up(
    controller: Controller, calls: Calls
) -> None:
    slow = SlowSave(controller.store.save)
    controller.store.save = slow  # type: ignore[method-assign, assignment]
    with pytest.raises(grpc.RpcError) as caught:
        calls.create_lb_within(0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert slow.entered.is_set()
    slow.go_on.set()
    second = calls.create_lb("lb-second", "192.0.2.11")  # waits for the first
    assert second.name == "loadBalancers/lb-second"
    assert calls.get_lb().name == LB
    assert set(controller.network.announced) == {
        lb.address for lb in controller.app.desired.load_balancers.values()
    }


class SlowSave:
    """Saves only when it may."""

    def __init__(self, save: Callable[..., None]) -> None:
        self._save = save
        self.entered = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, *change: object) -> None:
        self.entered.set()
        assert self.go_on.wait(5)
        self._save(*change)


def has_ipv6_loopback() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_updates_at_the_same_time_are_all_kept(calls: Calls) -> None:
    """Each reads, merges and writes; none may overwrite another with what it read before."""
    calls.create_lb()

    futures = [
        calls.update_lb_later(display_name="web"),
        calls.update_lb_later(interface="eth1"),
        calls.update_lb_later(delete_protection=True),
    ]
    for future in futures:
        future.result(5)
    lb = calls.get_lb()
    assert (lb.display_name, lb.interface, lb.delete_protection) == ("web", "eth1", True)
