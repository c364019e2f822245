# SPDX-License-Identifier: Apache-2.0
"""Addresses, times and enums."""

from __future__ import annotations

from enum import Enum
from ipaddress import AddressValueError, IPv4Address
from typing import Protocol, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from xdpair.core import errors

_NS_PER_MS = 1_000_000
_E = TypeVar("_E", bound=Enum)


class EnumNames(Protocol):
    """The part of a generated enum that is needed here."""

    def Name(self, number: int) -> str: ...


def enum_from_pb(
    number: int,
    names: EnumNames,
    target: type[_E],
    default: _E | None,
    field: str,
    error: type[errors.XdpairError] = errors.InvalidInput,
) -> _E:
    """Return the member of ``target`` that is spelled like the number's name.

    Args:
        default: what 0 (unspecified) stands for; None: 0 is refused.
        field: what the error speaks of.
        error: raised for a number that has no counterpart.
    """
    if number == 0 and default is not None:
        return default
    try:
        return target[names.Name(number)]
    except (KeyError, ValueError):
        accepted = ", ".join(target.__members__)
        raise error(f"{field} must be one of {accepted}, not {number}", field=field) from None


def address_from_pb(text: str, field: str) -> IPv4Address:
    """Raises ``MissingParameter`` if empty, ``InvalidInput`` if it is not dotted decimal."""
    if not text:
        raise errors.MissingParameter(f"{field} is missing", field=field)
    try:
        return IPv4Address(text)
    except AddressValueError as error:
        raise errors.InvalidInput(f"{field} is not an IPv4 address: {error}", field=field) from None


def ms_from_pb(duration: Duration, field: str) -> int:
    """Return whole milliseconds.

    Raises:
        InvalidInput: it has a fraction of a millisecond.
    """
    ns = duration.seconds * 1_000_000_000 + duration.nanos
    if ns % _NS_PER_MS:
        raise errors.InvalidInput(f"{field} must be in whole milliseconds", field=field)
    return ns // _NS_PER_MS


def s_from_pb(duration: Duration, field: str) -> int:
    """Return whole seconds.

    Raises:
        InvalidInput: it has a fraction of a second.
    """
    if duration.nanos:
        raise errors.InvalidInput(f"{field} must be in whole seconds", field=field)
    return duration.seconds


def ms_to_pb(duration_ms: float) -> Duration:
    """Return the duration to the nanosecond."""
    seconds, ns = divmod(round(duration_ms * _NS_PER_MS), 1_000_000_000)
    return Duration(seconds=seconds, nanos=ns)


def optional_ms_to_pb(duration_ms: float | None) -> Duration | None:
    return None if duration_ms is None else ms_to_pb(duration_ms)


def time_to_pb(time_s: float) -> Timestamp | None:
    """Return the time to the microsecond, and nothing for 0."""
    if time_s == 0:
        return None
    seconds, us = divmod(round(time_s * 1_000_000), 1_000_000)
    return Timestamp(seconds=seconds, nanos=us * 1000)
