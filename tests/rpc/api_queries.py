# SPDX-License-Identifier: Apache-2.0
"""List requests: filters and pages, and what they must find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.rpc.api_plain import Plain
from tests.rpc.api_random import Drawn, a_list, mostly, pick
from tests.rpc.api_requests import LB_NAMES
from tests.rpc.api_values import LBS

_METHODS = {
    "load_balancers": "ListLoadBalancers",
    "listeners": "ListListeners",
    "server_groups": "ListServerGroups",
    "servers": "ListServers",
    "access_control_lists": "ListAccessControlLists",
}
_OWN: Mapping[str, tuple[str, ...]] = {
    "load_balancers": ("display_name", "address", "interface", "status"),
    "listeners": ("protocol", "port", "server_group", "description", "state"),
    "server_groups": ("display_name", "load_balancer", "kind"),
    "servers": ("address", "description"),
    "access_control_lists": ("display_name", "ip_version"),
}
_HAVE_PARENTS = ("listeners", "server_groups")
_VALUES: tuple[str, ...] = (
    "",
    "*",
    "a",
    "WEB",
    "active",
    "10.0.0.1",
    "80",
    "TCP",
    "WEIGHTED",
    "S",
    "LB",
    "db",
)
_VALUES += ("balancers", "groups/RSP", "lists")
BAD_FILTERS: tuple[str, ...] = (
    "=",
    "a",
    "id",
    "id =",
    "id = a b",
    "id = a OR id = b",
    "nope = a",
    'id = "a',
)
BAD_FILTERS += ("tags = a", "(id = a)", "id = a AND", "id : a AND AND", "name.x = a", "id = " * 500)


@dataclass(frozen=True)
class Restriction:
    """Attributes:
    field: of the resource; ``id``; ``tags``: of the tag ``key``.
    """

    field: str
    key: str
    operator: str
    value: str
    quoted: bool

    def __str__(self) -> str:
        left = f'tags."{self.key}"' if self.field == "tags" else self.field
        right = f'"{self.value}"' if self.quoted or not self.value else self.value
        return f"{left} {self.operator} {right}"

    def accepts(self, resource: Plain) -> bool:
        value = self._value_of(resource)
        if self.operator == "=":
            return value == self.value
        if self.operator == "!=":
            return value != self.value
        if self.value == "*" and not self.quoted:
            return bool(value) if self.field != "tags" else value is not None
        return value is not None and self.value.casefold() in value.casefold()

    def _value_of(self, resource: Plain) -> str | None:
        if self.field == "tags":
            tag: str | None = resource["tags"].get(self.key)
            return tag
        if self.field == "id":
            return str(resource["name"]).rpartition("/")[2]
        if self.field == "load_balancer" and "port" in resource:
            return str(resource["name"]).partition("/listeners/")[0]
        return str(resource[self.field])


@dataclass(frozen=True)
class Query:
    """Attributes:
    parent: a load balancer; empty: all.
    filter: restrictions, or text that is none.
    page_size: how many to ask for at a time.
    token: of the first request; not empty: it is a bad one.
    """

    kind: str
    parent: str
    filter: Sequence[Restriction] | str
    page_size: int
    token: str = ""

    @property
    def method(self) -> str:
        return _METHODS[self.kind]

    @property
    def is_legal(self) -> bool:
        """But for its parent."""
        return not isinstance(self.filter, str) and self.page_size >= 0 and not self.token

    def request(self) -> Plain:
        text = self.filter if isinstance(self.filter, str) else " AND ".join(map(str, self.filter))
        fields = {"filter": text, "page_size": self.page_size, "page_token": self.token}
        if self.kind == "listeners":
            return fields | {"parent": self.parent or "loadBalancers/-"}
        return fields | ({"load_balancer": self.parent} if self.kind == "server_groups" else {})

    def matches(self, resources: Mapping[str, Plain]) -> list[Plain]:
        """Return what must be found, in order."""
        assert not isinstance(self.filter, str)
        return [
            resource
            for resource in sorted(resources.values(), key=order_of(self.kind))
            if self._is_of_parent(resource)
            and all(restriction.accepts(resource) for restriction in self.filter)
        ]

    def _is_of_parent(self, resource: Plain) -> bool:
        owner = resource.get("load_balancer", str(resource["name"]).partition("/listeners/")[0])
        return self.parent in ("", owner)


def order_of(kind: str) -> Callable[[Plain], Any]:
    if kind != "listeners":
        return lambda resource: resource["name"]
    return lambda listener: (
        listener["name"].partition("/listeners/")[0],
        listener["protocol"],
        listener["port"],
    )


def everything(kind: str) -> Query:
    return Query(kind, "", (), 1000)


def _restriction(kind: str) -> Drawn[Restriction]:
    names = ("name", "id", *_OWN[kind], *(("load_balancer",) if kind == "listeners" else ()))

    def draw(random: Random) -> Restriction:
        key = random.choice(("", "", "team", "a b"))
        return Restriction(
            field="tags" if key else random.choice(names),
            key=key,
            operator=random.choice(("=", "!=", ":")),
            value=random.choice(_VALUES),
            quoted=random.random() < 0.5,
        )

    return draw


def queries(random: Random) -> Query:
    kind = random.choice(list(_METHODS))
    parent = random.choice(("", LBS[0], LB_NAMES(random)))
    has_parent = kind in _HAVE_PARENTS and parent != "loadBalancers/-"
    return Query(
        kind,
        parent if has_parent else "",
        mostly(a_list(_restriction(kind), 0, 2), *BAD_FILTERS)(random),
        mostly(pick(0, 1, 2, 3, 50, 10_000), -1, -(2**31))(random),
        mostly(pick(""), "x", "é", "W10=", "AAAA")(random),
    )
