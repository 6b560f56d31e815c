"""Copies of a secret in other Regions, with stock boto3."""

from __future__ import annotations

from typing import Any

import pytest
from tests.inprocess import Account
from tests.wire.test_secretsmanager_life import GONE, members, refused, stages, token
from tests.wire.test_secretsmanager_policies import allow, policy, user

WEST, SOUTH = "eu-west-1", "eu-south-1"
ON_REPLICA = (
    "InvalidParameterException",
    "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
)


@pytest.fixture
def east(account: Account) -> Any:
    """The administrator's client in the primary's Region."""
    return account.client("secretsmanager")


@pytest.fixture
def west(account: Account) -> Any:
    """The same in a copy's Region."""
    return account.client("secretsmanager", region=WEST)


def test_a_copy_has_the_primarys_name_suffix_values_labels_tags_and_policy(
    east: Any, west: Any, account: Account
) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    made = east.create_secret(Name="db", SecretString="1", Description="d", Tags=tags)
    east.put_secret_value(SecretId="db", SecretString="2")
    text = policy({"AWS": f"arn:aws:iam::{account.id}:root"}, "secretsmanager:GetSecretValue")
    east.put_resource_policy(SecretId="db", ResourcePolicy=text)
    answer = members(east.replicate_secret_to_regions(SecretId="db", AddReplicaRegions=[{"Region": WEST}]))
    assert {"ARN": made["ARN"], "ReplicationStatus": answer["ReplicationStatus"]} == answer
    assert [{"Region": WEST, "KmsKeyId": "alias/aws/secretsmanager", "Status": "InSync"}] == answer["ReplicationStatus"]
    copy = west.describe_secret(SecretId="db")
    assert made["ARN"].replace("us-east-1", WEST) == copy["ARN"]
    assert (tags, "d", "us-east-1") == (copy["Tags"], copy["Description"], copy["PrimaryRegion"])
    assert stages(east, "db") == stages(west, "db")
    assert text == west.get_resource_policy(SecretId="db")["ResourcePolicy"]
    assert ["2", "1"] == [
        west.get_secret_value(SecretId="db", VersionStage=name)["SecretString"]
        for name in ("AWSCURRENT", "AWSPREVIOUS")
    ]
    assert (
        answer["ReplicationStatus"][0]["Region"]
        == east.describe_secret(SecretId="db")["ReplicationStatus"][0]["Region"]
    )
    assert "us-east-1" == east.list_secrets()["SecretList"][0]["PrimaryRegion"]


def test_every_change_of_the_primary_reaches_its_copies_at_once(east: Any, west: Any) -> None:
    one, two = token(), token()
    made = east.create_secret(
        Name="db",
        SecretString="1",
        ClientRequestToken=one,
        AddReplicaRegions=[{"Region": WEST}, {"Region": SOUTH}],
    )
    assert [SOUTH, WEST] == [each["Region"] for each in made["ReplicationStatus"]]
    east.put_secret_value(SecretId="db", SecretBinary=b"\x00\xff", ClientRequestToken=two)
    assert b"\x00\xff" == west.get_secret_value(SecretId="db")["SecretBinary"]
    east.update_secret_version_stage(
        SecretId="db", VersionStage="AWSCURRENT", MoveToVersionId=one, RemoveFromVersionId=two
    )
    assert "1" == west.get_secret_value(SecretId="db")["SecretString"]
    east.update_secret(SecretId="db", Description="new")
    east.tag_resource(SecretId="db", Tags=[{"Key": "a", "Value": "b"}])
    described = west.describe_secret(SecretId="db")
    assert ("new", [{"Key": "a", "Value": "b"}]) == (described["Description"], described["Tags"])
    assert described["LastChangedDate"] == east.describe_secret(SecretId="db")["LastChangedDate"]


def test_a_copy_takes_reads_and_refuses_changes(east: Any, west: Any) -> None:
    east.create_secret(Name="db", SecretString="1", AddReplicaRegions=[{"Region": WEST}])
    for call, params in (
        (west.put_secret_value, {"SecretString": "x"}),
        (west.delete_secret, {}),
        (west.delete_secret, {"ForceDeleteWithoutRecovery": True}),
        (west.update_secret, {"Description": "x"}),
        (west.put_resource_policy, {"ResourcePolicy": "{}"}),
        (west.tag_resource, {"Tags": [{"Key": "a", "Value": "b"}]}),
        (west.replicate_secret_to_regions, {"AddReplicaRegions": [{"Region": SOUTH}]}),
    ):
        assert ON_REPLICA == refused(call, SecretId="db", **params)
    assert 1 == len(west.list_secret_version_ids(SecretId="db")["Versions"])


def test_a_primary_is_deleted_only_without_copies(east: Any, west: Any) -> None:
    arn = east.create_secret(Name="db", SecretString="1", AddReplicaRegions=[{"Region": WEST}, {"Region": SOUTH}])[
        "ARN"
    ]
    assert (
        "InvalidParameterException",
        f"You can't delete secret {arn} that still has replica regions [{SOUTH}, {WEST}].",
    ) == refused(east.delete_secret, SecretId="db", ForceDeleteWithoutRecovery=True)
    left = east.remove_regions_from_replication(SecretId="db", RemoveReplicaRegions=[WEST])["ReplicationStatus"]
    assert [SOUTH] == [each["Region"] for each in left]
    assert GONE == refused(west.describe_secret, SecretId="db")
    assert [] == east.remove_regions_from_replication(SecretId="db", RemoveReplicaRegions=[SOUTH])["ReplicationStatus"]
    assert not {"PrimaryRegion", "ReplicationStatus"} & set(east.describe_secret(SecretId="db"))
    assert east.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)["ARN"]


