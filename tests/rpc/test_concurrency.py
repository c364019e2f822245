# SPDX-License-Identifier: Apache-2.0
"""200 clients at once, on connections of their own, reading and writing the same few resources."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.rpc.calls import Calls
from tests.rpc.controller import Controller
from tests.rpc.listener_fields import FIELDS
from tests.rpc.swarm import ACL, GROUP, KEPT, LB, LISTENER, WEIGHTED, Tally
from xdpair.api.v1 import access_control_list_service_pb2 as acl_pb
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.cli.client import Client, all_pages
from xdpair.core.errors import StoreError
from xdpair.ports import Commit

ROOT = Path(__file__).parents[2]
SECONDS = 5.0


@pytest.mark.timeout(120)
def test_nothing_is_lost(controller: Controller) -> None:
    people(controller.client)
    tally = swarm(controller)
    assert tally.refused.keys() == {"ABORTED"}
    compare(controller.client, tally)


@pytest.mark.timeout(120)
def test_nothing_is_lost_or_half_done_on_a_disk_that_fails(tmp_path: Path) -> None:
    with Controller(tmp_path) as controller:
        people(controller.client)
        fail_now_and_then(controller)
        tally = swarm(controller)
        assert tally.refused.keys() == {"ABORTED", "UNAVAILABLE"}
        compare(controller.client, tally)
        before = everything(controller.client)
    with Controller(tmp_path) as controller:
        assert everything(controller.client) == before


def people(client: Client) -> None:
    """Make what the swarm finds."""
    Calls(client).create_all()
    group = {"load_balancer": LB, "kind": "WEIGHTED"}
    client.groups.CreateServerGroup(
        group_pb.CreateServerGroupRequest(server_group_id="rsp-many", server_group=group)
    )
    client.acls.CreateAccessControlList(
        acl_pb.CreateAccessControlListRequest(
            access_control_list_id="acl-one", access_control_list={"display_name": "one"}
        )
    )
    for server_id in KEPT:
        client.inventory.CreateServer(
            inventory_pb.CreateServerRequest(server_id=server_id, server={"address": "10.1.1.1"})
        )


def swarm(controller: Controller) -> Tally:
    words = [sys.executable, "-m", "tests.rpc.swarm", controller.address, str(SECONDS)]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    tally = Tally(**json.loads(run.stdout))
    tally.counted, tally.refused = Counter(tally.counted), Counter(tally.refused)
    print(tally.counted, tally.refused, f"all pages listed {tally.listed} times")
    return tally


def fail_now_and_then(controller: Controller) -> None:
    """Let every fifth change fail on the disk."""
    save, numbers, mutex = controller.store.save, itertools.count(1), threading.Lock()

    def failing(commit: Commit) -> None:
        with mutex:
            number = next(numbers)
        if number % 5 == 0:
            raise StoreError("input/output error")
        save(commit)

    controller.store.save = failing  # type: ignore[method-assign]


def compare(client: Client, tally: Tally) -> None:
    """What was done must be there, and nothing else."""
    assert tally.faults == []
    assert counted(client) == {name: count for name, count in tally.counted.items() if count}
    assert sum(tally.counted.values()) > 20
    listener = client.load_balancers.GetListener(lb_pb.GetListenerRequest(name=LISTENER))
    assert len(tally.fields) > 4
    for path, write in FIELDS:
        if path not in tally.fields:  # the disk failed each time
            continue
        expected = type(listener)()
        write(expected, tally.fields[path])
        head, _, part = path.partition(".")
        there, right = getattr(listener, head), getattr(expected, head)
        assert (getattr(there, part) if part else there) == (
            getattr(right, part) if part else right
        ), path
    acl = client.acls.GetAccessControlList(acl_pb.GetAccessControlListRequest(name=ACL))
    assert {entry.cidr for entry in acl.entries} == set(tally.entries)
    many = client.groups.GetServerGroup(group_pb.GetServerGroupRequest(name=WEIGHTED))
    assert {server.server_id for server in many.servers} == set(tally.members)
    assert tally.listed > 20
    compare_made(client, tally)


def compare_made(client: Client, tally: Tally) -> None:
    """Each request id must have made one group, and all who sent it must have been told so."""
    assert len(tally.made) == 200 * 3
    told = Counter(tally.made)
    assert set(told.values()) == {20}
    groups = client.groups.ListServerGroups(group_pb.ListServerGroupsRequest(page_size=1000))
    once = {group.name for group in groups.server_groups if group.display_name == "once"}
    assert sorted(once) == sorted(answer.split()[1] for answer in told)


def counted(client: Client) -> dict[str, int]:
    """Return what counts are there, by name."""
    resources = [
        client.load_balancers.GetLoadBalancer(lb_pb.GetLoadBalancerRequest(name=LB)),
        client.load_balancers.GetListener(lb_pb.GetListenerRequest(name=LISTENER)),
        client.groups.GetServerGroup(group_pb.GetServerGroupRequest(name=GROUP)),
        client.acls.GetAccessControlList(acl_pb.GetAccessControlListRequest(name=ACL)),
        *all_pages(client.inventory.ListServers, inventory_pb.ListServersRequest(), "servers"),
    ]
    return {each.name: int(each.tags["n"]) for each in resources if "n" in each.tags}


def everything(client: Client) -> list[Any]:
    pb: Any = lb_pb
    return [
        client.load_balancers.ListLoadBalancers(pb.ListLoadBalancersRequest()),
        client.load_balancers.ListListeners(pb.ListListenersRequest(parent="loadBalancers/-")),
        *all_pages(
            client.groups.ListServerGroups, group_pb.ListServerGroupsRequest(), "server_groups"
        ),
        *all_pages(client.inventory.ListServers, inventory_pb.ListServersRequest(), "servers"),
        client.acls.ListAccessControlLists(acl_pb.ListAccessControlListsRequest()),
    ]
