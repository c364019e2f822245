# SPDX-License-Identifier: Apache-2.0
"""Why a packet goes to this server and no other, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from xdpair.core.explain_facts import DIRECT, Chose, Facts, FlowState, KnownServer
from xdpair.core.failover import Cause
from xdpair.core.model import Listener, Protocol, Scheduler, Side
from xdpair.core.status import HealthState

#: As many servers are named in one sentence.
NAMED = 8

SCHEDULERS = {
    Scheduler.WRR: "wrr: in turn, in proportion to weight",
    Scheduler.RR: "rr: in turn",
    Scheduler.WLC: "wlc: the fewest connections in proportion to weight",
    Scheduler.SCH: "sch: a consistent hash of the client's address",
    Scheduler.TCH: "tch: a consistent hash of both addresses and ports",
    Scheduler.QCH: "qch: a consistent hash of the QUIC connection id",
}

_QUIC_LONG_HEADER = 0x80
#: Octets of a connection id that count: a short header does not tell how many there are.
QUIC_ID_OCTETS = 8


def named(server: KnownServer) -> str:
    """``the primary a (10.0.0.11:80)``, ``a (10.0.0.11:80)``."""
    if not server.server_id:
        return f"a server that has left the group ({server.endpoint})"
    title = f"the {server.side.name.lower()} " if server.side is not None else ""
    return f"{title}{server.server_id} ({server.endpoint})"


def fitness(server: KnownServer) -> str:
    """What the health check says."""
    if not server.checked:
        return "not checked"
    if server.health is HealthState.UNAVAILABLE:
        return "no verdict of its health check yet"
    return f"{server.health.value}: {server.error}" if server.error else f"{server.health.value}"


def owner(facts: Facts) -> str:
    """Whose the known flow is, as in "the flow is …"."""
    row = facts.run.trace.flow_server
    if row == DIRECT:
        return "one of a client that asked a server itself and not the VIP"
    server = facts.server(row)
    return f"one of {named(server)}" if server else "one of a server that has left the group"


def choice(facts: Facts, listener: Listener) -> str | None:
    """Who chose the server, and why this one; None where nobody had to."""
    exit_name = facts.run.exit
    if exit_name == "reset_client":
        return _ended(facts)
    if exit_name in {"reject_tcp", "reject_udp"}:
        return _nobody(facts)
    match facts.run.trace.chose:
        case Chose.FLOW:
            return "the flow keeps its server" + _although(facts)
        case Chose.SLOT:
            return "; ".join(_by_slot(facts))
        case Chose.SCHEDULER:
            return "; ".join(_by_scheduler(facts, listener))
        case Chose.PERSISTENCE:
            return _by_tie(facts, listener)
        case Chose.NOTHING:
            return None


# -- pairs -----------------------------------------------------------------------------------------


def why_serving(facts: Facts) -> str:
    """``the secondary serves since …: the health check of the primary failed``."""
    slot = facts.slot
    if slot is None:
        return "nobody is known to serve"
    who = "nobody serves" if slot.serving is None else f"the {slot.serving.name.lower()} serves"
    if slot.last_change_time_s:
        time = datetime.fromtimestamp(slot.last_change_time_s, UTC)
        who += f" since {time:%Y-%m-%d %H:%M:%S} UTC"
    held = ""
    if slot.pinned is not None:
        held = "; an operator holds it there, whatever the health checks say"
    return f"{who}: {_CAUSES[slot.cause, slot.serving is Side.PRIMARY]}{held}"


#: By cause, and whether the primary serves.
_CAUSES = {
    (Cause.START, True): "it always did",
    (Cause.START, False): "it did already when the controller started",
    (Cause.HEALTH, True): "the primary's health check passes again",
    (Cause.HEALTH, False): "the primary's health check failed",
    (Cause.WEIGHT, True): "the weights say so",
    (Cause.WEIGHT, False): "the primary has weight 0",
    (Cause.OPERATOR, True): "an operator said so",
    (Cause.OPERATOR, False): "an operator said so",
}


def _by_slot(facts: Facts) -> Iterator[str]:
    yield from _moved(facts)
    yield why_serving(facts) + _ill(facts)


def _moved(facts: Facts) -> Iterator[str]:
    """What the flow was before, if it is known and goes elsewhere now."""
    trace = facts.run.trace
    if trace.flow_found and trace.flow_server != trace.server:
        yield f"the flow is no longer {owner(facts)}"


def _ill(facts: Facts) -> str:
    """Whose health check fails: it may be why, or ought to be known."""
    ill = [each for each in facts.servers if each.health is HealthState.ABNORMAL]
    return "".join(f"; {named(each)} is {fitness(each)}" for each in ill)


# -- many servers ----------------------------------------------------------------------------------


def _by_scheduler(facts: Facts, listener: Listener) -> Iterator[str]:
    yield from _moved(facts)
    scheduler = listener.traffic.scheduler
    words = SCHEDULERS[scheduler]
    if scheduler is Scheduler.QCH:
        quic_id = quic_connection_id(facts.question.payload)
        words += f", {quic_id.hex()}" if quic_id else ", but the payload has none: of the tuple"
    able = [each for each in facts.servers if each.row in facts.wheel]
    yield f"{words}; of {_list([f'{each.server_id} (weight {each.weight})' for each in able])}"
    if all(each.health is HealthState.ABNORMAL for each in able):
        yield "none of them is fit, so that all get new connections (fail open)"
    left_out = _left_out(facts)
    if left_out:
        yield f"without {_list(left_out)}"


def _left_out(facts: Facts) -> list[str]:
    return [
        f"{each.server_id} ({why_no_new(each)})"
        for each in facts.servers
        if each.server_id and each.row not in facts.wheel
    ]


def why_no_new(server: KnownServer) -> str:
    """Why a server gets no new flows."""
    return "weight 0" if not server.weight else fitness(server)


def _by_tie(facts: Facts, listener: Listener) -> str:
    if listener.key.protocol is Protocol.UDP:
        quic_id = quic_connection_id(facts.question.payload).hex()
        return f"the QUIC connection id {quic_id} belongs to this server"
    seconds = listener.traffic.persistence_timeout_s
    return f"session persistence: the client was with this server within the last {seconds} s"


def quic_connection_id(payload: bytes) -> bytes:
    """Whom a client's datagram is for (RFC 8999), as far as it counts; empty if it does not tell.
    The data plane's own reading is in bpf/quic.h.
    """
    if len(payload) < 6:
        return b""
    if not payload[0] & _QUIC_LONG_HEADER:
        return payload[1 : 1 + QUIC_ID_OCTETS] if len(payload) > QUIC_ID_OCTETS else b""
    whole = payload[6 : 6 + payload[5]]
    return whole[:QUIC_ID_OCTETS] if len(whole) == payload[5] else b""


# -- nobody, and no longer -------------------------------------------------------------------------


def _although(facts: Facts) -> str:
    server = facts.chosen
    if server is None or not server.server_id:
        return ", which has left the group: its connections may go on for a while"
    if server.side is not None:
        return "" if server is facts.serving else f", although {why_serving(facts)}"
    if server.row in facts.wheel:
        return ""
    return f", although it gets no new connections: {why_no_new(server)}"


def _nobody(facts: Facts) -> str:
    left_out = _left_out(facts)
    return f"nobody serves: {_list(left_out) if left_out else 'the group has no servers'}"


def _ended(facts: Facts) -> str:
    server = facts.server(facts.run.trace.flow_server)
    if facts.run.trace.flow_state is FlowState.RESET:
        why = "it was silent for too long, or its server stopped serving"
    elif server is None or not server.server_id:
        why = "its server has left the group"
    elif server.side is not None:
        why = f"{named(server)} no longer serves it; {why_serving(facts)}{_ill(facts)}"
    else:
        why = f"the connections of {named(server)} were ended; it is {fitness(server)}"
    return f"the connection has ended: {why}"


def _list(words: list[str]) -> str:
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")
