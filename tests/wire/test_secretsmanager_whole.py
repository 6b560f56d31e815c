"""The whole service at once: the members of every operation's answer, and what each says of a scheduled secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.inprocess import Account
from tests.wire.test_secretsmanager_life import MARKED, members, refused, token
from tests.wire.test_secretsmanager_rotation import make_function

from strongroom.kernel.model.catalogue import CATALOGUE
from strongroom.services.secretsmanager.operations import ROOM

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:TagResource", "Resource": "*"}],
    }
)
NAMED = {"ARN", "Name"}
# Source: facts aws-observed, "exact answer members"; secretsmanager section 6.
EXPECTED: dict[str, set[str]] = {
    "BatchGetSecretValue": {"SecretValues", "Errors"},
    "CancelRotateSecret": NAMED | {"VersionId"},
    "CreateSecret": NAMED | {"VersionId"},
    "DeleteResourcePolicy": NAMED,
    "DeleteSecret": NAMED | {"DeletionDate"},
    "DescribeSecret": NAMED
    | {"CreatedDate", "LastChangedDate", "VersionIdsToStages", "Description", "Tags", "KmsKeyId", "LastAccessedDate"},
    "GetRandomPassword": {"RandomPassword"},
    "GetResourcePolicy": NAMED | {"ResourcePolicy"},
    "GetSecretValue": NAMED | {"CreatedDate", "SecretString", "VersionId", "VersionStages"},
    "ListSecretVersionIds": NAMED | {"Versions"},
    "ListSecrets": {"SecretList"},
    "PutResourcePolicy": NAMED,
    "PutSecretValue": NAMED | {"VersionId", "VersionStages"},
    "RemoveRegionsFromReplication": {"ARN", "ReplicationStatus"},
    "ReplicateSecretToRegions": {"ARN", "ReplicationStatus"},
    "RestoreSecret": NAMED,
    "RotateSecret": NAMED | {"VersionId"},
    "StopReplicationToReplica": {"ARN"},
    "TagResource": set(),
    "UntagResource": set(),
    "UpdateSecret": NAMED | {"VersionId"},
    "UpdateSecretVersionStage": NAMED,
    "ValidateResourcePolicy": {"PolicyValidationPassed", "ValidationErrors"},
}


def test_the_answer_of_every_operation_has_exactly_its_members(account: Account) -> None:
    here, there = account.client("secretsmanager"), account.client("secretsmanager", "eu-west-1")
    key = account.client("kms").create_key()["KeyMetadata"]["KeyId"]
    tags = [{"Key": "a", "Value": "b"}]
    met: dict[str, set[str]] = {}

    def ask(client: Any, operation: str, method: str, **params: Any) -> dict[str, Any]:
        answer = members(getattr(client, method)(**params))
        assert met.setdefault(operation, set(answer)) == set(answer), operation
        return answer

    first = ask(
        here, "CreateSecret", "create_secret", Name="s", Description="d", SecretString="x", KmsKeyId=key, Tags=tags
    )
    of_it = {"SecretId": "s"}
    ask(here, "GetSecretValue", "get_secret_value", **of_it)
    ask(here, "BatchGetSecretValue", "batch_get_secret_value", SecretIdList=["s"])
    ask(here, "DescribeSecret", "describe_secret", **of_it)
    ask(here, "ListSecrets", "list_secrets")
    ask(here, "ListSecretVersionIds", "list_secret_version_ids", **of_it)
    put = ask(here, "PutSecretValue", "put_secret_value", **of_it, SecretString="y", VersionStages=["X"])
    ask(here, "UpdateSecret", "update_secret", **of_it, SecretString="z")
    ask(
        here,
        "UpdateSecretVersionStage",
        "update_secret_version_stage",
        **of_it,
        VersionStage="X",
        RemoveFromVersionId=put["VersionId"],
        MoveToVersionId=first["VersionId"],
    )
    ask(here, "TagResource", "tag_resource", **of_it, Tags=tags)
    ask(here, "UntagResource", "untag_resource", **of_it, TagKeys=["a"])
    ask(here, "ValidateResourcePolicy", "validate_resource_policy", **of_it, ResourcePolicy=POLICY)
    ask(here, "PutResourcePolicy", "put_resource_policy", **of_it, ResourcePolicy=POLICY)
    ask(here, "GetResourcePolicy", "get_resource_policy", **of_it)
    ask(here, "DeleteResourcePolicy", "delete_resource_policy", **of_it)
    assert NAMED == set(members(here.get_resource_policy(**of_it)))
    region = {"AddReplicaRegions": [{"Region": "eu-west-1"}]}
    ask(here, "ReplicateSecretToRegions", "replicate_secret_to_regions", **of_it, **region)
    ask(there, "StopReplicationToReplica", "stop_replication_to_replica", **of_it)
    here.replicate_secret_to_regions(**of_it, AddReplicaRegions=[{"Region": "eu-south-1"}])
    ask(
        here,
        "RemoveRegionsFromReplication",
        "remove_regions_from_replication",
        **of_it,
        RemoveReplicaRegions=["eu-south-1"],
    )
    function = make_function(account)
    ask(here, "RotateSecret", "rotate_secret", **of_it, RotationLambdaARN=function)
    ask(here, "CancelRotateSecret", "cancel_rotate_secret", **of_it)
    ask(here, "DeleteSecret", "delete_secret", **of_it)
    ask(here, "RestoreSecret", "restore_secret", **of_it)
    ask(here, "GetRandomPassword", "get_random_password")
    assert EXPECTED == met
    assert 23 == len(met) and set(met) == set(ROOM.operations)


# What each operation answers while a secret waits for its deletion (facts: secretsmanager section 8, table).
REFUSED: dict[str, dict[str, Any]] = {
    "CancelRotateSecret": {},
    "DeleteResourcePolicy": {},
    "DeleteSecret": {},
    "GetResourcePolicy": {},
    "GetSecretValue": {},
    "PutResourcePolicy": {"ResourcePolicy": POLICY},
    "PutSecretValue": {"SecretString": "y", "ClientRequestToken": token()},
    "RemoveRegionsFromReplication": {"RemoveReplicaRegions": ["eu-west-1"]},
    "ReplicateSecretToRegions": {"AddReplicaRegions": [{"Region": "eu-west-1"}]},
    "RotateSecret": {"ClientRequestToken": token()},
    "StopReplicationToReplica": {},
    "TagResource": {"Tags": [{"Key": "a", "Value": "b"}]},
    "UntagResource": {"TagKeys": ["a"]},
    "UpdateSecret": {"Description": "y", "ClientRequestToken": token()},
    "UpdateSecretVersionStage": {"VersionStage": "X"},
    "ValidateResourcePolicy": {"ResourcePolicy": POLICY},
}
ANSWERED = {"DescribeSecret", "ListSecretVersionIds", "RestoreSecret"}


def test_the_table_of_scheduled_secrets_names_every_operation_on_a_secret() -> None:
    on_a_secret = {
        name
        for name in ROOM.operations
        if (shape := CATALOGUE.service("secretsmanager").operations[name].input) and "SecretId" in shape.members
    }
    assert on_a_secret == set(REFUSED) | ANSWERED


@pytest.mark.parametrize("operation", sorted(REFUSED))
def test_what_a_scheduled_secret_refuses(account: Account, operation: str) -> None:
    client = account.client("secretsmanager")
    client.create_secret(Name="s", SecretString="x")
    client.delete_secret(SecretId="s")
    method = getattr(client, _method(operation))
    assert ("InvalidRequestException", MARKED) == refused(method, SecretId="s", **REFUSED[operation])


def test_what_a_scheduled_secret_answers(account: Account) -> None:
    client = account.client("secretsmanager")
    made = client.create_secret(Name="s", SecretString="x")
    client.delete_secret(SecretId="s")
    assert {made["VersionId"]: ["AWSCURRENT"]} == client.describe_secret(SecretId="s")["VersionIdsToStages"]
    assert 1 == len(client.list_secret_version_ids(SecretId="s")["Versions"])
    assert [] == client.list_secrets()["SecretList"]
    assert ["s"] == [one["Name"] for one in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]]
    (error,) = client.batch_get_secret_value(SecretIdList=["s"])["Errors"]
    assert ("InvalidRequestException", MARKED) == (error["ErrorCode"], error["Message"])
    client.restore_secret(SecretId="s")
    assert "x" == client.get_secret_value(SecretId="s")["SecretString"]


def _method(operation: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in operation).lstrip("_")
