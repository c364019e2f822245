# SPDX-License-Identifier: Apache-2.0
"""What people type, and what the API calls it. Each parser raises ``ArgumentTypeError``."""

from __future__ import annotations

import re
from argparse import Action, ArgumentError, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from decimal import Decimal
from ipaddress import AddressValueError, IPv4Address

from google.protobuf.duration_pb2 import Duration

from xdpair.api.v1.access_control_list_pb2 import AclEntry, AclPolicy
from xdpair.api.v1.listener_pb2 import HealthCheck
from xdpair.api.v1.server_group_pb2 import GroupServer

_UNITS_NS = {
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_LISTENER = re.compile(r"([^/]+)/(tcp|udp)-([0-9]+)")
_SERVER = re.compile(
    r"(?:(?P<id>[^@:*]+)@)?(?P<host>[^@:*]+)(?::(?P<port>[0-9]{1,6}))?"
    r"(?:[*:](?P<weight>[0-9]{1,6}))?"
)

LISTENER_HELP = "as LB/tcp-80, or as three words: LB tcp 80"
SERVER_HELP = (
    "ID@IP:PORT, IP:PORT (the address is the id), or ID:PORT (the inventory knows the address); "
    "*WEIGHT or :WEIGHT may follow, 0 to 100"
)
MEMBER_HELP = f"{SERVER_HELP}; in a default group without :PORT"


def load_balancer(text: str) -> str:
    return _in_collection(text, "loadBalancers")


def group(text: str) -> str:
    return _in_collection(text, "serverGroups")


def server(text: str) -> str:
    return _in_collection(text, "servers")


def acl(text: str) -> str:
    return _in_collection(text, "accessControlLists")


def _in_collection(text: str, collection: str) -> str:
    bare = text.removeprefix(f"{collection}/")
    if not bare or "/" in bare:
        raise ArgumentTypeError(f"{text!r} is not an id")
    return f"{collection}/{bare}"


def listener(words: Sequence[str]) -> str:
    """Read a listener given as one word or as three."""
    text = f"{words[0]}/{words[1]}-{words[2]}" if len(words) == 3 else " ".join(words)
    bare = text.removeprefix("loadBalancers/").replace("/listeners/", "/").lower()
    match = _LISTENER.fullmatch(bare)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not a listener: write it {LISTENER_HELP}")
    return "loadBalancers/{}/listeners/{}-{}".format(*match.groups())


def listener_word(text: str) -> str:
    """Read a listener given as one word."""
    return listener([text])


class ListenerWords(Action):
    """Reads a listener given as one word or as three."""

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        words = [values] if isinstance(values, str) else values
        try:
            setattr(namespace, self.dest, listener(words))  # type: ignore[arg-type]
        except ArgumentTypeError as error:
            raise ArgumentError(self, str(error)) from None


def short(name: str) -> str:
    """Return a resource name as people write it: ``lb-x``, ``lb-x/tcp-80``, ``rsp-y``."""
    return name.partition("/")[2].replace("/listeners/", "/")


def duration(text: str) -> Duration:
    """Read ``100ms``, ``1.5s``, ``2m``, ``1h`` or ``0``."""
    match = _DURATION.fullmatch("0s" if text == "0" else text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not a duration: write 100ms, 1.5s, 2m or 1h")
    number, unit = match.groups()
    seconds, ns = divmod(int(Decimal(number) * _UNITS_NS[unit]), 1_000_000_000)
    return Duration(seconds=seconds, nanos=ns)


def group_server(text: str) -> GroupServer:
    """Read a server of a group; its role is left open."""
    server, match = member(text), _SERVER.fullmatch(text)
    if match is None or match["port"] is None:
        raise ArgumentTypeError(f"{text!r} is not a server with a port: write {SERVER_HELP}")
    return server


def member(text: str) -> GroupServer:
    """Read a server of a group, maybe a default one, where it has no port."""
    match = _SERVER.fullmatch(text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not a server: write {MEMBER_HELP}")
    result = GroupServer(port=int(match["port"] or 0))
    if match["id"]:
        result.server_id, result.address = match["id"], _ipv4(match["host"])
    elif _is_ipv4(match["host"]):
        result.server_id = result.address = match["host"]
    else:
        result.server_id = match["host"]
    if match["weight"]:
        result.weight = int(match["weight"])
    return result


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _ipv4(text: str) -> str:
    if not _is_ipv4(text):
        raise ArgumentTypeError(f"{text!r} is not an IPv4 address")
    return text


def acl_entry(text: str) -> AclEntry:
    """Read ``192.0.2.0/24``, or ``192.0.2.0/24=a comment``."""
    cidr, _, comment = text.partition("=")
    return AclEntry(cidr=cidr, comment=comment)


def acl_policy(text: str) -> AclPolicy | None:
    """Read ``white:ACL,ACL``, ``black:ACL,ACL``, or ``off``, which is None."""
    if text == "off":
        return None
    kind, _, names = text.partition(":")
    if kind not in ("white", "black") or not names:
        raise ArgumentTypeError(f"{text!r} is not white:ACL,…, black:ACL,… or off")
    return AclPolicy(
        type=kind.upper(),
        access_control_lists=[acl(name) for name in names.split(",")],
    )


def bandwidth(text: str) -> int:
    """Read a number, or ``none``."""
    if text == "none":
        return -1
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is neither a number nor none")
    return int(text)


def http_codes(text: str) -> list[int]:
    """Read ``2xx,3xx``."""
    try:
        return [
            HealthCheck.HttpCodes.Value(f"HTTP_{word.strip().removeprefix('http_').upper()}")
            for word in text.lower().split(",")
        ]
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a list like 2xx,3xx") from None


def payload(text: str) -> bytes:
    """Read text, or octets written ``hex:00ff``."""
    if not text.startswith("hex:"):
        return text.encode()
    try:
        return bytes.fromhex(text.removeprefix("hex:"))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} has no hexadecimal digits after hex:") from None
