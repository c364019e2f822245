# SPDX-License-Identifier: Apache-2.0
"""What resources ask of each other, for the model of the API."""

from __future__ import annotations

import grpc

from tests.rpc.api_plain import Plain
from tests.rpc.api_rules import EXHAUSTED, INVALID, Faults

NOT_FOUND = grpc.StatusCode.NOT_FOUND
EXISTS = grpc.StatusCode.ALREADY_EXISTS
PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
_HASHES = frozenset({"SCH", "TCH", "QCH"})


class Resources(dict[str, dict[str, Plain]]):
    """All resources, by kind and name."""

    def __init__(self) -> None:
        kinds = ("load_balancers", "listeners", "server_groups", "servers", "access_control_lists")
        super().__init__({kind: {} for kind in kinds})

    def listeners_of(self, lb: str) -> list[Plain]:
        return [one for name, one in self["listeners"].items() if name.startswith(f"{lb}/")]

    def users_of_group(self, group: str) -> list[Plain]:
        return [one for one in self["listeners"].values() if one["server_group"] == group]

    def users_of_acl(self, acl: str) -> list[Plain]:
        return [
            one
            for one in self["listeners"].values()
            if acl in one.get("acl", {}).get("access_control_lists", ())
        ]

    def groups_naming(self, server: str) -> list[Plain]:
        server_id = server.removeprefix("servers/")
        return [
            group
            for group in self["server_groups"].values()
            if any(
                member["server_id"] == server_id and not member["address"]
                for member in group["servers"]
            )
        ]

    # -- what a resource must be to fit the others -------------------------------------------------

    def misfits(self, kind: str, resource: Plain) -> Faults:
        """Return what is wrong with a resource that takes the place of the one of its name."""
        match kind:
            case "load_balancers":
                return self._of_load_balancer(resource)
            case "listeners":
                return self._of_listener(resource)
            case "server_groups":
                return self._of_group(resource)
            case "servers":
                return self._of_server(resource)
        return self._of_acl(resource)

    def _of_load_balancer(self, lb: Plain) -> Faults:
        faults = Faults()
        for name, other in self["load_balancers"].items():
            faults.need(name == lb["name"] or other["address"] != lb["address"], EXISTS)
        return faults

    def _of_listener(self, listener: Plain) -> Faults:
        faults = Faults()
        lb = listener["name"].partition("/listeners/")[0]
        group = self["server_groups"].get(listener["server_group"])
        if group is None:
            faults.add(NOT_FOUND)
        else:
            faults.need(group["load_balancer"] == lb)
            faults.need((group["kind"] == "DEFAULT") == (listener["server_port"] != 0))
        for name in listener.get("acl", {}).get("access_control_lists", ()):
            acl = self["access_control_lists"].get(name)
            faults.need(acl is not None, NOT_FOUND)
            faults.need(acl is None or acl["ip_version"] == "IPV4")
            others = {user["name"] for user in self.users_of_acl(name)} - {listener["name"]}
            faults.need(len(others) < 50, EXHAUSTED)
        old = self["listeners"].get(listener["name"])
        if old is None:
            faults.need(len(self.listeners_of(lb)) < 50, EXHAUSTED)
        elif group is not None and not self._may_follow(old, listener):
            faults.add(INVALID)
        return faults

    def _may_follow(self, old: Plain, new: Plain) -> bool:
        """Whether the scheduler may change like this; a pair has none."""
        before, after = (each["traffic_policy"]["scheduler"] for each in (old, new))
        kinds = (self["server_groups"][each["server_group"]]["kind"] for each in (old, new))
        return (
            before == after or not _HASHES & {before, after} or "PRIMARY_SECONDARY" in list(kinds)
        )

    def _of_group(self, group: Plain) -> Faults:
        faults = Faults()
        addresses = []
        for member in group["servers"]:
            known = self["servers"].get(f"servers/{member['server_id']}")
            faults.need(bool(member["address"]) or known is not None, NOT_FOUND)
            addresses.append(member["address"] or (known["address"] if known else ""))
        if group["kind"] == "PRIMARY_SECONDARY":
            where = zip(addresses, (member["port"] for member in group["servers"]), strict=True)
            faults.need(len(set(where)) == len(addresses))
        return faults

    def _of_server(self, server: Plain) -> Faults:
        faults = Faults()
        after = Resources()
        after["servers"] = self["servers"] | {server["name"]: server}
        for group in self.groups_naming(server["name"]):
            faults |= after._of_group(group)
        return faults

    def _of_acl(self, acl: Plain) -> Faults:
        faults = Faults()
        for name, other in self["access_control_lists"].items():
            faults.need(name == acl["name"] or other["display_name"] != acl["display_name"], EXISTS)
        return faults

    # -- what keeps a resource from being deleted --------------------------------------------------

    def holds(self, kind: str, name: str) -> bool:
        """Whether something wants it to stay."""
        match kind:
            case "load_balancers":
                return bool(self[kind][name]["delete_protection"])
            case "server_groups":
                is_default = self[kind][name]["kind"] == "DEFAULT"
                return is_default or bool(self.users_of_group(name))
            case "servers":
                return bool(self.groups_naming(name))
            case "access_control_lists":
                return bool(self.users_of_acl(name))
        return False

    def delete(self, kind: str, name: str) -> None:
        del self[kind][name]
        if kind == "load_balancers":
            for listener in self.listeners_of(name):
                del self["listeners"][listener["name"]]
            for group in list(self["server_groups"].values()):
                if group["load_balancer"] == name:
                    del self["server_groups"][group["name"]]
