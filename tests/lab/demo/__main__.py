# SPDX-License-Identifier: Apache-2.0
"""``python -m tests.lab.demo``: the command line."""

import argparse
import io
import os
import re
import sys
from pathlib import Path
from typing import Final

from tests.lab.demo.play import Demo, Options
from tests.lab.demo.screen import Screen
from tests.lab.errors import LabError

_EXIT_FAILED: Final = 1
_EXIT_INTERRUPTED: Final = 130

_INTERVALS_MS: Final = range(10, 501)


def parse(arguments: list[str]) -> Options:
    """Read the command line; ends the process if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab.demo",
        description="Two servers, real clients, and a primary that fails twice. Needs root.",
        epilog="exit status: 0 everything happened as expected, 1 something did not",
    )
    parser.add_argument(
        "--interval",
        type=_interval_ms,
        default=100,
        metavar="MS",
        help="between two probes, and how long one waits: 10ms to 500ms; default: 100ms",
    )
    parser.add_argument("--quick", action="store_true", help="watch for a shorter time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--stay", action="store_true", help="keep the lab up until ctrl-C")
    options = parser.parse_args(arguments)
    if options.json is not None:
        try:
            options.json.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"cannot write {options.json}: {error.strerror}")
        if options.json.is_dir():
            parser.error(f"cannot write {options.json}: it is a directory")
    return Options(options.interval, quick=options.quick, stay=options.stay, json=options.json)


def _interval_ms(text: str) -> int:
    match = re.fullmatch(r"(\d+)(?:ms)?", text)
    if match is None or int(match[1]) not in _INTERVALS_MS:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 10ms and 500ms")
    return int(match[1])


def main() -> int:
    """Run the demo; 0 only if everything happened as expected."""
    options = parse(sys.argv[1:])
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(errors="replace")  # where a locale has no lines and arrows
    try:
        passed = Demo(options, Screen(sys.stdout)).run()
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return _EXIT_FAILED
    except KeyboardInterrupt:
        print("\ndemo: interrupted; the lab and everything in it is removed", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except BrokenPipeError:  # nobody reads any more; nor may the interpreter's last flush fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _EXIT_FAILED
    return 0 if passed else _EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
