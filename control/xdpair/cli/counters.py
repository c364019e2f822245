# SPDX-License-Identifier: Apache-2.0
"""`xdpair counters`: what the data plane did."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.api.v1.system_service_pb2 import Counters, GetCountersRequest, ServerCounters
from xdpair.cli import syntax
from xdpair.cli.session import Commands, Session, add_command


def add_to(commands: Commands) -> None:
    parser = add_command(
        commands, "counters", _counters, "show packets and octets by exit, listener and server"
    )
    parser.add_argument("--all", action="store_true", help="those that are 0 too")


def _counters(session: Session, args: Namespace) -> None:
    counters = session.client.system.GetCounters(GetCountersRequest())
    rows = [
        (subject, name, str(value))
        for subject, values in _subjects(counters)
        for name, value in sorted(values.items())
        if value or args.all
    ]
    session.out.show(counters, session.out.table(("OF", "COUNTER", "VALUE"), rows))


def _subjects(counters: Counters) -> list[tuple[str, Mapping[str, int]]]:
    return [
        ("all packets", counters.exits),
        *((syntax.short(each.listener), each.counters) for each in counters.listeners),
        *((_server(each), each.counters) for each in counters.servers),
    ]


def _server(server: ServerCounters) -> str:
    if server.side:
        side = ServerGroup.Side.Name(server.side).lower()
        return f"{syntax.short(server.server_group)} {side}"
    return f"{syntax.short(server.listener)} {server.address}:{server.port}"
