# SPDX-License-Identifier: Apache-2.0
"""Pagination (AIP-158). A token names the last item sent, so items that come and go do no harm."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from xdpair.core import errors

DEFAULT_SIZE = 50
MAX_SIZE = 1000

#: What items are ordered by.
Key = tuple[str | int, ...]
_T = TypeVar("_T")


def page(
    items: Sequence[_T], key: Callable[[_T], Key], size: int, token: str, query: str
) -> tuple[Sequence[_T], str]:
    """Cut one page out of a list.

    Args:
        items: in ascending order of ``key``.
        size: as requested; 0: ``DEFAULT_SIZE``; more than ``MAX_SIZE`` counts as that.
        token: empty for the first page.
        query: what was asked for besides; a token is good only for the query that it came from.

    Returns:
        The items, and the token of the next page, empty after the last.

    Raises:
        InvalidInput: the size is negative, or the token is not from such a query.
    """
    if size < 0:
        raise errors.InvalidInput(f"page_size {size} is negative", field="page_size")
    size = min(size or DEFAULT_SIZE, MAX_SIZE)
    start = 0
    if token:
        try:
            start = bisect_right(items, _last_key(token, query), key=key)
        except TypeError:  # its parts do not compare with those of a key: from another method
            raise _bad_token() from None
    end = start + size
    more = end < len(items)
    return items[start:end], _token(key(items[end - 1]), query) if more else ""


def _token(last: Key, query: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([query, *last]).encode()).decode()


def _last_key(token: str, query: str) -> Key:
    try:
        content = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise _bad_token() from None
    if not isinstance(content, list) or content[:1] != [query]:
        raise _bad_token()
    return tuple(content[1:])


def _bad_token() -> errors.InvalidInput:
    return errors.InvalidInput(
        "page_token is not a next_page_token of the same request", field="page_token"
    )
