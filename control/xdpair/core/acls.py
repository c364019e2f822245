# SPDX-License-Identifier: Apache-2.0
"""Access control lists: who may talk to a listener."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from ipaddress import IPv4Network, IPv6Network

from xdpair.core import errors
from xdpair.core.rules import (
    ACL_COMMENT,
    NAME,
    require,
    require_id,
    require_match,
    require_tags,
)

MAX_ACL_ENTRIES = 300
MAX_LISTENERS_PER_ACL = 50


class IpVersion(IntEnum):
    IPV4 = 4
    IPV6 = 6


class AclType(Enum):
    """WHITE: only who is listed may come; an empty list lets nobody in. BLACK: all others may."""

    WHITE = "white"
    BLACK = "black"


@dataclass(frozen=True, slots=True)
class AclEntry:
    """Addresses under one prefix."""

    network: IPv4Network | IPv6Network
    comment: str = ""

    def __post_init__(self) -> None:
        require_match("comment", self.comment, ACL_COMMENT)


@dataclass(frozen=True, slots=True)
class AccessControlList:
    """Prefixes of one IP version, shared by any number of listeners.

    Attributes:
        name: 1 to 80 characters, unique.
        entries: at most 300, no prefix twice.
    """

    acl_id: str
    name: str
    ip_version: IpVersion = IpVersion.IPV4
    entries: tuple[AclEntry, ...] = ()
    create_time_s: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_id("acl", self.acl_id)
        require(
            bool(self.name),
            errors.MissingParameter,
            "an access control list needs a name",
            field="display_name",
        )
        require_match("display_name", self.name, NAME)
        require(
            len(self.entries) <= MAX_ACL_ENTRIES,
            errors.AclTooLong,
            f"an access control list has at most {MAX_ACL_ENTRIES} entries",
            acl=self.acl_id,
        )
        networks = {entry.network for entry in self.entries}
        require(
            len(networks) == len(self.entries),
            errors.AclEntryIllegal,
            "a prefix is listed twice",
            acl=self.acl_id,
        )
        for network in networks:
            require(
                network.version == self.ip_version,
                errors.AclEntryIllegal,
                f"{network} does not belong into an IPv{self.ip_version:d} list",
                acl=self.acl_id,
            )
        require_tags(self.tags)


@dataclass(frozen=True, slots=True)
class AclPolicy:
    """What a listener makes of its lists; of several, their union counts.

    Attributes:
        acl_ids: at least one, none twice, in the order given.
    """

    type: AclType
    acl_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        require(
            bool(self.acl_ids),
            errors.MissingParameter,
            "access control needs at least one list",
            field="acl.access_control_lists",
        )
        require(
            len(set(self.acl_ids)) == len(self.acl_ids),
            errors.InvalidInput,
            "an access control list is named twice",
            field="acl.access_control_lists",
        )
