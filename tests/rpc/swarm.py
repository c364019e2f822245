# SPDX-License-Identifier: Apache-2.0
"""Many clients at once, in a process of their own: `python -m tests.rpc.swarm ADDRESS SECONDS`.

Each client has a connection of its own. What they did is printed as JSON (`Tally`), for a test to
compare with what is there then.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.rpc.listener_fields import FIELDS
from xdpair.api.v1 import access_control_list_service_pb2 as acl_pb
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb
from xdpair.api.v1 import load_balancer_service_pb2 as lb_pb
from xdpair.api.v1 import server_group_service_pb2 as group_pb
from xdpair.api.v1.access_control_list_service_pb2_grpc import AccessControlListServiceStub
from xdpair.api.v1.inventory_service_pb2_grpc import InventoryServiceStub
from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_service_pb2_grpc import LoadBalancerServiceStub
from xdpair.api.v1.server_group_service_pb2_grpc import ServerGroupServiceStub

CLIENTS = 200
LB, GROUP, WEIGHTED = "loadBalancers/lb-web", "serverGroups/rsp-web", "serverGroups/rsp-many"
LISTENER, ACL = f"{LB}/listeners/tcp-80", "accessControlLists/acl-one"
#: Servers of the inventory that stay, and that clients count in.
KEPT = tuple(f"keep-{number:02}" for number in range(40))
PAGE = 7


@dataclass
class Tally:
    """What became of the calls.

    Attributes:
        counted: by resource, how often a client added one to what it had read there.
        fields: by path in the listener, what was last written there.
        entries, members: prefixes and server ids that were added last and not removed.
        made: by ``make_once``, the answer that each client got.
        refused: status codes.
        listed: how often all pages were read.
        faults: whatever must not be.
    """

    counted: Counter[str] = field(default_factory=Counter)
    fields: dict[str, int] = field(default_factory=dict)
    entries: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    listed: int = 0
    faults: list[str] = field(default_factory=list)


class Client:
    """One connection, and what is done over it."""

    def __init__(self, number: int, address: str, tally: Tally) -> None:
        self.number = number
        self.tally = tally
        self.random = Random(number)
        own = [("grpc.use_local_subchannel_pool", 1)]  # or all would share one connection
        self.channel = grpc.aio.insecure_channel(address, own)
        self.load_balancers: Any = LoadBalancerServiceStub(self.channel)
        self.groups: Any = ServerGroupServiceStub(self.channel)
        self.inventory: Any = InventoryServiceStub(self.channel)
        self.acls: Any = AccessControlListServiceStub(self.channel)

    async def call(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        """Return the answer, or None if the call was refused."""
        try:
            return await method(request, timeout=20)
        except grpc.aio.AioRpcError as error:
            self.tally.refused[error.code().name] += 1
            if reason_of(error) == "":
                self.tally.faults.append(f"no ErrorInfo: {error.code()} {error.details()}")
            return None

    # -- who adds one to what it has read ----------------------------------------------------------

    async def count(self) -> None:
        """Add one somewhere, unless another was faster."""
        kind = self.random.choice(("lb", "group", "acl", "listener", "server", "server"))
        if kind == "lb":
            await self._count_in(LB, self.load_balancers, "LoadBalancer", lb_pb)
        elif kind == "listener":
            await self._count_in(LISTENER, self.load_balancers, "Listener", lb_pb)
        elif kind == "group":
            await self._count_in(GROUP, self.groups, "ServerGroup", group_pb)
        elif kind == "acl":
            await self._count_in(ACL, self.acls, "AccessControlList", acl_pb)
        else:
            name = f"servers/{self.random.choice(KEPT[:4])}"
            await self._count_in(name, self.inventory, "Server", inventory_pb)

    async def _count_in(self, name: str, stub: Any, word: str, pb: Any) -> None:
        get = getattr(pb, f"Get{word}Request")(name=name)
        read = await self.call(getattr(stub, f"Get{word}"), get)
        if read is None:
            return
        tags = {"n": str(int(read.tags.get("n", "0")) + 1)}
        request = getattr(pb, f"Update{word}Request")(update_mask=FieldMask(paths=["tags"]))
        resource = next(each for each in request.DESCRIPTOR.fields if each.name != "update_mask")
        getattr(request, resource.name).MergeFrom(type(read)(name=name, etag=read.etag, tags=tags))
        if await self.call(getattr(stub, f"Update{word}"), request) is not None:
            self.tally.counted[name] += 1

    # -- who has a field, an entry or a server to itself -------------------------------------------

    async def write_field(self) -> None:
        path, write = FIELDS[self.number // 10]
        value = self.tally.fields.get(path, 20) + 1
        listener = Listener(name=LISTENER)
        write(listener, value)
        request = lb_pb.UpdateListenerRequest(
            listener=listener, update_mask=FieldMask(paths=[path])
        )
        if await self.call(self.load_balancers.UpdateListener, request) is not None:
            self.tally.fields[path] = value

    async def come_and_go(self) -> None:
        """Be in a list of addresses and in a group, or not."""
        cidr, server_id = f"10.0.0.{self.number}/32", f"m{self.number}"
        request: Any = acl_pb.AddEntriesRequest(name=ACL, entries=[{"cidr": cidr}])
        if cidr not in self.tally.entries:
            if await self.call(self.acls.AddEntries, request):
                self.tally.entries.append(cidr)
        else:
            request = acl_pb.RemoveEntriesRequest(name=ACL, cidrs=[cidr])
            if await self.call(self.acls.RemoveEntries, request):
                self.tally.entries.remove(cidr)
        key = {"server_id": server_id, "port": 80}
        if server_id not in self.tally.members:
            member = key | {"address": f"10.0.0.{self.number}"}
            request = group_pb.AddServersRequest(name=WEIGHTED, servers=[member])
            if await self.call(self.groups.AddServers, request):
                self.tally.members.append(server_id)
        elif await self.call(
            self.groups.RemoveServers, group_pb.RemoveServersRequest(name=WEIGHTED, servers=[key])
        ):
            self.tally.members.remove(server_id)

    async def churn(self) -> None:
        """Make a server and delete it again, between those that stay."""
        server_id = f"keep-{self.random.randrange(40):02}-{self.number}"
        request = inventory_pb.CreateServerRequest(
            server_id=server_id, server={"address": "10.9.9.9"}
        )
        if await self.call(self.inventory.CreateServer, request) is not None:
            delete = inventory_pb.DeleteServerRequest(name=f"servers/{server_id}")
            for _ in range(100):
                if await self.call(self.inventory.DeleteServer, delete) is not None:
                    return
            self.tally.faults.append(f"{server_id} can not be deleted")

    # -- who reads ---------------------------------------------------------------------------------

    async def list_pages(self) -> None:
        """What was there all the time must be on one page, once."""
        seen: list[str] = []
        request = inventory_pb.ListServersRequest(page_size=PAGE)
        while True:
            answer = await self.call(self.inventory.ListServers, request)
            if answer is None:
                self.tally.faults.append("a read was refused")
                return
            seen += [server.name for server in answer.servers]
            if len(answer.servers) > PAGE:
                self.tally.faults.append("a page is too long")
            request.page_token = answer.next_page_token
            if not answer.next_page_token:
                break
        if seen != sorted(set(seen)):
            self.tally.faults.append(f"pages are out of order, or say a thing twice: {seen}")
        missing = {f"servers/{server_id}" for server_id in KEPT} - set(seen)
        if missing:
            self.tally.faults.append(f"pages leave out {missing}")
        self.tally.listed += 1

    async def look_around(self) -> None:
        await self.call(
            self.load_balancers.GetHealthStatus,
            lb_pb.GetHealthStatusRequest(name="loadBalancers/-"),
        )
        await self.call(
            self.load_balancers.ListListeners,
            lb_pb.ListListenersRequest(parent=LB, filter="tags:n AND protocol = TCP"),
        )
        await self.call(self.groups.ListServerGroups, group_pb.ListServerGroupsRequest())

    # -- who wants the same as all others ----------------------------------------------------------

    async def make_once(self, request_id: str) -> None:
        """Create what all others create at the same time, until there is an answer."""
        parts = {"load_balancer": LB, "kind": "WEIGHTED", "display_name": "once"}
        request = group_pb.CreateServerGroupRequest(server_group=parts, request_id=request_id)
        for _ in range(100):
            made = await self.call(self.groups.CreateServerGroup, request)
            if made is not None:
                self.tally.made.append(f"{request_id} {made.name} {made.etag}")
                return
        self.tally.faults.append(f"{request_id} made nothing")

    @property
    def work(self) -> Callable[[], Awaitable[None]]:
        """What this client does."""
        if self.number % 10 == 0 and self.number // 10 < len(FIELDS):
            return self.write_field
        others = (self.come_and_go, self.come_and_go, self.churn, self.list_pages, self.look_around)
        return (*others, *[self.count] * 5)[self.number % 10]


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason that the controller gives, empty if it gives none."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Unpack(info) and info.domain == "xdpair":
            return str(info.reason)
    return ""


async def work(client: Client, until_s: float) -> None:
    """Work until then, but twice at least: the machine may be busy.

    Args:
        until_s: CLOCK_MONOTONIC.
    """
    for number in range(3):
        await client.make_once(f"request-{client.number // 20}-{number}")
    for rounds in itertools.count(1):
        await client.work()
        if rounds > 1 and time.monotonic() > until_s:
            break
    await client.channel.close()


async def swarm(address: str, seconds: float) -> Tally:
    tally = Tally()
    clients = [Client(number, address, tally) for number in range(CLIENTS)]
    until_s = time.monotonic() + seconds
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(work(client, until_s))
    return tally


if __name__ == "__main__":
    print(json.dumps(vars(asyncio.run(swarm(sys.argv[1], float(sys.argv[2]))))))
