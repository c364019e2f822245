# SPDX-License-Identifier: Apache-2.0
"""``Event``."""

from __future__ import annotations

from xdpair.api.v1 import event_pb2 as pb
from xdpair.core.events import Event, EventKind
from xdpair.core.model import Side
from xdpair.rpc import names
from xdpair.rpc.convert.scalars import ms_to_pb, time_to_pb
from xdpair.rpc.convert.server_group import side_to_pb

#: Kinds that are about who serves; only with these does an absent side mean that nobody does.
_ABOUT_SIDES = frozenset(
    {
        EventKind.FAILOVER,
        EventKind.FAILBACK,
        EventKind.SWITCHOVER,
        EventKind.WEIGHT_CHANGE,
        EventKind.REJECTING,
        EventKind.FENCED,
        EventKind.HELD,
        EventKind.RELEASED,
    }
)


def event_to_pb(event: Event) -> pb.Event:
    return pb.Event(
        seq=event.seq,
        time=time_to_pb(event.time_s),
        kind=event.kind.name,
        load_balancer=names.load_balancer_name(event.lb_id) if event.lb_id else "",
        server_group=names.group_name(event.group_id) if event.group_id else "",
        listener=listener_name(event.listener),
        from_side=_side(event.kind, event.from_side),
        to_side=_side(event.kind, event.to_side),
        cause=event.cause,
        check=event.check,
        error=event.error,
        decided_after=ms_to_pb(event.decided_after_ms) if event.decided_after_ms else None,
        epoch=event.epoch,
        message=event.message,
    )


def _side(kind: EventKind, side: Side | None) -> str:
    return "SIDE_UNSPECIFIED" if side is None and kind not in _ABOUT_SIDES else side_to_pb(side)


def listener_name(text: str) -> str:
    """Make ``lb-x/tcp-80`` a resource name; such text may speak of a listener that is gone."""
    lb_id, _, listener = text.partition("/")
    return f"{names.load_balancer_name(lb_id)}/listeners/{listener}" if listener else ""
