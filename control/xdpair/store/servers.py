# SPDX-License-Identifier: Apache-2.0
"""How the inventory is written down; see ``resources`` for the manner."""

from __future__ import annotations

from xdpair.core.model import Server
from xdpair.store.document import Document, Json


def server_to(server: Server) -> Json:
    return {
        "server_id": server.server_id,
        "address": str(server.address),
        "description": server.description,
        "tags": dict(server.tags),
    }


def server_from(value: object) -> Server:
    with Document("server", value) as fields:
        return Server(
            server_id=fields.text("server_id"),
            address=fields.address("address"),
            description=fields.text("description"),
            tags=fields.texts_by_name("tags"),
        )
