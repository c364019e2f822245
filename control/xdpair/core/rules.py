# SPDX-License-Identifier: Apache-2.0
"""The rules that single values of the model have to keep, and what is raised where one does not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address

from xdpair.core import errors

NAME = re.compile(r"[A-Za-z0-9\-/._]{0,80}")
DESCRIPTION = re.compile(r"[A-Za-z0-9\-/._ ]{0,256}")
SERVER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._]{0,62}")
ACL_COMMENT = re.compile(r"[A-Za-z0-9\-/._ ]{0,100}")
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


MAX_TAGS = 20
_TAG_KEY_CHARACTERS, _TAG_VALUE_CHARACTERS = 64, 128
_RESERVED_TAG_PREFIXES = ("aliyun", "acs:")
_TAG_URL = re.compile(r"https?://")


def require_tags(tags: Mapping[str, str]) -> None:
    """Raise ``TooManyTags``, ``InvalidTagKey`` or ``InvalidTagValue`` unless there are at most 20,
    keys of 1 to 64 characters and values of 0 to 128, none of which begins with ``aliyun`` or
    ``acs:`` or holds a web address.
    """
    require(
        len(tags) <= MAX_TAGS,
        errors.TooManyTags,
        f"a resource has at most {MAX_TAGS} tags, not {len(tags)}",
        field="tags",
    )
    for key, value in tags.items():
        require(
            1 <= len(key) <= _TAG_KEY_CHARACTERS and _is_legal_tag_text(key),
            errors.InvalidTagKey,
            f"tag key {key!r} must have 1 to {_TAG_KEY_CHARACTERS} characters, not begin with "
            "aliyun or acs: and not contain http:// or https://",
            field="tags",
        )
        require(
            len(value) <= _TAG_VALUE_CHARACTERS and _is_legal_tag_text(value),
            errors.InvalidTagValue,
            f"tag value {value!r} must have at most {_TAG_VALUE_CHARACTERS} characters, not begin "
            "with aliyun or acs: and not contain http:// or https://",
            field="tags",
        )


def _is_legal_tag_text(text: str) -> bool:
    return not text.startswith(_RESERVED_TAG_PREFIXES) and _TAG_URL.search(text) is None
