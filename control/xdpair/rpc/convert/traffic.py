# SPDX-License-Identifier: Apache-2.0
"""``TrafficPolicy``."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from xdpair.api.v1 import listener_pb2 as pb
from xdpair.core.model import AllUnhealthy, FlowAction, Protocol, Scheduler, TrafficPolicy
from xdpair.rpc.convert.scalars import enum_from_pb, ms_to_pb, s_from_pb


def traffic_from_pb(message: pb.TrafficPolicy, protocol: Protocol) -> TrafficPolicy:
    """Raises ``InvalidInput``."""
    default = TrafficPolicy.default_for(protocol)
    return TrafficPolicy(
        on_failover=_action(message.on_failover, default.on_failover, "on_failover"),
        on_failback=_action(message.on_failback, default.on_failback, "on_failback"),
        drain_timeout_s=s_from_pb(message.drain_timeout, "traffic_policy.drain_timeout"),
        scheduler=enum_from_pb(
            message.scheduler,
            pb.TrafficPolicy.Scheduler,
            Scheduler,
            default.scheduler,
            "traffic_policy.scheduler",
        ),
        persistence_timeout_s=s_from_pb(
            message.persistence_timeout, "traffic_policy.persistence_timeout"
        ),
        established_timeout_s=(
            s_from_pb(message.established_timeout, "traffic_policy.established_timeout")
            if message.HasField("established_timeout")
            else default.established_timeout_s
        ),
        connection_drain_s=s_from_pb(
            message.connection_drain_timeout, "traffic_policy.connection_drain_timeout"
        ),
        bandwidth_mbps=(
            message.bandwidth_mbps if message.HasField("bandwidth_mbps") else default.bandwidth_mbps
        ),
        all_unhealthy=enum_from_pb(
            message.all_unhealthy,
            pb.TrafficPolicy.AllUnhealthy,
            AllUnhealthy,
            default.all_unhealthy,
            "traffic_policy.all_unhealthy",
        ),
    )


def traffic_to_pb(traffic: TrafficPolicy) -> pb.TrafficPolicy:
    return pb.TrafficPolicy(
        on_failover=traffic.on_failover.name,
        on_failback=traffic.on_failback.name,
        drain_timeout=_s_to_pb(traffic.drain_timeout_s),
        scheduler=traffic.scheduler.name,
        persistence_timeout=_s_to_pb(traffic.persistence_timeout_s),
        established_timeout=_s_to_pb(traffic.established_timeout_s),
        connection_drain_timeout=_s_to_pb(traffic.connection_drain_s),
        bandwidth_mbps=traffic.bandwidth_mbps,
        all_unhealthy=traffic.all_unhealthy.name,
    )


def _action(number: int, default: FlowAction, name: str) -> FlowAction:
    return enum_from_pb(
        number, pb.TrafficPolicy.FlowAction, FlowAction, default, f"traffic_policy.{name}"
    )


def _s_to_pb(duration_s: int) -> Duration:
    return ms_to_pb(duration_s * 1000)
