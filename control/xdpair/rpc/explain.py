# SPDX-License-Identifier: Apache-2.0
"""``ExplainService``."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Protocol

from xdpair.api.v1 import explain_pb2, listener_pb2
from xdpair.api.v1 import explain_service_pb2 as pb
from xdpair.api.v1.explain_service_pb2_grpc import ExplainServiceServicer
from xdpair.core import errors, model
from xdpair.core.explain import Explanation
from xdpair.core.explain_facts import KnownServer, Question
from xdpair.core.explain_headers import mac_text
from xdpair.core.packet import NO_FLAGS, Endpoint, Headers, TcpFlags
from xdpair.rpc import names
from xdpair.rpc.convert.scalars import address_from_pb, enum_from_pb
from xdpair.rpc.interceptor import Context
from xdpair.rpc.rules import enforced


class Explainer(Protocol):
    """What the service needs of the application."""

    def explain(self, question: Question) -> Explanation: ...


class ExplainServicer(ExplainServiceServicer):
    """Implements the service."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer

    async def Explain(
        self, request: pb.ExplainRequest, context: Context
    ) -> explain_pb2.Explanation:
        with enforced(request):
            question = question_from_pb(request)
        return explanation_to_pb(self._explainer.explain(question))


def question_from_pb(request: pb.ExplainRequest) -> Question:
    """Raises ``InvalidInput``."""
    return Question(
        source=Endpoint(_address(request.source_address, "source_address"), request.source_port),
        dest=Endpoint(
            _address(request.destination_address, "destination_address"), request.destination_port
        ),
        protocol=enum_from_pb(
            request.protocol, listener_pb2.Listener.Protocol, model.Protocol, None, "protocol"
        ),
        flags=_flags(request),
        payload=request.payload,
        interface=request.interface,
    )


def _address(text: str, field: str) -> IPv4Address:
    if _is_ipv6(text):
        raise errors.InvalidInput(
            f"{field} {text} is IPv6, which is not balanced: give an IPv4 address",
            field=field,
            allowed="IPv4",
        )
    return address_from_pb(text, field)


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _flags(request: pb.ExplainRequest) -> TcpFlags | None:
    """None: the application decides."""
    if not request.tcp_flags:
        return None
    flags = NO_FLAGS
    for number in request.tcp_flags:
        names_of_flags = pb.ExplainRequest.TcpFlag
        flags |= enum_from_pb(number, names_of_flags, TcpFlags, None, "tcp_flags")
    return flags


def explanation_to_pb(explanation: Explanation) -> explain_pb2.Explanation:
    facts, run = explanation.facts, explanation.facts.run
    return explain_pb2.Explanation(
        outcome=explanation.outcome.name,
        summary=explanation.summary,
        steps=[
            explain_pb2.ExplanationStep(topic=step.topic.name, text=step.words)
            for step in explanation.steps
        ],
        exit=run.exit,
        verdict=run.verdict,
        listener=names.listener_name(explanation.listener) if explanation.listener else "",
        server=_server_to_pb(explanation.server) if explanation.server else None,
        interface_in=facts.question.interface,
        interface_out=facts.interface_out or "",
        sent=_headers_to_pb(facts.sent),
        left=_headers_to_pb(run.left) if run.left else None,
    )


def _server_to_pb(server: KnownServer) -> explain_pb2.ExplainedServer:
    return explain_pb2.ExplainedServer(
        server_id=server.server_id,
        address=str(server.address),
        port=server.port,
        side=server.side.name if server.side is not None else None,
        weight=server.weight,
        health=server.health.name,
        error=server.error,
    )


def _headers_to_pb(headers: Headers) -> explain_pb2.PacketHeaders:
    icmp = headers.icmp
    return explain_pb2.PacketHeaders(
        source_mac=mac_text(headers.source_mac),
        destination_mac=mac_text(headers.dest_mac),
        source_address=str(headers.source.address),
        source_port=headers.source.port,
        destination_address=str(headers.dest.address),
        destination_port=headers.dest.port,
        protocol=headers.protocol,
        ttl=headers.ttl,
        length=headers.length,
        checksums_ok=headers.checksums_ok,
        tcp_flags=[flag.name or "" for flag in TcpFlags if flag in headers.flags],
        tcp_seq=headers.seq,
        tcp_ack=headers.ack,
        icmp_type=icmp.type if icmp else 0,
        icmp_code=icmp.code if icmp else 0,
        icmp_mtu=icmp.mtu if icmp else 0,
    )
