# SPDX-License-Identifier: Apache-2.0
"""The rules that the protos state (``buf.validate``), enforced.

The core has rules of its own, which say the same, and whose errors have the codes of the Server
Load Balancer API. So they go first; what stands in the protos has the last word.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from xdpair.api.v1 import (
    access_control_list_service_pb2,
    event_service_pb2,
    explain_service_pb2,
    inventory_service_pb2,
    load_balancer_service_pb2,
    server_group_service_pb2,
)
from xdpair.core import errors

if TYPE_CHECKING:
    from protovalidate import Validator, Violation

_SERVICES = (
    access_control_list_service_pb2,
    event_service_pb2,
    explain_service_pb2,
    inventory_service_pb2,
    load_balancer_service_pb2,
    server_group_service_pb2,
)
#: More would make an error longer than the metadata of a call may be.
_MOST_VIOLATIONS = 20


@contextmanager
def enforced(message: Message, resource: str = "", *, prefix: str = "") -> Iterator[None]:
    """Run what makes a value of the core out of a message; then see what the proto says.

    Args:
        resource: field of the request that holds a resource; an error's ``field`` is told as seen
            from there.
        prefix: where in the request the message is, ending in a dot.

    Raises:
        XdpairError: that of the core, with all violations of the proto's rules.
        InvalidInput: the core was content, but not the proto.
    """
    try:
        yield
    except errors.XdpairError as error:
        error.violations = error.violations or _violations(message, prefix)
        raise
    violations = _violations(message, prefix)
    if violations:
        field, words = violations[0]
        seen_from_resource = field.removeprefix(prefix).removeprefix(f"{resource}.")
        refusal = errors.InvalidInput(f"{field}: {words}", field=seen_from_resource)
        refusal.violations = violations
        raise refusal


def warm_up() -> None:
    """Load the library and compile the rules of all requests, so that no call has to wait for it.

    Takes some 100 ms; call it in a thread.
    """
    for service in _SERVICES:
        for descriptor in service.DESCRIPTOR.message_types_by_name.values():
            _validator().collect_violations(getattr(service, descriptor.name)())


def _violations(message: Message, prefix: str) -> tuple[tuple[str, str], ...]:
    from protovalidate import EvaluationError  # a start must not wait for it

    try:
        found = _validator().collect_violations(message)
    except EvaluationError as error:  # such as for a time span that is none: too long
        return ((prefix.removesuffix("."), str(error)),)
    return tuple(
        ((prefix + _path(violation)).removesuffix("."), violation.proto.message)
        for violation in found[:_MOST_VIOLATIONS]
    )


@functools.cache
def _validator() -> Validator:
    from protovalidate import Validator

    return Validator()


def _path(violation: Violation) -> str:
    """Return the field as ``servers[3].weight`` or ``tags["team"]``."""
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:
            at = element.subscript.value
            path += f'["{at}"]' if isinstance(at, str) else f"[{at}]"
    return path
