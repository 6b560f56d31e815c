"""The trail of a server as it is run, over TLS: what its records tell, and the commands that read it."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.deployment import Deployment
from tests.journals import entries


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server with certificates of its own, and a secret that was read."""
    with Deployment(tmp_path_factory.mktemp("audit-tls") / "data") as made:
        secrets = made.client("secretsmanager")
        secrets.create_secret(Name="db", SecretString="canary-over-tls")
        secrets.get_secret_value(SecretId="db")
        yield made


def test_records_of_calls_over_tls_tell_version_cipher_and_host(server: Deployment) -> None:
    found = [entry.event for entry in entries(server.data) if entry.name in ("CreateSecret", "GetSecretValue")]
    assert 2 == len(found)
    for event in found:
        details = event["tlsDetails"]
        assert {"tlsVersion", "cipherSuite", "clientProvidedHostHeader"} == set(details)
        assert details["tlsVersion"] in {"TLSv1.3", "TLSv1.2"}
        assert details["cipherSuite"].startswith(("TLS_", "ECDHE-"))
        assert urlsplit(server.url).netloc == details["clientProvidedHostHeader"]


def test_the_report_is_written_by_its_command(server: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "access.html"
    server.cli("report", "access", "--unused-for", "1d", "--format", "html", "--output", str(file))
    told = json.loads(server.cli("report", "access", "--format", "json").stdout)

    assert "<h1>Access report</h1>" in file.read_text() and 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert (1, []) == (told["LookedAt"]["secrets"], told["Findings"])
    assert "Unused secrets: 0" in server.cli("report", "access").stdout
    refused = server.cli("report", "access", "--unused-for", "soon", check=False)
    assert 1 == refused.returncode and "a time is a number" in refused.stderr


def test_an_export_goes_on_and_its_key_is_printed(server: Deployment, tmp_path: Path) -> None:
    early = server.cli("audit", "export-key", check=False)
    assert 1 == early.returncode and "nothing has been exported yet" in early.stderr
    first = json.loads(server.cli("audit", "export", "--to", str(tmp_path), "--since", "3h", "--format", "json").stdout)
    again = json.loads(server.cli("audit", "export", "--to", str(tmp_path), "--format", "json").stdout)

    assert (0, 0) == (first["records"], again["digests"]), "the hour of the calls is not over"
    assert first["digests"] >= 1 and first["through"] == again["through"]
    assert b"BEGIN RSA PUBLIC KEY" in (pem := server.cli("audit", "export-key").stdout.encode())
    assert 2048 == load_pem_public_key(pem).key_size  # type: ignore[union-attr]
