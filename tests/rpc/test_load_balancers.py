# SPDX-License-Identifier: Apache-2.0
"""Load balancers over the wire."""

import re
import time
from pathlib import Path

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tests.rpc.calls import LB, LISTENER, Calls, refused
from tests.rpc.controller import Controller
from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


def test_what_is_created_is_there(calls: Calls) -> None:
    before_s = time.time()
    created = calls.create_lb()
    assert created.name == LB
    assert created.address == "192.0.2.10"
    assert before_s - 1 <= created.create_time.ToNanoseconds() / 1e9 <= time.time() + 1
    assert calls.get_lb() == created


def test_without_an_id_one_is_made_up(calls: Calls) -> None:
    names = {calls.create_lb("", f"192.0.2.{host}").name for host in (10, 11)}
    assert len(names) == 2
    assert all(re.fullmatch(r"loadBalancers/lb-[a-z0-9]{12}", name) for name in names)


def test_it_outlives_the_controller(tmp_path: Path) -> None:
    with Controller(tmp_path) as first:
        created = Calls(first.client).create_lb()
    with Controller(tmp_path) as second:
        assert Calls(second.client).get_lb() == created


@pytest.mark.parametrize(
    ("lb_id", "address", "reason"),
    [
        ("web", "192.0.2.10", "InvalidParameter"),
        ("lb-", "192.0.2.10", "InvalidParameter"),
        ("lb-A", "192.0.2.10", "InvalidParameter"),
        ("lb-web", "", "MissingParameter"),
        ("lb-web", "192.0.2", "InvalidParameter"),
        ("lb-web", "2001:db8::1", "InvalidParameter"),
        ("lb-web", "224.0.0.1", "InvalidParameter"),
        ("lb-web", "127.0.0.1", "InvalidParameter"),
    ],
)
def test_what_is_wrong_is_refused(calls: Calls, lb_id: str, address: str, reason: str) -> None:
    with refused(INVALID, reason):
        calls.create_lb(lb_id, address)
    assert list_names(calls) == []


def test_a_request_without_a_load_balancer_is_refused(calls: Calls) -> None:
    with refused(INVALID, "MissingParameter") as refusal:
        calls.client.load_balancers.CreateLoadBalancer(pb.CreateLoadBalancerRequest())
    assert refusal.metadata == {"field": "load_balancer"}


def test_ids_and_addresses_are_unique(calls: Calls) -> None:
    calls.create_lb()
    with refused(
        grpc.StatusCode.ALREADY_EXISTS, "OperationFailed.LoadBalancerAlreadyExists"
    ) as refusal:
        calls.create_lb(address="192.0.2.11")
    assert refusal.metadata == {"load_balancer": "lb-web"}
    with refused(grpc.StatusCode.ALREADY_EXISTS, "OperationFailed.AddressInUse"):
        calls.create_lb("lb-other")


def test_what_is_not_there_is_not_found(calls: Calls) -> None:
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound") as refusal:
        calls.get_lb()
    assert refusal.metadata == {"load_balancer": "lb-web"}
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        update(calls, LoadBalancer(name=LB, display_name="x"))
    with refused(NOT_FOUND, "InvalidLoadBalancerId.NotFound"):
        delete(calls)


@pytest.mark.parametrize("name", ["lb-web", "loadBalancers/", "loadBalancers/a/b", LISTENER])
def test_a_name_has_its_form(calls: Calls, name: str) -> None:
    with refused(INVALID, "InvalidParameter") as refusal:
        calls.get_lb(name)
    assert "loadBalancers/{load_balancer}" in refusal.message


def test_a_name_is_needed(calls: Calls) -> None:
    with refused(INVALID, "MissingParameter"):
        calls.get_lb("")


def test_a_mask_says_what_changes(calls: Calls) -> None:
    calls.create_lb()
    given = LoadBalancer(name=LB, display_name="web", interface="eth1", delete_protection=True)
    assert update(calls, given, "display_name").display_name == "web"
    lb = calls.get_lb()
    assert (lb.interface, lb.delete_protection) == ("", False)


def test_without_a_mask_what_is_set_changes(calls: Calls) -> None:
    calls.create_lb()
    update(calls, LoadBalancer(name=LB, display_name="web", interface="eth1"))
    lb = update(calls, LoadBalancer(name=LB, delete_protection=True))
    assert (lb.display_name, lb.interface, lb.delete_protection) == ("web", "eth1", True)


