# SPDX-License-Identifier: Apache-2.0
"""Tags and filters: what all resources have."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace


def add_tags(parser: ArgumentParser) -> None:
    """Add ``--tag``; with ``tags_of`` it gives the whole set of tags."""
    parser.add_argument(
        "--tag",
        dest="tags",
        action="append",
        type=_tag,
        metavar="KEY=VALUE",
        help="a tag, may be repeated; those not named go; --tag '' alone: none",
    )


def tags_of(args: Namespace) -> dict[str, str] | None:
    """Return the tags that were given; None: nothing was said of them."""
    return None if args.tags is None else dict(tag for tag in args.tags if tag is not None)


def _tag(text: str) -> tuple[str, str] | None:
    key, equals, value = text.partition("=")
    if text and not equals:
        raise ArgumentTypeError(f"{text!r} is not a tag: write KEY=VALUE")
    return (key, value) if text else None


def add_filter(parser: ArgumentParser, examples: str) -> None:
    parser.add_argument(
        "--filter",
        default="",
        metavar="WORDS",
        help=f"only those that fit, such as '{examples}'; docs/api.md says more",
    )
