# SPDX-License-Identifier: Apache-2.0
"""`xdpair explain`: what would become of a packet, and why."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator

from xdpair.api.v1.explain_pb2 import Explanation, ExplanationStep
from xdpair.api.v1.explain_service_pb2 import ExplainRequest
from xdpair.cli.output import BOLD, GREEN, RED, YELLOW, Output, Styled
from xdpair.cli.session import Commands, Session, add_command

_EXAMPLES = """\
examples:
  xdpair explain --from 203.0.113.7:4000 --to 192.0.2.10:80
  xdpair explain --from 203.0.113.7:4000 --to 192.0.2.10:443 --proto udp --payload c00000000108…
  xdpair explain --from 10.0.0.11:80 --to 203.0.113.7:4000     (a server's answer)
"""

_COLOURS = {
    Explanation.FORWARDED: GREEN,
    Explanation.REPLIED: GREEN,
    Explanation.ANSWERED: YELLOW,
    Explanation.PASSED: YELLOW,
    Explanation.DROPPED: RED,
}


def add_to(commands: Commands) -> None:
    parser = add_command(
        commands,
        "explain",
        _explain,
        "tell what would become of a packet, by asking the loaded program; nothing changes",
    )
    parser.epilog = _EXAMPLES
    add = parser.add_argument
    add(
        "--from",
        dest="source",
        type=_endpoint,
        required=True,
        metavar="IP:PORT",
        help="who sends it: a client, or a server that answers one",
    )
    add(
        "--to",
        dest="destination",
        type=_endpoint,
        required=True,
        metavar="IP:PORT",
        help="whom it is for: a VIP, or the client that a server answers",
    )
    add("--proto", type=str.lower, choices=("tcp", "udp"), default="tcp", help="default tcp")
    add(
        "--flags",
        type=_flags,
        default=[],
        metavar="SYN,ACK",
        help="of a TCP segment; default: SYN to a VIP, else ACK",
    )
    add(
        "--interface",
        default="",
        help="where it comes in; default: where the route to the sender leads",
    )
    add(
        "--payload", type=_octets, default=b"", metavar="HEX", help="what it carries, as hex digits"
    )


def _endpoint(text: str) -> tuple[str, int]:
    """Split; the address is for the controller to judge."""
    address, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ArgumentTypeError(f"{text!r} is not of the form IP:PORT, with a port of 1 to 65535")
    return address.removeprefix("[").removesuffix("]"), int(port)


def _flags(text: str) -> list[int]:
    numbers = ExplainRequest.TcpFlag
    allowed = [name for name, number in numbers.items() if number]
    words = [word.strip().upper() for word in text.split(",")]
    if not set(words) <= set(allowed):
        raise ArgumentTypeError(f"{text!r} is not a list of {', '.join(allowed)}")
    return [numbers.Value(word) for word in words]


def _octets(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not hexadecimal") from None


def _explain(session: Session, args: Namespace) -> None:
    (source, source_port), (destination, destination_port) = args.source, args.destination
    request = ExplainRequest(
        source_address=source,
        source_port=source_port,
        destination_address=destination,
        destination_port=destination_port,
        protocol=args.proto.upper(),
        tcp_flags=args.flags,
        interface=args.interface,
        payload=args.payload,
    )
    explanation = session.client.explain.Explain(request)
    session.out.show(explanation, "\n".join(_lines(session.out, explanation)))


def _lines(out: Output, explanation: Explanation) -> Iterator[str]:
    titles = [
        ExplanationStep.Topic.Name(step.topic).lower().replace("_", " ")
        for step in explanation.steps
    ]
    width = max(map(len, titles))
    for title, step in zip(titles, explanation.steps, strict=True):
        yield f"{out.paint(Styled(title, BOLD))}{' ' * (width - len(title))}  {step.text}"
    yield ""
    yield out.paint(Styled(explanation.summary, _COLOURS.get(explanation.outcome, BOLD)))
