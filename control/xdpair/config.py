# SPDX-License-Identifier: Apache-2.0
"""The controller's own configuration: one TOML file, read once at the start.

What users want of their load balancers is not here: they say it through the API. Every key but
``interfaces`` has a default; ``docs/xdpair.example.toml`` explains them all.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from xdpair.core import errors

#: What Linux takes as an interface's name: 15 octets, nothing that could be a path.
_INTERFACE = re.compile(r"(?!\.{1,2}\Z)[!-.0-9;-~]{1,15}")
_LISTEN = re.compile(r"(?:\[(?P<ipv6>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[1-9][0-9]{0,4})")
#: ``sockaddr_un.sun_path`` without the final NUL.
_MAX_SOCKET_PATH_OCTETS = 107

E = TypeVar("E", bound=Enum)
Reader = Callable[[str, object], Any]


class XdpMode(Enum):
    """How the program is to be attached; AUTO: native where the driver can, else generic."""

    AUTO = "auto"
    NATIVE = "native"
    GENERIC = "generic"


class LogLevel(Enum):
    """The least important messages that are still written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """``[api]``: where gRPC is served.

    Attributes:
        socket: path of a unix socket, for root only.
        listen: ``host:port`` on loopback, without encryption; empty: none.
    """

    socket: Path = Path("/run/xdpair/api.sock")
    listen: str = ""

    def __post_init__(self) -> None:
        _require_absolute("api.socket", self.socket)
        if len(bytes(self.socket)) > _MAX_SOCKET_PATH_OCTETS:
            _refuse("api.socket", str(self.socket), f"at most {_MAX_SOCKET_PATH_OCTETS} octets")
        if self.listen and not _is_loopback(self.listen):
            _refuse("api.listen", self.listen, "a loopback address and port, as 127.0.0.1:7443")


@dataclass(frozen=True, slots=True)
class VipConfig:
    """``[vip]``: whether this host answers for the virtual addresses.

    Attributes:
        announce: put them on an interface and tell the neighbours.
        withdraw_on_exit: take them away at a clean end; else they stay, and packets keep flowing.
    """

    announce: bool = True
    withdraw_on_exit: bool = False


@dataclass(frozen=True, slots=True)
class FailoverConfig:
    """``[failover]``: what a failover may cost.

    Attributes:
        reset_rate_per_s: waiting clients of a failed server solicited a second; 1 to 1,000,000.
    """

    reset_rate_per_s: int = 20_000

    def __post_init__(self) -> None:
        _require_range("failover.reset_rate_per_s", self.reset_rate_per_s, 1, 1_000_000)


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file.

    Attributes:
        interfaces: where the program is attached: towards the clients and towards the servers.
        state_dir: holds the store.
        pin_path: directory on a BPF filesystem that keeps program and maps across restarts.
        flow_buckets: a power of two, 1,024 to 16,777,216; each is 64 octets and holds 4 flows.
        max_listeners, max_servers: room in the maps; 1 to 65,535.
    """

    interfaces: tuple[str, ...]
    state_dir: Path = Path("/var/lib/xdpair")
    pin_path: Path = Path("/sys/fs/bpf/xdpair")
    xdp_mode: XdpMode = XdpMode.AUTO
    flow_buckets: int = 65_536
    max_listeners: int = 4096
    max_servers: int = 8192
    log_level: LogLevel = LogLevel.INFO
    api: ApiConfig = field(default_factory=ApiConfig)
    vip: VipConfig = field(default_factory=VipConfig)
    failover: FailoverConfig = field(default_factory=FailoverConfig)

    def __post_init__(self) -> None:
        _require_interfaces("interfaces", self.interfaces)
        _require_absolute("state_dir", self.state_dir)
        _require_absolute("pin_path", self.pin_path)
        _require_range("flow_buckets", self.flow_buckets, 1024, 16_777_216)
        if self.flow_buckets.bit_count() != 1:
            _refuse("flow_buckets", self.flow_buckets, "a power of two")
        _require_range("max_listeners", self.max_listeners, 1, 65_535)
        _require_range("max_servers", self.max_servers, 1, 65_535)

    @classmethod
    def from_mapping(cls, content: Mapping[str, object]) -> Config:
        """Make sense of a parsed file.

        Raises:
            ConfigError: a key is unknown or missing, or a value is not allowed.
        """
        given = _read("", content, _TOP)
        if "interfaces" not in given:
            raise errors.ConfigError(
                'interfaces is missing: a list of interface names, such as ["eth0"]',
                key="interfaces",
            )
        return cls(**given)


def load(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: it can not be read, is no TOML, or says something that is not allowed.
    """
    try:
        with path.open("rb") as file:
            return Config.from_mapping(tomllib.load(file))
    except OSError as error:
        raise errors.ConfigError(f"{path}: {error.strerror}", file=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"{path}: not TOML: {error}", file=path) from error
    except errors.ConfigError as error:
        raise errors.ConfigError(f"{path}: {error}", file=path, **error.metadata) from error


