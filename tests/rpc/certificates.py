# SPDX-License-Identifier: Apache-2.0
"""The files of `xdpair tls init`, as the controller and its callers take them."""

from pathlib import Path

from xdpair.cli.client import Credentials
from xdpair.config import TlsConfig


def tls_of(folder: Path, *, mutual: bool = True) -> TlsConfig:
    """Return what the controller is to be told; ``mutual``: callers need a certificate."""
    client_ca = folder / "ca.crt" if mutual else None
    return TlsConfig(folder / "server.crt", folder / "server.key", client_ca)


def credentials_of(caller: str, folder: Path, ca_folder: Path | None = None) -> Credentials:
    """Return the certificate of a caller, who trusts the CA of another folder if one is given."""
    ca = (ca_folder or folder) / "ca.crt"
    return Credentials(ca, folder / f"{caller}.crt", folder / f"{caller}.key")