def test_a_promoted_copy_goes_its_own_way(east: Any, west: Any) -> None:
    east.create_secret(Name="db", SecretString="1", AddReplicaRegions=[{"Region": WEST}])
    assert {"ARN"} == set(members(west.stop_replication_to_replica(SecretId="db")))
    assert "PrimaryRegion" not in west.describe_secret(SecretId="db")
    west.put_secret_value(SecretId="db", SecretString="west")
    east.put_secret_value(SecretId="db", SecretString="east")
    assert ["east", "west"] == [each.get_secret_value(SecretId="db")["SecretString"] for each in (east, west)]
    assert "InvalidParameterException" == refused(west.stop_replication_to_replica, SecretId="db")[0]
    assert east.delete_secret(SecretId="db", ForceDeleteWithoutRecovery=True)["ARN"]


def test_a_name_that_is_taken_fails_that_copy_until_it_may_be_overwritten(east: Any, west: Any) -> None:
    west.create_secret(Name="db", SecretString="other")
    status = east.create_secret(Name="db", SecretString="1", AddReplicaRegions=[{"Region": WEST}])["ReplicationStatus"]
    assert ("Failed", "Secret with this name already exists in this region") == (
        status[0]["Status"],
        status[0]["StatusMessage"],
    )
    assert "other" == west.get_secret_value(SecretId="db")["SecretString"]
    status = east.replicate_secret_to_regions(
        SecretId="db", AddReplicaRegions=[{"Region": WEST}], ForceOverwriteReplicaSecret=True
    )["ReplicationStatus"]
    assert "InSync" == status[0]["Status"]
    assert "1" == west.get_secret_value(SecretId="db")["SecretString"]


def test_a_refused_kms_call_fails_the_copy_and_leaves_the_write_standing(
    east: Any, west: Any, account: Account
) -> None:
    key = account.client("kms", region=WEST).create_key()["KeyMetadata"]["KeyId"]
    wanted = [{"Region": WEST, "KmsKeyId": key}]
    arn = east.create_secret(Name="db", SecretString="1", AddReplicaRegions=wanted)["ARN"]
    writer = account.client("secretsmanager", **user(account, "u", allow("secretsmanager:PutSecretValue")))
    writer.put_secret_value(SecretId=arn, SecretString="2")
    (status,) = east.describe_secret(SecretId="db")["ReplicationStatus"]
    assert (key, "Failed", "Access to KMS is not allowed") == (
        status["KmsKeyId"],
        status["Status"],
        status["StatusMessage"],
    )
    assert ["2", "1"] == [each.get_secret_value(SecretId="db")["SecretString"] for each in (east, west)]
    east.update_secret(SecretId="db", Description="the next write by somebody who may")
    assert "2" == west.get_secret_value(SecretId="db")["SecretString"]
    assert "InSync" == east.describe_secret(SecretId="db")["ReplicationStatus"][0]["Status"]


def test_a_copy_tells_when_it_was_last_read_itself(east: Any, west: Any) -> None:
    east.create_secret(Name="db", SecretString="1", AddReplicaRegions=[{"Region": WEST}])
    west.get_secret_value(SecretId="db")
    described = east.describe_secret(SecretId="db")
    assert "LastAccessedDate" in described["ReplicationStatus"][0]
    assert "LastAccessedDate" not in described


def test_a_copy_may_get_another_key_of_its_region(east: Any, west: Any, account: Account) -> None:
    key = account.client("kms", region=WEST).create_key()["KeyMetadata"]["KeyId"]
    east.create_secret(Name="db", SecretString="1", AddReplicaRegions=[{"Region": WEST}])
    west.update_secret(SecretId="db", KmsKeyId=key)
    assert key == west.describe_secret(SecretId="db")["KmsKeyId"]
    assert key == east.describe_secret(SecretId="db")["ReplicationStatus"][0]["KmsKeyId"]
    east.put_secret_value(SecretId="db", SecretString="2")
    assert "2" == west.get_secret_value(SecretId="db")["SecretString"]


@pytest.mark.parametrize("regions", [["us-east-1"], ["mars-1"], [WEST, WEST]])
def test_regions_are_checked(east: Any, regions: list[str]) -> None:
    east.create_secret(Name="db", SecretString="1")
    wanted = [{"Region": region} for region in regions]
    assert (
        "InvalidParameterException"
        == refused(east.replicate_secret_to_regions, SecretId="db", AddReplicaRegions=wanted)[0]
    )
    assert (
        "InvalidParameterException"
        == refused(east.remove_regions_from_replication, SecretId="db", RemoveReplicaRegions=regions)[0]
    )


def test_copies_on_create_need_their_own_permission(account: Account) -> None:
    client = account.client("secretsmanager", **user(account, "u", allow("secretsmanager:CreateSecret")))
    code, text = refused(client.create_secret, Name="a", SecretString="x", AddReplicaRegions=[{"Region": WEST}])
    assert ("AccessDeniedException", True) == (code, "secretsmanager:ReplicateSecretToRegions" in text)
    assert GONE == refused(account.client("secretsmanager").describe_secret, SecretId="a")
