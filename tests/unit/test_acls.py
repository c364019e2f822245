# SPDX-License-Identifier: Apache-2.0
"""Access control lists are legal or are not made at all."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Any

import pytest

from xdpair.core import errors
from xdpair.core.acls import MAX_ACL_ENTRIES
from xdpair.core.model import AccessControlList, AclEntry, AclPolicy, AclType, IpVersion

OFFICE = AclEntry(IPv4Network("192.0.2.0/24"), "the office")
SIX = AclEntry(IPv6Network("2001:db8::/32"))


def acl(*entries: AclEntry, **changes: Any) -> AccessControlList:
    return AccessControlList(**{"acl_id": "acl-1", "name": "list", "entries": entries, **changes})


def numbered(count: int) -> list[AclEntry]:
    return [AclEntry(IPv4Network((0x0A000000 + number, 32))) for number in range(count)]


def test_list_is_for_ipv4_and_empty_unless_told_otherwise() -> None:
    made = AccessControlList("acl-1", "list")
    assert (made.ip_version, made.entries) == (IpVersion.IPV4, ())


def test_entries_keep_their_order() -> None:
    narrow = AclEntry(IPv4Network("192.0.2.7/32"))
    assert acl(OFFICE, narrow).entries == (OFFICE, narrow)
    assert acl(narrow, OFFICE) != acl(OFFICE, narrow)


def test_widest_prefixes_are_legal() -> None:
    acl(AclEntry(IPv4Network("0.0.0.0/0")))
    acl(AclEntry(IPv6Network("::/0")), ip_version=IpVersion.IPV6)


def test_so_many_entries_and_no_more() -> None:
    assert len(acl(*numbered(MAX_ACL_ENTRIES)).entries) == 300
    with pytest.raises(errors.AclTooLong):
        acl(*numbered(MAX_ACL_ENTRIES + 1))


@pytest.mark.parametrize(
    ("entries", "version"),
    [
        pytest.param((OFFICE, OFFICE), IpVersion.IPV4, id="twice"),
        pytest.param((OFFICE, AclEntry(OFFICE.network)), IpVersion.IPV4, id="another comment"),
        pytest.param((OFFICE, SIX), IpVersion.IPV4, id="IPv6 among IPv4"),
        pytest.param((OFFICE,), IpVersion.IPV6, id="IPv4 among IPv6"),
    ],
)
def test_entries_that_do_not_go_together(entries: tuple[AclEntry, ...], version: IpVersion) -> None:
    with pytest.raises(errors.AclEntryIllegal):
        acl(*entries, ip_version=version)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"acl_id": "rsp-1"}, errors.InvalidInput),
        ({"acl_id": "acl-"}, errors.InvalidInput),
        ({"name": ""}, errors.MissingParameter),
        ({"name": "n" * 81}, errors.InvalidInput),
        ({"name": "two words"}, errors.InvalidInput),
    ],
)
def test_what_a_list_may_not_be_called(
    changes: dict[str, str], error: type[errors.XdpairError]
) -> None:
    with pytest.raises(error) as caught:
        acl(**changes)
    assert type(caught.value) is error


@pytest.mark.parametrize("comment", ["c" * 101, "naïve", "a\nb"])
def test_comment_that_is_refused(comment: str) -> None:
    AclEntry(OFFICE.network, "c" * 100)
    with pytest.raises(errors.InvalidInput):
        AclEntry(OFFICE.network, comment)


def test_policy_names_its_lists_once_each() -> None:
    assert AclPolicy(AclType.WHITE, ("acl-2", "acl-1")).acl_ids == ("acl-2", "acl-1")
    with pytest.raises(errors.MissingParameter):
        AclPolicy(AclType.WHITE, ())
    with pytest.raises(errors.InvalidInput, match="twice"):
        AclPolicy(AclType.BLACK, ("acl-1", "acl-2", "acl-1"))
