# SPDX-License-Identifier: Apache-2.0
"""What the protos state and what the core demands are the same rules."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from tests.rpc.calls import pair
from tests.rpc.mutants import TEXTS, mutants
from xdpair.api.v1.access_control_list_pb2 import AccessControlList
from xdpair.api.v1.inventory_service_pb2 import CreateServerRequest
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener, TrafficPolicy
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, GroupServer, ServerGroup
from xdpair.api.v1.server_pb2 import Server
from xdpair.core import errors
from xdpair.rpc import rules
from xdpair.rpc.convert.acl import acl_from_pb
from xdpair.rpc.convert.listener import listener_from_pb, listener_key_from_pb
from xdpair.rpc.convert.load_balancer import load_balancer_from_pb
from xdpair.rpc.convert.server import server_from_pb
from xdpair.rpc.convert.server_group import group_from_pb

LISTENER = Listener(
    protocol="TCP",
    port=80,
    server_group="serverGroups/rsp-x",
    health_check=HealthCheck(type="TCP", http_codes=["HTTP_2XX"]),
    traffic_policy=TrafficPolicy(scheduler="WRR"),
    acl={"type": "WHITE", "access_control_lists": ["accessControlLists/acl-x"]},
)
BASES: dict[str, Message] = {
    "load balancer": LoadBalancer(address="192.0.2.1"),
    "listener": LISTENER,
    "pair": ServerGroup(
        load_balancer="loadBalancers/lb-x", servers=pair(), failover_policy=FailoverPolicy()
    ),
    "weighted": ServerGroup(
        load_balancer="loadBalancers/lb-x",
        kind="WEIGHTED",
        servers=[GroupServer(server_id="a", port=80)],
    ),
    "default": ServerGroup(
        load_balancer="loadBalancers/lb-x", kind="DEFAULT", servers=[GroupServer(server_id="a")]
    ),
    "server": Server(address="192.0.2.1"),
    "access control list": AccessControlList(
        display_name="x", entries=[{"cidr": "10.0.0.0/8", "comment": "x"}]
    ),
}

Converter = Callable[[Any], object]


def _listener(message: Listener) -> object:
    return listener_from_pb(listener_key_from_pb("lb-x", message), message)


CONVERTERS: dict[type[Message], Converter] = {
    LoadBalancer: lambda message: load_balancer_from_pb("lb-x", message),
    Listener: _listener,
    ServerGroup: lambda message: group_from_pb("rsp-x", message),
    Server: lambda message: server_from_pb("x", message),
    AccessControlList: lambda message: acl_from_pb("acl-x", message),
}

#: What only the core says, since it speaks of two fields at once, or of a part of the Server Load
#: Balancer that is not there.
ONLY_THE_CORE: dict[tuple[str, str], tuple[object, ...]] = {
    ("listener", "protocol"): (Listener.HTTP, Listener.HTTPS),
    ("listener", "proxy_protocol_v2_enabled"): (True,),
    ("listener", "health_check.type"): (HealthCheck.UDP,),
    ("listener", "traffic_policy.scheduler"): (TrafficPolicy.QCH,),
    ("default", "display_name"): TEXTS,
    ("access control list", "entries.cidr"): ("2001:db8::1", "::1.2.3.4"),
    ("access control list", "ip_version"): (AccessControlList.IPV6,),
}


def acl_of(count: int) -> AccessControlList:
    entries = [{"cidr": f"10.{at // 256}.{at % 256}.0/24"} for at in range(count)]
    return AccessControlList(display_name="x", entries=entries)


def refusal_of(act: Callable[[], object]) -> str:
    """Return the reason of the error, if any."""
    try:
        act()
    except errors.XdpairError as error:
        return error.reason
    return ""


def accept(message: Message) -> None:
    with rules.enforced(message):
        """The core is not asked."""


@pytest.mark.parametrize("name", BASES)
def test_the_base_is_in_order(name: str) -> None:
    base = BASES[name]
    CONVERTERS[type(base)](base)
    accept(base)


@pytest.mark.parametrize("name", BASES)
def test_the_proto_and_the_core_draw_the_same_lines(name: str) -> None:
    base = BASES[name]
    convert = CONVERTERS[type(base)]
    differences, count = [], {True: 0, False: 0}
    for path, value, mutant in mutants(base):
        by_core = refusal_of(lambda mutant=mutant: convert(mutant))  # type: ignore[misc]
        by_proto = refusal_of(lambda mutant=mutant: accept(mutant))  # type: ignore[misc]
        count[bool(by_core)] += 1
        if bool(by_core) != bool(by_proto) and not (
            by_core and value in ONLY_THE_CORE.get((name, path), ())
        ):
            differences.append((path, value, by_core, by_proto))
    assert differences == []
    assert min(count.values()) > 5  # of both sides of the lines


def group(kind: str, *servers: dict[str, Any], **fields: Any) -> ServerGroup:
    return ServerGroup(load_balancer="loadBalancers/lb-x", kind=kind, servers=servers, **fields)


def many(count: int) -> list[dict[str, Any]]:
    return [{"server_id": "a", "port": at} for at in range(1, count + 1)]


A, B = {"server_id": "a", "port": 80}, {"server_id": "b", "port": 80}
FIRST, SECOND = {"role": "PRIMARY"}, {"role": "SECONDARY"}


@pytest.mark.parametrize(
    ("message", "is_legal"),
    [
        (group("PRIMARY_SECONDARY"), False),
        (group("KIND_UNSPECIFIED", A), False),
        (group("PRIMARY_SECONDARY", A, B | SECOND), True),
        (group("KIND_UNSPECIFIED", B | SECOND, A | FIRST), True),
        (group("PRIMARY_SECONDARY", A, B), False),
        (group("PRIMARY_SECONDARY", A | SECOND, B | SECOND), False),
        (group("PRIMARY_SECONDARY", A, B | SECOND, A | {"port": 81}), False),
        (group("PRIMARY_SECONDARY", A | {"port": 0}, B | SECOND), False),
        (group("PRIMARY_SECONDARY", A, B | SECOND, probe_secondary=True), True),
        (group("WEIGHTED"), True),
        (group("WEIGHTED", A | FIRST), False),
        (group("WEIGHTED", A | {"port": 0}), False),
        (group("WEIGHTED", A, probe_secondary=True), False),
        (group("WEIGHTED", A, failover_policy={}), False),
        (group("WEIGHTED", *many(2000)), True),
        (group("WEIGHTED", *many(2001)), False),
        (group("DEFAULT", {"server_id": "a"}, {"server_id": "b"}), True),
        (group("DEFAULT", A), False),
        (AccessControlList(display_name="x", entries=[]), True),
        (acl_of(300), True),
        (acl_of(301), False),
    ],
)
def test_both_count_alike(message: Message, is_legal: bool) -> None:
    convert = CONVERTERS[type(message)]
    assert (refusal_of(lambda: convert(message)) == "") == is_legal
    assert (refusal_of(lambda: accept(message)) == "") == is_legal


@pytest.mark.parametrize(
    "span", [Duration(seconds=2**63 - 1), Duration(seconds=-(2**63)), Duration(nanos=-(2**31))]
)
def test_a_time_span_that_is_none_is_refused(span: Duration) -> None:
    with pytest.raises(errors.InvalidInput):
        accept(Listener(protocol="TCP", port=80, health_check=HealthCheck(interval=span)))


def test_the_error_of_the_core_comes_first_with_all_that_the_proto_says() -> None:
    message = Server(address="127.0.0.1", description="ä", tags={"aliyun": ""})
    with pytest.raises(errors.InvalidInput) as caught, rules.enforced(message, prefix="server."):
        server_from_pb("x", message)
    assert str(caught.value).startswith("description 'ä' does not match")
    assert dict(caught.value.violations).keys() == {
        "server.address",
        "server.description",
        'server.tags["aliyun"]',
    }


def test_what_the_core_lets_pass_the_proto_may_still_refuse() -> None:
    request = CreateServerRequest(server_id="a", server=Server(address="127.0.0.1"))
    with pytest.raises(errors.InvalidInput) as caught, rules.enforced(request, "server"):
        """Nothing is made of it."""
    assert caught.value.metadata == {"field": "address"}
    assert caught.value.violations == (("server.address", "must be a unicast address"),)


def test_warming_up_needs_no_message() -> None:
    rules.warm_up()
