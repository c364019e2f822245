# SPDX-License-Identifier: Apache-2.0
"""The API as a few dictionaries: which requests must succeed, and what they leave behind.

Of a request that must not, the model says which status codes are right: one for each rule that is
broken, since which rule is looked at first is nobody's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from tests.rpc import api_members, api_rules
from tests.rpc.api_defaults import canonical, filled, members_of
from tests.rpc.api_plain import Plain
from tests.rpc.api_references import EXISTS, NOT_FOUND, PRECONDITION, Resources
from tests.rpc.api_rules import INVALID, UNIMPLEMENTED, Codes, Faults, is_name
from tests.rpc.api_slots import Slots
from tests.rpc.api_updates import NoUpdate, updated

ABORTED = grpc.StatusCode.ABORTED
LISTENER = re.compile(r"loadBalancers/[^/]+/listeners/(tcp|udp)-[1-9][0-9]{0,4}")
_OPERATIONS = frozenset({"Switchover", "Failback", "Hold", "Release"})
_MEMBER_CHANGES = frozenset({"AddServers", "RemoveServers", "ReplaceServers", "SetServerWeights"})


@dataclass(frozen=True)
class Kind:
    """Attributes:
    name: of the field of a List response, and of the kind in ``Resources``.
    field: of requests.
    """

    name: str
    field: str
    collection: str
    id: re.Pattern[str]
    faults: Callable[[Plain], Faults]

    @property
    def word(self) -> str:
        """As in methods."""
        return self.field.title().replace("_", "")


def _id(prefix: str) -> re.Pattern[str]:
    return re.compile(rf"{prefix}-[a-z0-9][a-z0-9-]{{0,58}}")


_SERVER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._]{0,62}")
KINDS = (
    Kind("load_balancers", "load_balancer", "loadBalancers", _id("lb"), api_rules.of_load_balancer),
    Kind("listeners", "listener", "", re.compile(""), api_rules.of_listener),
    Kind("server_groups", "server_group", "serverGroups", _id("rsp"), api_rules.of_group),
    Kind("servers", "server", "servers", _SERVER_ID, api_rules.of_server),
    Kind(
        "access_control_lists",
        "access_control_list",
        "accessControlLists",
        _id("acl"),
        api_rules.of_acl,
    ),
)
_BY_WORD = {kind.word: kind for kind in KINDS}


@dataclass
class Verdict:
    """Attributes:
    codes: one of them must come; none: the request must succeed.
    effect: what it does then, told the answer.
    is_untimely: the request is wrong for what is there only.
    """

    codes: Codes
    effect: Callable[[Plain], None] = field(default=lambda _answer: None)
    is_untimely: bool = False


class Model:
    """Attributes:
    etags: of all resources, as they were seen last.
    created: names of resources, until somebody has seen them.
    """

    def __init__(self) -> None:
        self.resources = Resources()
        self.slots = Slots(self.resources)
        self.etags: dict[str, str] = {}
        self.created: set[str] = set()
        self._requests: dict[str, tuple[str, Plain, str]] = {}

    def judge(self, method: str, request: Plain) -> Verdict:
        if method in _OPERATIONS:
            return self._operate(method, request)
        if method in _MEMBER_CHANGES:
            return self._change_members(method, request)
        if method in {"AddEntries", "RemoveEntries"}:
            return self._change_entries(method, request)
        if method == "GetHealthStatus":
            return self._health(request)
        verb, word = re.fullmatch("([A-Z][a-z]+)(.+)", method).groups()  # type: ignore[union-attr]
        kind = _BY_WORD[word]
        match verb:
            case "Create":
                return self._create_once(method, kind, request)
            case "Update":
                return self._update(kind, request)
            case "Delete":
                return self._delete(kind, request)
            case "Get":
                return Verdict(self._faults_of_name(kind, request["name"]))
        state = {"Start": "RUNNING", "Stop": "STOPPED"}[verb]
        return self._set_state(kind, request["name"], state)

    # -- creation ----------------------------------------------------------------------------------

    def _create_once(self, method: str, kind: Kind, request: Plain) -> Verdict:
        request_id = request["request_id"]
        verdict = self._create(kind, request)
        if not re.fullmatch("[!-~]{0,64}", request_id):
            verdict.codes.add(INVALID)
        if request_id in self._requests:
            *first, name = self._requests[request_id]
            if first != [method, request]:
                return Verdict(verdict.codes | {INVALID})
            return Verdict(set() if name in self.resources[kind.name] else {NOT_FOUND})
        effect = verdict.effect

        def remember(answer: Plain) -> None:
            effect(answer)
            if request_id:
                self._requests[request_id] = (method, request, answer["name"])

        return Verdict(verdict.codes, remember, verdict.is_untimely)

    def _create(self, kind: Kind, request: Plain) -> Verdict:
        if kind.field not in request:
            return Verdict({INVALID, NOT_FOUND} if kind.name == "listeners" else {INVALID})
        codes, name = self._name_to_be(kind, request)
        resource = filled(kind.name, name, request[kind.field] | {"state": ""})
        codes |= kind.faults(resource)
        is_legal = not codes
        codes |= self.resources.misfits(kind.name, resource)
        if name in self.resources[kind.name]:
            codes.add(EXISTS)
        if kind.name == "server_groups":
            lb = resource["load_balancer"]
            codes |= self._faults_of_name(_BY_WORD["LoadBalancer"], lb)
            codes |= {INVALID} if resource["kind"] == "DEFAULT" else set()

        def create(answer: Plain) -> None:
            made = resource | {"name": answer["name"]}
            self.resources[kind.name][made["name"]] = made
            self.created.add(made["name"])
            if kind.name == "load_balancers":
                group = "serverGroups/rsp-default-" + made["name"].partition("/lb-")[2]
                said = {"load_balancer": made["name"], "kind": "DEFAULT"}
                self.resources["server_groups"][group] = filled("server_groups", group, said)
                self.created.add(group)

        return Verdict(codes, create, is_untimely=is_legal and bool(codes))

    def _name_to_be(self, kind: Kind, request: Plain) -> tuple[Faults, str]:
        """Return the name as far as it is known, and what is wrong with the id."""
        faults = Faults()
        if kind.name == "listeners":
            faults |= self._faults_of_name(_BY_WORD["LoadBalancer"], request["parent"])
            listener = request["listener"]
            protocol = str(listener["protocol"]).lower()
            return faults, f"{request['parent']}/listeners/{protocol}-{listener['port']}"
        given = request[f"{kind.field}_id"]
        faults.need(bool(kind.id.fullmatch(given)) or (not given and kind.name != "servers"))
        faults.need(not given.startswith("rsp-default-"))
        return faults, f"{kind.collection}/{given}"

    # -- changes -----------------------------------------------------------------------------------

    def _update(self, kind: Kind, request: Plain) -> Verdict:
        given = request.get(kind.field, {"name": "", "etag": ""})
        codes = self._faults_of_name(kind, given["name"])
        if codes:
            return Verdict(codes)
        codes |= self._faults_of_etag(given["name"], given["etag"])
        stored = self.resources[kind.name][given["name"]]
        try:
            mask = request.get("update_mask", {"paths": []})["paths"]
            said = updated(kind.name, stored, given, mask)
        except NoUpdate:
            return Verdict(codes | {INVALID})
        return self._put(kind, filled(kind.name, given["name"], said), codes)

    def _put(self, kind: Kind, resource: Plain, codes: Codes) -> Verdict:
        own = kind.faults(resource)
        codes = codes | own | self.resources.misfits(kind.name, resource)

        def put(_answer: Plain) -> None:
            self.resources[kind.name][resource["name"]] = resource

        return Verdict(codes, put, is_untimely=bool(codes) and not own)

    def _delete(self, kind: Kind, request: Plain) -> Verdict:
        name = request["name"]
        codes = self._faults_of_name(kind, name)
        if codes:
            return Verdict(codes)
        codes |= self._faults_of_etag(name, request["etag"])
        codes |= {PRECONDITION} if self.resources.holds(kind.name, name) else set()
        return Verdict(
            codes, lambda _answer: self.resources.delete(kind.name, name), is_untimely=bool(codes)
        )

    def _set_state(self, kind: Kind, name: str, state: str) -> Verdict:
        codes = self._faults_of_name(kind, name)
        if codes:
            return Verdict(codes)

        def put(_answer: Plain) -> None:
            self.resources[kind.name][name] = self.resources[kind.name][name] | {"state": state}

        return Verdict(codes, put)

    def _change_members(self, method: str, request: Plain) -> Verdict:
        kind, name = _BY_WORD["ServerGroup"], request["name"]
        codes = api_members.faults_of(method, request)
        if refused := self._faults_of_name(kind, name):
            return Verdict(codes | refused)
        codes |= self._faults_of_etag(name, request["etag"])
        group = self.resources[kind.name][name]
        if method != "SetServerWeights" and group["kind"] == "PRIMARY_SECONDARY":
            return Verdict(codes | {UNIMPLEMENTED})
        members, wrong = api_members.changed(method, group["servers"], request)
        codes |= wrong
        return self._put(kind, group | {"servers": members_of(group["kind"], members)}, codes)

    def _change_entries(self, method: str, request: Plain) -> Verdict:
        kind, name = _BY_WORD["AccessControlList"], request["name"]
        given = request.get("entries") or [
            {"cidr": cidr, "comment": ""} for cidr in request.get("cidrs", ())
        ]
        codes: Codes = api_rules.of_entries(given) | (set() if given else {INVALID})
        if refused := self._faults_of_name(kind, name):
            return Verdict(codes | refused)
        codes |= self._faults_of_etag(name, request["etag"])
        acl = self.resources[kind.name][name]
        given, entries = canonical(given), {entry["cidr"]: entry for entry in acl["entries"]}
        if method == "AddEntries":
            entries = {entry["cidr"]: entry for entry in reversed(given)} | entries
            order = [*(e["cidr"] for e in acl["entries"]), *(e["cidr"] for e in given)]
            entries = {cidr: entries[cidr] for cidr in dict.fromkeys(order)}
        else:
            gone = {entry["cidr"] for entry in given}
            entries = {cidr: entry for cidr, entry in entries.items() if cidr not in gone}
        return self._put(kind, acl | {"entries": list(entries.values())}, codes)

    # -- what changes no resource ------------------------------------------------------------------

    def _operate(self, method: str, request: Plain) -> Verdict:
        codes = self._faults_of_name(_BY_WORD["ServerGroup"], request["name"])
        listener = request["listener"]
        if listener and not LISTENER.fullmatch(listener):
            codes.add(INVALID)
        if request.get("to") not in (None, "SIDE_UNSPECIFIED", "PRIMARY", "SECONDARY"):
            codes.add(INVALID)
        if codes:
            return Verdict(codes)
        codes, pins = self.slots.operate(method, request["name"], listener, request.get("to"))
        return Verdict(codes, lambda _answer: self.slots.pins.update(pins), bool(codes))

    def _health(self, request: Plain) -> Verdict:
        name = request["name"]
        if name == "loadBalancers/-":
            return Verdict(set())
        if "/listeners/" not in name:
            return Verdict(self._faults_of_name(_BY_WORD["LoadBalancer"], name))
        codes = self._faults_of_name(_BY_WORD["Listener"], name)
        if not codes and not self.resources["listeners"][name]["health_check"]["enabled"]:
            codes.add(NOT_FOUND)
        return Verdict(codes)

    # -- names and etags ---------------------------------------------------------------------------

    def _faults_of_name(self, kind: Kind, name: str) -> Codes:
        if kind.name == "listeners":
            is_form = LISTENER.fullmatch(name) is not None
        else:
            is_form = is_name(kind.collection, name)
        if not is_form:
            return {INVALID}
        return set() if name in self.resources[kind.name] else {NOT_FOUND}

    def _faults_of_etag(self, name: str, etag: str) -> Codes:
        return {ABORTED} if etag and etag != self.etags[name] else set()
