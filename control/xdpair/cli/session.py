# SPDX-License-Identifier: Apache-2.0
"""What every command has in common."""

from __future__ import annotations

import os
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from xdpair.cli.client import DEFAULT_SOCKET, Client, Credentials
from xdpair.cli.output import Output

if TYPE_CHECKING:
    from argparse import _SubParsersAction

#: What commands are added to.
Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"

#: Environment variable that takes the place of ``--socket``.
SOCKET_VARIABLE = "XDPAIR_SOCKET"

#: Option for TCP connections -> (environment variable that takes its place, what it is).
_TLS_OPTIONS = {
    "--tls-ca": ("XDPAIR_TLS_CA", "the CA of the controller's certificate"),
    "--tls-cert": ("XDPAIR_TLS_CERT", "your certificate"),
    "--tls-key": ("XDPAIR_TLS_KEY", "its private key"),
    "--token-file": ("XDPAIR_TOKEN_FILE", "a file that holds your token"),
}


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the command."""

    client: Client
    out: Output


class Ended(Exception):
    """A command came to an end that is not simply "done".

    Args:
        exit_status: of the process.
        words: for stderr; may be empty.
    """

    def __init__(self, exit_status: int, words: str = "") -> None:
        super().__init__(words)
        self.exit_status = exit_status


Handler = Callable[[Session, Namespace], None]


def add_common_options(parser: ArgumentParser, *, top: bool = False) -> None:
    """Add what can stand before the command as well as after it."""
    socket = os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET
    parser.add_argument(
        "--socket",
        metavar="ADDRESS",
        default=socket if top else SUPPRESS,
        help=f"the controller: unix:PATH, or HOST:PORT with TLS (default: ${SOCKET_VARIABLE}, "
        f"or {DEFAULT_SOCKET})",
    )
    for option, (variable, words) in _TLS_OPTIONS.items():
        parser.add_argument(
            option,
            type=Path,
            metavar="FILE",
            default=_path_in(variable) if top else SUPPRESS,
            help=f"for HOST:PORT: {words} (default: ${variable})",
        )
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table" if top else SUPPRESS,
        help="a table for people (default), or one JSON document for scripts",
    )


def _path_in(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value) if value else None


def connect(args: Namespace) -> Client:
    """Return the client that the command line asks for.

    Raises:
        BadCredentials: a file it names can not be used.
    """
    credentials = Credentials(args.tls_ca, args.tls_cert, args.tls_key, args.token_file)
    return Client(args.socket, credentials)


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