def test_a_star_replaces_all(calls: Calls) -> None:
    created = calls.create_lb()
    update(calls, LoadBalancer(name=LB, display_name="web", delete_protection=True))
    lb = update(calls, LoadBalancer(name=LB, interface="eth1"), "*")
    assert (lb.display_name, lb.interface, lb.delete_protection) == ("", "eth1", False)
    assert (lb.address, lb.create_time) == (created.address, created.create_time)


@pytest.mark.parametrize("path", ["nonsense", "display_name.x", "create_time.seconds", ""])
def test_an_unknown_path_is_refused(calls: Calls, path: str) -> None:
    calls.create_lb()
    with refused(INVALID, "InvalidParameter") as refusal:
        update(calls, LoadBalancer(name=LB), path)
    assert refusal.metadata == {"field": path}


def test_the_address_can_not_change(calls: Calls) -> None:
    calls.create_lb()
    with refused(INVALID, "InvalidParameter") as refusal:
        update(calls, LoadBalancer(name=LB, address="192.0.2.11"))
    assert refusal.metadata == {"field": "address"}
    update(calls, LoadBalancer(name=LB, address="192.0.2.10"), "address")


def test_an_etag_guards_a_change(calls: Calls) -> None:
    old = calls.create_lb()
    new = update(calls, LoadBalancer(name=LB, display_name="web", etag=old.etag))
    assert new.etag != old.etag
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        update(calls, LoadBalancer(name=LB, display_name="late", etag=old.etag))
    with refused(grpc.StatusCode.ABORTED, "OperationConflict.EtagMismatch"):
        delete(calls, old.etag)
    assert calls.get_lb() == new
    delete(calls, new.etag)


def test_delete_protection(calls: Calls) -> None:
    calls.create_lb()
    update(calls, LoadBalancer(name=LB, delete_protection=True))
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "OperationDenied.DeleteProtectionIsOn"):
        delete(calls)
    assert list_names(calls) == [LB]


def test_delete_takes_listeners_and_groups_along(controller: Controller, calls: Calls) -> None:
    calls.create_all()
    assert controller.network.announced
    delete(calls)
    assert list_names(calls) == []
    assert not controller.network.announced
    with refused(NOT_FOUND, "InvalidParameter") as refusal:
        calls.get_group()
    assert "The specified MasterSlaveGroupId does not exist" in refusal.message


def test_pages(calls: Calls) -> None:
    for host in range(10, 17):
        calls.create_lb(f"lb-{host}", f"192.0.2.{host}")
    names, token, sizes = [], "", []
    while True:
        request = pb.ListLoadBalancersRequest(page_size=3, page_token=token)
        response = calls.client.load_balancers.ListLoadBalancers(request)
        assert response.total_size == 7
        names += [lb.name for lb in response.load_balancers]
        sizes.append(len(response.load_balancers))
        token = response.next_page_token
        if not token:
            break
    assert names == [f"loadBalancers/lb-{host}" for host in range(10, 17)]
    assert sizes == [3, 3, 1]


def test_a_bad_page_is_refused(calls: Calls) -> None:
    for request in (
        pb.ListLoadBalancersRequest(page_size=-1),
        pb.ListLoadBalancersRequest(page_token="nonsense"),
    ):
        with refused(INVALID, "InvalidParameter"):
            calls.client.load_balancers.ListLoadBalancers(request)


def update(calls: Calls, lb: LoadBalancer, *paths: str) -> LoadBalancer:
    request = pb.UpdateLoadBalancerRequest(load_balancer=lb, update_mask=FieldMask(paths=paths))
    updated: LoadBalancer = calls.client.load_balancers.UpdateLoadBalancer(request)
    return updated


def delete(calls: Calls, etag: str = "") -> None:
    calls.client.load_balancers.DeleteLoadBalancer(pb.DeleteLoadBalancerRequest(name=LB, etag=etag))


def list_names(calls: Calls) -> list[str]:
    response = calls.client.load_balancers.ListLoadBalancers(pb.ListLoadBalancersRequest())
    return [lb.name for lb in response.load_balancers]
