# SPDX-License-Identifier: Apache-2.0
"""What would become of a packet, in words: from facts to an answer, step by step along its way.

What happens is the program's own word (``Run``); what users asked for and what the health checks
say explains why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xdpair.core.explain_choice import choice, fitness, named, owner, why_serving
from xdpair.core.explain_exits import EXITS, Outcome
from xdpair.core.explain_facts import Facts, FlowState, KnownServer, Step, Topic
from xdpair.core.explain_headers import answer_words, headers_words, mac_text
from xdpair.core.model import (
    AclType,
    DefaultGroup,
    Listener,
    ListenerKey,
    ListenerState,
    LoadBalancerStatus,
    PairGroup,
    Protocol,
)

_FLOW_STATES = {
    FlowState.NEW: "opened by a SYN, not answered by the client yet",
    FlowState.ESTABLISHED: "established",
    FlowState.CLIENT_FIN: "ended by the client (FIN)",
    FlowState.SERVER_FIN: "ended by the server (FIN)",
    FlowState.CLOSED: "closed",
    FlowState.RESET: "ended by the load balancer",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer.

    Attributes:
        summary: in one sentence.
        server: that the packet goes to, or is from.
    """

    facts: Facts
    outcome: Outcome
    summary: str
    steps: tuple[Step, ...]
    listener: ListenerKey | None
    server: KnownServer | None


def explain(facts: Facts) -> Explanation:
    """Put the answer together."""
    outcome = EXITS[facts.run.exit].outcome
    return Explanation(
        facts=facts,
        outcome=outcome,
        summary=_summary(facts, outcome),
        steps=tuple(_steps(facts, outcome)),
        listener=facts.listener.key if facts.listener else None,
        server=facts.chosen if facts.listener else None,
    )


def _summary(facts: Facts, outcome: Outcome) -> str:
    words = EXITS[facts.run.exit].words
    server = facts.chosen
    if outcome is Outcome.FORWARDED and server is not None:
        return f"forwarded to {named(server)}"
    if outcome is Outcome.REPLIED and facts.vip is not None and facts.listener is not None:
        return f"sent to {facts.question.dest} as {facts.vip}:{facts.listener.key.port}"
    if outcome is Outcome.PASSED:
        return f"left to this host: {words}"
    return f"{outcome.value}: {words}"


def _steps(facts: Facts, outcome: Outcome) -> Iterator[Step]:
    yield Step(Topic.INTERFACE, _interface(facts))
    if facts.listener is None:
        yield Step(Topic.LISTENER, _no_listener(facts))
    elif facts.run.trace.reply:
        yield from _backward(facts, facts.listener)
    else:
        yield from _forward(facts, facts.listener)
    left = facts.run.left
    if outcome is Outcome.ANSWERED and left is not None:
        yield Step(Topic.HEADERS, answer_words(left))
    elif outcome in {Outcome.FORWARDED, Outcome.REPLIED} and left is not None:
        yield Step(Topic.HEADERS, headers_words(facts.sent, left))
    yield Step(Topic.WAY_OUT, _way_out(facts, outcome))


def _interface(facts: Facts) -> str:
    name, source = facts.question.interface, facts.question.source.address
    why = f": the route to {source} leads there" if facts.is_routed else ", as the question says"
    words = f"comes in by {name}{why}"
    if facts.is_sender_known:
        return words
    return f"{words}; nobody knows its MAC yet, {mac_text(facts.sent.source_mac)} stands for it"


# -- toward a server -------------------------------------------------------------------------------


def _forward(facts: Facts, listener: Listener) -> Iterator[Step]:
    yield Step(Topic.LISTENER, f"for {_listener(facts, listener)}")
    yield Step(Topic.ACCESS, _access(facts, listener))
    if facts.run.exit == "drop_acl":
        return
    yield Step(Topic.BANDWIDTH, _bandwidth(facts, listener))
    if facts.run.exit == "drop_bandwidth":
        return
    yield Step(Topic.FLOW, _flow(facts, listener))
    words = choice(facts, listener)
    if words:
        yield Step(Topic.CHOICE, words)
    if facts.chosen is not None:
        yield Step(Topic.SERVER, _server(facts.chosen))


def _listener(facts: Facts, listener: Listener) -> str:
    kind = "weighted"
    if isinstance(facts.group, PairGroup):
        kind = "primary/secondary"
    elif isinstance(facts.group, DefaultGroup):
        kind = "the load balancer's default group"
    return f"listener {listener.key}, {facts.vip}:{listener.key.port}; {listener.group_id} ({kind})"


def _no_listener(facts: Facts) -> str:
    """Why there is none, as far as a load balancer has the address."""
    lb, question = facts.target, facts.question
    protocol = question.protocol.name.lower()
    if lb is None:
        return (
            f"no load balancer has the address {question.dest.address}, "
            f"and {question.source} is no {protocol} server of a listener that forwards"
        )
    meant = next((each for each in facts.ports if _is_meant(each, facts)), None)
    if meant is None:
        others = ", ".join(str(each.key).partition("/")[2] for each in facts.ports)
        return (
            f"load balancer {lb.lb_id} has no listener {protocol}-{question.dest.port}; "
            f"it has {others or 'none at all'}"
        )
    if lb.status is LoadBalancerStatus.INACTIVE:
        return f"load balancer {lb.lb_id} is inactive: its listener {meant.key} forwards nothing"
    if meant.state is ListenerState.STOPPED:
        return f"listener {meant.key} is stopped"
    return f"listener {meant.key} was not asked"


