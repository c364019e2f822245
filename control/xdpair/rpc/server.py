# SPDX-License-Identifier: Apache-2.0
"""The gRPC server: where it listens and what it serves."""

from __future__ import annotations

import logging
import os
import socket
import stat
from ipaddress import ip_address
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from xdpair.api.v1 import (
    event_service_pb2,
    event_service_pb2_grpc,
    inventory_service_pb2,
    inventory_service_pb2_grpc,
    load_balancer_service_pb2,
    load_balancer_service_pb2_grpc,
    server_group_service_pb2,
    server_group_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)
from xdpair.core.errors import ConfigError
from xdpair.rpc.application import Application
from xdpair.rpc.changes import Changes
from xdpair.rpc.events import EventServicer
from xdpair.rpc.interceptor import ErrorInterceptor
from xdpair.rpc.inventory import InventoryServicer
from xdpair.rpc.load_balancers import LoadBalancerServicer
from xdpair.rpc.server_groups import ServerGroupServicer
from xdpair.rpc.system import SystemServicer

logger = logging.getLogger(__name__)

_PACKAGE = "xdpair.api.v1"
_SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (load_balancer_service_pb2, "LoadBalancerService"),
        (server_group_service_pb2, "ServerGroupService"),
        (inventory_service_pb2, "InventoryService"),
        (event_service_pb2, "EventService"),
        (system_service_pb2, "SystemService"),
    )
)
#: ``sockaddr_un.sun_path`` without the final NUL.
_SOCKET_PATH_OCTETS = 107


class ApiServer:
    """Serves the API, health and reflection.

    Args:
        app: answers the calls.
        unix_socket: made with mode 0600, so that only root, or who runs this, can connect. A
            socket left behind by a controller that is gone is replaced.
        listen: ``host:port`` for plaintext TCP, on loopback only; port 0: any. Empty: no TCP.
    """

    def __init__(self, app: Application, unix_socket: Path, listen: str = "") -> None:
        self._unix_socket = unix_socket
        self._listen = listen
        self._changes = Changes()
        self._events = EventServicer(app)
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            interceptors=[ErrorInterceptor(_PACKAGE)],
            # Without it, a second controller would share the TCP port instead of failing.
            options=[("grpc.so_reuseport", 0)],
        )
        #: The TCP port that is served, 0 if none.
        self.tcp_port = 0
        self._register(app)

    def _register(self, app: Application) -> None:
        server = self._server
        load_balancer_service_pb2_grpc.add_LoadBalancerServiceServicer_to_server(
            LoadBalancerServicer(app, self._changes), server
        )
        server_group_service_pb2_grpc.add_ServerGroupServiceServicer_to_server(
            ServerGroupServicer(app, self._changes), server
        )
        inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server(
            InventoryServicer(app, self._changes), server
        )
        event_service_pb2_grpc.add_EventServiceServicer_to_server(self._events, server)
        system_service_pb2_grpc.add_SystemServiceServicer_to_server(SystemServicer(app), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection(
            (*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server
        )

    async def start(self) -> None:
        """Listen, and serve from now on.

        Raises:
            ConfigError: an address can not be listened on.
        """
        tcp_address = _loopback_address(self._listen) if self._listen else ""
        self._bind_unix()
        if tcp_address:
            self.tcp_port = self._add_port(tcp_address)
        await self._server.start()
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

    def _add_port(self, address: str) -> int:
        try:
            return self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise ConfigError(f"can not listen on {address}: {error}", listen=address) from error


def _loopback_address(listen: str) -> str:
    """Return the address in numbers, or raise ``ConfigError`` if others could reach it."""
    host, _, port = listen.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            f"{listen} is not on loopback: without TLS, the API is served on a unix socket and on "
            "loopback only",
            listen=listen,
        )
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
