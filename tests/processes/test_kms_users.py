"""``strongroom kms users`` as an operator runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.deployment import Deployment


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("users") / "data", "--workers", "1") as running:
        yield running


def test_the_command_line_tells_what_lies_under_a_key(server: Deployment) -> None:
    keys, secrets = server.client("kms"), server.client("secretsmanager")
    arn = keys.create_key()["KeyMetadata"]["Arn"]
    assert "nothing" in server.cli("kms", "users", arn).stdout
    made = secrets.create_secret(Name="under/key", SecretString="x", KmsKeyId=arn)["ARN"]
    assert f"{arn}:\n  {made}\n" == server.cli("kms", "users", arn).stdout
    assert 1 == json.loads(server.cli("kms", "users", arn, "--format", "json").stdout)["Count"]
    refused = server.cli("kms", "users", "alias/none", check=False)
    assert (1, True) == (refused.returncode, "alias/none" in refused.stderr)
