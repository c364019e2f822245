# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.lab shell|list|reap``: a lab for people."""

import argparse
import signal
import sys

from tests.lab import removal
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.topology import ECHO_PORT, ROLES, SERVICE_PORT, VIP, LabOptions


def shell(options: argparse.Namespace) -> None:
    """Bring a lab up, say how to get in, and wait."""
    with Lab(LabOptions(wire_like=not options.offloads, mtu=options.mtu)) as lab:
        print(f"lab {lab.name} is up; files are in {lab.directory}\n")
        for role in ROLES:
            host = lab.hosts[role]
            addresses = ", ".join(f"{i.name} {i.address}" for i in host.interfaces.values())
            print(f"{role:10} {addresses}")
            print(f"{'':10} nsenter --net={host.netns_path} bash")
        print(f"\nboth servers: HTTP and UDP on port {SERVICE_PORT}, echo on {ECHO_PORT}.")
        print(f"Clients should dial {VIP}, once the balancer has it.")
        print("ctrl-C ends the lab and removes everything.", flush=True)
        signal.pause()


def list_labs(_options: argparse.Namespace) -> None:
    """Name the labs of this machine."""
    for name in removal.labs():
        print(f"{name} {'in use' if name.owner_is_alive() else 'stale'}")


def reap(_options: argparse.Namespace) -> None:
    """Remove what crashed labs left."""
    for name in removal.reap():
        print(f"removed {name}")


def main() -> int:
    """Run the command; 1 if the lab cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("shell", help="bring a lab up and wait for ctrl-C")
    command.add_argument("--mtu", type=int, default=1500, help="of every link (default: 1500)")
    command.add_argument(
        "--offloads", action="store_true", help="keep veth's offloads: links not like wires"
    )
    command.set_defaults(run=shell)
    command = commands.add_parser("list", help="list the labs of this machine")
    command.set_defaults(run=list_labs)
    command = commands.add_parser("reap", help="remove what crashed labs left")
    command.set_defaults(run=reap)
    options = parser.parse_args()
    try:
        options.run(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
