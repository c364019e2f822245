# SPDX-License-Identifier: Apache-2.0
"""Health, counters and the state of the system."""

from __future__ import annotations

from collections.abc import Callable

from xdpair.api.v1 import load_balancer_service_pb2 as health_pb
from xdpair.api.v1 import system_service_pb2 as pb
from xdpair.core.model import ListenerKey
from xdpair.core.status import Counters, InterfaceStatus, ServerHealth, SystemStatus
from xdpair.rpc import names
from xdpair.rpc.convert.scalars import optional_ms_to_pb, time_to_pb


def health_to_pb(health: ServerHealth, now_s: float) -> health_pb.ServerHealth:
    """Args:
    now_s: CLOCK_REALTIME.
    """
    age_ms = health.last_probe_age_ms
    return health_pb.ServerHealth(
        listener=names.listener_name(health.listener),
        server_group=names.group_name(health.group_id),
        side="SIDE_UNSPECIFIED" if health.side is None else health.side.name,
        server_id=health.server_id,
        address=str(health.address),
        port=health.port,
        state=health.status.name,
        checked=health.checked,
        last_probe_age=optional_ms_to_pb(age_ms),
        latency=optional_ms_to_pb(health.latency_ms),
        error=health.error,
        last_probe_time=None if age_ms is None else time_to_pb(now_s - age_ms / 1000),
    )


def counters_to_pb(counters: Counters, group_of: Callable[[ListenerKey], str]) -> pb.Counters:
    """Args:
    group_of: the group of a listener.
    """
    return pb.Counters(
        exits=counters.exits,
        listeners=[
            pb.ListenerCounters(listener=names.listener_name(key), counters=values)
            for key, values in sorted(counters.listeners.items())
        ],
        servers=[
            pb.ServerCounters(
                server_group=names.group_name(group_id), side=side.name, counters=values
            )
            for (group_id, side), values in sorted(counters.servers.items())
        ]
        + [
            pb.ServerCounters(
                server_group=names.group_name(group_of(key)),
                listener=names.listener_name(key),
                address=str(address),
                port=port,
                counters=values,
            )
            for (key, address, port), values in sorted(counters.members.items())
        ],
    )


def system_to_pb(system: SystemStatus) -> pb.SystemStatus:
    return pb.SystemStatus(
        version=system.version,
        start_time=time_to_pb(system.started_time_s),
        interfaces=[_interface_to_pb(interface) for interface in system.interfaces],
        program_id=system.program_id,
        abi=system.abi,
        adopted=system.adopted,
        flow_capacity=system.flow_capacity,
    )


def _interface_to_pb(interface: InterfaceStatus) -> pb.InterfaceStatus:
    modes = pb.InterfaceStatus.Mode.keys()
    mode = interface.mode.upper()
    return pb.InterfaceStatus(
        interface=interface.name,
        mode=mode if mode in modes else "MODE_UNSPECIFIED",
        warning=interface.warning,
    )
