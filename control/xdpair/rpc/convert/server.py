# SPDX-License-Identifier: Apache-2.0
"""``Server``: an entry of the inventory."""

from __future__ import annotations

from xdpair.api.v1 import server_pb2 as pb
from xdpair.core.model import Server
from xdpair.rpc import names
from xdpair.rpc.convert.scalars import address_from_pb
from xdpair.rpc.updates import etag_of


def server_from_pb(server_id: str, message: pb.Server) -> Server:
    """Raises ``InvalidInput``."""
    return Server(
        server_id=server_id,
        address=address_from_pb(message.address, "address"),
        description=message.description,
        tags=dict(message.tags),
    )


def server_to_pb(server: Server) -> pb.Server:
    message = pb.Server(
        name=names.server_name(server.server_id),
        address=str(server.address),
        description=server.description,
        tags=server.tags,
    )
    message.etag = etag_of(message)
    return message
