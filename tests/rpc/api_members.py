# SPDX-License-Identifier: Apache-2.0
"""What the methods that change single servers of a group do to them, for the model of the API."""

from __future__ import annotations

from collections.abc import Sequence

from tests.rpc.api_defaults import members_of
from tests.rpc.api_plain import Plain
from tests.rpc.api_references import NOT_FOUND
from tests.rpc.api_rules import Codes, Faults, is_server_id, of_member

_Key = tuple[str, int]


def faults_of(method: str, request: Plain) -> Codes:
    """Return what is wrong with a request, whatever the group."""
    faults = Faults()
    for field in ("servers", "old_servers", "new_servers", "weights"):
        given = request.get(field)
        if given is None:
            continue
        faults.need(bool(given))
        faults.need(all(is_server_id(each["server_id"]) for each in given))
        faults.need(all(0 <= each["port"] <= 65535 for each in given))
        keys = [_key(each) for each in given]
        faults.need(len(set(keys)) == len(keys))
    new = request["servers"] if method == "AddServers" else request.get("new_servers", ())
    for member in members_of("WEIGHTED", new):
        faults |= of_member(member)
        faults.need(member["role"] == "ROLE_UNSPECIFIED")
    if method == "SetServerWeights":
        faults.need(all(0 <= each.get("weight", -1) <= 100 for each in request["weights"]))
    return faults


def changed(method: str, members: Sequence[Plain], request: Plain) -> tuple[list[Plain], Codes]:
    """Return the servers that the group has then, and what is wrong with that."""
    match method:
        case "AddServers":
            new = members_of("WEIGHTED", request["servers"])
            return [*members, *new], set()
        case "RemoveServers":
            gone = [_key(each) for each in request["servers"]]
            kept = [member for member in members if _key(member) not in gone]
            return kept, _unknown(gone, members)
        case "ReplaceServers":
            return _replaced(members, request)
    weights = {_key(each): each.get("weight", -1) for each in request["weights"]}
    weighed = [
        member | {"weight": weights.get(_key(member), member["weight"])} for member in members
    ]
    return weighed, _unknown(list(weights), members)


def _replaced(members: Sequence[Plain], request: Plain) -> tuple[list[Plain], Codes]:
    old = [_key(each) for each in request["old_servers"]]
    new = members_of("WEIGHTED", request["new_servers"])
    result = []
    for member in members:
        if _key(member) not in old:
            result.append(member)
        elif old.index(_key(member)) < len(new):
            result.append(new[old.index(_key(member))])
    return [*result, *new[len(old) :]], _unknown(old, members)


def _unknown(keys: Sequence[_Key], members: Sequence[Plain]) -> Codes:
    known = {_key(member) for member in members}
    return set() if known.issuperset(keys) else {NOT_FOUND}


def _key(server: Plain) -> _Key:
    return server["server_id"], server["port"]
