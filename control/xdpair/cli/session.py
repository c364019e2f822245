# SPDX-License-Identifier: Apache-2.0
"""What every command has in common."""

from __future__ import annotations

import os
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from xdpair.cli.client import DEFAULT_SOCKET, Client
from xdpair.cli.output import Output

if TYPE_CHECKING:
    from argparse import _SubParsersAction

#: What commands are added to.
Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"

#: Environment variable that takes the place of ``--socket``.
SOCKET_VARIABLE = "XDPAIR_SOCKET"


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command."""

    client: Client
    out: Output


Handler = Callable[[Session, Namespace], None]


def add_common_options(parser: ArgumentParser, *, top: bool = False) -> None:
    """Add what can stand before the command as well as after it."""
    socket = os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET
    parser.add_argument(
        "--socket",
        metavar="ADDRESS",
        default=socket if top else SUPPRESS,
        help=f"the controller: unix:PATH or HOST:PORT (default: ${SOCKET_VARIABLE}, "
        f"or {DEFAULT_SOCKET})",
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table" if top else SUPPRESS,
        help="a table for people (default), or one JSON document for scripts",
    )


def add_command(commands: Commands, name: str, run: Handler, words: str) -> ArgumentParser:
    """Add a command that ``run`` carries out."""
    parser = commands.add_parser(
        name,
        help=words,
        description=words[0].upper() + words[1:] + ".",
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_common_options(parser)
    parser.set_defaults(run=run)
    return parser


def add_family(commands: Commands, name: str, words: str) -> Commands:
    """Add a command that has commands of its own."""
    parser = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def add_etag(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--etag", default="", help="refuse if it has changed since it had this etag"
    )
