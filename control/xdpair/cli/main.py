# SPDX-License-Identifier: Apache-2.0
"""The `xdpair` command line: parses, connects, and turns errors into exit statuses."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from xdpair import __version__
from xdpair.cli import (
    acls,
    counters,
    declare,
    events,
    groups,
    health,
    listeners,
    load_balancers,
    operations,
    servers,
    status,
    tls,
)
from xdpair.cli import explain as explain_packets
from xdpair.cli.client import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    BadCredentials,
    explain,
)
from xdpair.cli.output import Output
from xdpair.cli.session import Ended, Session, add_common_options, connect

if TYPE_CHECKING:
    from xdpair.cli.session import Commands

_EPILOG = """\
example:
  xdpair lb create 192.0.2.10 --id lb-web
  xdpair group create --lb lb-web --id rsp-web --primary a@10.0.0.11:80 --secondary b@10.0.0.12:80
  xdpair listener create lb-web tcp 80 --group rsp-web --check http --interval 100ms --start
  xdpair status

exit status:
  0  done
  1  refused or failed; stderr has the message and the [reason]
  2  the command line is wrong
  3  the controller can not be reached, or does not answer
  4  what was named does not exist
  5  the present state forbids it
  6  diff: there are differences
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: without the program's name; None: the process's own.

    Returns:
        The exit status, as ``xdpair --help`` lists them.

    Raises:
        SystemExit: the command line is wrong, or asks for help.
    """
    args = build_parser().parse_args(argv)
    if args.command == "serve":
        return _serve(args.config)
    out = Output(sys.stdout, as_json=args.output == "json", compact=args.command == "watch")
    if args.command == "tls":  # the one family that needs no controller
        return tls.run(out, args)
    try:
        client = connect(args)
    except BadCredentials as error:
        print(f"xdpair: {error}", file=sys.stderr)
        return EXIT_USAGE
    with client:
        try:
            args.run(Session(client, out), args)
        except grpc.RpcError as error:
            exit_status, words = explain(error, client.address)
            print(f"xdpair: {words}", file=sys.stderr)
            return exit_status
        except Ended as end:
            if str(end):
                print(f"xdpair: {end}", file=sys.stderr)
            return end.exit_status
        except KeyboardInterrupt:  # the way to end `watch`, as it says
            return EXIT_OK if args.command == "watch" else EXIT_INTERRUPTED
        except BrokenPipeError:  # the reader has seen enough, as in `xdpair events | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_OK


def build_parser() -> ArgumentParser:
    """Return the parser of the whole command line."""
    parser = ArgumentParser(
        prog="xdpair",
        description="A layer-4 load balancer of primary/secondary server groups, on XDP.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"xdpair {__version__}")
    add_common_options(parser, top=True)
    commands: Commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    serve = commands.add_parser(
        "serve",
        help="run the controller in the foreground",
        description="Run the controller in the foreground. When it ends, packets go on as last "
        "decided.",
    )
    serve.add_argument(
        "--config",
        type=Path,
        default=Path("/etc/xdpair/xdpair.toml"),
        metavar="FILE",
        help="its configuration, TOML; default /etc/xdpair/xdpair.toml",
    )
    status.add_to(commands)
    health.add_to(commands)
    events.add_to(commands)
    counters.add_to(commands)
    operations.add_to(commands)
    load_balancers.add_to(commands)
    listeners.add_to(commands)
    groups.add_to(commands)
    servers.add_to(commands)
    acls.add_to(commands)
    declare.add_to(commands)
    explain_packets.add_to(commands)
    tls.add_to(commands)
    return parser


def _serve(config: Path) -> int:
    from xdpair.serve import main as serve  # a plain command need not load the data plane

    return serve(config)
