# SPDX-License-Identifier: Apache-2.0
"""How access control lists are written down; see ``resources`` for the manner."""

from __future__ import annotations

from xdpair.core.model import AccessControlList, AclEntry, IpVersion
from xdpair.store.document import Document, Json, name_of


def acl_to(acl: AccessControlList) -> Json:
    return {
        "acl_id": acl.acl_id,
        "name": acl.name,
        "ip_version": name_of(acl.ip_version),
        "entries": [_entry_to(entry) for entry in acl.entries],
        "create_time_s": acl.create_time_s,
        "tags": dict(acl.tags),
    }


def acl_from(value: object) -> AccessControlList:
    with Document("access control list", value) as fields:
        return AccessControlList(
            acl_id=fields.text("acl_id"),
            name=fields.text("name"),
            ip_version=fields.choice("ip_version", IpVersion),
            entries=fields.children("entries", _entry_from),
            create_time_s=fields.number("create_time_s"),
            tags=fields.texts_by_name("tags"),
        )


def _entry_to(entry: AclEntry) -> Json:
    return {"network": str(entry.network), "comment": entry.comment}


def _entry_from(value: object) -> AclEntry:
    with Document("access control list entry", value) as fields:
        return AclEntry(network=fields.network("network"), comment=fields.text("comment"))
