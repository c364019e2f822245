# SPDX-License-Identifier: Apache-2.0
"""``SystemService``."""

from __future__ import annotations

from xdpair.api.v1 import system_service_pb2 as pb
from xdpair.api.v1.system_service_pb2_grpc import SystemServiceServicer
from xdpair.rpc.application import Application
from xdpair.rpc.convert.status import counters_to_pb, system_to_pb
from xdpair.rpc.interceptor import Context


class SystemServicer(SystemServiceServicer):
    """Implements the service."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def GetStatus(self, request: pb.GetStatusRequest, context: Context) -> pb.SystemStatus:
        return system_to_pb(self._app.system())

    async def GetCounters(self, request: pb.GetCountersRequest, context: Context) -> pb.Counters:
        listeners = self._app.desired.listeners  # of now: that is whose counters are read
        counters = await self._app.counters()
        return counters_to_pb(counters, lambda key: listeners[key].group_id)
