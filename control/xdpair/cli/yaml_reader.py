# SPDX-License-Identifier: Apache-2.0
"""Reads a declaration file: what it declares, and where it says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import Node

from xdpair.api.v1.declaration_pb2 import Declaration
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.cli import yaml_schema as schema
from xdpair.cli.yaml_nodes import compose, find, line_of
from xdpair.cli.yaml_values import Read, list_reader, mapping_reader
from xdpair.core.model import default_group_id

#: What the API calls the place of a resource in a declaration: ``listeners[17]``.
_PLACE = re.compile(r"(\w+)\[([0-9]+)\]")

#: Values of one resource, and the node that they come from.
_Located = tuple[dict[str, Any], Node]


@dataclass(slots=True)
class Document:
    """What a file declares.

    Attributes:
        places: field of the declaration -> for each resource there its path in the file, and its
            node.
    """

    declaration: Declaration = field(default_factory=Declaration)
    places: dict[str, list[tuple[str, Node]]] = field(default_factory=dict)

    def add(self, where: str, path: str, node: Node, values: dict[str, Any]) -> None:
        getattr(self.declaration, where).add(**values)
        self.places.setdefault(where, []).append((path, node))

    def locate(self, place: str, field: str) -> tuple[str, int]:
        """Return the path in the file, and the line, of what the API calls by its place in the
        declaration; line 0: it is not in the file.

        Args:
            place: of a resource, such as ``listeners[17]``.
            field: of the resource, such as ``health_check.interval``; empty: none. One that is not
                in the file is left out.
        """
        match = _PLACE.fullmatch(place)
        known = self.places.get(match[1], []) if match else []
        if match is None or int(match[2]) >= len(known):
            return place, 0
        path, node = known[int(match[2])]
        inner = find(node, field) if field else None
        return (path, line_of(node)) if inner is None else (f"{path}.{field}", line_of(inner))


def read(text: str) -> Document:
    """Read a whole file.

    Raises:
        FileError: it does not have the form of a declaration. Whether what is declared is possible
            is not asked here.
    """
    values = _READ_FILE(compose(text))
    document = Document()
    for index, located in enumerate(values.get("load_balancers") or ()):
        _add_load_balancer(document, f"load_balancers[{index}]", located)
    for key, collection in (
        ("servers", "servers/"),
        ("access_control_lists", "accessControlLists/"),
    ):
        for index, (resource, node) in enumerate(values.get(key) or ()):
            resource["name"] = collection + resource.pop(schema.ID)
            document.add(key, f"{key}[{index}]", node, resource)
    return document


def _add_load_balancer(document: Document, path: str, located: _Located) -> None:
    lb, node = located
    lb_id = lb.pop(schema.ID)
    name = lb["name"] = f"loadBalancers/{lb_id}"
    groups, listeners = lb.pop("server_groups", None), lb.pop("listeners", None)
    default_group = lb.pop("default_group", None)
    document.add("load_balancers", path, node, lb)
    if default_group is not None:
        group, node = default_group
        group |= {
            "name": f"serverGroups/{default_group_id(lb_id)}",
            "load_balancer": name,
            "kind": ServerGroup.DEFAULT,
        }
        document.add("server_groups", f"{path}.default_group", node, group)
    for index, (group, node) in enumerate(groups or ()):
        group["name"] = f"serverGroups/{group.pop(schema.ID)}"
        group["load_balancer"] = name
        document.add("server_groups", f"{path}.server_groups[{index}]", node, group)
    for index, (listener, node) in enumerate(listeners or ()):
        protocol = Listener.Protocol.Name(listener["protocol"]).lower()
        listener["name"] = f"{name}/listeners/{protocol}-{listener['port']}"
        document.add("listeners", f"{path}.listeners[{index}]", node, listener)


def _located(read: Callable[[Node], dict[str, Any]]) -> Read:
    def located(node: Node) -> _Located:
        return read(node), node

    return located


def _resources(shape: schema.Shape, **more: Read) -> Read:
    return list_reader(_located(mapping_reader(shape, more)))


_READ_FILE = mapping_reader(
    schema.Shape({}, ()),
    {
        "load_balancers": _resources(
            schema.LOAD_BALANCER,
            server_groups=_resources(schema.SERVER_GROUP),
            default_group=_located(mapping_reader(schema.DEFAULT_GROUP)),
            listeners=_resources(schema.LISTENER),
        ),
        "servers": _resources(schema.SERVER),
        "access_control_lists": _resources(schema.ACCESS_CONTROL_LIST),
    },
)
