# SPDX-License-Identifier: Apache-2.0
"""`xdpair server …`."""

from __future__ import annotations

from argparse import Namespace

from google.protobuf.field_mask_pb2 import FieldMask

from xdpair.api.v1 import inventory_service_pb2 as pb
from xdpair.api.v1.server_pb2 import Server
from xdpair.cli import syntax
from xdpair.cli.client import all_pages
from xdpair.cli.output import outline
from xdpair.cli.session import Commands, Session, add_command, add_etag, add_family
from xdpair.cli.tags import add_filter, add_tags, tags_of


def add_to(commands: Commands) -> None:
    family = add_family(commands, "server", "the inventory: which address a server id stands for")

    create = add_command(family, "create", _create, "add a server, and print its id")
    create.add_argument("id", help="its id, such as web1")
    create.add_argument("address", help="its IPv4 address")
    create.add_argument("--description", default="", help="for people")
    add_tags(create)

    listing = add_command(family, "list", _list, "list all servers")
    add_filter(listing, "address = 10.0.0.11 AND tags.rack : r1")

    get = add_command(family, "get", _get, "show one server")
    get.add_argument("server", type=syntax.server, help="its id")

    update = add_command(
        family, "update", _update, "change a server, and all groups that name it by id only"
    )
    update.add_argument("server", type=syntax.server, help="its id")
    update.add_argument("--address", help="its new IPv4 address")
    update.add_argument("--description", help="for people")
    add_tags(update)
    add_etag(update)

    delete = add_command(family, "delete", _delete, "remove a server that no group needs")
    delete.add_argument("server", type=syntax.server, help="its id")
    add_etag(delete)


def _create(session: Session, args: Namespace) -> None:
    request = pb.CreateServerRequest(
        server_id=args.id,
        server=Server(address=args.address, description=args.description, tags=tags_of(args)),
    )
    created = session.client.inventory.CreateServer(request)
    session.out.show(created, syntax.short(created.name))


def _list(session: Session, args: Namespace) -> None:
    method = session.client.inventory.ListServers
    servers = list(all_pages(method, pb.ListServersRequest(filter=args.filter), "servers"))
    rows = [(syntax.short(s.name), s.address, s.description or "-") for s in servers]
    session.out.show(servers, session.out.table(("SERVER", "ADDRESS", "DESCRIPTION"), rows))


def _get(session: Session, args: Namespace) -> None:
    server = session.client.inventory.GetServer(pb.GetServerRequest(name=args.server))
    session.out.show(server, outline(server))


def _update(session: Session, args: Namespace) -> None:
    given = {"address": args.address, "description": args.description, "tags": tags_of(args)}
    fields = {name: value for name, value in given.items() if value is not None}
    request = pb.UpdateServerRequest(
        server=Server(name=args.server, etag=args.etag, **fields),
        update_mask=FieldMask(paths=fields),
    )
    server = session.client.inventory.UpdateServer(request)
    session.out.show(server, outline(server))


def _delete(session: Session, args: Namespace) -> None:
    session.client.inventory.DeleteServer(pb.DeleteServerRequest(name=args.server, etag=args.etag))
    session.out.show({}, f"{syntax.short(args.server)} deleted")
