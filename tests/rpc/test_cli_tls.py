# SPDX-License-Identifier: Apache-2.0
"""`xdpair tls init`, and the command over TCP with what it makes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.rpc.certificates import tls_of
from tests.rpc.controller import Controller
from tests.rpc.shell import Shell
from xdpair.config import Config

NAMES = ("ca", "server", "viewer", "operator", "admin")


def certificate_of(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


# -- what is made ----------------------------------------------------------------------------------


def test_files_and_their_modes(certificates: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in certificates.iterdir()}
    assert {name for name, mode in modes.items() if mode == 0o600} == {f"{n}.key" for n in NAMES}
    assert {name for name, mode in modes.items() if mode != 0o600} == {f"{n}.crt" for n in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_each_certificate_has_its_key_and_its_ca(certificates: Path, name: str) -> None:
    ca, certificate = certificate_of(certificates, "ca"), certificate_of(certificates, name)
    certificate.verify_directly_issued_by(ca)
    key = load_pem_private_key((certificates / f"{name}.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert key.public_key() == certificate.public_key()
    extensions = certificate.extensions
    subject_key = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert subject_key == x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    authority = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    ca_key = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert authority.key_identifier == ca_key.digest
    days = (certificate.not_valid_after_utc - certificate.not_valid_before_utc) // timedelta(days=1)
    assert days == (3650 if name == "ca" else 825)


def test_only_the_ca_may_sign_certificates(certificates: Path) -> None:
    for name in NAMES:
        extensions = certificate_of(certificates, name).extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints)
        usage = extensions.get_extension_for_class(x509.KeyUsage)
        assert (basic.critical, usage.critical) == (True, True)
        assert (basic.value.ca, usage.value.key_cert_sign) == (name == "ca",) * 2
        assert usage.value.digital_signature == (name != "ca")


def test_the_controllers_certificate(certificates: Path) -> None:
    extensions = certificate_of(certificates, "server").extensions
    purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    addresses = names.get_values_for_type(x509.IPAddress)
    assert addresses == [ip_address("127.0.0.1"), ip_address("::1")]


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_a_callers_certificate(certificates: Path, role: str) -> None:
    certificate = certificate_of(certificates, role)
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == role
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names == x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier(f"xdpair://role/{role}")]
    )


@pytest.mark.parametrize(
    "words", ["--host lb.example 192.0.2.1", "--host lb.example --host 192.0.2.1 lb.example"]
)
def test_hosts_that_callers_connect_to(sh: Shell, tmp_path: Path, words: str) -> None:
    run = sh(f"tls init {tmp_path}/tls {words} -o json")
    assert run.status == 0
    assert run.json["hosts"] == ["lb.example", "192.0.2.1"]
    assert {Path(path).name for path in run.json["files"]} == {
        f"{name}.{kind}" for name in NAMES for kind in ("crt", "key")
    }
    server = certificate_of(tmp_path / "tls", "server")
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names == x509.SubjectAlternativeName(
        [x509.DNSName("lb.example"), x509.IPAddress(ip_address("192.0.2.1"))]
    )


@pytest.mark.parametrize("host", ["", "a/b", "-a", "a..b", "a b", "x" * 64, "ä"])
def test_a_host_that_is_none(sh: Shell, tmp_path: Path, host: str) -> None:
    run = sh(["tls", "init", str(tmp_path / "tls"), f"--host={host}"])
    assert run.status == 2
    assert "is neither a host name nor an IP address" in run.err
    assert not (tmp_path / "tls").exists()


@pytest.mark.parametrize("existing", ["ca.crt", "admin.key"])
def test_nothing_is_overwritten(sh: Shell, tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("precious")
    run = sh(f"tls init {tmp_path}")
    assert (run.status, run.out) == (1, "")
    assert run.err == f"xdpair: {tmp_path}/{existing}: exists; nothing was written\n"
    assert (tmp_path / existing).read_text() == "precious"
    made = {path.name for path in tmp_path.iterdir() if path.suffix in {".crt", ".key"}}
    assert made == {existing}


def test_a_folder_that_can_not_be_made(sh: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = sh(f"tls init {tmp_path}/file/tls")
    assert run.status == 1
    assert "Not a directory" in run.err


def test_what_it_says_is_a_configuration(sh: Shell, tmp_path: Path) -> None:
    run = sh(f"tls init {tmp_path}/tls --host ::1")
    _, _, rest = run.out.partition("In xdpair.toml:\n")
    toml, _, call = rest.partition("A call:\n")
    config = Config.from_mapping(tomllib.loads('interfaces = ["eth0"]\n' + toml))
    assert config.api.tls.client_ca == tmp_path / "tls" / "ca.crt"
    assert "xdpair --socket [::1]:7443 --tls-ca" in call


def test_nothing_else_loads_the_library() -> None:
    code = "import sys, xdpair.cli.main, xdpair.rpc.server; sys.exit('cryptography' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


# -- the command over TCP --------------------------------------------------------------------------


@pytest.fixture
def remote(tmp_path: Path, certificates: Path) -> Iterator[str]:
    """Address of a controller that takes certificates."""
    folder = tmp_path / "remote"
    folder.mkdir()
    with Controller(folder, "127.0.0.1:0", tls=tls_of(certificates)) as controller:
        yield f"127.0.0.1:{controller.server.tcp_port}"


def flags(certificates: Path, caller: str) -> str:
    return (
        f"--tls-ca {certificates}/ca.crt --tls-cert {certificates}/{caller}.crt "
        f"--tls-key {certificates}/{caller}.key"
    )


def test_a_call_with_a_certificate(sh: Shell, remote: str, certificates: Path) -> None:
    run = sh(f"lb list --socket {remote} -o json {flags(certificates, 'viewer')}")
    assert (run.status, run.json) == (0, [])
    run = sh(f"--socket {remote} {flags(certificates, 'viewer')} lb create 192.0.2.10")
    assert run.status == 1
    assert run.err.endswith("takes the role admin, viewer is viewer [Forbidden.RAM]\n")


def test_the_environment_names_the_files(
    sh: Shell, remote: str, certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDPAIR_SOCKET", remote)
    monkeypatch.setenv("XDPAIR_TLS_CA", f"{certificates}/ca.crt")
    monkeypatch.setenv("XDPAIR_TLS_CERT", f"{certificates}/admin.crt")
    monkeypatch.setenv("XDPAIR_TLS_KEY", f"{certificates}/admin.key")
    assert sh("lb create 192.0.2.10 --id lb-web").status == 0


def test_a_call_with_a_token(
    sh: Shell, certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    tokens = tmp_path / "tokens"
    tokens.touch(mode=0o600)
    tokens.write_text(f"viewer vera {hashlib.sha256(b's3cret').hexdigest()}")
    folder = tmp_path / "remote"
    folder.mkdir()
    tls = tls_of(certificates, mutual=False)
    with Controller(folder, "127.0.0.1:0", tls=tls, tokens=tokens) as controller:
        options = f"--socket 127.0.0.1:{controller.server.tcp_port} --tls-ca {certificates}/ca.crt"
        assert sh(f"status {options} --token-file {tmp_path}/token").status == 0
        monkeypatch.setenv("XDPAIR_TOKEN_FILE", f"{tmp_path}/token")
        assert sh(f"lb list {options} -o json").json == []
        run = sh(f"lb create 192.0.2.10 {options}")
        assert run.status == 1
        assert "vera is viewer [Forbidden.RAM]" in run.err
        (line,) = controller.audit_file.read_text().splitlines()
    assert json.loads(line)["who"] == "vera"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--tls-ca {0}/none", "{0}/none: No such file"),
        ("--tls-cert {1}/admin.crt", "a certificate and its key are given together"),
        ("--token-file {0}/empty", "{0}/empty must hold one token"),
        ("--token-file {0}/two", "{0}/two must hold one token"),
    ],
)
def test_files_that_can_not_be_used(
    sh: Shell, tmp_path: Path, certificates: Path, options: str, message: str
) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "two").write_text("one two")
    run = sh(f"status --socket 127.0.0.1:1 {options.format(tmp_path, certificates)}")
    assert run.status == 2
    assert message.format(tmp_path, certificates) in run.err
    assert sh(f"status {options.format(tmp_path, certificates)}").status == 0  # unix: unused


def test_a_controller_that_is_not_trusted(sh: Shell, remote: str) -> None:
    run = sh(f"status --socket {remote}")
    assert run.status == 3
    assert f"cannot reach {remote}: " in run.err
    assert "CERTIFICATE_VERIFY_FAILED" in run.err
