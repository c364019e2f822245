# SPDX-License-Identifier: Apache-2.0
"""What every request has to bring."""

from __future__ import annotations

from google.protobuf.message import Message

from xdpair.core import errors


def require_set(request: Message, field: str) -> None:
    """Raise ``MissingParameter`` unless the message field is set."""
    if not request.HasField(field):
        raise errors.MissingParameter(f"{field} is missing", field=field)
