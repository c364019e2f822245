# SPDX-License-Identifier: Apache-2.0
"""`xdpair lb …`."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace

from google.protobuf.field_mask_pb2 import FieldMask

from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.api.v1.load_balancer_pb2 import LoadBalancer
from xdpair.cli import syntax
from xdpair.cli.client import all_pages
from xdpair.cli.output import outline
from xdpair.cli.session import Commands, Session, add_command, add_etag, add_family
from xdpair.cli.tags import add_filter, add_tags, tags_of
from xdpair.cli.times import local_time


def add_to(commands: Commands) -> None:
    family = add_family(commands, "lb", "load balancers: virtual addresses")

    create = add_command(family, "create", _create, "create a load balancer, and print its id")
    create.add_argument("address", help="the virtual IPv4 address")
    create.add_argument("--id", default="", help="lb-…; default: a random one")
    _add_fields(create)

    listing = add_command(family, "list", _list, "list all load balancers")
    add_filter(listing, "status = INACTIVE AND tags.team = db")

    get = add_command(family, "get", _get, "show one load balancer")
    get.add_argument("lb", type=syntax.load_balancer, help="its id")

    update = add_command(family, "update", _update, "change what is given, and nothing else")
    update.add_argument("lb", type=syntax.load_balancer, help="its id")
    _add_fields(update)
    add_etag(update)

    delete = add_command(family, "delete", _delete, "delete it with its listeners and groups")
    delete.add_argument("lb", type=syntax.load_balancer, help="its id")
    add_etag(delete)


def _add_fields(parser: ArgumentParser) -> None:
    parser.add_argument("--name", dest="display_name", help="a name for people")
    parser.add_argument("--interface", help="where to announce it; default: where its subnet is")
    parser.add_argument(
        "--delete-protection", action=BooleanOptionalAction, help="refuse to delete it"
    )
    parser.add_argument(
        "--status",
        choices=("active", "inactive"),
        help="inactive: nothing is forwarded, everything stays configured; default active",
    )
    add_tags(parser)


def _fields(args: Namespace) -> dict[str, object]:
    given = {
        "display_name": args.display_name,
        "interface": args.interface,
        "delete_protection": args.delete_protection,
        "status": args.status and args.status.upper(),
        "tags": tags_of(args),
    }
    return {name: value for name, value in given.items() if value is not None}


def _create(session: Session, args: Namespace) -> None:
    lb = LoadBalancer(address=args.address, **_fields(args))  # type: ignore[arg-type]
    request = pb.CreateLoadBalancerRequest(load_balancer_id=args.id, load_balancer=lb)
    created = session.client.load_balancers.CreateLoadBalancer(request)
    session.out.show(created, syntax.short(created.name))


def _list(session: Session, args: Namespace) -> None:
    lbs = list(
        all_pages(
            session.client.load_balancers.ListLoadBalancers,
            pb.ListLoadBalancersRequest(filter=args.filter),
            "load_balancers",
        )
    )
    headings = ("LB", "ADDRESS", "NAME", "INTERFACE", "STATUS", "PROTECTED", "CREATED")
    rows = [
        (
            syntax.short(lb.name),
            lb.address,
            lb.display_name or "-",
            lb.interface or "-",
            LoadBalancer.Status.Name(lb.status).lower(),
            "yes" if lb.delete_protection else "no",
            local_time(lb.create_time),
        )
        for lb in lbs
    ]
    session.out.show(lbs, session.out.table(headings, rows))


def _get(session: Session, args: Namespace) -> None:
    lb = session.client.load_balancers.GetLoadBalancer(pb.GetLoadBalancerRequest(name=args.lb))
    session.out.show(lb, outline(lb))


def _update(session: Session, args: Namespace) -> None:
    fields = _fields(args)
    request = pb.UpdateLoadBalancerRequest(
        load_balancer=LoadBalancer(name=args.lb, etag=args.etag, **fields),  # type: ignore[arg-type]
        update_mask=FieldMask(paths=fields),
    )
    lb = session.client.load_balancers.UpdateLoadBalancer(request)
    session.out.show(lb, outline(lb))


def _delete(session: Session, args: Namespace) -> None:
    request = pb.DeleteLoadBalancerRequest(name=args.lb, etag=args.etag)
    session.client.load_balancers.DeleteLoadBalancer(request)
    session.out.show({}, f"{syntax.short(args.lb)} deleted")
