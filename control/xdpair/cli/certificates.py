# SPDX-License-Identifier: Apache-2.0
"""A CA and what it certifies (RFC 5280): the controller, and a caller of each role."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_VALIDITY = timedelta(days=3650)
_VALIDITY = timedelta(days=825)
#: Clocks differ.
_BEFORE_NOW = timedelta(minutes=5)

_ROLES = ("viewer", "operator", "admin")


def make_set(hosts: list[str]) -> dict[str, bytes]:
    """Return file names and what goes into them, PEM."""
    ca = Authority()
    content = _pem("ca", ca.certificate, ca.key)
    names: list[x509.GeneralName] = [_general_name(host) for host in hosts]
    content |= _pem("server", *ca.issue("xdpair", names, ExtendedKeyUsageOID.SERVER_AUTH))
    for role in _ROLES:
        uri = x509.UniformResourceIdentifier(f"xdpair://role/{role}")
        content |= _pem(role, *ca.issue(role, [uri], ExtendedKeyUsageOID.CLIENT_AUTH))
    return content


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(
    name: str, certificate: x509.Certificate, key: EllipticCurvePrivateKey
) -> dict[str, bytes]:
    return {
        f"{name}.crt": certificate.public_bytes(Encoding.PEM),
        f"{name}.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }


class Authority:
    """A new CA; what it certifies can not certify others."""

    def __init__(self) -> None:
        self.key = _new_key()
        name = _name(f"xdpair CA of {socket.gethostname()}"[:64])
        self.certificate = (
            _unsigned(name, name, self.key, self.key, _CA_VALIDITY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(self.key, SHA256())
        )

    def issue(
        self,
        common_name: str,
        alternative_names: list[x509.GeneralName],
        purpose: x509.ObjectIdentifier,
    ) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
        """Return a certificate for one purpose, and its key."""
        key = _new_key()
        certificate = (
            _unsigned(_name(common_name), self.certificate.subject, key, self.key, _VALIDITY)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternative_names), critical=False)
            .sign(self.key, SHA256())
        )
        return certificate, key


def _new_key() -> EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _unsigned(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    issuer_key: EllipticCurvePrivateKey,
    validity: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE_NOW)
        .not_valid_after(now + validity)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
