# SPDX-License-Identifier: Apache-2.0
"""Who calls, and which calls that allows."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from xdpair.core import errors

if TYPE_CHECKING:
    from xdpair.rpc.interceptor import Context

logger = logging.getLogger(__name__)


class Role(IntEnum):
    """Each may do what the one before may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """As in certificates, token files and the audit log."""
        return self.name.lower()


ROLES: Mapping[str, Role] = {role.word: role for role in Role}

# -- which calls -----------------------------------------------------------------------------------

_API = "/xdpair.api."
_REFLECTION = "/grpc.reflection."

#: What a method's name begins with -> the role it takes. A name that begins otherwise: admin.
_BEGINNINGS: Mapping[str, Role] = {
    "Get": Role.VIEWER,
    "List": Role.VIEWER,
    "Watch": Role.VIEWER,
    "Explain": Role.VIEWER,
    "Diff": Role.VIEWER,
    "Export": Role.VIEWER,
    "Start": Role.OPERATOR,
    "Stop": Role.OPERATOR,
}
#: And those that are a name of their own.
_OPERATIONS = frozenset({"Switchover", "Failback", "Hold", "Release"})
_FIRST_WORD = re.compile("[A-Z][a-z]*")


def required_role(method: str) -> Role | None:
    """Return the role that a call takes; None: it is open to all who can connect, as health is.

    Args:
        method: as on the wire: ``/xdpair.api.v1.EventService/ListEvents``.
    """
    if method.startswith(_REFLECTION):
        return Role.VIEWER
    if not method.startswith(_API):
        return None
    name = method.rpartition("/")[2]
    if name in _OPERATIONS:
        return Role.OPERATOR
    first_word = _FIRST_WORD.match(name)
    return _BEGINNINGS.get(first_word[0], Role.ADMIN) if first_word else Role.ADMIN


# -- who calls -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caller:
    """Attributes:
    name: for the audit log.
    """

    name: str
    role: Role

    def require(self, needed: Role, method: str) -> None:
        """Raise ``PermissionDenied`` if the role is too low for the method."""
        if self.role < needed:
            raise errors.PermissionDenied(
                f"{method.rpartition('/')[2]} takes the role {needed.word}, "
                f"{self.name} is {self.role.word}",
                role=self.role.word,
                needed=needed.word,
            )


class Authenticator:
    """Tells who calls: over the unix socket root, over TLS whom a token or a certificate names.

    Args:
        tokens: None: no tokens are accepted.
    """

    def __init__(self, tokens: TokenFile | None = None) -> None:
        self._tokens = tokens

    def identify(self, context: Context) -> Caller:
        """Return the caller.

        A token counts rather than the certificate: it was given for this call. So a wrong one is
        refused, whatever the certificate says.

        Raises:
            Unauthenticated: it is nobody known.
        """
        if context.peer().startswith("unix:"):
            return Caller("unix", Role.ADMIN)
        authorizations = [
            value for key, value in context.invocation_metadata() or () if key == "authorization"
        ]
        if authorizations:
            return self._of_token(authorizations)
        caller = of_certificate(context.auth_context())
        if caller is None:
            raise errors.Unauthenticated(
                "who calls? It takes a client certificate with a role, or a token"
            )
        return caller

    def _of_token(self, authorizations: list[str | bytes]) -> Caller:
        scheme, _, token = str(authorizations[0]).partition(" ")
        caller = None
        if len(authorizations) == 1 and scheme.lower() == "bearer" and self._tokens is not None:
            caller = self._tokens.caller(token.strip())
        if caller is None:
            raise errors.Unauthenticated("this token is not known here")
        return caller


_ROLE_URI = "xdpair://role/"


def of_certificate(auth_context: Mapping[str, object]) -> Caller | None:
    """Return whom a client certificate names: the role is that of its URI ``xdpair://role/…``, the
    highest if there are several; the name is its common name, else its first DNS name.

    Args:
        auth_context: of a connection whose certificate has been verified, or that has none.
    """
    roles = [
        ROLES[role]
        for uri in _texts(auth_context, "peer_uri")
        if uri.startswith(_ROLE_URI) and (role := uri.removeprefix(_ROLE_URI)) in ROLES
    ]
    names = _texts(auth_context, "x509_common_name") + _texts(auth_context, "peer_dns")
    if not roles or not any(names):
        return None
    return Caller(next(filter(None, names)), max(roles))


def _texts(auth_context: Mapping[str, object], key: str) -> list[str]:
    values = auth_context.get(key, ())
    assert isinstance(values, list | tuple)
    return [value.decode("utf-8", "replace") for value in values]


# -- tokens ----------------------------------------------------------------------------------------

_SHA256_HEX = re.compile("[0-9a-f]{64}")


class TokenFile:
    """The tokens of a file, as it is now: it is read again when it has changed.

    A line is ``ROLE NAME SHA256HEX-OF-TOKEN``, or empty, or a comment that begins with ``#``. While
    the file is missing or wrong no token is accepted, since one that was taken out could be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version: object = None
        self._callers: dict[str, Caller] = {}

    def load(self) -> None:
        """Read it.

        Raises:
            ConfigError: it can not be read, others than its owner may read or write it, its owner
                is neither root nor who runs this, or a line is not of the form.
        """
        try:
            with self._path.open(encoding="utf-8") as file:
                self._callers = {}
                status = os.fstat(file.fileno())
                self._version = _version(status)
                self._require_private(status)
                self._callers = self._parse(file.read())
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise errors.ConfigError(f"{self._path}: {why}", file=self._path) from error

    def caller(self, token: str) -> Caller | None:
        """Return whose token it is. How long that takes does not tell how much of it is right."""
        self._follow()
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = None
        for known, caller in self._callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found

    def _follow(self) -> None:
        try:
            version: object = _version(self._path.stat())
        except OSError as error:
            version = str(error)
        if version == self._version:
            return
        self._version, self._callers = version, {}
        try:
            self.load()
        except errors.ConfigError as error:
            logger.error("no token is accepted: %s", error)
        else:
            logger.info("%s: %d tokens", self._path, len(self._callers))

    def _require_private(self, status: os.stat_result) -> None:
        mode = stat.S_IMODE(status.st_mode)
        if mode & 0o077:
            self._refuse(f"others may use it (mode {mode:04o}); it must be 0600 or 0400")
        if status.st_uid not in (0, os.geteuid()):
            self._refuse("it must belong to root")

    def _parse(self, content: str) -> dict[str, Caller]:
        callers: dict[str, Caller] = {}
        for number, line in enumerate(content.splitlines(), start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 3 or words[0] not in ROLES:
                self._refuse(f"line {number} is not ROLE NAME SHA256; roles: {', '.join(ROLES)}")
            role, name, digest = words
            if _SHA256_HEX.fullmatch(digest.lower()) is None:
                self._refuse(f"line {number}: a SHA-256 has 64 hexadecimal digits")
            if digest.lower() in callers:
                self._refuse(f"line {number}: the token is given twice")
            callers[digest.lower()] = Caller(name, ROLES[role])
        return callers

    def _refuse(self, why: str) -> None:
        raise errors.ConfigError(f"{self._path}: {why}", file=self._path)


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
