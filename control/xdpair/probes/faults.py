# SPDX-License-Identifier: Apache-2.0
"""How a probe ends, and what an errno means to someone who reads why a server was failed over."""

from __future__ import annotations

import errno
import os

#: How a probe ends: ``(error, local_fault)``. An empty error means that the server passed; a local
#: fault is this host's own and says nothing about the server.
Verdict = tuple[str, bool]

PASSED: Verdict = ("", False)

_WORDS: dict[int, str] = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset by the server",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "no route to the server's network",
    errno.ENETDOWN: "the interface towards the server is down",
    errno.ENODEV: "the interface towards the server does not exist",
    errno.EADDRNOTAVAIL: "no free local address or port to probe from",
    errno.EAGAIN: "no local resources to probe with",
    errno.EMFILE: "too many open files in this process",
    errno.ENFILE: "too many open files on this host",
    errno.ENOBUFS: "no buffer space left on this host",
    errno.ENOMEM: "no memory left on this host",
    errno.ENOSPC: "too many epoll watches on this host",
    errno.EPERM: "this host may not send the probe",
    errno.EACCES: "this host may not send the probe",
}

# What is short or forbidden *here* says nothing about the server, and must never fail it over. A
# missing route or interface is not in the list: traffic to the server would take it, too.
_LOCAL = frozenset(
    {
        errno.EACCES,
        errno.EADDRNOTAVAIL,
        errno.EAGAIN,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EPERM,
    }
)


def verdict(fault: int) -> Verdict:
    """Say in a few words what the errno ``fault`` means for a probe, and whether it is our own."""
    return _WORDS.get(fault) or os.strerror(fault).lower(), fault in _LOCAL
