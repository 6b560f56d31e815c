"""The command line's own signer and client, against botocore's."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from strongroom.cli.client import Client, Keys, client_of, signature
from strongroom.server.directory import credentials_text, open_directory, write_endpoint
from strongroom.server.parts import StartRefused

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.mark.parametrize("token", [None, "token/+="])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/_strongroom/clock", b""),
        ("POST", "/_strongroom/clock", b'{"Seconds": 5}'),
        ("POST", "/a b/\u00e9", b"\0"),
    ],
)
def test_it_signs_as_botocore_does(
    monkeypatch: pytest.MonkeyPatch, token: str | None, method: str, path: str, body: bytes
) -> None:
    client = Client("https://localhost:8443", "eu-central-1", Keys("AKIA1", "sec/ret", token), None)
    headers = {"host": "localhost:8443", "content-type": "application/json"}
    ours = signature(client, method, path, headers=headers, content=body, now=NOW)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))
    signer = SigV4Auth(Credentials("AKIA1", "sec/ret", token), "strongroom", "eu-central-1")
    theirs = AWSRequest(method, f"https://localhost:8443{path}", headers=dict(headers), data=body)
    # botocore would quote the path once more than it stands on the wire; ours takes it as it is named.
    monkeypatch.setattr(signer, "_normalize_url_path", lambda path: botocore.auth.quote(path, safe="/-_.~"))
    signer.add_auth(theirs)
    assert theirs.headers["Authorization"].replace(", ", ",") == ours["authorization"].replace(", ", ",")
    assert token == ours.get("x-amz-security-token")


def _given(data: Path, endpoint: str | None = None) -> argparse.Namespace:
    return argparse.Namespace(data=str(data), endpoint=endpoint)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on which a server has run, and no AWS_* variables."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CA_BUNDLE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    directory = open_directory(tmp_path / "data")
    write_endpoint(directory, {"url": "https://127.0.0.1:8443", "ca": "/ca.pem", "region": "eu-west-1"})
    directory.credentials.write_text(credentials_text("AKIAFILE", "file"))
    return directory.root


def test_the_directory_tells_endpoint_ca_region_and_keys(data: Path) -> None:
    expected = Client("https://127.0.0.1:8443", "eu-west-1", Keys("AKIAFILE", "file"), Path("/ca.pem"))
    assert expected == client_of(_given(data))


def test_the_environments_keys_go_first(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    assert Keys("AKIAENV", "env", "token") == client_of(_given(data)).keys


def test_the_directorys_ca_is_not_trusted_for_another_endpoint(data: Path) -> None:
    assert client_of(_given(data, "https://vault.example.com")).ca is None


def test_without_a_server_or_keys_it_says_what_is_missing(tmp_path: Path, data: Path) -> None:
    with pytest.raises(StartRefused, match="no server has ever run"):
        client_of(_given(tmp_path / "nothing"))
    (data / "credentials").unlink()
    with pytest.raises(StartRefused, match="no keys to sign with"):
        client_of(_given(data))


def test_keys_do_not_show_in_a_repr() -> None:
    assert "sec" not in repr(Client("https://h", "us-east-1", Keys("AKIA1", "secret", "secret-token"), None))
