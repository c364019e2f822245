# SPDX-License-Identifier: Apache-2.0
"""`xdpair tls …`: certificates for the API over TCP, for those who have no CA of their own."""

from __future__ import annotations

import os
import re
import socket
import sys
from argparse import ArgumentTypeError, Namespace
from ipaddress import ip_address
from pathlib import Path

from xdpair.cli.client import EXIT_ERROR, EXIT_OK
from xdpair.cli.output import Output
from xdpair.cli.session import Commands, add_common_options, add_family

_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*")


def add_to(commands: Commands) -> None:
    family = add_family(commands, "tls", "certificates for the API over TCP")
    init = family.add_parser(
        "init",
        help="make a CA and certificates for the controller and its callers",
        description="Make a CA, a certificate for the controller, and one for a caller of each "
        "role. Nothing that exists is overwritten.",
    )
    init.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path("/etc/xdpair/tls"),
        metavar="DIR",
        help="where to; default /etc/xdpair/tls",
    )
    init.add_argument(
        "--host",
        nargs="+",
        action="extend",
        type=_host,
        metavar="NAME_OR_IP",
        help="what callers connect to; default: localhost, 127.0.0.1, ::1 and this host's name",
    )
    add_common_options(init)


def run(out: Output, args: Namespace) -> int:
    """Carry the command out; it needs no controller.

    Returns:
        The exit status.
    """
    directory = args.directory.absolute()
    hosts = list(dict.fromkeys(args.host or _own_names()))
    try:
        files = _make(directory, hosts)
    except OSError as error:
        print(f"xdpair: {error.filename}: {error.strerror}", file=sys.stderr)
        return EXIT_ERROR
    document = {"directory": str(directory), "hosts": hosts, "files": [str(path) for path in files]}
    out.show(document, _what_next(directory, hosts))
    return EXIT_OK


def _host(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        if _HOST_NAME.fullmatch(text):
            return text
    raise ArgumentTypeError(f"{text!r} is neither a host name nor an IP address")


def _own_names() -> list[str]:
    name = socket.gethostname()
    return ["localhost", "127.0.0.1", "::1", *([name] if _HOST_NAME.fullmatch(name) else [])]


def _what_next(directory: Path, hosts: list[str]) -> str:
    endpoint = f"[{hosts[0]}]" if ":" in hosts[0] else hosts[0]
    return f"""\
{directory} has a CA, a certificate for the controller, and viewer, operator and admin for callers.
Whoever has ca.key can make more of them: keep it elsewhere.

In xdpair.toml:

  [api]
  listen = "0.0.0.0:7443"

  [api.tls]
  certificate = "{directory}/server.crt"
  key = "{directory}/server.key"
  client_ca = "{directory}/ca.crt"

A call:

  xdpair --socket {endpoint}:7443 --tls-ca {directory}/ca.crt \\
    --tls-cert {directory}/viewer.crt --tls-key {directory}/viewer.key status"""


def _make(directory: Path, hosts: list[str]) -> list[Path]:
    """Write all files, or, if one of them exists, none.

    Raises:
        OSError: a file exists, or can not be written.
    """
    from xdpair.cli.certificates import make_set  # a library that no other command needs

    content = make_set(hosts)
    paths = {directory / name: pem for name, pem in content.items()}
    for path in paths:
        if path.exists() or path.is_symlink():
            raise FileExistsError(0, "exists; nothing was written", str(path))
    directory.mkdir(parents=True, exist_ok=True)
    for path, pem in paths.items():
        mode = 0o600 if path.suffix == ".key" else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, mode), "wb") as file:
            file.write(pem)
    return list(paths)
