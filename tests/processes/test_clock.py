"""A recovery window lived through with stock clients, on a clock that can be moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.deployment import Deployment
from tests.journals import entries


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A server whose clock can be moved, over TLS, with two workers."""
    with Deployment(tmp_path_factory.mktemp("clock") / "data", "--workers", "2", "--dev-clock") as made:
        yield made


@pytest.fixture(scope="module")
def client(server: Deployment) -> Any:
    """A stock client."""
    return server.client("secretsmanager")


def advance(server: Deployment, by: str) -> dict[str, Any]:
    """``strongroom clock advance``; what is due has been done when it returns."""
    said: dict[str, Any] = json.loads(server.cli("clock", "advance", by, "--format", "json").stdout)
    return said


def names(client: Any) -> set[str]:
    """All secrets, those that are to be deleted among them."""
    return {one["Name"] for one in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]}


def test_a_secret_is_gone_when_its_recovery_window_has_passed(server: Deployment, client: Any) -> None:
    made = client.create_secret(Name="goes", SecretString="one")
    client.put_secret_value(SecretId="goes", SecretString="two")
    told = client.delete_secret(SecretId="goes", RecoveryWindowInDays=7)
    advance(server, "6d")
    assert told["DeletionDate"] == client.describe_secret(SecretId="goes")["DeletedDate"]
    assert "goes" in names(client)
    with pytest.raises(client.exceptions.InvalidRequestException):
        client.get_secret_value(SecretId="goes")
    with pytest.raises(client.exceptions.InvalidRequestException):
        client.create_secret(Name="goes", SecretString="too early")
    assert 0 == advance(server, "2d")["DueJobs"]
    for ask in (client.describe_secret, client.get_secret_value, client.restore_secret):
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            ask(SecretId=made["ARN"])
    assert "goes" not in names(client)
    ended = [
        entry
        for entry in entries(server.data)
        if entry.name == "EndSecretVersionDelete" and entry.event["additionalEventData"]["SecretId"] == made["ARN"]
    ]
    assert 2 == len(ended)
    again = client.create_secret(Name="goes", SecretString="new")
    assert again["ARN"] != made["ARN"]
    assert "new" == client.get_secret_value(SecretId="goes")["SecretString"]


def test_a_secret_restored_in_time_stays(server: Deployment, client: Any) -> None:
    client.create_secret(Name="stays", SecretString="kept")
    client.delete_secret(SecretId="stays", RecoveryWindowInDays=7)
    advance(server, "6d")
    client.restore_secret(SecretId="stays")
    advance(server, "30d")
    assert "kept" == client.get_secret_value(SecretId="stays")["SecretString"]
    assert "DeletedDate" not in client.describe_secret(SecretId="stays")


def test_the_window_of_a_second_deletion_begins_anew(server: Deployment, client: Any) -> None:
    client.create_secret(Name="twice", SecretString="x")
    client.delete_secret(SecretId="twice", RecoveryWindowInDays=7)
    advance(server, "5d")
    client.restore_secret(SecretId="twice")
    client.delete_secret(SecretId="twice")
    advance(server, "29d")
    assert "twice" in names(client)
    advance(server, "25h")
    assert "twice" not in names(client)


def test_a_forced_deletion_frees_the_name_at_once(client: Any) -> None:
    for number in range(3):
        client.create_secret(Name="forced", SecretString=str(number))
        assert str(number) == client.get_secret_value(SecretId="forced")["SecretString"]
        client.delete_secret(SecretId="forced", ForceDeleteWithoutRecovery=True)
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_secret_value(SecretId="forced")


def test_the_moved_clock_outlives_a_restart_and_moves_no_signature(server: Deployment, client: Any) -> None:
    client.create_secret(Name="outlives", SecretString="x")
    client.delete_secret(SecretId="outlives", RecoveryWindowInDays=7)
    before = advance(server, "1d")["OffsetSeconds"]
    server.stop()
    server.start()
    moved = server.client("secretsmanager")
    assert before == json.loads(server.cli("clock", "status", "--format", "json").stdout)["OffsetSeconds"]
    advance(server, "7d")
    with pytest.raises(ClientError):
        moved.describe_secret(SecretId="outlives")


def test_a_clock_that_was_not_made_to_move_stands(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1", "--tls", "off") as plain:
        refused = plain.cli("clock", "advance", "1d", check=False)
        assert 1 == refused.returncode
        assert "was not made with" in refused.stderr
        assert 0 == json.loads(plain.cli("clock", "status", "--format", "json").stdout)["OffsetSeconds"]
