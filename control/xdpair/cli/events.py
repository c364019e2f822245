# SPDX-License-Identifier: Apache-2.0
"""`xdpair events` and `xdpair watch`: what happened, and what happens."""

from __future__ import annotations

import sys
import time
from argparse import Namespace

import grpc

from xdpair.api.v1 import event_service_pb2 as pb
from xdpair.api.v1.event_pb2 import Event
from xdpair.api.v1.server_group_pb2 import ServerGroup
from xdpair.api.v1.server_group_service_pb2 import GetServerGroupRequest
from xdpair.cli import syntax
from xdpair.cli.client import is_unreachable
from xdpair.cli.output import GREEN, RED, YELLOW, Styled
from xdpair.cli.session import Commands, Session, add_command
from xdpair.cli.tags import add_filter
from xdpair.cli.times import local_time, span

_RETRY_S = 0.5
_STYLES = {
    Event.FAILOVER: RED,
    Event.REJECTING: RED,
    Event.FAILBACK: GREEN,
    Event.SWITCHOVER: YELLOW,
    Event.WARNING: YELLOW,
}


def add_to(commands: Commands) -> None:
    watch = add_command(commands, "watch", _watch, "print events as they happen, until interrupted")
    watch.add_argument("group", nargs="?", type=syntax.group, help="only about this group")
    watch.add_argument(
        "--since", type=int, metavar="SEQ", help="begin after this event; 0: with the oldest known"
    )

    events = add_command(commands, "events", _events, "print past events, the newest last")
    events.add_argument("group", nargs="?", type=syntax.group, help="only about this group")
    events.add_argument("-n", type=int, default=20, help="how many at most; default 20")
    events.add_argument(
        "--since", type=int, default=0, metavar="SEQ", help="only those after this event"
    )
    add_filter(events, "kind = FAILOVER AND cause = health")


def _events(session: Session, args: Namespace) -> None:
    request = pb.ListEventsRequest(
        server_group=args.group, after_seq=args.since, filter=args.filter
    )
    events: list[Event] = []
    while len(events) < args.n:
        request.page_size = min(args.n - len(events), 1000)
        response = session.client.events.ListEvents(request)
        events.extend(response.events)
        if not response.next_page_token:
            break
        request.page_token = response.next_page_token
    events.reverse()
    lines = (_line(session, event) for event in events)
    session.out.show(events, "\n".join(lines) or "none")


def _watch(session: Session, args: Namespace) -> None:
    if args.group:  # a typing error would wait for ever
        session.client.groups.GetServerGroup(GetServerGroupRequest(name=args.group))
    # Always from a certain event on, so that none is missed if the stream has to be begun again.
    since = _last_seq(session) if args.since is None else args.since
    request = pb.WatchEventsRequest(server_group=args.group, after_seq=since)
    connected = False
    while True:
        try:
            stream = session.client.events.WatchEvents(request)
            stream.initial_metadata()
            connected = True
            for event in stream:
                request.after_seq = event.seq
                session.out.show(event, _line(session, event))
        except grpc.RpcError as error:
            # Once it has worked, a controller that restarts is waited for: no event is missed.
            if not connected or not _may_come_back(error):
                raise
            print("xdpair: the controller is gone; waiting for it …", file=sys.stderr)
            _wait_for_controller(session)


def _last_seq(session: Session) -> int:
    newest = session.client.events.ListEvents(pb.ListEventsRequest(page_size=1)).events
    return int(newest[0].seq) if newest else 0


def _may_come_back(error: grpc.RpcError) -> bool:
    return error.code() is grpc.StatusCode.UNAVAILABLE or is_unreachable(error)


def _wait_for_controller(session: Session) -> None:
    while True:
        time.sleep(_RETRY_S)
        try:
            session.client.events.ListEvents(pb.ListEventsRequest(page_size=1))
        except grpc.RpcError as error:
            if not is_unreachable(error):
                raise
        else:
            return


def _line(session: Session, event: Event) -> str:
    kind = Event.Kind.Name(event.kind).lower()
    painted = session.out.paint(Styled(kind, _STYLES.get(event.kind, "1")))
    about = event.listener or event.server_group or event.load_balancer
    details = [
        syntax.short(about) if about else "",
        _sides(event),
        f"cause: {event.cause}" if event.cause else "",
        f"probe: {event.check}" if event.check else "",
        f"error: {event.error}" if event.error else "",
        f"decided after {span(event.decided_after)}" if event.HasField("decided_after") else "",
        event.message,
    ]
    padding = " " * max(0, 14 - len(kind))
    return (
        f"{local_time(event.time, ms=True)}  {painted}{padding}  "
        f"{', '.join(detail for detail in details if detail)}"
    )


def _sides(event: Event) -> str:
    before, after = (
        ServerGroup.Side.Name(side).lower() for side in (event.from_side, event.to_side)
    )
    if not event.to_side:
        return ""
    return after if event.from_side == event.to_side else f"{before} → {after}"
