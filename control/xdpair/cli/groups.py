# SPDX-License-Identifier: Apache-2.0
"""`xdpair group …`."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.api.v1.server_group_pb2 import FailoverPolicy, GroupServer, ServerGroup
from xdpair.cli import group_servers, syntax
from xdpair.cli.client import all_pages
from xdpair.cli.group_servers import describe_servers
from xdpair.cli.output import outline
from xdpair.cli.session import Commands, Session, add_command, add_etag, add_family
from xdpair.cli.tags import add_filter, add_tags, tags_of
from xdpair.cli.times import span

_KINDS = {
    ServerGroup.PRIMARY_SECONDARY: "pair",
    ServerGroup.WEIGHTED: "weighted",
    ServerGroup.DEFAULT: "default",
}


def add_to(commands: Commands) -> None:
    family = add_family(commands, "group", "server groups: who is behind listeners")

    create = add_command(family, "create", _create, "create a group, and print its id")
    create.add_argument("--lb", type=syntax.load_balancer, required=True, help="its load balancer")
    create.add_argument("--id", default="", help="rsp-…; default: a random one")
    create.add_argument(
        "--kind",
        choices=("pair", "weighted"),
        help="pair: one of two serves; weighted: all share; default: as the servers are given",
    )
    _add_fields(create)

    listing = add_command(family, "list", _list, "list the groups of one or all load balancers")
    listing.add_argument("lb", nargs="?", type=syntax.load_balancer)
    add_filter(listing, "kind = WEIGHTED AND display_name : web")

    get = add_command(family, "get", _get, "show one group, and who serves")
    get.add_argument("group", type=syntax.group, help="its id")

    update = add_command(family, "update", _update, "change what is given, and nothing else")
    update.add_argument("group", type=syntax.group, help="its id")
    _add_fields(update)
    add_etag(update)

    delete = add_command(family, "delete", _delete, "delete a group that no listener uses")
    delete.add_argument("group", type=syntax.group, help="its id")
    add_etag(delete)

    group_servers.add_to(family)


def _add_fields(parser: ArgumentParser) -> None:
    add = parser.add_argument
    for role in ("primary", "secondary"):
        add(
            f"--{role}",
            type=syntax.group_server,
            metavar="SERVER",
            help=f"of a pair: {syntax.SERVER_HELP}" if role == "primary" else "likewise",
        )
    add(
        "--server",
        dest="servers",
        action="append",
        type=syntax.member,
        metavar="SERVER",
        help="of a weighted group, may be repeated: as above; all servers it is to have",
    )
    add_tags(parser)
    add("--name", help="a name for people")
    add(
        "--scope",
        choices=("listener", "group"),
        help="what fails over together: each listener by itself (default), or the group",
    )
    add("--failback", choices=("auto", "manual"), help="how traffic returns; default auto")
    add(
        "--hold-down",
        type=syntax.duration,
        help="how long the primary must be healthy before traffic returns; default 0",
    )
    add("--probe-secondary", action=BooleanOptionalAction, help="check the secondary too")


def _group_and_mask(args: Namespace) -> tuple[ServerGroup, list[str]]:
    """Return what the options say, and the paths of what they say, without the
    two servers of a pair.
    """
    group, paths = ServerGroup(), []
    if args.name is not None:
        group.display_name = args.name
        paths.append("display_name")
    if args.probe_secondary is not None:
        group.probe_secondary = args.probe_secondary
        paths.append("probe_secondary")
    if args.servers is not None:
        group.servers.extend(args.servers)
        paths.append("servers")
    tags = tags_of(args)
    if tags is not None:
        group.tags.update(tags)
        paths.append("tags")
    policy = _policy(args)
    if policy:
        group.failover_policy.CopyFrom(FailoverPolicy(**policy))
    paths += [f"failover_policy.{path}" for path in policy]
    return group, paths


def _policy(args: Namespace) -> dict[str, Any]:
    given = {
        "scope": args.scope and args.scope.upper(),
        "failback": args.failback and args.failback.upper(),
        "hold_down": args.hold_down,
    }
    return {field: value for field, value in given.items() if value is not None}


def _with_role(server: GroupServer, role: GroupServer.Role) -> GroupServer:
    server.role = role
    return server


def _create(session: Session, args: Namespace) -> None:
    group, _ = _group_and_mask(args)
    group.load_balancer = args.lb
    for server, role in (
        (args.primary, GroupServer.PRIMARY),
        (args.secondary, GroupServer.SECONDARY),
    ):
        if server is not None:
            group.servers.append(_with_role(server, role))
    is_pair = args.kind == "pair" or (args.kind is None and args.servers is None)
    group.kind = ServerGroup.PRIMARY_SECONDARY if is_pair else ServerGroup.WEIGHTED
    request = pb.CreateServerGroupRequest(server_group_id=args.id, server_group=group)
    created = session.client.groups.CreateServerGroup(request)
    session.out.show(created, syntax.short(created.name))


def _list(session: Session, args: Namespace) -> None:
    request = pb.ListServerGroupsRequest(load_balancer=args.lb, filter=args.filter)
    groups = list(all_pages(session.client.groups.ListServerGroups, request, "server_groups"))
    headings = ("GROUP", "NAME", "LB", "KIND", "SERVERS", "FAILBACK", "SERVES")
    session.out.show(groups, session.out.table(headings, map(_row, groups)))


def _row(group: ServerGroup) -> tuple[str, ...]:
    sides = {ServerGroup.Side.Name(slot.serving).lower() for slot in group.slots}
    return (
        syntax.short(group.name),
        group.display_name or "-",
        syntax.short(group.load_balancer),
        _KINDS.get(group.kind, str(group.kind)),
        describe_servers(sorted(group.servers, key=lambda server: server.role)),
        _failback(group.failover_policy),
        ", ".join(sorted(sides)) or "-",
    )


def _failback(policy: FailoverPolicy) -> str:
    if not policy.failback:
        return "-"
    hold_down = f" after {span(policy.hold_down)}" if policy.hold_down.ListFields() else ""
    return FailoverPolicy.Failback.Name(policy.failback).lower() + hold_down


def _get(session: Session, args: Namespace) -> None:
    group = session.client.groups.GetServerGroup(pb.GetServerGroupRequest(name=args.group))
    session.out.show(group, outline(group))


def _update(session: Session, args: Namespace) -> None:
    group, paths = _group_and_mask(args)
    group.name, group.etag = args.group, args.etag
    if args.primary is not None or args.secondary is not None:
        _replace_servers(session, args, group)
        paths.append("servers")
    request = pb.UpdateServerGroupRequest(server_group=group, update_mask=FieldMask(paths=paths))
    updated = session.client.groups.UpdateServerGroup(request)
    session.out.show(updated, outline(updated))


def _replace_servers(session: Session, args: Namespace, group: ServerGroup) -> None:
    """Put both servers into the request: the new ones, and what stays as it is now.

    The etag makes sure that what stays is not somebody else's change of this moment undone.
    """
    now = session.client.groups.GetServerGroup(pb.GetServerGroupRequest(name=args.group))
    servers = {server.role: server for server in now.servers}
    for role, given in (
        (GroupServer.PRIMARY, args.primary),
        (GroupServer.SECONDARY, args.secondary),
    ):
        if given is not None:
            servers[role] = _with_role(given, role)
    group.servers.extend(servers.values())
    group.etag = args.etag or now.etag


def _delete(session: Session, args: Namespace) -> None:
    request = pb.DeleteServerGroupRequest(name=args.group, etag=args.etag)
    session.client.groups.DeleteServerGroup(request)
    session.out.show({}, f"{syntax.short(args.group)} deleted")
