# SPDX-License-Identifier: Apache-2.0
"""`xdpair switchover | failback | hold`: what an operator does with a group."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from xdpair.api.v1 import server_group_service_pb2 as pb
from xdpair.api.v1.server_group_pb2 import ServerGroup, SlotStatus
from xdpair.cli import syntax
from xdpair.cli.session import Commands, Session, add_command


def add_to(commands: Commands) -> None:
    switchover = add_command(
        commands,
        "switchover",
        _switchover,
        "move traffic to the other server, and keep it there until failback or hold --release",
    )
    _add_target(switchover)
    switchover.add_argument(
        "--to",
        type=str.lower,
        choices=("primary", "secondary"),
        help="where to; default: to the one that does not serve now",
    )

    failback = add_command(
        commands,
        "failback",
        _failback,
        "move traffic to the primary, and let health checks decide again",
    )
    _add_target(failback)

    hold = add_command(
        commands, "hold", _hold, "keep traffic where it is, whatever the health checks say"
    )
    _add_target(hold)
    hold.add_argument(
        "--release", action="store_true", help="end a hold or a switchover: checks decide again"
    )


def _add_target(parser: ArgumentParser) -> None:
    parser.add_argument("group", type=syntax.group, help="the server group, rsp-…")
    parser.add_argument(
        "--listener",
        type=syntax.listener_word,
        metavar="LB/tcp-80",
        help="only this listener; default: all that use the group",
    )


def _switchover(session: Session, args: Namespace) -> None:
    to = args.to.upper() if args.to else "SIDE_UNSPECIFIED"
    request = pb.SwitchoverRequest(name=args.group, listener=args.listener, to=to)
    _show(session, session.client.groups.Switchover(request).slots)


def _failback(session: Session, args: Namespace) -> None:
    request = pb.FailbackRequest(name=args.group, listener=args.listener)
    _show(session, session.client.groups.Failback(request).slots)


def _hold(session: Session, args: Namespace) -> None:
    if args.release:
        release = pb.ReleaseRequest(name=args.group, listener=args.listener)
        slots = session.client.groups.Release(release).slots
    else:
        hold = pb.HoldRequest(name=args.group, listener=args.listener)
        slots = session.client.groups.Hold(hold).slots
    _show(session, slots)


def _show(session: Session, slots: Sequence[SlotStatus]) -> None:
    rows = [
        (
            ", ".join(map(syntax.short, slot.listeners)) or "not running",
            ServerGroup.Side.Name(slot.serving).lower(),
            SlotStatus.Cause.Name(slot.cause).lower(),
            ServerGroup.Side.Name(slot.pinned).lower() if slot.pinned else "no",
        )
        for slot in slots
    ]
    table = session.out.table(("LISTENER", "SERVES", "BECAUSE OF", "HELD"), rows)
    session.out.show(list(slots), table)