def _is_meant(listener: Listener, facts: Facts) -> bool:
    key, question = listener.key, facts.question
    return (key.protocol, key.port) == (question.protocol, question.dest.port)


def _access(facts: Facts, listener: Listener) -> str:
    policy = listener.acl
    if policy is None:
        return "no access control: everybody may come"
    lists = f"{policy.type.value} list {' + '.join(policy.acl_ids)}"
    if policy.type is AclType.WHITE and not any(acl.entries for acl in facts.acls):
        return f"the {lists} is empty: nobody may come"
    listed = _listed(facts, policy.type)
    may_come = (listed is None) == (policy.type is AclType.BLACK)
    words = listed or f"{facts.question.source.address} is not in the {lists}"
    if may_come == (facts.run.exit == "drop_acl"):
        return f"{words}, but the data plane has not heard of that yet"
    return f"{words}: it {'may come' if may_come else 'may not come'}"


def _listed(facts: Facts, policy: AclType) -> str | None:
    """The longest prefix that the client is under."""
    address = facts.question.source.address
    found = [
        (entry.network.prefixlen, acl.acl_id, entry)
        for acl in facts.acls
        for entry in acl.entries
        if entry.network.version == address.version and address in entry.network
    ]
    if not found:
        return None
    _, acl_id, entry = max(found, key=lambda each: each[0])
    comment = f" ({entry.comment})" if entry.comment else ""
    return f"{entry.network}{comment} is in the {policy.value} list {acl_id}"


def _bandwidth(facts: Facts, listener: Listener) -> str:
    mbps = listener.traffic.bandwidth_mbps
    if mbps <= 0:
        return "no limit"
    is_beyond = facts.run.exit == "drop_bandwidth"
    return f"{mbps} Mbit/s: {'used up at this moment' if is_beyond else 'not used up'}"


def _flow(facts: Facts, listener: Listener) -> str:
    trace = facts.run.trace
    if not trace.flow_found:
        return "not known: it would be a new one"
    if listener.key.protocol is Protocol.UDP:
        return f"known, {owner(facts)}"
    return f"known, {owner(facts)}, {_FLOW_STATES[trace.flow_state]}"


def _server(server: KnownServer) -> str:
    if not server.server_id:
        return named(server)
    return f"{named(server)}, weight {server.weight}, {fitness(server)}"


# -- toward a client -------------------------------------------------------------------------------


def _backward(facts: Facts, listener: Listener) -> Iterator[Step]:
    trace = facts.run.trace
    yield Step(Topic.LISTENER, f"an answer of {_listener(facts, listener)}")
    if trace.flow_found:
        yield Step(Topic.FLOW, _flow(facts, listener))
    else:
        yield Step(
            Topic.FLOW, "not known: the client has none with this listener, or it was evicted"
        )
    if facts.chosen is not None:
        yield Step(Topic.SERVER, f"from {_server(facts.chosen)}; {_may_speak(facts)}")
    if listener.traffic.bandwidth_mbps > 0:
        yield Step(Topic.BANDWIDTH, _bandwidth(facts, listener))


def _may_speak(facts: Facts) -> str:
    match facts.run.exit:
        case "drop_fenced":
            return f"fenced: {_why_fenced(facts)}"
        case "drop_no_flow" | "drop_ended" | "reset_server":
            return "it may not speak: no flow of its is alive"
        case "pass_local" | "pass_direct":
            return "it does not speak for the listener here"
        case _:
            return "not fenced: it may speak for the listener"


def _why_fenced(facts: Facts) -> str:
    trace, speaker = facts.run.trace, facts.chosen
    if trace.flow_found and (speaker is None or trace.flow_server != speaker.row):
        return f"the flow is {owner(facts)}"
    if facts.slot is not None:
        return why_serving(facts)
    return "its connections were ended, since it failed or was removed"


# -- the end ---------------------------------------------------------------------------------------


def _way_out(facts: Facts, outcome: Outcome) -> str:
    end = EXITS[facts.run.exit]
    exit_words = f"{end.words} [{facts.run.exit}]"
    left = facts.run.left
    if outcome is Outcome.PASSED:
        return f"none by the load balancer, the packet is left to this host: {exit_words}"
    if outcome is Outcome.DROPPED:
        return f"none, the packet is dropped: {exit_words}"
    how = "where it came in" if facts.run.verdict == "XDP_TX" else "another interface"
    to_mac = f" to {mac_text(left.dest_mac)}" if left is not None else ""
    return f"by {facts.interface_out or 'an unknown interface'}, {how},{to_mac}: {exit_words}"
