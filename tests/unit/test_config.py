# SPDX-License-Identifier: Apache-2.0
"""The configuration file: what is allowed, and what is said about what is not."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from xdpair.config import AuditConfig, Config, LogLevel, TlsConfig, XdpMode, load
from xdpair.core.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "docs" / "xdpair.example.toml"


def parse(text: str, interfaces: str = 'interfaces = ["eth0"]\n') -> Config:
    return Config.from_mapping(tomllib.loads(interfaces + text))


def key_names(value: object) -> dict[str, object]:
    """All keys that the file may have, nested as the tables are."""
    assert dataclasses.is_dataclass(value)
    parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {
        name: key_names(part) if dataclasses.is_dataclass(part) else None
        for name, part in parts.items()
    }


def shown_keys(table: dict[str, object]) -> dict[str, object]:
    return {
        key: shown_keys(value) if isinstance(value, dict) else None for key, value in table.items()
    }


def test_example_is_the_defaults() -> None:
    assert load(EXAMPLE) == Config(interfaces=("eth0",))


def test_example_shows_every_key() -> None:
    content = tomllib.loads(EXAMPLE.read_text())
    assert shown_keys(content) == key_names(Config(interfaces=("eth0",)))


def test_everything_can_be_said() -> None:
    config = parse(
        """
        state_dir = "/s"
        pin_path = "/p"
        xdp_mode = "native"
        flow_buckets = 1024
        max_listeners = 1
        max_servers = 65535
        log_level = "debug"
        api.socket = "/a"
        api.listen = "[::1]:7443"
        api.tls = { certificate = "/c", key = "/k", client_ca = "/ca" }
        api.tokens.file = "/t"
        audit = { file = "/log", max_bytes = 65536, keep = 1000 }
        vip = { announce = false, withdraw_on_exit = true }
        failover.reset_rate_per_s = 1
        """,
        interfaces='interfaces = ["eth0", "eth1.100"]',
    )
    assert config.interfaces == ("eth0", "eth1.100")
    assert (config.state_dir, config.pin_path) == (Path("/s"), Path("/p"))
    assert (config.xdp_mode, config.log_level) == (XdpMode.NATIVE, LogLevel.DEBUG)
    assert (config.flow_buckets, config.max_listeners, config.max_servers) == (1024, 1, 65535)
    assert (config.api.socket, config.api.listen) == (Path("/a"), "[::1]:7443")
    assert config.api.tls == TlsConfig(Path("/c"), Path("/k"), Path("/ca"))
    assert config.api.tokens.file == Path("/t")
    assert config.audit == AuditConfig(Path("/log"), 65_536, 1000)
    assert config.audit_file == Path("/log")
    assert (config.vip.announce, config.vip.withdraw_on_exit) == (False, True)
    assert config.failover.reset_rate_per_s == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("state_dir = 1", "state_dir must be text in quotes, not 1"),
        ('state_dir = "var"', "state_dir must be an absolute path, not 'var'"),
        ('pin_path = ""', "pin_path must be an absolute path, not '.'"),
        ('xdp_mode = "hw"', 'xdp_mode must be "auto" or "native" or "generic", not \'hw\''),
        ("xdp_mode = true", 'xdp_mode must be "auto" or "native" or "generic", not True'),
        ("flow_buckets = 1_000_000", "flow_buckets must be a power of two, not 1000000"),
        ("flow_buckets = 512", "flow_buckets must be 1,024 to 16,777,216, not 512"),
        ("flow_buckets = 33_554_432", "flow_buckets must be 1,024 to 16,777,216, not 33554432"),
        ("flow_buckets = 1024.0", "flow_buckets must be a whole number, not 1024.0"),
        ("flow_buckets = true", "flow_buckets must be a whole number, not True"),
        ("max_listeners = 0", "max_listeners must be 1 to 65,535, not 0"),
        ("max_servers = 65536", "max_servers must be 1 to 65,535, not 65536"),
        ('log_level = "trace"', 'log_level must be "debug" or'),
        ("api = 1", "api must be a table, [api], not 1"),
        ('api.socket = "api.sock"', "api.socket must be an absolute path, not 'api.sock'"),
        (f'api.socket = "/{"x" * 107}"', "api.socket must be at most 107 octets"),
        ("api.listen = 7443", "api.listen must be text in quotes, not 7443"),
        ("api.tls = 1", "api.tls must be a table, [api.tls], not 1"),
        ("api.tls.key = 1", "api.tls.key must be text in quotes, not 1"),
        (
            'api.tls.client_ca = "ca.crt"',
            "api.tls.client_ca must be an absolute path, not 'ca.crt'",
        ),
        ('api.tokens.file = "tokens"', "api.tokens.file must be an absolute path, not 'tokens'"),
        ('audit.file = "log"', "audit.file must be an absolute path, not 'log'"),
        ("audit.max_bytes = 65535", "audit.max_bytes must be 65,536 to 1,000,000,000, not 65535"),
        ("audit.keep = 0", "audit.keep must be 1 to 1,000, not 0"),
        ('vip.announce = "yes"', "vip.announce must be true or false, not 'yes'"),
        ("vip.withdraw_on_exit = 0", "vip.withdraw_on_exit must be true or false, not 0"),
        ("failover.reset_rate_per_s = 0", "failover.reset_rate_per_s must be 1 to 1,000,000"),
    ],
)
def test_value_that_is_not_allowed_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert caught.value.metadata["key"] == text.split(" = ")[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "interfaces is missing"),
        ("interfaces = []", "one interface name at least, not []"),
        ('interfaces = "eth0"', "interfaces must be a list of names"),
        ("interfaces = [1]", "interfaces must be a list of names"),
        ('interfaces = ["eth0", "eth0"]', "names that differ, not ['eth0', 'eth0']"),
        ('interfaces = [""]', "1 to 15 characters"),
        ('interfaces = ["eth 0"]', "not 'eth 0'"),
        ('interfaces = ["../eth0"]', "not '../eth0'"),
        ('interfaces = [".."]', "not '..'"),
        ('interfaces = ["eth0:1"]', "not 'eth0:1'"),
        ('interfaces = ["sixteen-letters-"]', "not 'sixteen-letters-'"),
    ],
)
def test_interfaces_must_be_names(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse("", interfaces=text)
    assert message in str(caught.value)
    assert caught.value.metadata["key"] == "interfaces"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flow_bucket = 1024", "unknown key flow_bucket: do you mean flow_buckets?"),
        ("[api]\nsockett = 1", "unknown key api.sockett: do you mean api.socket?"),
        ("[api]\nxyz = 1", "unknown key api.xyz: allowed are api.socket, api.listen, api.tls"),
        ("[api.tls]\ncert = 1", "unknown key api.tls.cert: allowed are api.tls.certificate,"),
        ('[vip]\nlog_level = "info"', "vip.log_level: log_level belongs above the first [table]"),
        ("zebra = 1", "unknown key zebra: allowed are interfaces, state_dir,"),
    ],
)
def test_unknown_key_is_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert message in str(caught.value)


TLS = 'tls = { certificate = "/c", key = "/k", client_ca = "/ca" }'
TLS_WITHOUT_CA = 'tls = { certificate = "/c", key = "/k" }'


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:1", "192.0.2.1:65535", "0.0.0.0:7443", "[::]:7443", "localhost:7443"]
)
def test_where_tcp_can_be_served(listen: str) -> None:
    assert parse(f'[api]\nlisten = "{listen}"\n{TLS}').api.listen == listen


@pytest.mark.parametrize(
    "listen",
    [
        "example.org:7443", "127.0.0.1", ":7443", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+1",
        "::1:7443", "[127.0.0.1]:7443", "unix:/x", "127.0.0.1:7443 ", "127.1:7443",
    ],
)  # fmt: skip
def test_where_it_can_not(listen: str) -> None:
    with pytest.raises(ConfigError, match=r"api\.listen must be an address and port"):
        parse(f'[api]\nlisten = "{listen}"\n{TLS}')


@pytest.mark.parametrize("listen", ["127.0.0.1:7443", "0.0.0.0:7443"])
def test_tcp_only_with_tls(listen: str) -> None:
    with pytest.raises(ConfigError, match=r"api\.tls: TCP only with TLS") as caught:
        parse(f'[api]\nlisten = "{listen}"')
    assert caught.value.metadata["key"] == "api.listen"


def test_tcp_only_if_somebody_could_call() -> None:
    with pytest.raises(ConfigError, match="nobody could call"):
        parse(f'[api]\nlisten = "[::]:7443"\n{TLS_WITHOUT_CA}')
    tokens = f'[api]\nlisten = "[::]:7443"\n{TLS_WITHOUT_CA}\ntokens.file = "/t"'
    assert parse(tokens).api.tls.client_ca is None


@pytest.mark.parametrize(("given", "missing"), [("certificate", "key"), ("key", "certificate")])
def test_a_certificate_takes_its_key(given: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=rf"api\.tls\.{missing} must be given"):
        parse(f'api.tls.{given} = "/x"')


def test_the_audit_log_is_with_the_state() -> None:
    assert parse('state_dir = "/s"').audit_file == Path("/s/audit.jsonl")


def test_file_is_named_in_every_error(tmp_path: Path) -> None:
    path = tmp_path / "xdpair.toml"
    with pytest.raises(ConfigError, match=r"xdpair\.toml: No such file"):
        load(path)
    path.write_text("interfaces = [,]")
    with pytest.raises(ConfigError, match=r"xdpair\.toml: not TOML: .*line 1"):
        load(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"xdpair\.toml: not TOML"):
        load(path)
    path.write_text('interfaces = ["eth0"]\nmax_servers = 0')
    with pytest.raises(ConfigError, match=r"xdpair\.toml: max_servers must be") as caught:
        load(path)
    assert caught.value.metadata == {
        "file": str(path), "key": "max_servers", "value": "0", "allowed": "1 to 65,535",
    }  # fmt: skip
