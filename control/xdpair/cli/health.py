# SPDX-License-Identifier: Apache-2.0
"""`xdpair health`: each server as each listener sees it."""

from __future__ import annotations

from argparse import Namespace

from xdpair.api.v1.load_balancer_service_pb2 import GetHealthStatusRequest, ServerHealth
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.cli import syntax
from xdpair.cli.output import GREEN, RED, Styled
from xdpair.cli.session import Commands, Session, add_command
from xdpair.cli.times import span


def add_to(commands: Commands) -> None:
    parser = add_command(
        commands, "health", _health, "show what the health checks know of each server"
    )
    parser.add_argument(
        "target",
        nargs="?",
        default="loadBalancers/-",
        type=_target,
        metavar="LB or LB/tcp-80",
        help="only this load balancer or listener",
    )


def _target(text: str) -> str:
    bare = text.removeprefix("loadBalancers/")
    return syntax.listener_word(bare) if "/" in bare else syntax.load_balancer(bare)


def _health(session: Session, args: Namespace) -> None:
    request = GetHealthStatusRequest(name=args.target)
    servers = list(session.client.load_balancers.GetHealthStatus(request).servers)
    headings = ("LISTENER", "SIDE", "SERVER", "ADDRESS", "HEALTH", "PROBED", "TOOK", "ERROR")
    session.out.show(servers, session.out.table(headings, map(_row, servers)))


def _row(server: ServerHealth) -> tuple[str, ...]:
    probed = server.HasField("last_probe_age")
    return (
        syntax.short(server.listener),
        describe_side(server.side),
        server.server_id,
        f"{server.address}:{server.port}",
        describe_health(server),
        f"{span(server.last_probe_age)} ago" if probed else "-",
        span(server.latency) if server.HasField("latency") else "-",
        server.error or "-",
    )


def describe_side(side: ServerGroup.Side) -> str:
    """Return the side in a word; a weighted group has none."""
    return ServerGroup.Side.Name(side).lower() if side else "-"


def describe_health(server: ServerHealth) -> str:
    """Return the verdict in a word or two."""
    if not server.checked:
        return "not checked"
    if server.state == ServerHealth.NORMAL:
        return Styled("normal", GREEN)
    if server.state == ServerHealth.ABNORMAL:
        return Styled("abnormal", RED)
    return "no verdict yet"
