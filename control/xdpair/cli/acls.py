# SPDX-License-Identifier: Apache-2.0
"""`xdpair acl …`."""

from __future__ import annotations

from argparse import Namespace

from google.protobuf.field_mask_pb2 import FieldMask

from xdpair.api.v1 import access_control_list_service_pb2 as pb
from xdpair.api.v1.access_control_list_pb2 import AccessControlList
from xdpair.cli import syntax
from xdpair.cli.client import all_pages
from xdpair.cli.output import outline
from xdpair.cli.session import Commands, Session, add_command, add_etag, add_family
from xdpair.cli.tags import add_filter, add_tags, tags_of

_ENTRY_HELP = "a prefix or an address, such as 192.0.2.0/24; =COMMENT may follow"


def add_to(commands: Commands) -> None:
    family = add_family(commands, "acl", "access control lists: who may talk to listeners")

    create = add_command(family, "create", _create, "create a list, and print its id")
    create.add_argument("name", help="a name for people, unique")
    create.add_argument(
        "--entry",
        dest="entries",
        action="append",
        default=[],
        type=syntax.acl_entry,
        metavar="CIDR",
        help=f"{_ENTRY_HELP}; may be repeated",
    )
    create.add_argument("--id", default="", help="acl-…; default: a random one")
    create.add_argument("--ip-version", choices=("4", "6"), default="4", help="default 4")
    add_tags(create)

    listing = add_command(family, "list", _list, "list all access control lists")
    add_filter(listing, "display_name : office AND ip_version = IPV4")

    for name in ("get", "show"):
        get = add_command(family, name, _get, "show one list, and the listeners that use it")
        get.add_argument("acl", type=syntax.acl, help="its id")

    update = add_command(family, "update", _update, "change what is given, and nothing else")
    update.add_argument("acl", type=syntax.acl, help="its id")
    update.add_argument("--name", help="a name for people, unique")
    add_tags(update)
    add_etag(update)

    add = add_command(family, "add", _add, "add entries; what is listed already is skipped")
    add.add_argument("acl", type=syntax.acl, help="its id")
    add.add_argument("entries", nargs="+", type=syntax.acl_entry, help=_ENTRY_HELP)
    add_etag(add)

    remove = add_command(family, "remove", _remove, "remove entries; what is not listed is skipped")
    remove.add_argument("acl", type=syntax.acl, help="its id")
    remove.add_argument("cidrs", nargs="+", metavar="CIDR", help="a prefix or an address")
    add_etag(remove)

    delete = add_command(family, "delete", _delete, "delete a list that no listener uses")
    delete.add_argument("acl", type=syntax.acl, help="its id")
    add_etag(delete)


def _create(session: Session, args: Namespace) -> None:
    acl = AccessControlList(
        display_name=args.name,
        ip_version=f"IPV{args.ip_version}",
        entries=args.entries,
        tags=tags_of(args),
    )
    request = pb.CreateAccessControlListRequest(
        access_control_list_id=args.id, access_control_list=acl
    )
    created = session.client.acls.CreateAccessControlList(request)
    session.out.show(created, syntax.short(created.name))


def _list(session: Session, args: Namespace) -> None:
    request = pb.ListAccessControlListsRequest(filter=args.filter)
    method = session.client.acls.ListAccessControlLists
    acls = list(all_pages(method, request, "access_control_lists"))
    rows = [
        (
            syntax.short(acl.name),
            acl.display_name,
            AccessControlList.IpVersion.Name(acl.ip_version).lower(),
            str(len(acl.entries)),
        )
        for acl in acls
    ]
    session.out.show(acls, session.out.table(("ACL", "NAME", "VERSION", "ENTRIES"), rows))


def _get(session: Session, args: Namespace) -> None:
    request = pb.GetAccessControlListRequest(name=args.acl)
    acl = session.client.acls.GetAccessControlList(request)
    session.out.show(acl, outline(acl))


def _update(session: Session, args: Namespace) -> None:
    given = {"display_name": args.name, "tags": tags_of(args)}
    fields = {name: value for name, value in given.items() if value is not None}
    request = pb.UpdateAccessControlListRequest(
        access_control_list=AccessControlList(name=args.acl, etag=args.etag, **fields),
        update_mask=FieldMask(paths=fields),
    )
    acl = session.client.acls.UpdateAccessControlList(request)
    session.out.show(acl, outline(acl))


def _add(session: Session, args: Namespace) -> None:
    request = pb.AddEntriesRequest(name=args.acl, entries=args.entries, etag=args.etag)
    acl = session.client.acls.AddEntries(request)
    session.out.show(acl, f"{syntax.short(acl.name)} has {len(acl.entries)} entries")


def _remove(session: Session, args: Namespace) -> None:
    request = pb.RemoveEntriesRequest(name=args.acl, cidrs=args.cidrs, etag=args.etag)
    acl = session.client.acls.RemoveEntries(request)
    session.out.show(acl, f"{syntax.short(acl.name)} has {len(acl.entries)} entries")


def _delete(session: Session, args: Namespace) -> None:
    request = pb.DeleteAccessControlListRequest(name=args.acl, etag=args.etag)
    session.client.acls.DeleteAccessControlList(request)
    session.out.show({}, f"{syntax.short(args.acl)} deleted")
