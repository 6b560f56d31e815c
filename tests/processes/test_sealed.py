"""While sealed, a server answers nobody, in each protocol's own form; unsealed, it goes on as if nothing had been."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment import Deployment

PASSPHRASE = "seven wet stones under a bridge"


@contextmanager
def given(passphrase: str) -> Iterator[int]:
    """A descriptor to read a passphrase from."""
    read, write = os.pipe()
    os.write(write, passphrase.encode())
    os.close(write)
    try:
        yield read
    finally:
        os.close(read)


def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as refused:
        call()
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def health(server: Deployment, query: str) -> int:
    try:
        with urllib.request.urlopen(f"{server.url}/_strongroom/health{query}", timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_a_passphrase_seal_is_lived_through_with_stock_clients(tmp_path: Path) -> None:
    options = ("--workers", "2", "--tls", "off", "--seal", "passphrase")
    with (
        given(PASSPHRASE) as descriptor,
        Deployment(tmp_path / "data", *options, "--passphrase-fd", str(descriptor), pass_fds=[descriptor]) as server,
    ):
        server.client("secretsmanager").create_secret(Name="kept", SecretString="through it all")

    with Deployment(tmp_path / "data", *options) as server:
        clients = {name: server.client(name) for name in ("secretsmanager", "kms", "iam", "sts")}
        assert {(503, "ServiceUnavailableException")} == {
            refusal(lambda: clients["secretsmanager"].get_secret_value(SecretId="kept")),
            refusal(clients["kms"].list_keys),
        }
        assert {(503, "ServiceUnavailable")} == {
            refusal(clients["iam"].list_users),
            refusal(clients["sts"].get_caller_identity),
        }
        assert (200, 503) == (health(server, ""), health(server, "?ready"))

        with given("not the passphrase") as wrong:
            done = server.cli("unseal", "--passphrase-fd", str(wrong), check=False, pass_fds=[wrong])
        assert (1, True) == (done.returncode, "This passphrase does not open the seal." in done.stderr)
        assert "Traceback" not in done.stderr
        with given(PASSPHRASE) as right:
            server.cli("unseal", "--passphrase-fd", str(right), pass_fds=[right])
        server.wait_until("ready")
        assert "through it all" == clients["secretsmanager"].get_secret_value(SecretId="kept")["SecretString"]
        assert 200 == health(server, "?ready")

        server.cli("seal")
        server.wait_until("sealed")
        assert (503, "ServiceUnavailableException") == refusal(clients["kms"].list_keys)


def test_a_root_key_that_does_not_fit_is_told_in_one_sentence_before_anything_is_opened(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--tls", "off", "--workers", "1"):
        pass
    key = tmp_path / "data" / "seal" / "root.key"
    right, other = key.read_text(), tmp_path / "other.key"
    other.touch(0o600)
    other.write_text("00" * 32 + "\n")
    with pytest.raises(Exception, match="does not open this store"):
        Deployment(tmp_path / "data", "--tls", "off", "--workers", "1", "--seal", f"file:{other}").start()
    assert right == key.read_text()  # whoever tries another key must not lose the one that fits
    key.write_text("00" * 32 + "\n")
    server = Deployment(tmp_path / "data", "--tls", "off", "--workers", "1")
    with pytest.raises(Exception, match="does not open this store"), server:
        pass
    assert "Traceback" not in server.said()
