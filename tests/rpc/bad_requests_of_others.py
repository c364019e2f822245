# SPDX-License-Identifier: Apache-2.0
"""What the small services refuse, by the words of docs/errors.md."""

from __future__ import annotations

from google.protobuf.message import Message

from tests.rpc.request_kit import (
    NOBODY,
    OFFICE,
    add_entries,
    create_acl,
    create_server,
    prefixes,
    update_acl,
)
from xdpair.api.v1 import access_control_list_service_pb2 as acl_pb
from xdpair.api.v1 import event_service_pb2 as event_pb
from xdpair.api.v1 import inventory_service_pb2 as inventory_pb

INVENTORY: dict[str, dict[str, Message]] = {
    "CreateServer": {
        "no `server`": inventory_pb.CreateServerRequest(server_id="x"),
        "`server_id` missing": create_server(id=""),
        "`server_id` not in its form": create_server(id="a b"),
        "`server_id` is taken": create_server(),
        "`address` missing": create_server(id="x", address=""),
        "`address` not unicast": create_server(id="x", address="255.255.255.255"),
        "`description` not in its form": create_server(id="x", description="ä"),
        "a tag's value begins with `acs:`": create_server(id="x", tags={"a": "acs:x"}),
    },
    "GetServer": {"no such server": inventory_pb.GetServerRequest(name=NOBODY["server"])},
    "ListServers": {
        "`page_size` negative": inventory_pb.ListServersRequest(page_size=-1),
        "`filter` not understood": inventory_pb.ListServersRequest(filter="id : "),
    },
    "UpdateServer": {
        "no such server": inventory_pb.UpdateServerRequest(server={"name": NOBODY["server"]}),
        "`address` not IPv4": inventory_pb.UpdateServerRequest(
            server={"name": "servers/web1", "address": "x"}
        ),
        "`etag` of an older state": inventory_pb.UpdateServerRequest(
            server={"name": "servers/web1", "etag": "old", "description": "x"}
        ),
    },
    "DeleteServer": {
        "no such server": inventory_pb.DeleteServerRequest(name=NOBODY["server"]),
        "a group needs the server": inventory_pb.DeleteServerRequest(name="servers/web1"),
    },
}

ACLS: dict[str, dict[str, Message]] = {
    "CreateAccessControlList": {
        "no `access_control_list`": acl_pb.CreateAccessControlListRequest(),
        "`access_control_list_id` not in its form": create_acl(id="office"),
        "`access_control_list_id` is taken": create_acl(id="acl-office"),
        "`display_name` missing": create_acl(display_name=""),
        "`display_name` is taken": create_acl(display_name="office"),
        "`ip_version` unknown": create_acl(ip_version=9),
        "an entry that is no prefix": create_acl(entries=[{"cidr": "10.0.0.0/33"}]),
        "an entry with bits behind the prefix": create_acl(entries=[{"cidr": "10.0.0.1/24"}]),
        "an IPv6 entry in an IPv4 list": create_acl(entries=[{"cidr": "2001:db8::/32"}]),
        "a prefix twice": create_acl(entries=[{"cidr": "10.0.0.0/8"}] * 2),
        "301 entries": create_acl(entries=[{"cidr": each} for each in prefixes(301)]),
        "`comment` longer than 100": create_acl(
            entries=[{"cidr": "10.0.0.0/8", "comment": "x" * 101}]
        ),
    },
    "GetAccessControlList": {
        "no such list": acl_pb.GetAccessControlListRequest(name=NOBODY["acl"]),
        "`name` not in its form": acl_pb.GetAccessControlListRequest(name="acl-office"),
    },
    "ListAccessControlLists": {
        "`filter` on an unknown field": acl_pb.ListAccessControlListsRequest(filter="cidr : 10."),
    },
    "UpdateAccessControlList": {
        "no such list": update_acl(name=NOBODY["acl"]),
        "`ip_version` differs": update_acl(ip_version="IPV6"),
        "`display_name` is taken": update_acl(display_name="six"),
        "`etag` of an older state": update_acl(etag="old", display_name="x"),
    },
    "DeleteAccessControlList": {
        "no such list": acl_pb.DeleteAccessControlListRequest(name=NOBODY["acl"]),
        "a listener uses the list": acl_pb.DeleteAccessControlListRequest(name=OFFICE),
    },
    "AddEntries": {
        "no such list": add_entries("10.0.0.0/8", name=NOBODY["acl"]),
        "no `entries`": add_entries(),
        "an entry that is no prefix": add_entries("here"),
        "an IPv6 entry in an IPv4 list": add_entries("::/0"),
        "301 entries": add_entries(*prefixes(301)),
        "`comment` not in its form": add_entries("10.0.0.0/8", comment="ä"),
    },
    "RemoveEntries": {
        "no such list": acl_pb.RemoveEntriesRequest(name=NOBODY["acl"], cidrs=["10.0.0.0/8"]),
        "no `cidrs`": acl_pb.RemoveEntriesRequest(name=OFFICE),
        "one is no prefix": acl_pb.RemoveEntriesRequest(name=OFFICE, cidrs=["10.0.0.0/8/8"]),
    },
}

EVENTS: dict[str, dict[str, Message]] = {
    "ListEvents": {
        "`server_group` not in its form": event_pb.ListEventsRequest(server_group="rsp-web"),
        "`after_seq` negative": event_pb.ListEventsRequest(after_seq=-1),
        "`filter` on an unknown field": event_pb.ListEventsRequest(filter="tags.a = b"),
    },
    "WatchEvents": {
        "`server_group` not in its form": event_pb.WatchEventsRequest(server_group="rsp-web"),
    },
}
