# SPDX-License-Identifier: Apache-2.0
"""`xdpair status`: everything that matters, on one page."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterator

from xdpair.api.v1.listener_pb2 import Listener
from xdpair.api.v1.load_balancer_service_pb2 import ServerHealth
from xdpair.api.v1.server_group_pb2 import ServerGroup, SlotStatus
from xdpair.api.v1.system_service_pb2 import InterfaceStatus
from xdpair.cli import syntax
from xdpair.cli.health import describe_health, describe_side
from xdpair.cli.output import BOLD, GREEN, RED, YELLOW, Json, Output, Styled, message_to_json
from xdpair.cli.session import Commands, Session, add_command
from xdpair.cli.snapshot import ServedListener, Snapshot, take_snapshot
from xdpair.cli.times import age

_SERVES = {
    ServerGroup.PRIMARY: GREEN,
    ServerGroup.SECONDARY: YELLOW,
    ServerGroup.NOBODY: RED,
}


def add_to(commands: Commands) -> None:
    parser = add_command(
        commands, "status", _status, "show everything: who serves, since when, why, how healthy"
    )
    parser.add_argument("group", nargs="?", type=syntax.group, help="only this group")


def _status(session: Session, args: Namespace) -> None:
    snapshot = take_snapshot(session.client, args.group)
    warnings = list(_warnings(snapshot))
    session.out.show(_document(snapshot, warnings), _text(session.out, snapshot, warnings))


def _warnings(snapshot: Snapshot) -> Iterator[str]:
    for interface in snapshot.system.interfaces:
        if interface.warning:
            yield f"{interface.interface}: {interface.warning}"
        elif interface.mode == InterfaceStatus.DETACHED:
            yield f"{interface.interface}: the program is not attached"
    for served in snapshot.listeners:
        for words in _listener_warnings(served):
            yield f"{syntax.short(served.listener.name)}: {words}"
    used = {served.group.name for served in snapshot.listeners}
    for group in snapshot.groups:
        if group.name not in used and group.kind != ServerGroup.DEFAULT:
            yield f"{syntax.short(group.name)}: no listener uses this group"


def _listener_warnings(served: ServedListener) -> Iterator[str]:
    listener, slot = served.listener, served.slot
    yield from listener.warnings
    if slot is None:
        return
    if slot.serving == ServerGroup.NOBODY:
        yield "both weights are 0: new connections are rejected"
    if slot.pinned:
        side = ServerGroup.Side.Name(slot.pinned).lower()
        release = f"xdpair hold --release {syntax.short(served.group.name)}"
        yield f"held on the {side}: no health check moves it until `{release}`"
    if not listener.health_check.enabled:
        yield "no health check: only an operator or a weight moves traffic"
    for health in served.servers:
        if health.side == slot.serving and health.state == ServerHealth.ABNORMAL:
            yield f"{health.server_id} serves, but is abnormal: {health.error}"


def _document(snapshot: Snapshot, warnings: list[str]) -> Json:
    return {
        "system": message_to_json(snapshot.system),
        "listeners": [_listener_document(served) for served in snapshot.listeners],
        "groups": [message_to_json(group) for group in snapshot.groups],
        "warnings": warnings,
    }


def _listener_document(served: ServedListener) -> Json:
    return {
        "listener": message_to_json(served.listener),
        "address": served.address,
        "slot": message_to_json(served.slot) if served.slot else None,
        "servers": [
            message_to_json(health)
            | {
                "weight": served.weight(health),
                "serving": served.serves(health),
            }
            for health in served.servers
        ],
    }


def _text(out: Output, snapshot: Snapshot, warnings: list[str]) -> str:
    now_s = time.time()
    system = snapshot.system
    program = f"program {system.program_id}{' (adopted)' if system.adopted else ''}"
    heads = [
        out.paint(Styled(f"xdpair {system.version}", BOLD))
        + f"  up {age(system.start_time, now_s)}  {program}"
        f"  room for {system.flow_capacity:,} flows"
    ]
    heads += [f"  {each.interface}: {_mode(out, each)}" for each in system.interfaces]
    parts = ["\n".join(heads), _listeners(out, snapshot.listeners, now_s)]
    if warnings:
        mark = out.paint(Styled("!", YELLOW))
        parts.append("\n".join(f"{mark} {words}" for words in warnings))
    return "\n\n".join(parts)


def _mode(out: Output, interface: InterfaceStatus) -> str:
    name = InterfaceStatus.Mode.Name(interface.mode).lower()
    return out.paint(Styled(name, GREEN if interface.mode == InterfaceStatus.NATIVE else YELLOW))


def _listeners(out: Output, listeners: list[ServedListener], now_s: float) -> str:
    """One line for each listener, and under it one for each of its servers."""
    if not listeners:
        return "no listeners"
    headings = ("LISTENER", "ADDRESS", "STATE", "GROUP", "SERVES", "SINCE", "BECAUSE OF", "HELD")
    heads = out.table(headings, [_head(served, now_s) for served in listeners]).splitlines()
    servers = iter(
        _rows_only(out, [_server(served, each) for served in listeners for each in served.servers])
    )
    lines = [heads[0]]
    for head, served in zip(heads[1:], listeners, strict=True):
        lines.append(head)
        lines += [next(servers) for _ in served.servers]
    return "\n".join(lines)


def _rows_only(out: Output, rows: list[tuple[str, ...]]) -> list[str]:
    return out.table(("",) * len(rows[0]), rows).splitlines()[1:] if rows else []


def _head(served: ServedListener, now_s: float) -> tuple[str, ...]:
    listener, slot = served.listener, served.slot
    protocol = Listener.Protocol.Name(listener.protocol).lower()
    return (
        syntax.short(listener.name),
        f"{served.address}:{listener.port}/{protocol}",
        Listener.State.Name(listener.state).lower(),
        syntax.short(served.group.name),
        *(("-",) * 4 if slot is None else _slot(slot, now_s)),
    )


def _slot(slot: SlotStatus, now_s: float) -> tuple[str, ...]:
    name = ServerGroup.Side.Name(slot.serving).lower()
    return (
        Styled(name, _SERVES.get(slot.serving, BOLD)),
        age(slot.change_time, now_s),
        SlotStatus.Cause.Name(slot.cause).lower(),
        "yes" if slot.pinned else "no",
    )


def _server(served: ServedListener, health: ServerHealth) -> tuple[str, ...]:
    return (
        "→" if served.serves(health) else " ",
        describe_side(health.side),
        health.server_id,
        f"{health.address}:{health.port}",
        f"weight {served.weight(health)}",
        describe_health(health),
        health.error,
    )
