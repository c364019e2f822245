# SPDX-License-Identifier: Apache-2.0
"""`xdpair group add|remove|replace|weight`: single servers of a group."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.api.v1.server_group_pb2 import GroupServer, ServerGroup
from xdpair.cli import syntax
from xdpair.cli.session import Commands, Handler, Session, add_command, add_etag

_KEY_HELP = "ID:PORT; in a default group ID"


def add_to(family: Commands) -> None:
    """Add the commands to those of groups."""
    add = _command(family, "add", _add, "add servers to a weighted or default group")
    add.add_argument("servers", nargs="+", type=syntax.member, help=syntax.MEMBER_HELP)

    remove = _command(family, "remove", _remove, "remove servers from a weighted or default group")
    remove.add_argument("servers", nargs="+", type=syntax.member, help=_KEY_HELP)

    replace = _command(family, "replace", _replace, "put servers in the place of others, at once")
    for option, help_ in (("--old", _KEY_HELP), ("--new", syntax.MEMBER_HELP)):
        replace.add_argument(
            option, nargs="+", type=syntax.member, required=True, metavar="SERVER", help=help_
        )

    weight = _command(family, "weight", _weight, "change weights, in a group of any kind")
    weight.add_argument(
        "servers", nargs="+", type=syntax.member, help=f"{_KEY_HELP}; *WEIGHT follows"
    )


def _command(family: Commands, name: str, run: Handler, words: str) -> ArgumentParser:
    command = add_command(family, name, run, words)
    command.add_argument("group", type=syntax.group, help="its id")
    add_etag(command)
    return command


def describe_servers(servers: list[GroupServer]) -> str:
    """Return a few servers in full, and how many more there are."""
    shown = ", ".join(map(describe_server, servers[:3]))
    return f"{shown} +{len(servers) - 3}" if len(servers) > 3 else shown or "none"


def describe_server(server: GroupServer) -> str:
    """Return a server as the command line takes it, in the shortest form."""
    address = "" if server.address in ("", server.server_id) else f"@{server.address}"
    port = f":{server.port}" if server.port else ""
    weight = "" if server.weight == 100 else f"*{server.weight}"
    return f"{server.server_id}{address}{port}{weight}"


def _key(server: GroupServer) -> pb.GroupServerKey:
    return pb.GroupServerKey(server_id=server.server_id, port=server.port)


def _show(session: Session, group: ServerGroup) -> None:
    words = f"{syntax.short(group.name)}: {describe_servers(list(group.servers))}"
    session.out.show(group, words)


def _add(session: Session, args: Namespace) -> None:
    request = pb.AddServersRequest(name=args.group, servers=args.servers, etag=args.etag)
    _show(session, session.client.groups.AddServers(request))


def _remove(session: Session, args: Namespace) -> None:
    request = pb.RemoveServersRequest(
        name=args.group, servers=map(_key, args.servers), etag=args.etag
    )
    _show(session, session.client.groups.RemoveServers(request))


def _replace(session: Session, args: Namespace) -> None:
    request = pb.ReplaceServersRequest(
        name=args.group,
        old_servers=map(_key, args.old),
        new_servers=args.new,
        etag=args.etag,
    )
    _show(session, session.client.groups.ReplaceServers(request))


def _weight(session: Session, args: Namespace) -> None:
    weights = [
        pb.GroupServerWeight(
            server_id=server.server_id,
            port=server.port,
            weight=server.weight if server.HasField("weight") else None,
        )
        for server in args.servers
    ]
    request = pb.SetServerWeightsRequest(name=args.group, weights=weights, etag=args.etag)
    _show(session, session.client.groups.SetServerWeights(request))
