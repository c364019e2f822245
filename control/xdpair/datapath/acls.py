# SPDX-License-Identifier: Apache-2.0
"""The entries of all access control lists, in the kernel's trie of prefixes."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from xdpair.core.errors import LimitExceeded
from xdpair.core.tables import AclKey
from xdpair.datapath.program import Program
from xdpair.datapath.syscalls import MapKeys
from xdpair.datapath.words import addresses_be

_LIST_BITS = 32


class AccessLists:
    """Writes entries. Nobody else does: what the kernel has is read once."""

    def __init__(self, program: Program) -> None:
        self._dtype = program.key_dtypes["acls"]
        self._room = program.sizes.max_acl_entries
        self._map = MapKeys(program.map_fds["acls"], self._dtype.itemsize)
        self._there = set(self._map)

    def check(self, change: Mapping[AclKey, bool]) -> None:
        """Is there room for what is new, beside what goes after it has come?

        Raises:
            LimitExceeded: no.
        """
        if len(self._there | self._packed(change, wanted=True)) > self._room:
            raise LimitExceeded(
                f"no more than {self._room} entries of access control lists fit the data plane's"
                " map",
                kind="acl",
            )

    def add(self, change: Mapping[AclKey, bool]) -> None:
        """What is new."""
        for key in self._packed(change, wanted=True) - self._there:
            self._map.add(key)
            self._there.add(key)

    def remove(self, change: Mapping[AclKey, bool], *, whole: bool) -> None:
        """What is to go.

        Args:
            whole: that is everything but what is wanted.
        """
        if whole:
            gone = self._there - self._packed(change, wanted=True)
        else:
            gone = self._there & self._packed(change, wanted=False)
        for key in gone:
            self._map.remove(key)
            self._there.remove(key)

    def _packed(self, change: Mapping[AclKey, bool], *, wanted: bool) -> set[bytes]:
        """As ``struct acl_key``."""
        return _pack([key for key, is_there in change.items() if is_there is wanted], self._dtype)


def _pack(keys: Collection[AclKey], dtype: np.dtype[np.void]) -> set[bytes]:
    rows = np.zeros(len(keys), dtype)
    rows["prefix_bits"] = [_LIST_BITS + key.network.prefixlen for key in keys]
    rows["acl"] = [key.acl for key in keys]
    rows["addr_be"] = addresses_be(key.network.network_address for key in keys)
    octets, size = rows.tobytes(), dtype.itemsize
    return {octets[start : start + size] for start in range(0, len(octets), size)}
