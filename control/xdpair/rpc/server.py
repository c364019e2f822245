# SPDX-License-Identifier: Apache-2.0
"""The gRPC server: where it listens and what it serves."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import stat
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from xdpair.api.v1 import (
    access_control_list_service_pb2,
    access_control_list_service_pb2_grpc,
    declaration_service_pb2,
    declaration_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    explain_service_pb2,
    explain_service_pb2_grpc,
    inventory_service_pb2,
    inventory_service_pb2_grpc,
    load_balancer_service_pb2,
    load_balancer_service_pb2_grpc,
    server_group_service_pb2,
    server_group_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)
from xdpair.audit import AuditLog
from xdpair.config import TlsConfig
from xdpair.core.errors import ConfigError
from xdpair.rpc import rules
from xdpair.rpc.access import Authenticator, TokenFile
from xdpair.rpc.acls import AccessControlListServicer
from xdpair.rpc.application import Application
from xdpair.rpc.audit_interceptor import AuditInterceptor
from xdpair.rpc.changes import Changes
from xdpair.rpc.declarations import DeclarationServicer
from xdpair.rpc.events import EventServicer
from xdpair.rpc.explain import ExplainServicer
from xdpair.rpc.interceptor import ErrorInterceptor
from xdpair.rpc.inventory import InventoryServicer
from xdpair.rpc.load_balancers import LoadBalancerServicer
from xdpair.rpc.server_groups import ServerGroupServicer
from xdpair.rpc.system import SystemServicer
from xdpair.rpc.unsupported import UnsupportedMethods
from xdpair.rpc.writer import Writer

logger = logging.getLogger(__name__)

_SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (load_balancer_service_pb2, "LoadBalancerService"),
        (server_group_service_pb2, "ServerGroupService"),
        (inventory_service_pb2, "InventoryService"),
        (access_control_list_service_pb2, "AccessControlListService"),
        (declaration_service_pb2, "DeclarationService"),
        (event_service_pb2, "EventService"),
        (system_service_pb2, "SystemService"),
        (explain_service_pb2, "ExplainService"),
    )
)
#: The most that a request may have; a declaration of 10,000 listeners has 2 million.
_REQUEST_OCTETS = 64 * 2**20
#: ``sockaddr_un.sun_path`` without the final NUL.
_SOCKET_PATH_OCTETS = 107


class ApiServer:
    """Serves the API, health and reflection.

    Args:
        app: answers the calls.
        unix_socket: made with mode 0600, so that only root, or who runs this, can connect. A
            socket left behind by a controller that is gone is replaced.
        audit_log: gets every call that may change something.
        listen: ``host:port`` for TCP, with TLS; port 0: any. Empty: no TCP.
        tls: what TLS takes.
        tokens: the token file, if there is one.
    """

    def __init__(
        self,
        app: Application,
        unix_socket: Path,
        audit_log: AuditLog,
        listen: str = "",
        tls: TlsConfig | None = None,
        tokens: Path | None = None,
    ) -> None:
        self._unix_socket = unix_socket
        self._listen = listen
        self._tls = tls
        self._tokens = TokenFile(tokens) if tokens else None
        self._changes = Changes()
        self._events = EventServicer(app)
        self._health = health.aio.HealthServicer()
        gate = AuditInterceptor(Authenticator(self._tokens), audit_log, self._changes)
        self._server = grpc.aio.server(
            interceptors=[ErrorInterceptor(), gate],
            options=[
                # Without it, a second controller would share the TCP port instead of failing.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", _REQUEST_OCTETS),
            ],
        )
        self._warming_up: asyncio.Task[None] | None = None
        #: The TCP port that is served, 0 if none.
        self.tcp_port = 0
        self._register(app)

    def _register(self, app: Application) -> None:
        server, writer = self._server, Writer(app, self._changes)
        load_balancer_service_pb2_grpc.add_LoadBalancerServiceServicer_to_server(
            LoadBalancerServicer(app, writer), server
        )
        server_group_service_pb2_grpc.add_ServerGroupServiceServicer_to_server(
            ServerGroupServicer(app, writer), server
        )
        inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server(
            InventoryServicer(app, writer), server
        )
        access_control_list_service_pb2_grpc.add_AccessControlListServiceServicer_to_server(
            AccessControlListServicer(app, writer), server
        )
        declaration_service_pb2_grpc.add_DeclarationServiceServicer_to_server(
            DeclarationServicer(app, writer), server
        )
        event_service_pb2_grpc.add_EventServiceServicer_to_server(self._events, server)
        system_service_pb2_grpc.add_SystemServiceServicer_to_server(SystemServicer(app), server)
        explain_service_pb2_grpc.add_ExplainServiceServicer_to_server(ExplainServicer(app), server)
        server.add_generic_rpc_handlers((UnsupportedMethods(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection(
            (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server
        )

    async def start(self) -> None:
        """Listen, and serve from now on.

        Raises:
            ConfigError: an address can not be listened on, or a certificate, key or token file is
                missing or wrong.
        """
        if self._tokens:
            self._tokens.load()
        credentials = _credentials(self._tls) if self._listen else None
        self._bind_unix()
        if credentials:
            self.tcp_port = self._add_port(self._listen, credentials)
        await self._server.start()
        self._warming_up = asyncio.create_task(asyncio.to_thread(rules.warm_up))
        for service in ("", *_SERVICES):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        logger.info("serving gRPC on unix:%s %s", self._unix_socket, self._listen)

    async def stop(self, grace_s: float = 1.0) -> None:
        """Refuse new calls, end streams, and finish what was begun.

        Args:
            grace_s: how long calls may go on. A change that takes longer is finished all the same,
                only its caller does not learn the result.
        """
        await self._health.enter_graceful_shutdown()
        self._events.close()
        await self._server.stop(grace_s)
        await self._changes.finish()
        if self._warming_up:
            await self._warming_up

    def _bind_unix(self) -> None:
        path = self._unix_socket
        if len(os.fsencode(path)) > _SOCKET_PATH_OCTETS:
            raise ConfigError(f"the socket's path is too long: {path}", path=path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _require_unused(path)
        except OSError as error:
            raise ConfigError(f"can not listen on unix:{path}: {error}", path=path) from None
        umask = os.umask(0o177)  # the socket is never open to others, not even for a moment
        try:
            self._add_port(f"unix:{path}")
        finally:
            os.umask(umask)

    def _add_port(self, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
        try:
            if credentials is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise ConfigError(f"can not listen on {address}: {error}", listen=address) from error


def _credentials(tls: TlsConfig | None) -> grpc.ServerCredentials:
    """Read what TLS takes; gRPC itself would not say what is wrong with it."""
    if tls is None or tls.certificate is None or tls.key is None:
        raise ConfigError("TCP only with TLS: api.tls.certificate and api.tls.key are missing")
    file = tls.certificate
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key, password="")
        pair = tls.key.read_bytes(), tls.certificate.read_bytes()
        if tls.client_ca is None:
            return grpc.ssl_server_credentials([pair])
        file = tls.client_ca
        context.load_verify_locations(tls.client_ca)
        return grpc.ssl_server_credentials([pair], tls.client_ca.read_bytes(), True)
    except OSError as error:  # an SSLError is one
        raise ConfigError(f"TLS: {file}: {error}", file=file) from error


def _require_unused(path: Path) -> None:
    """Make sure that nobody serves there; gRPC itself removes what a dead server left."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{path} exists and is not a socket", path=path)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
    raise ConfigError(f"another controller serves on {path}", path=path)
