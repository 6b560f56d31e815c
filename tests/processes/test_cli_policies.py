"""explain, who-can and policy check, as people run them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.deployment import Deployment


def test_the_command_line_explains_and_tells_who_can(tmp_path: Path) -> None:
    with Deployment(tmp_path / "data", "--workers", "1") as server:
        server.client("secretsmanager").create_secret(Name="db", SecretString="x")
        iam = server.client("iam")
        iam.create_user(UserName="ann")
        key = iam.create_access_key(UserName="ann")["AccessKey"]
        ann = server.client(
            "secretsmanager",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )
        with pytest.raises(ClientError) as error:
            ann.get_secret_value(SecretId="db")

        told = server.cli("explain", error.value.response["ResponseMetadata"]["RequestId"]).stdout
        assert "implicitDeny: secretsmanager:GetSecretValue" in told
        assert 'would need, in an identity policy of the caller: {"Effect":"Allow"' in told
        found = server.cli("who-can", "secretsmanager:GetSecretValue", "db").stdout
        assert ":user/admin" in found and ":user/ann" not in found
        assert 1 == server.cli("explain", "0" * 36, check=False).returncode


def test_a_policy_is_checked_without_a_server(tmp_path: Path) -> None:
    nowhere = Deployment(tmp_path / "data")
    file = tmp_path / "policy.json"
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValues", "Resource": "*"}
    file.write_text(json.dumps({"Version": "2012-10-17", "Statement": statement}))

    done = nowhere.cli("policy", "check", str(file), check=False)
    assert (1, True) == (done.returncode, "is no action of secretsmanager" in done.stdout)

    sound = json.dumps({"Version": "2012-10-17", "Statement": {**statement, "Action": "kms:ReEncryptFrom"}})
    done = nowhere.cli("policy", "check", "-", "--format", "json", stdin=sound)
    assert {"file": "-", "kind": "identity", "findings": []} == json.loads(done.stdout)
