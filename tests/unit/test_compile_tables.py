# SPDX-License-Identifier: Apache-2.0
"""The values that the maps are made of, and changes cut into steps."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xdpair.core.model import Protocol
from xdpair.core.tables import (
    AclKey,
    Kind,
    ListenerEntry,
    LookupKey,
    ServerEntry,
    TableChange,
    endpoint_value,
    in_steps,
)

A = IPv4Address("192.0.2.1")
ADDRESSES = st.integers(0, 2**32 - 1).map(IPv4Address)
PARTS = st.tuples(
    st.sampled_from(Kind), ADDRESSES, st.integers(0, 65535), st.sampled_from((0, 6, 17))
)


@given(one=PARTS, other=PARTS)
def test_a_lookup_key_is_what_it_was_made_of(
    one: tuple[Kind, IPv4Address, int, int], other: tuple[Kind, IPv4Address, int, int]
) -> None:
    key = LookupKey(*one)
    assert (key.kind, key.address, key.port, key.protocol) == one
    assert (key == LookupKey(*other)) == (one == other)


def test_a_lookup_key_is_the_octets_of_its_struct() -> None:
    key = LookupKey(Kind.ENDPOINT, A, 0x1234, Protocol.TCP)
    assert key.to_bytes(8, "big") == A.packed + b"\x12\x34\x06\x02"
    assert "192.0.2.1" in repr(key)
    assert LookupKey(Kind.VIP, A).to_bytes(8, "big") == A.packed + b"\0\0\0\x03"


@pytest.mark.parametrize(
    ("row", "side", "shared", "value"),
    [(1, 0, False, 4), (1, 1, False, 6), (1, 0, True, 5), (65535, 1, True, 0x3FFFF)],
)
def test_endpoint_value(row: int, side: int, shared: bool, value: int) -> None:
    assert endpoint_value(row, side, shared=shared) == value


LISTENER = ListenerEntry(A, 80, Protocol.TCP, 1, (1, 2), False, False)
SERVER = ServerEntry(A, 80, None)
CHANGE = TableChange(
    lookup={LookupKey(Kind.LISTENER, A, port, 6): port % 2 or None for port in range(10)},
    listeners={row: LISTENER if row % 2 else None for row in range(1, 8)},
    servers={row: SERVER if row % 3 else None for row in range(1, 8)},
    acls={AclKey(row, IPv4Network("10.0.0.0/8")): bool(row % 2) for row in range(1, 6)},
    links=(),
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_steps_are_small_and_leave_nothing_out(size: int) -> None:
    steps = list(in_steps(CHANGE, size))
    for name in ("lookup", "listeners", "servers", "acls"):
        together = {key: value for step in steps for key, value in getattr(step, name).items()}
        assert together == getattr(CHANGE, name)
    assert [step.links for step in steps] == [(), *[None] * (len(steps) - 1)]
    for step in steps:
        entries = [*step.lookup, *step.listeners, *step.servers, *step.acls]
        assert len(entries) <= size
    assert not any(step.whole for step in steps)


def test_rows_come_before_the_keys_that_lead_to_them_and_go_after() -> None:
    order = [
        (name, bool(value))
        for step in in_steps(CHANGE, 1)
        for name in ("lookup", "listeners", "servers", "acls")
        for value in getattr(step, name).values()
    ]
    assert list(dict.fromkeys(order)) == [
        ("acls", True),
        ("servers", True),
        ("listeners", True),
        ("lookup", False),
        ("lookup", True),
        ("listeners", False),
        ("servers", False),
        ("acls", False),
    ]


def test_what_is_whole_stays_whole() -> None:
    whole = replace(CHANGE, whole=True)
    assert list(in_steps(whole, 1)) == [whole]
    assert list(in_steps(TableChange(), 1)) == []
