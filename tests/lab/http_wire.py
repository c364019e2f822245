# SPDX-License-Identifier: Apache-2.0
"""As much HTTP/1.1 as the lab's servers and clients speak with each other."""

from typing import Final

END_OF_HEAD: Final = b"\r\n\r\n"
OK: Final = 200


def request(path: str, host: str, *, close: bool) -> bytes:
    """A GET request; ``close`` asks the server to close the connection after its answer."""
    connection = "close" if close else "keep-alive"
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n".encode()


def response(status: int, side: str, body: bytes, *, close: bool) -> bytes:
    """An answer that says which side it comes from."""
    reason = "OK" if status == OK else "Told To"
    connection = "close" if close else "keep-alive"
    head = (
        f"HTTP/1.1 {status} {reason}\r\nX-Side: {side}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {connection}\r\n\r\n"
    )
    return head.encode() + body


def content_length(head: bytes) -> int:
    """How many bytes of body follow, 0 if the head does not say."""
    return int(header(head, b"content-length") or 0)


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header; ``name`` in lower case. Empty if there is none."""
    start = head.lower().find(b"\r\n" + name + b":")
    if start < 0:
        return b""
    value, _, _ = head[start + len(name) + 3 :].partition(b"\r\n")
    return value.strip()


def complete_answer(received: bytes) -> tuple[int, str, int] | None:
    """Read one answer.

    Returns:
        Its status, the side it comes from and its length in bytes; None while it is incomplete.
    """
    head_length = received.find(END_OF_HEAD)
    if head_length < 0:
        return None
    head = received[:head_length]
    length = head_length + len(END_OF_HEAD) + content_length(head)
    if len(received) < length:
        return None
    return int(head[9:12]), header(head, b"x-side").decode(), length
