# SPDX-License-Identifier: Apache-2.0
"""The rules that single values of the model have to keep, and what is raised where one does not."""

from __future__ import annotations

import re
from ipaddress import IPv4Address

from xdpair.core import errors

NAME = re.compile(r"[A-Za-z0-9\-/._]{0,80}")
DESCRIPTION = re.compile(r"[A-Za-z0-9\-/._ ]{0,256}")
SERVER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._]{0,62}")
HTTP_HOST = re.compile(r"[A-Za-z0-9.\-]{0,80}")
HTTP_PATH = re.compile(r"/[A-Za-z0-9\-/.%?#&=_]{0,79}")


def require(
    condition: bool, error: type[errors.XdpairError], message: str, **metadata: object
) -> None:
    """Raise ``error`` unless ``condition`` holds."""
    if not condition:
        raise error(message, **metadata)


def require_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ``InvalidInput`` unless ``low <= value <= high``."""
    require(
        low <= value <= high,
        errors.InvalidInput,
        f"{name} must be {low} to {high}, not {value}",
        field=name,
    )


def require_match(name: str, value: str, pattern: re.Pattern[str]) -> None:
    """Raise ``InvalidInput`` unless all of ``value`` matches."""
    require(
        pattern.fullmatch(value) is not None,
        errors.InvalidInput,
        f"{name} {value!r} does not match {pattern.pattern}",
        field=name,
    )


def require_id(prefix: str, value: str) -> None:
    """Raise ``InvalidInput`` unless ``value`` is ``<prefix>-`` and 1 to 59 of ``a-z0-9-``."""
    require_match(f"{prefix} id", value, re.compile(rf"{prefix}-[a-z0-9][a-z0-9-]{{0,58}}"))


def require_unicast(name: str, address: IPv4Address) -> None:
    """Raise ``InvalidInput`` for an address that no packet can be sent to as one host."""
    bad = (
        address.is_multicast
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
    )
    require(
        not bad and int(address) != 0xFFFFFFFF,
        errors.InvalidInput,
        f"{name} {address} is not a unicast address",
        field=name,
    )
