# SPDX-License-Identifier: Apache-2.0
"""The controller's own configuration: one TOML file, read once at the start.

What users want of their load balancers is not here: they say it through the API. Every key but
``interfaces`` has a default; ``docs/xdpair.example.toml`` explains them all.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from xdpair import config_rules as rules
from xdpair.config_rules import Reader
from xdpair.core import errors

#: ``sockaddr_un.sun_path`` without the final NUL.
_MAX_SOCKET_PATH_OCTETS = 107


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
class TlsConfig:
    """``[api.tls]``: PEM files, read at the start.

    Attributes:
        certificate, key: the server's own; the certificate with the chain up to its CA.
        client_ca: if given, nobody connects without a certificate of this CA (mTLS).
    """

    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None

    def __post_init__(self) -> None:
        for name in ("certificate", "key", "client_ca"):
            path = getattr(self, name)
            if path is not None:
                rules.require_absolute(f"api.tls.{name}", path)
        if (self.certificate is None) != (self.key is None):
            missing = "certificate" if self.certificate is None else "key"
            rules.refuse(f"api.tls.{missing}", "", "given, as certificate and key are a pair")


@dataclass(frozen=True, slots=True)
class TokensConfig:
    """``[api.tokens]``: who may call with a token instead of a certificate.

    Attributes:
        file: a line for each token; read again when it changes.
    """

    file: Path | None = None

    def __post_init__(self) -> None:
        if self.file is not None:
            rules.require_absolute("api.tokens.file", self.file)


@dataclass(frozen=True, slots=True)
class ApiConfig:
    """``[api]``: where gRPC is served, and to whom.

    Attributes:
        socket: path of a unix socket, for root only.
        listen: ``host:port`` for TCP, which takes TLS and somebody who may call; empty: none.
    """

    socket: Path = Path("/run/xdpair/api.sock")
    listen: str = ""
    tls: TlsConfig = field(default_factory=TlsConfig)
    tokens: TokensConfig = field(default_factory=TokensConfig)

    def __post_init__(self) -> None:
        rules.require_absolute("api.socket", self.socket)
        if len(bytes(self.socket)) > _MAX_SOCKET_PATH_OCTETS:
            allowed = f"at most {_MAX_SOCKET_PATH_OCTETS} octets"
            rules.refuse("api.socket", str(self.socket), allowed)
        if not self.listen:
            return
        rules.require_endpoint("api.listen", self.listen)
        if self.tls.certificate is None:
            rules.refuse("api.listen", self.listen, "empty without api.tls: TCP only with TLS")
        if self.tls.client_ca is None and self.tokens.file is None:
            rules.refuse(
                "api.listen",
                self.listen,
                "empty without api.tls.client_ca and api.tokens.file, since nobody could call",
            )


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """``[audit]``: where calls that change something are written down.

    Attributes:
        file: None: ``audit.jsonl`` in the state directory.
        max_bytes: of one file before the next is begun; 65,536 to 1,000,000,000.
        keep: how many full files stay beside the present one, 1 to 1000.
    """

    file: Path | None = None
    max_bytes: int = 10_000_000
    keep: int = 10

    def __post_init__(self) -> None:
        if self.file is not None:
            rules.require_absolute("audit.file", self.file)
        rules.require_range("audit.max_bytes", self.max_bytes, 65_536, 1_000_000_000)
        rules.require_range("audit.keep", self.keep, 1, 1000)


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
        rules.require_range("failover.reset_rate_per_s", self.reset_rate_per_s, 1, 1_000_000)


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
    max_listeners: int = 16_384
    max_servers: int = 32_768
    log_level: LogLevel = LogLevel.INFO
    api: ApiConfig = field(default_factory=ApiConfig)
    audit: AuditConfig = field(default_factory=AuditConfig)
    vip: VipConfig = field(default_factory=VipConfig)
    failover: FailoverConfig = field(default_factory=FailoverConfig)

    def __post_init__(self) -> None:
        rules.require_interfaces("interfaces", self.interfaces)
        rules.require_absolute("state_dir", self.state_dir)
        rules.require_absolute("pin_path", self.pin_path)
        rules.require_range("flow_buckets", self.flow_buckets, 1024, 16_777_216)
        if self.flow_buckets.bit_count() != 1:
            rules.refuse("flow_buckets", self.flow_buckets, "a power of two")
        rules.require_range("max_listeners", self.max_listeners, 1, 65_535)
        rules.require_range("max_servers", self.max_servers, 1, 65_535)

    @property
    def audit_file(self) -> Path:
        """Where the audit log is."""
        return self.audit.file or self.state_dir / "audit.jsonl"

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
            rules.refuse(key, value, f"a table, [{key}]")
        return of(**_read(f"{key}.", value, readers))

    return read


_TOP: Mapping[str, Reader] = {
    "interfaces": rules.texts,
    "state_dir": rules.path,
    "pin_path": rules.path,
    "xdp_mode": rules.choice(XdpMode),
    "flow_buckets": rules.integer,
    "max_listeners": rules.integer,
    "max_servers": rules.integer,
    "log_level": rules.choice(LogLevel),
    "api": _table(
        ApiConfig,
        {
            "socket": rules.path,
            "listen": rules.text,
            "tls": _table(
                TlsConfig, dict.fromkeys(("certificate", "key", "client_ca"), rules.optional_path)
            ),
            "tokens": _table(TokensConfig, {"file": rules.optional_path}),
        },
    ),
    "audit": _table(
        AuditConfig,
        {"file": rules.optional_path, "max_bytes": rules.integer, "keep": rules.integer},
    ),
    "vip": _table(VipConfig, {"announce": rules.flag, "withdraw_on_exit": rules.flag}),
    "failover": _table(FailoverConfig, {"reset_rate_per_s": rules.integer}),
}
