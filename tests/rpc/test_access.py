# SPDX-License-Identifier: Apache-2.0
"""Who may call what, over TLS, with certificates as `xdpair tls init` makes them."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

import xdpair.api.v1
from tests.rpc.calls import GROUP, LB, LISTENER, Calls, refusal_of, refused
from tests.rpc.certificates import credentials_of, tls_of
from tests.rpc.controller import Controller
from xdpair.api.v1 import event_service_pb2 as event_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.cli.certificates import Authority
from xdpair.cli.client import Client, Credentials
from xdpair.config import TlsConfig
from xdpair.core.errors import ConfigError
from xdpair.rpc.access import Caller, Role, of_certificate, required_role

#: Every method of the API. Decide on a new one here: may who only looks call it, or who operates?
EXPECTED = {
    Role.VIEWER: {
        "AccessControlListService/GetAccessControlList",
        "AccessControlListService/ListAccessControlLists",
        "DeclarationService/Diff",
        "DeclarationService/Export",
        "EventService/ListEvents",
        "EventService/WatchEvents",
        "ExplainService/Explain",
        "InventoryService/GetServer",
        "InventoryService/ListServers",
        "LoadBalancerService/GetHealthStatus",
        "LoadBalancerService/GetListener",
        "LoadBalancerService/GetLoadBalancer",
        "LoadBalancerService/ListListeners",
        "LoadBalancerService/ListLoadBalancers",
        "ServerGroupService/GetServerGroup",
        "ServerGroupService/ListServerGroups",
        "SystemService/GetCounters",
        "SystemService/GetStatus",
    },
    Role.OPERATOR: {
        "LoadBalancerService/StartListener",
        "LoadBalancerService/StopListener",
        "ServerGroupService/Failback",
        "ServerGroupService/Hold",
        "ServerGroupService/Release",
        "ServerGroupService/Switchover",
    },
    Role.ADMIN: {
        "AccessControlListService/AddEntries",
        "AccessControlListService/CreateAccessControlList",
        "AccessControlListService/DeleteAccessControlList",
        "AccessControlListService/RemoveEntries",
        "AccessControlListService/UpdateAccessControlList",
        "DeclarationService/Apply",
        "InventoryService/CreateServer",
        "InventoryService/DeleteServer",
        "InventoryService/UpdateServer",
        "LoadBalancerService/CreateListener",
        "LoadBalancerService/CreateLoadBalancer",
        "LoadBalancerService/DeleteListener",
        "LoadBalancerService/DeleteLoadBalancer",
        "LoadBalancerService/UpdateListener",
        "LoadBalancerService/UpdateLoadBalancer",
        "ServerGroupService/AddServers",
        "ServerGroupService/CreateServerGroup",
        "ServerGroupService/DeleteServerGroup",
        "ServerGroupService/RemoveServers",
        "ServerGroupService/ReplaceServers",
        "ServerGroupService/SetServerWeights",
        "ServerGroupService/UpdateServerGroup",
    },
}


def all_methods() -> Iterator[str]:
    """Yield ``Service/Method`` of the whole package, from its files."""
    for module in pkgutil.iter_modules(xdpair.api.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"xdpair.api.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                yield from (f"{service.name}/{method.name}" for method in service.methods)


def test_every_method_takes_the_role_that_was_decided() -> None:
    roles = {method: required_role(f"/xdpair.api.v1.{method}") for method in all_methods()}
    assert roles == {method: role for role, methods in EXPECTED.items() for method in methods}
    assert len(roles) > 30


@pytest.mark.parametrize(
    ("method", "role"),
    [
        ("/grpc.health.v1.Health/Check", None),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Role.VIEWER),
        ("/xdpair.api.v1.SystemService/ExplainPacket", Role.VIEWER),
        ("/xdpair.api.v1.SystemService/DiffConfig", Role.VIEWER),
        ("/xdpair.api.v1.SystemService/Explain", Role.VIEWER),
        ("/xdpair.api.v1.SystemService/Getaway", Role.ADMIN),
        ("/xdpair.api.v1.SystemService/HoldEverything", Role.ADMIN),
        ("/xdpair.api.v1.SystemService/", Role.ADMIN),
    ],
)
def test_role_by_name(method: str, role: Role | None) -> None:
    assert required_role(method) == role


# -- with a certificate ----------------------------------------------------------------------------


def look(client: Client) -> None:
    client.load_balancers.GetLoadBalancer(lb_pb.GetLoadBalancerRequest(name=LB))


def operate(client: Client) -> None:
    client.groups.Hold(group_pb.HoldRequest(name=GROUP))
    client.load_balancers.StopListener(lb_pb.StopListenerRequest(name=LISTENER))
    Calls(client).start_listener()


def change(client: Client) -> None:
    Calls(client).create_lb("lb-second", "192.0.2.11")


@pytest.fixture
def secured(tmp_path: Path, certificates: Path) -> Iterator[Controller]:
    """A controller with mutual TLS that balances something."""
    with Controller(tmp_path, "127.0.0.1:0", tls=tls_of(certificates)) as controller:
        Calls(controller.client).create_all()
        yield controller


def address_of(controller: Controller) -> str:
    return f"127.0.0.1:{controller.server.tcp_port}"


ALLOWED = [
    ("viewer", look),
    ("operator", look),
    ("operator", operate),
    ("admin", look),
    ("admin", operate),
    ("admin", change),
]
DENIED = [
    ("viewer", operate, "operator"),
    ("viewer", change, "admin"),
    ("operator", change, "admin"),
]


@pytest.mark.parametrize(("role", "act"), ALLOWED)
def test_a_role_that_is_enough(
    secured: Controller, certificates: Path, role: str, act: Callable[[Client], None]
) -> None:
    with Client(address_of(secured), credentials_of(role, certificates)) as client:
        act(client)


@pytest.mark.parametrize(("role", "act", "needed"), DENIED)
def test_a_role_that_is_too_low(
    secured: Controller, certificates: Path, role: str, act: Callable[[Client], None], needed: str
) -> None:
    with (
        Client(address_of(secured), credentials_of(role, certificates)) as client,
        refused(grpc.StatusCode.PERMISSION_DENIED, "Forbidden.RAM") as refusal,
    ):
        act(client)
    assert refusal.metadata == {"role": role, "needed": needed}
    assert f"takes the role {needed}, {role} is {role}" in refusal.message
    assert list(secured.app.desired.load_balancers) == ["lb-web"]


def test_a_viewer_may_watch(secured: Controller, certificates: Path) -> None:
    secured.client.groups.Switchover(group_pb.SwitchoverRequest(name=GROUP))
    with Client(address_of(secured), credentials_of("viewer", certificates)) as client:
        events = client.events.WatchEvents(event_pb.WatchEventsRequest(after_seq=0))
        assert next(events).seq == 1
        events.cancel()


def test_health_and_reflection_over_tls(secured: Controller, certificates: Path) -> None:
    viewer = credentials_of("viewer", certificates).for_channel()
    with grpc.secure_channel(address_of(secured), viewer) as channel:
        assert is_serving(channel)
        assert "xdpair.api.v1.EventService" in services(channel)


def is_serving(channel: grpc.Channel) -> bool:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = stub.Check(health_pb2.HealthCheckRequest())
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def services(channel: grpc.Channel) -> set[str]:
    return set(ProtoReflectionDescriptorDatabase(channel).get_services())


# -- who does not even connect ---------------------------------------------------------------------


@contextmanager
def not_connected() -> Iterator[None]:
    """Expect that a call never reaches the controller."""
    with pytest.raises(grpc.RpcError) as caught:
        yield
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert not caught.value.trailing_metadata()


def test_without_a_certificate_nobody_connects(secured: Controller, certificates: Path) -> None:
    with (
        Client(address_of(secured), Credentials(ca=certificates / "ca.crt")) as client,
        not_connected(),
    ):
        look(client)


def test_a_certificate_of_another_ca_does_not_count(
    secured: Controller, certificates: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    make_callers(other)
    admin = credentials_of("admin", other, ca_folder=certificates)
    with Client(address_of(secured), admin) as client, not_connected():
        look(client)


def test_a_controller_of_another_ca_is_not_trusted(
    secured: Controller, certificates: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    make_callers(other)
    admin = credentials_of("admin", certificates, ca_folder=other)
    with Client(address_of(secured), admin) as client, not_connected():
        look(client)


def test_plaintext_is_refused(secured: Controller) -> None:
    with grpc.insecure_channel(address_of(secured)) as channel, not_connected():
        is_serving(channel)


# -- what certificates say -------------------------------------------------------------------------


def test_a_certificate_without_a_role_is_nobody(tmp_path: Path, certificates: Path) -> None:
    callers = tmp_path / "callers"
    make_callers(callers)
    tls = TlsConfig(certificates / "server.crt", certificates / "server.key", callers / "ca.crt")
    with Controller(tmp_path, "127.0.0.1:0", tls=tls) as controller:
        address = address_of(controller)
        nobody = credentials_of("nobody", callers, ca_folder=certificates)
        with (
            Client(address, nobody) as client,
            refused(grpc.StatusCode.UNAUTHENTICATED, "InvalidAccessKeyId.NotFound"),
        ):
            look(client)
        with grpc.secure_channel(address, nobody.for_channel()) as channel:
            assert is_serving(channel)
        admin = credentials_of("admin", callers, ca_folder=certificates)
        with Client(address, admin) as client:
            change(client)


def make_callers(folder: Path) -> None:
    """Make a CA, an admin, and somebody without a role."""
    folder.mkdir()
    ca = Authority()
    (folder / "ca.crt").write_bytes(ca.certificate.public_bytes(Encoding.PEM))
    for name, uri in (("admin", "xdpair://role/admin"), ("nobody", "xdpair://role/emperor")):
        certificate, key = ca.issue(
            name, [x509.UniformResourceIdentifier(uri)], ExtendedKeyUsageOID.CLIENT_AUTH
        )
        (folder / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.key").write_bytes(pem)


@pytest.mark.parametrize(
    ("certificate", "caller"),
    [
        ({}, None),
        ({"x509_common_name": [b"alice"]}, None),
        ({"peer_uri": [b"xdpair://role/viewer"]}, None),
        (
            {"x509_common_name": [b"alice"], "peer_uri": [b"xdpair://role/viewer"]},
            Caller("alice", Role.VIEWER),
        ),
        (
            {"peer_dns": [b"a.example", b"b.example"], "peer_uri": [b"xdpair://role/operator"]},
            Caller("a.example", Role.OPERATOR),
        ),
        (
            {
                "x509_common_name": [b"alice"],
                "peer_dns": [b"a.example"],
                "peer_uri": [b"x://y", b"xdpair://role/admin", b"xdpair://role/viewer"],
            },
            Caller("alice", Role.ADMIN),
        ),
        ({"x509_common_name": [b"alice"], "peer_uri": [b"xdpair://role/root"]}, None),
        ({"x509_common_name": [b"alice"], "peer_uri": [b"https://role/admin"]}, None),
        ({"x509_common_name": [b"xdpair://role/admin"], "peer_dns": [b"a"]}, None),
    ],
)
def test_whom_a_certificate_names(
    certificate: dict[str, list[bytes]], caller: Caller | None
) -> None:
    assert of_certificate(certificate) == caller


# -- tokens ----------------------------------------------------------------------------------------

TOKENS = {"operator": "s3cret-of-olga", "viewer": "s3cret-of-vera"}


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.touch(mode=0o600)
    lines = (f"{role} {role}s-name {sha256(token)}\n" for role, token in TOKENS.items())
    path.write_text("# who may call\n\n" + "".join(lines))
    return path


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def open_tls(tmp_path: Path, certificates: Path, token_file: Path) -> Iterator[Controller]:
    """A controller that asks for tokens, and for no certificates."""
    tls = tls_of(certificates, mutual=False)
    with Controller(tmp_path, "127.0.0.1:0", tls=tls, tokens=token_file) as controller:
        Calls(controller.client).create_all()
        yield controller


def with_token(certificates: Path, folder: Path, token: str) -> Credentials:
    path = folder / "my-token"
    path.write_text(token + "\n")
    return Credentials(ca=certificates / "ca.crt", token_file=path)


def test_a_token_is_as_good_as_a_certificate(
    open_tls: Controller, certificates: Path, tmp_path: Path
) -> None:
    olga = with_token(certificates, tmp_path, TOKENS["operator"])
    with Client(address_of(open_tls), olga) as client:
        look(client)
        operate(client)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "Forbidden.RAM") as refusal:
            change(client)
    assert "operators-name is operator" in refusal.message


@pytest.mark.parametrize("token", ["wrong", sha256(TOKENS["operator"]), TOKENS["operator"] + "x"])
def test_a_token_that_is_not_known(
    open_tls: Controller, certificates: Path, tmp_path: Path, token: str
) -> None:
    with (
        Client(address_of(open_tls), with_token(certificates, tmp_path, token)) as client,
        refused(grpc.StatusCode.UNAUTHENTICATED, "InvalidAccessKeyId.NotFound"),
    ):
        look(client)


@pytest.mark.parametrize(
    "authorizations",
    [
        [],
        [TOKENS["operator"]],
        ["Basic " + TOKENS["operator"]],
        ["Bearer"],
        ["Bearer " + TOKENS["operator"], "Bearer " + TOKENS["viewer"]],
    ],
)
def test_no_token(open_tls: Controller, certificates: Path, authorizations: list[str]) -> None:
    metadata = [("authorization", value) for value in authorizations]
    with (
        Client(address_of(open_tls), Credentials(ca=certificates / "ca.crt")) as client,
        refused(grpc.StatusCode.UNAUTHENTICATED, "InvalidAccessKeyId.NotFound"),
    ):
        client.groups.Hold(group_pb.HoldRequest(name=GROUP), metadata=metadata)


def test_what_is_open_without_one(open_tls: Controller, certificates: Path) -> None:
    anonymous = Credentials(ca=certificates / "ca.crt")
    with grpc.secure_channel(address_of(open_tls), anonymous.for_channel()) as channel:
        assert is_serving(channel)
        with pytest.raises(grpc.RpcError) as caught:
            services(channel)
    assert refusal_of(caught.value).code is grpc.StatusCode.UNAUTHENTICATED
    with Client(address_of(open_tls), anonymous) as client:
        stream = client.events.WatchEvents(event_pb.WatchEventsRequest(after_seq=0))
        with refused(grpc.StatusCode.UNAUTHENTICATED, "InvalidAccessKeyId.NotFound"):
            next(stream)


def test_a_token_counts_rather_than_the_certificate(
    tmp_path: Path, certificates: Path, token_file: Path
) -> None:
    tls = tls_of(certificates)
    with (
        Controller(tmp_path, "127.0.0.1:0", tls=tls, tokens=token_file) as controller,
        Client(address_of(controller), credentials_of("admin", certificates)) as client,
    ):
        change(client)
        request = lb_pb.GetLoadBalancerRequest(name="loadBalancers/lb-second")
        get = client.load_balancers.GetLoadBalancer
        get(request, metadata=[("authorization", "Bearer " + TOKENS["viewer"])])
        with refused(grpc.StatusCode.UNAUTHENTICATED, "InvalidAccessKeyId.NotFound"):
            get(request, metadata=[("authorization", "Bearer wrong")])


def test_a_revoked_token_is_refused_at_once(
    open_tls: Controller, certificates: Path, token_file: Path, tmp_path: Path
) -> None:
    olga = with_token(certificates, tmp_path, TOKENS["operator"])
    with Client(address_of(open_tls), olga) as client:
        look(client)
        token_file.write_text(f"viewer somebody {sha256('another')}\n")
        with refused(grpc.StatusCode.UNAUTHENTICATED, "InvalidAccessKeyId.NotFound"):
            look(client)
        token_file.write_text(f"viewer olga {sha256(TOKENS['operator'])}\n")
        look(client)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "Forbidden.RAM"):
            operate(client)


# -- what a controller does not start with ---------------------------------------------------------


def test_a_token_file_for_all_to_read(tmp_path: Path, certificates: Path, token_file: Path) -> None:
    token_file.chmod(0o640)
    controller = Controller(tmp_path, tls=tls_of(certificates), tokens=token_file)
    with pytest.raises(ConfigError, match=r"tokens: others may use it \(mode 0640\)"), controller:
        pass


@pytest.mark.parametrize(
    ("spoilt", "content", "message"),
    [
        ("server.crt", None, "No such file"),
        ("server.crt", b"nonsense", "server.crt: .*PEM"),
        ("server.key", b"", "server.crt: .*PEM"),
        ("ca.crt", b"nonsense", "ca.crt: "),
        ("server.key", "viewer.key", "server.crt: .*MISMATCH"),
    ],
)
def test_tls_files_that_are_wrong(
    tmp_path: Path, certificates: Path, spoilt: str, content: bytes | str | None, message: str
) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    for path in certificates.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    if isinstance(content, str):
        content = (folder / content).read_bytes()
    if content is None:
        (folder / spoilt).unlink()
    else:
        (folder / spoilt).write_bytes(content)
    controller = Controller(tmp_path, "127.0.0.1:0", tls=tls_of(folder))
    with pytest.raises(ConfigError, match=message), controller:
        pass
