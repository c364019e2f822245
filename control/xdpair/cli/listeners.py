# SPDX-License-Identifier: Apache-2.0
"""`xdpair listener …`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from xdpair.api.v1 import load_balancer_service_pb2 as pb
from xdpair.api.v1.access_control_list_pb2 import AclPolicy
from xdpair.api.v1.listener_pb2 import HealthCheck, Listener, TrafficPolicy
from xdpair.cli import syntax
from xdpair.cli.client import all_pages
from xdpair.cli.output import outline
from xdpair.cli.session import Commands, Session, add_command, add_etag, add_family
from xdpair.cli.tags import add_filter, add_tags, tags_of
from xdpair.cli.times import span

_NO_CHECK = "none"

#: Option -> field of the health check.
_CHECK_FIELDS = {
    "interval": "interval",
    "timeout": "timeout",
    "rise": "healthy_threshold",
    "fall": "unhealthy_threshold",
    "check_port": "port",
    "path": "http_path",
    "host": "http_host",
    "codes": "http_codes",
    "send": "udp_request",
    "expect": "udp_expected",
}
#: Option -> field of the traffic policy.
_TRAFFIC_FIELDS = {
    "on_failover": "on_failover",
    "on_failback": "on_failback",
    "drain": "drain_timeout",
    "scheduler": "scheduler",
    "persistence": "persistence_timeout",
    "idle_timeout": "established_timeout",
    "connection_drain": "connection_drain_timeout",
    "bandwidth": "bandwidth_mbps",
    "all_unhealthy": "all_unhealthy",
}


def add_to(commands: Commands) -> None:
    family = add_family(commands, "listener", "listeners: ports of a load balancer")

    create = add_command(family, "create", _create, "create a listener, stopped unless --start")
    _add_listener(create)
    create.add_argument("--start", action="store_true", help="start it too")
    _add_fields(create)

    listing = add_command(family, "list", _list, "list the listeners of one or all load balancers")
    listing.add_argument("lb", nargs="?", default="loadBalancers/-", type=syntax.load_balancer)
    add_filter(listing, "protocol = UDP AND state = RUNNING")

    _add_listener(add_command(family, "get", _get, "show one listener"))

    update = add_command(family, "update", _update, "change what is given, and nothing else")
    _add_listener(update)
    _add_fields(update)
    add_etag(update)

    _add_listener(add_command(family, "start", _start, "start forwarding"))
    _add_listener(add_command(family, "stop", _stop, "stop forwarding"))

    delete = add_command(family, "delete", _delete, "delete a listener, running or not")
    _add_listener(delete)
    add_etag(delete)


def _add_listener(parser: ArgumentParser) -> None:
    parser.add_argument(
        "listener",
        nargs="+",
        action=syntax.ListenerWords,
        metavar="LISTENER",
        help=syntax.LISTENER_HELP,
    )


def _add_fields(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--group", type=syntax.group, help="the server group, rsp-…; default: the default group")
    add("--server-port", type=int, help="with the default group: the port of its servers")
    add("--description", help="for people")
    add("--acl", type=_acl, metavar="white:ACL,…", help="who may come; or black:ACL,…, or off")
    add_tags(parser)
    _add_check(parser)
    _add_traffic(parser)


def _add_check(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--check",
        choices=("tcp", "http", "udp", _NO_CHECK),
        help="what a probe does; default: tcp or udp, as the listener",
    )
    add("--interval", type=syntax.duration, help="between probes, 10ms to 50s; default 500ms")
    add("--timeout", type=syntax.duration, help="for an answer, 10ms to 50s; default: --interval")
    add("--rise", type=int, help="successes until healthy, 1 to 10; default 3")
    add("--fall", type=int, help="failures until unhealthy, 1 to 10; default 3")
    add("--check-port", type=int, help="port to probe; default (0): each server's own")
    add("--path", help="http: what to ask for; default /")
    add("--host", help="http: the Host header; default: the server's address")
    add("--codes", type=syntax.http_codes, help="http: healthy answers; default 2xx")
    add("--send", type=syntax.payload, help="udp: payload, text or hex:00ff; default: empty")
    add("--expect", type=syntax.payload, help="udp: the only good answer; default: silence is good")


def _add_traffic(parser: ArgumentParser) -> None:
    add = parser.add_argument
    actions = ("keep", "reset")
    add("--on-failover", choices=actions, help="flows of a failed primary; default reset")
    add("--on-failback", choices=actions, help="flows of the secondary; default keep (UDP: reset)")
    add("--drain", type=syntax.duration, help="how long kept flows may last after a failback")
    add(
        "--scheduler",
        choices=("wrr", "rr", "wlc", "sch", "tch", "qch"),
        help="who of a weighted group gets a new flow; default wrr",
    )
    add("--persistence", type=syntax.duration, help="clients stay with their server; default 0")
    add("--idle-timeout", type=syntax.duration, help="of TCP flows, 10s to 900s; default 900s")
    add(
        "--connection-drain",
        type=syntax.duration,
        help="how long flows of a server that is removed or fails go on; default 0: not at all",
    )
    add("--bandwidth", type=syntax.bandwidth, help="in Mbit/s, each direction; default none")
    add(
        "--all-unhealthy",
        choices=("reject", "fail-open"),
        help="what a weighted group does when no server is fit; default reject",
    )


def _acl(text: str) -> tuple[AclPolicy | None]:
    """``off`` has to differ from an option that is not there."""
    return (syntax.acl_policy(text),)


def _listener_and_mask(args: Namespace) -> tuple[Listener, list[str]]:
    """Return what the options say, and the paths of what they say."""
    listener, paths = Listener(), []
    if args.group is not None:
        listener.server_group = args.group
        paths.append("server_group")
    if args.server_port is not None:
        listener.server_port = args.server_port
        paths.append("server_port")
    if args.description is not None:
        listener.description = args.description
        paths.append("description")
    if args.acl is not None:
        (policy,) = args.acl
        if policy is not None:
            listener.acl.CopyFrom(policy)
        paths.append("acl")
    tags = tags_of(args)
    if tags is not None:
        listener.tags.update(tags)
        paths.append("tags")
    check, check_paths = _check(args)
    traffic, traffic_paths = _traffic(args)
    listener.health_check.CopyFrom(check)
    listener.traffic_policy.CopyFrom(traffic)
    paths += [f"health_check.{path}" for path in check_paths]
    paths += [f"traffic_policy.{path}" for path in traffic_paths]
    return listener, paths


def _check(args: Namespace) -> tuple[HealthCheck, list[str]]:
    given = {field: getattr(args, option) for option, field in _CHECK_FIELDS.items()}
    fields = {field: value for field, value in given.items() if value is not None}
    if args.check is not None:
        fields["enabled"] = args.check != _NO_CHECK
    if args.check not in (None, _NO_CHECK):
        fields["type"] = args.check.upper()
    return HealthCheck(**fields), list(fields)


def _traffic(args: Namespace) -> tuple[TrafficPolicy, list[str]]:
    given = {field: getattr(args, option) for option, field in _TRAFFIC_FIELDS.items()}
    fields: dict[str, Any] = {
        field: value.upper().replace("-", "_") if isinstance(value, str) else value
        for field, value in given.items()
        if value is not None
    }
    return TrafficPolicy(**fields), list(fields)


def _create(session: Session, args: Namespace) -> None:
    parent, _, key = args.listener.partition("/listeners/")
    protocol, _, port = key.partition("-")
    listener, _ = _listener_and_mask(args)
    listener.MergeFrom(Listener(protocol=protocol.upper(), port=int(port)))
    service = session.client.load_balancers
    created = service.CreateListener(pb.CreateListenerRequest(parent=parent, listener=listener))
    if args.start:
        created = service.StartListener(pb.StartListenerRequest(name=created.name))
    session.out.show(created, syntax.short(created.name))


def _list(session: Session, args: Namespace) -> None:
    method = session.client.load_balancers.ListListeners
    listeners = list(
        all_pages(method, pb.ListListenersRequest(parent=args.lb, filter=args.filter), "listeners")
    )
    headings = ("LISTENER", "STATE", "GROUP", "CHECK", "SCHEDULER", "ON FAILOVER", "ON FAILBACK")
    session.out.show(listeners, session.out.table(headings, map(_row, listeners)))


def _row(listener: Listener) -> tuple[str, ...]:
    traffic = listener.traffic_policy
    actions = TrafficPolicy.FlowAction
    drain = f", {span(traffic.drain_timeout)}" if traffic.drain_timeout.seconds else ""
    return (
        syntax.short(listener.name),
        Listener.State.Name(listener.state).lower(),
        syntax.short(listener.server_group),
        describe_check(listener.health_check),
        TrafficPolicy.Scheduler.Name(traffic.scheduler).lower(),
        actions.Name(traffic.on_failover).lower(),
        actions.Name(traffic.on_failback).lower() + drain,
    )


def describe_check(check: HealthCheck) -> str:
    """Return a check in a few words."""
    if not check.enabled:
        return "none"
    kind = HealthCheck.Type.Name(check.type).lower()
    path = f" {check.http_path}" if check.type == HealthCheck.HTTP else ""
    port = f" port {check.port}" if check.port else ""
    return (
        f"{kind}{path}{port} every {span(check.interval)}, timeout {span(check.timeout)}, "
        f"rise {check.healthy_threshold}, fall {check.unhealthy_threshold}"
    )


def _get(session: Session, args: Namespace) -> None:
    request = pb.GetListenerRequest(name=args.listener)
    listener = session.client.load_balancers.GetListener(request)
    session.out.show(listener, outline(listener))


def _update(session: Session, args: Namespace) -> None:
    listener, paths = _listener_and_mask(args)
    listener.name, listener.etag = args.listener, args.etag
    request = pb.UpdateListenerRequest(listener=listener, update_mask=FieldMask(paths=paths))
    updated = session.client.load_balancers.UpdateListener(request)
    session.out.show(updated, outline(updated))


def _start(session: Session, args: Namespace) -> None:
    request = pb.StartListenerRequest(name=args.listener)
    listener = session.client.load_balancers.StartListener(request)
    session.out.show(listener, f"{syntax.short(listener.name)} running")


def _stop(session: Session, args: Namespace) -> None:
    request = pb.StopListenerRequest(name=args.listener)
    listener = session.client.load_balancers.StopListener(request)
    session.out.show(listener, f"{syntax.short(listener.name)} stopped")


def _delete(session: Session, args: Namespace) -> None:
    request = pb.DeleteListenerRequest(name=args.listener, etag=args.etag)
    session.client.load_balancers.DeleteListener(request)
    session.out.show({}, f"{syntax.short(args.listener)} deleted")
