# SPDX-License-Identifier: Apache-2.0
"""What a value of the configuration file may be: from TOML's types to ours, and the rules.

``key`` is the dotted path in the file, as ``api.socket``. Everything here raises ``ConfigError``
that names the key, the value and what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from xdpair.core import errors

#: What Linux takes as an interface's name: 15 octets, nothing that could be a path.
_INTERFACE = re.compile(r"(?!\.{1,2}\Z)[!-.0-9;-~]{1,15}")
_LISTEN = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[1-9][0-9]{0,4})")

E = TypeVar("E", bound=Enum)
Reader = Callable[[str, object], Any]

# -- from TOML's types to ours ---------------------------------------------------------------------


def text(key: str, value: object) -> str:
    return value if isinstance(value, str) else refuse(key, value, "text in quotes")


def path(key: str, value: object) -> Path:
    return Path(text(key, value))


def optional_path(key: str, value: object) -> Path | None:
    """An empty text is none."""
    return path(key, value) if value != "" else None


def flag(key: str, value: object) -> bool:
    return value if isinstance(value, bool) else refuse(key, value, "true or false")


def integer(key: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return refuse(key, value, "a whole number")


def texts(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return refuse(key, value, 'a list of names, such as ["eth0"]')


def choice(among: type[E]) -> Reader:
    def read(key: str, value: object) -> E:
        for member in among:
            if member.value == value:
                return member
        return refuse(key, value, " or ".join(f'"{member.value}"' for member in among))

    return read


# -- rules -----------------------------------------------------------------------------------------


def refuse(key: str, value: object, allowed: str) -> NoReturn:
    raise errors.ConfigError(
        f"{key} must be {allowed}, not {value!r}", key=key, value=value, allowed=allowed
    )


def require_range(key: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        refuse(key, value, f"{low:,} to {high:,}")


def require_absolute(key: str, path: Path) -> None:
    if not path.is_absolute():
        refuse(key, str(path), "an absolute path")


def require_interfaces(key: str, names: tuple[str, ...]) -> None:
    if not names:
        refuse(key, [], "one interface name at least")
    for name in names:
        if _INTERFACE.fullmatch(name) is None:
            refuse(key, name, "names of 1 to 15 characters without spaces, slashes and colons")
    if len(set(names)) != len(names):
        refuse(key, list(names), "names that differ")


def require_endpoint(key: str, listen: str) -> None:
    """``host:port``; the host in numbers, IPv6 in brackets, or ``localhost``."""
    match = _LISTEN.fullmatch(listen)
    if match is None or int(match["port"]) > 65535 or not _is_host(match["ipv6"], match["host"]):
        refuse(key, listen, "an address and port, as 192.0.2.1:7443 or [::]:7443")


def _is_host(ipv6: str | None, host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(ipv6 or host).version == (6 if ipv6 else 4)
    except ValueError:
        return False
