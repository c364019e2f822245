# SPDX-License-Identifier: Apache-2.0
"""``AccessControlList``, and what a listener makes of lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from xdpair.api.v1 import access_control_list_pb2 as pb
from xdpair.core import errors
from xdpair.core.acls import MAX_ACL_ENTRIES
from xdpair.core.model import (
    AccessControlList,
    AclEntry,
    AclPolicy,
    AclType,
    IpVersion,
    Listener,
)
from xdpair.core.rules import require
from xdpair.rpc import names
from xdpair.rpc.convert.scalars import enum_from_pb, time_to_pb
from xdpair.rpc.updates import etag_of

#: No zones, no netmasks in dotted form.
_CIDR = re.compile(r"[0-9A-Fa-f:.]+(/(0|[1-9][0-9]{0,2}))?")


def acl_from_pb(acl_id: str, message: pb.AccessControlList) -> AccessControlList:
    """Raises ``InvalidInput``, ``AclEntryIllegal``, ``AclTooLong`` or what is said of tags."""
    return AccessControlList(
        acl_id=acl_id,
        name=message.display_name,
        ip_version=enum_from_pb(
            message.ip_version,
            pb.AccessControlList.IpVersion,
            IpVersion,
            IpVersion.IPV4,
            "ip_version",
        ),
        entries=_entries(message.entries),
        tags=dict(message.tags),
    )


def acl_to_pb(acl: AccessControlList, users: Iterable[Listener] = ()) -> pb.AccessControlList:
    """Args:
    users: listeners to name as those that use the list.
    """
    message = pb.AccessControlList(
        name=names.acl_name(acl.acl_id),
        display_name=acl.name,
        ip_version=acl.ip_version.name,
        entries=[
            pb.AclEntry(cidr=str(entry.network), comment=entry.comment) for entry in acl.entries
        ],
        create_time=time_to_pb(acl.create_time_s),
        tags=acl.tags,
    )
    message.etag = etag_of(message)
    message.related_listeners.extend(
        pb.RelatedListener(listener=names.listener_name(user.key), type=user.acl.type.name)
        for user in users
        if user.acl is not None
    )
    return message


def entries_from_pb(messages: Sequence[pb.AclEntry]) -> tuple[AclEntry, ...]:
    """Read what is to be added.

    Raises:
        AclEntryEmpty: nothing is.
        AclTooLong: more than a list can hold.
        AclEntryIllegal: one is no prefix.
        InvalidInput: a comment is not in its form.
    """
    _require_some(messages)
    return _entries(messages)


def networks_from_pb(cidrs: Sequence[str]) -> frozenset[IPv4Network | IPv6Network]:
    """Read what is to be removed; raises as ``entries_from_pb`` does."""
    _require_some(cidrs)
    return frozenset(map(_network, cidrs))


def policy_from_pb(message: pb.AclPolicy) -> AclPolicy:
    """Raises ``MissingParameter`` or ``InvalidInput``."""
    if message.type == pb.AclPolicy.TYPE_UNSPECIFIED:
        raise errors.MissingParameter("acl.type is missing: WHITE or BLACK", field="acl.type")
    return AclPolicy(
        type=enum_from_pb(message.type, pb.AclPolicy.Type, AclType, None, "acl.type"),
        acl_ids=tuple(
            names.acl_id(name, "acl.access_control_lists") for name in message.access_control_lists
        ),
    )


def policy_to_pb(policy: AclPolicy | None) -> pb.AclPolicy | None:
    if policy is None:
        return None
    return pb.AclPolicy(
        type=policy.type.name, access_control_lists=map(names.acl_name, policy.acl_ids)
    )


def _require_some(given: Sequence[object]) -> None:
    require(bool(given), errors.AclEntryEmpty, "no entry is given")
    require(
        len(given) <= MAX_ACL_ENTRIES,
        errors.AclTooLong,
        f"an access control list has at most {MAX_ACL_ENTRIES} entries, not {len(given)}",
    )


def _entries(messages: Iterable[pb.AclEntry]) -> tuple[AclEntry, ...]:
    return tuple(AclEntry(_network(message.cidr), message.comment) for message in messages)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        if _CIDR.fullmatch(text):
            return ip_network(text)
    except ValueError:
        pass
    raise errors.AclEntryIllegal(
        f"{text!r} is neither an address nor a prefix without bits behind it", field="cidr"
    )
