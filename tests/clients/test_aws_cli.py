"""The stock ``aws`` CLI: the life of a secret as its users type it, beyond what the README's tour shows."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.clients.programs import run
from tests.deployment import clean_environment
from tests.wire.test_secretsmanager_life import GONE, MARKED

AWS = Path(sys.executable).with_name("aws")
Aws = Callable[..., Any]


@pytest.fixture(scope="module")
def aws(told: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Aws:
    """``aws secretsmanager WORDS`` and its answer."""
    place = tmp_path_factory.mktemp("aws")

    def typed(*words: str) -> Any:
        done = run([str(AWS), "secretsmanager", *words, "--output", "json"], told, directory=place)
        return json.loads(done.stdout) if done.stdout.strip() else None

    return typed


@pytest.fixture(scope="module")
def refused(told: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """What ``aws`` says on standard error of a call that fails."""
    place = tmp_path_factory.mktemp("aws")

    def typed(*words: str) -> str:
        done = subprocess.run(
            [str(AWS), "secretsmanager", *words],
            env=clean_environment() | told | {"AWS_MAX_ATTEMPTS": "1"},
            cwd=place,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (254, 255)  # as version 2 and version 1 say it
        return done.stderr.strip()

    return typed


def test_values_of_both_forms_and_their_labels(aws: Aws, tmp_path: Path) -> None:
    first = aws("create-secret", "--name", "cli/db", "--secret-string", "one", "--tags", "Key=team,Value=a")
    second = aws("put-secret-value", "--secret-id", "cli/db", "--secret-string", "two", "--version-stages", "NEXT")
    assert ["NEXT"] == second["VersionStages"]
    aws(
        "update-secret-version-stage",
        *("--secret-id", "cli/db", "--version-stage", "AWSCURRENT"),
        *("--move-to-version-id", second["VersionId"], "--remove-from-version-id", first["VersionId"]),
    )
    assert "two" == aws("get-secret-value", "--secret-id", first["ARN"])["SecretString"]
    old = aws("get-secret-value", "--secret-id", "cli/db", "--version-stage", "AWSPREVIOUS")
    assert ("one", first["VersionId"]) == (old["SecretString"], old["VersionId"])
    (tmp_path / "bytes").write_bytes(b"\x00\xff")
    aws("create-secret", "--name", "cli/bytes", "--secret-binary", f"fileb://{tmp_path}/bytes")
    read = aws("get-secret-value", "--secret-id", "cli/bytes")
    assert b"\x00\xff" == base64.b64decode(read["SecretBinary"])
    batch = aws("batch-get-secret-value", "--secret-id-list", "cli/db", "cli/never")
    assert (["two"], ["ResourceNotFoundException"]) == (
        [one["SecretString"] for one in batch["SecretValues"]],
        [one["ErrorCode"] for one in batch["Errors"]],
    )


def test_copies_and_deletion(aws: Aws, refused: Callable[..., str]) -> None:
    aws("create-secret", "--name", "cli/gone", "--secret-string", "x", "--add-replica-regions", "Region=eu-west-1")
    assert "x" == aws("get-secret-value", "--secret-id", "cli/gone", "--region", "eu-west-1")["SecretString"]
    assert "still has replica regions [eu-west-1]" in refused("delete-secret", "--secret-id", "cli/gone")
    removed = aws("remove-regions-from-replication", "--secret-id", "cli/gone", "--remove-replica-regions", "eu-west-1")
    assert [] == removed["ReplicationStatus"]
    aws("delete-secret", "--secret-id", "cli/gone", "--recovery-window-in-days", "7")
    assert MARKED in refused("get-secret-value", "--secret-id", "cli/gone")
    aws("restore-secret", "--secret-id", "cli/gone")
    aws("delete-secret", "--secret-id", "cli/gone", "--force-delete-without-recovery")
    assert f"({GONE[0]}) when calling the DescribeSecret operation: {GONE[1]}" in refused(
        "describe-secret", "--secret-id", "cli/gone"
    )


def test_rotation_without_a_function_and_passwords(aws: Aws, refused: Callable[..., str]) -> None:
    aws("create-secret", "--name", "cli/rotated", "--secret-string", "x")
    assert "No Lambda rotation function ARN is associated with this secret." in refused(
        "rotate-secret", "--secret-id", "cli/rotated"
    )
    assert 40 == len(aws("get-random-password", "--password-length", "40")["RandomPassword"])


def test_lookup_events_shows_what_was_typed_before(aws: Aws, told: dict[str, str], tmp_path: Path) -> None:
    arn = aws("create-secret", "--name", "cli/audited", "--secret-string", "x")["ARN"]
    aws("get-secret-value", "--secret-id", "cli/audited")
    asked = f"AttributeKey=ResourceName,AttributeValue={arn}"
    words = ["cloudtrail", "lookup-events", "--lookup-attributes", asked, "--output", "json"]

    events = json.loads(run([str(AWS), *words], told, directory=tmp_path).stdout)["Events"]

    assert ["GetSecretValue", "CreateSecret"] == [event["EventName"] for event in events]
