"""The certificates in DIR/tls."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strongroom.kernel.crypto import certificates
from strongroom.kernel.sealing.keyring import Keyring
from strongroom.server.certificates import OwnCertificates, given_files
from strongroom.server.directory import DataDirectory
from strongroom.server.parts import StartRefused
from strongroom.server.tls import server_context

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KEYRING = Keyring(bytes(32))


def _own(root: Path, *hosts: str) -> OwnCertificates:
    return OwnCertificates(DataDirectory(root), hosts or ("localhost", "127.0.0.1"))


def test_the_first_start_makes_all_of_it_private(tmp_path: Path) -> None:
    own = _own(tmp_path)
    assert not own.usable()
    assert own.renew(KEYRING, NOW)
    assert own.usable()
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert {"localhost", "127.0.0.1"} == certificates.names_of(own.files[0].read_bytes())
    server_context(*own.files)


def test_the_key_of_the_ca_is_sealed(tmp_path: Path) -> None:
    _own(tmp_path).renew(KEYRING, NOW)
    assert not any(b"PRIVATE" in path.read_bytes() for path in (tmp_path / "tls").glob("ca*"))


@pytest.mark.parametrize(
    ("later", "hosts", "renewed"),
    [
        (timedelta(days=59), ("localhost", "127.0.0.1"), False),
        (timedelta(days=61), ("localhost", "127.0.0.1"), True),
        (timedelta(days=400), ("localhost", "127.0.0.1"), True),
        (timedelta(days=-1), ("localhost", "127.0.0.1"), True),
        (timedelta(0), ("localhost", "vault.example.com"), True),
    ],
)
def test_it_is_renewed_when_due_or_for_other_names(
    tmp_path: Path, later: timedelta, hosts: tuple[str, ...], renewed: bool
) -> None:
    _own(tmp_path).renew(KEYRING, NOW)
    own = _own(tmp_path, *hosts)
    authority = own.ca.read_bytes()
    assert renewed == own.renew(KEYRING, NOW + later)
    assert authority == own.ca.read_bytes()
    server_context(*own.files)


def test_a_crash_between_key_and_certificate_is_mended(tmp_path: Path) -> None:
    own = _own(tmp_path)
    own.renew(KEYRING, NOW)
    own.files[0].unlink()
    assert own.renew(KEYRING, NOW)
    server_context(*own.files)


def test_another_root_key_cannot_issue(tmp_path: Path) -> None:
    _own(tmp_path).renew(KEYRING, NOW)
    with pytest.raises(StartRefused, match="not sealed for"):
        _own(tmp_path, "new.example.com").renew(Keyring(bytes(31) + b"\1"), NOW)


@pytest.mark.parametrize("text", ["", "yes", "a,", ",b"])
def test_given_files_are_two(text: str) -> None:
    with pytest.raises(StartRefused, match="CERT,KEY"):
        given_files(text)