# -- from TOML's types to ours ---------------------------------------------------------------------


def _read(prefix: str, content: Mapping[str, object], readers: Mapping[str, Reader]) -> Any:
    """What is given, by field name; what is not, the dataclass has a default for."""
    for key in content:
        if key not in readers:
            raise errors.ConfigError(
                f"unknown key {prefix}{key}: {_advice(prefix, key, readers)}", key=prefix + key
            )
    return {key: readers[key](prefix + key, value) for key, value in content.items()}


def _advice(prefix: str, key: str, readers: Mapping[str, Reader]) -> str:
    if prefix and key in _TOP:
        return f"{key} belongs above the first [table]"
    close = difflib.get_close_matches(key, readers, n=1)
    if close:
        return f"do you mean {prefix}{close[0]}?"
    return f"allowed are {', '.join(prefix + name for name in readers)}"


def _table(of: Callable[..., Any], readers: Mapping[str, Reader]) -> Reader:
    def read(key: str, value: object) -> object:
        if not isinstance(value, dict):
            _refuse(key, value, f"a table, [{key}]")
        return of(**_read(f"{key}.", value, readers))

    return read


def _text(key: str, value: object) -> str:
    return value if isinstance(value, str) else _refuse(key, value, "text in quotes")


def _path(key: str, value: object) -> Path:
    return Path(_text(key, value))


def _flag(key: str, value: object) -> bool:
    return value if isinstance(value, bool) else _refuse(key, value, "true or false")


def _integer(key: str, value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _refuse(key, value, "a whole number")


def _texts(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return _refuse(key, value, 'a list of names, such as ["eth0"]')


def _choice(among: type[E]) -> Reader:
    def read(key: str, value: object) -> E:
        for member in among:
            if member.value == value:
                return member
        return _refuse(key, value, " or ".join(f'"{member.value}"' for member in among))

    return read


_TOP: Mapping[str, Reader] = {
    "interfaces": _texts,
    "state_dir": _path,
    "pin_path": _path,
    "xdp_mode": _choice(XdpMode),
    "flow_buckets": _integer,
    "max_listeners": _integer,
    "max_servers": _integer,
    "log_level": _choice(LogLevel),
    "api": _table(ApiConfig, {"socket": _path, "listen": _text}),
    "vip": _table(VipConfig, {"announce": _flag, "withdraw_on_exit": _flag}),
    "failover": _table(FailoverConfig, {"reset_rate_per_s": _integer}),
}


# -- rules -----------------------------------------------------------------------------------------


def _refuse(key: str, value: object, allowed: str) -> NoReturn:
    raise errors.ConfigError(
        f"{key} must be {allowed}, not {value!r}", key=key, value=value, allowed=allowed
    )


def _require_range(key: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        _refuse(key, value, f"{low:,} to {high:,}")


def _require_absolute(key: str, path: Path) -> None:
    if not path.is_absolute():
        _refuse(key, str(path), "an absolute path")


def _require_interfaces(key: str, names: tuple[str, ...]) -> None:
    if not names:
        _refuse(key, [], "one interface name at least")
    for name in names:
        if _INTERFACE.fullmatch(name) is None:
            _refuse(key, name, "names of 1 to 15 characters without spaces, slashes and colons")
    if len(set(names)) != len(names):
        _refuse(key, list(names), "names that differ")


def _is_loopback(listen: str) -> bool:
    match = _LISTEN.fullmatch(listen)
    if match is None or int(match["port"]) > 65535:
        return False
    if match["host"] == "localhost":
        return True
    try:
        address = ip_address(match["ipv6"] or match["host"])
    except ValueError:
        return False
    return address.is_loopback and (address.version == 6) == bool(match["ipv6"])
