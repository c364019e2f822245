# SPDX-License-Identifier: Apache-2.0
"""The connection to the controller, and what its errors mean to a shell."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from xdpair.api.v1.access_control_list_service_pb2_grpc import AccessControlListServiceStub
from xdpair.api.v1.declaration_service_pb2_grpc import DeclarationServiceStub
from xdpair.api.v1.event_service_pb2_grpc import EventServiceStub
from xdpair.api.v1.explain_service_pb2_grpc import ExplainServiceStub
from xdpair.api.v1.inventory_service_pb2_grpc import InventoryServiceStub
from xdpair.api.v1.load_balancer_service_pb2_grpc import LoadBalancerServiceStub
from xdpair.api.v1.server_group_service_pb2_grpc import ServerGroupServiceStub
from xdpair.api.v1.system_service_pb2_grpc import SystemServiceStub
from xdpair.cli.token import TokenInterceptor

DEFAULT_SOCKET = "unix:/run/xdpair/api.sock"
_PAGE_SIZE = 1000
_TIMEOUT_S = 30
_DECLARATION_TIMEOUT_S = 300  # for tens of thousands of resources
_ANSWER_OCTETS = 64 * 2**20

EXIT_OK, EXIT_ERROR, EXIT_USAGE = 0, 1, 2
EXIT_INTERRUPTED = 130  # as shells have it for SIGINT
EXIT_UNREACHABLE, EXIT_NOT_FOUND, EXIT_PRECONDITION, EXIT_DIFFERENT = 3, 4, 5, 6

_EXITS = {
    grpc.StatusCode.NOT_FOUND: EXIT_NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION: EXIT_PRECONDITION,
}

#: Every call has a deadline, but for the one that is meant to last.
_SERVICE_CONFIG = {
    "methodConfig": [
        {"name": [{}], "timeout": f"{_TIMEOUT_S}s"},
        {
            "name": [{"service": "xdpair.api.v1.DeclarationService"}],
            "timeout": f"{_DECLARATION_TIMEOUT_S}s",
        },
        {"name": [{"service": "xdpair.api.v1.EventService", "method": "WatchEvents"}]},
    ]
}


_OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", _ANSWER_OCTETS),
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
]


class BadCredentials(Exception):
    """A file that the connection needs can not be used; the message says which."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files for a TCP connection, which is TLS always.

    Attributes:
        ca: certificates of whom the controller's own is trusted; None: those that gRPC brings.
        certificate, key: the caller's own; None: it has a token.
        token_file: holds nothing but a token.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token_file: Path | None = None

    def for_channel(self) -> grpc.ChannelCredentials:
        """Read the files for TLS.

        Raises:
            BadCredentials: one can not be read, or is missing.
        """
        if (self.certificate is None) != (self.key is None):
            raise BadCredentials("a certificate and its key are given together")
        return grpc.ssl_channel_credentials(
            _content(self.ca), _content(self.key), _content(self.certificate)
        )

    def token(self) -> str | None:
        """Read the token, if there is to be one.

        Raises:
            BadCredentials: the file can not be read, or holds something else.
        """
        token = _content(self.token_file)
        if token is None:
            return None
        try:
            words = token.decode("ascii").split()
        except UnicodeDecodeError:
            words = []
        if len(words) != 1:
            raise BadCredentials(f"{self.token_file} must hold one token")
        return words[0]


_NO_CREDENTIALS = Credentials()


class Client:
    """Stubs of all services. Calls raise ``grpc.RpcError``.

    Args:
        address: ``unix:/path``, ``/path`` or ``host:port``.
        credentials: for ``host:port``; a unix socket needs none.

    Raises:
        BadCredentials: they can not be used.
    """

    def __init__(self, address: str, credentials: Credentials = _NO_CREDENTIALS) -> None:
        self.address = f"unix:{address}" if address.startswith(("/", ".")) else address
        if self.address.startswith("unix:"):
            token = None
            self._channel = grpc.insecure_channel(self.address, _OPTIONS)
        else:
            tls, token = credentials.for_channel(), credentials.token()
            self._channel = grpc.secure_channel(self.address, tls, _OPTIONS)
        channel = self._channel
        if token is not None:
            channel = grpc.intercept_channel(channel, TokenInterceptor(token))
        self.load_balancers = LoadBalancerServiceStub(channel)
        self.groups = ServerGroupServiceStub(channel)
        self.acls = AccessControlListServiceStub(channel)
        self.declarations = DeclarationServiceStub(channel)
        self.inventory = InventoryServiceStub(channel)
        self.events = EventServiceStub(channel)
        self.system = SystemServiceStub(channel)
        self.explain = ExplainServiceStub(channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._channel.close()


def _content(file: Path | None) -> bytes | None:
    try:
        return file.read_bytes() if file else None
    except OSError as error:
        raise BadCredentials(f"{file}: {error.strerror}") from error


def all_pages(method: Callable[[Any], Any], request: Any, field: str) -> Iterator[Any]:
    """Yield the items of every page of a List method.

    Args:
        request: its ``page_size`` and ``page_token`` are set here.
        field: where the response has its items.
    """
    request.page_size = _PAGE_SIZE
    while True:
        response = method(request)
        yield from getattr(response, field)
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token


def is_unreachable(error: grpc.RpcError) -> bool:
    """Whether it was not the controller that answered."""
    code = error.code()
    return code is grpc.StatusCode.DEADLINE_EXCEEDED or (
        code is grpc.StatusCode.UNAVAILABLE and _reason(error) == ""
    )


def explain(error: grpc.RpcError, address: str) -> tuple[int, str]:
    """Return an exit status and words for people."""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return EXIT_UNREACHABLE, f"no answer from {address} in time"
    if is_unreachable(error):
        return EXIT_UNREACHABLE, f"cannot reach {address}: {_why_unreachable(address, error)}"
    reason = _reason(error) or error.code().name
    return _EXITS.get(error.code(), EXIT_ERROR), f"{error.details()} [{reason}]"


def _why_unreachable(address: str, error: grpc.RpcError) -> str:
    if not address.startswith("unix:"):
        return str(error.details())
    path = address.removeprefix("unix:")
    if not os.path.lexists(path):
        return "no such socket; is `xdpair serve` running?"
    if not os.access(path, os.W_OK):
        return "permission denied; only the user that runs `xdpair serve` (root) may connect"
    return "nobody listens; is `xdpair serve` running?"


def _reason(error: grpc.RpcError) -> str:
    return str(error_info(error).reason)


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    """Return what the controller says of the error; empty if it was not the controller."""
    assert isinstance(error, grpc.Call)  # as all errors of calls are
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(info):
            break
    return info
