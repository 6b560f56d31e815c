"""The certificates in ``DIR/tls``: a CA made at the first start, a server certificate renewed in time.

    tls/ca.pem          the CA's certificate, for clients to trust (AWS_CA_BUNDLE)
    tls/ca.key.sealed   its private key, sealed by the keyring: who steals the directory cannot issue
    tls/server.pem      the server's certificate, followed by the CA's
    tls/server.key      its private key, 0600, in the clear: TLS must answer while the server is sealed

Our choice: the CA is not confined to the names of the first start, because a client trusts it in a file of
its own for this server alone, and a new name must not make every client fetch a new CA.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.kernel.sealing.keyring import Keyring, SealBroken
from strongroom.server.directory import DataDirectory, write_private
from strongroom.server.parts import StartRefused

if TYPE_CHECKING:
    from strongroom.kernel.crypto.certificates import Pair

_PURPOSE = "ca-private-key"


class OwnCertificates:
    """The CA and server certificate of one data directory."""

    def __init__(self, directory: DataDirectory, hosts: Iterable[str]) -> None:
        self._tls = directory.tls
        self._hosts = tuple(dict.fromkeys(hosts))
        self.ca = self._tls / "ca.pem"
        self.files = (self._tls / "server.pem", self._tls / "server.key")

    def usable(self) -> bool:
        """Whether a server certificate is there at all, if perhaps one to renew."""
        return all(path.exists() for path in self.files)

    def renew(self, keyring: Keyring, now: datetime) -> bool:
        """Issue what is missing, due, or for other names; whether anything changed. Raises StartRefused."""
        if self.usable() and self._stands(self.files[0].read_bytes(), now):
            return False
        from strongroom.kernel.crypto import certificates  # noqa: PLC0415  who serves without TLS needs none of it

        authority = self._authority(keyring, now)
        issued = certificates.issue_server(authority, self._hosts, now)
        chain, key = self.files
        # The key first: a crash in between leaves a pair that does not fit, which the next start replaces.
        chain.unlink(missing_ok=True)
        write_private(key, issued.key)
        write_private(chain, issued.certificate + authority.certificate)
        return True

    def rewrap(self, keyring: Keyring) -> None:
        """Seal the CA's private key under the newest root key, where it lies under an older one."""
        sealed = self._tls / "ca.key.sealed"
        if not sealed.exists() or not self.ca.exists() or keyring.is_newest(sealed.read_bytes()):
            return
        bound = _bound(self.ca.read_bytes())
        try:
            opened = keyring.open(_PURPOSE, sealed.read_bytes(), bound)
        except SealBroken:
            raise StartRefused(f"the CA key {sealed} was not sealed for {self.ca} with this root key") from None
        write_private(sealed, keyring.seal(_PURPOSE, opened, bound))

    def _stands(self, certificate: bytes, now: datetime) -> bool:
        from strongroom.kernel.crypto import certificates  # noqa: PLC0415

        names = certificates.names_of(certificate)
        return names == frozenset(self._hosts) and not certificates.due_for_renewal(certificate, now)

    def _authority(self, keyring: Keyring, now: datetime) -> Pair:
        from strongroom.kernel.crypto.certificates import Pair, make_authority  # noqa: PLC0415

        self._tls.mkdir(mode=0o700, exist_ok=True)
        sealed = self._tls / "ca.key.sealed"
        if self.ca.exists() and sealed.exists():
            certificate = self.ca.read_bytes()
            try:
                return Pair(certificate, keyring.open(_PURPOSE, sealed.read_bytes(), _bound(certificate)))
            except SealBroken:
                raise StartRefused(f"the CA key {sealed} was not sealed for {self.ca} with this root key") from None
        made = make_authority(now)
        write_private(sealed, keyring.seal(_PURPOSE, made.key, _bound(made.certificate)))
        write_private(self.ca, made.certificate)
        return made


def _bound(certificate: bytes) -> bytes:
    """The sealed key opens beside its own certificate only."""
    return certificate


def given_files(text: str) -> tuple[Path, Path]:
    """The files of ``--tls CERT,KEY``. Raises StartRefused."""
    chain, comma, key = text.partition(",")
    if not comma or not chain or not key:
        raise StartRefused(f"--tls takes auto, off, or two files written CERT,KEY; not {text!r}")
    return Path(chain).absolute(), Path(key).absolute()
