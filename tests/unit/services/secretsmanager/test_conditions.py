"""The condition keys of the service authorisation data: all of them, each filled by the right actions."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.kernel.call import Target
from strongroom.services.secretsmanager.conditions import REQUEST_KEYS, request_keys
from strongroom.services.secretsmanager.store import Secret
from strongroom.services.secretsmanager.targets import facts_of

ACCOUNT, REGION = "123456789012", "us-east-1"
TARGET = Target(arn="arn", account=ACCOUNT)
KMS = f"arn:aws:kms:{REGION}:{ACCOUNT}"


class Asked:
    """The two things of a call that the keys of a request are made of."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params
        self.region = REGION


def keys(operation: str, **params: Any) -> dict[str, Any]:
    return dict(request_keys(operation)(Asked(params), TARGET))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("GetSecretValue", {"SecretId": "x"}, {}),
        ("GetSecretValue", {"VersionStage": "AWSCURRENT"}, {"secretsmanager:versionstage": "AWSCURRENT"}),
        ("GetSecretValue", {"VersionId": "v"}, {"secretsmanager:versionid": "v"}),
        ("PutSecretValue", {"VersionStages": ["X"]}, {}),
        (
            "DeleteSecret",
            {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": False},
            {
                "secretsmanager:recoverywindowindays": "7",
                "secretsmanager:forcedeletewithoutrecovery": "false",
            },
        ),
        ("PutResourcePolicy", {"BlockPublicPolicy": True}, {"secretsmanager:blockpublicpolicy": "true"}),
        (
            "RotateSecret",
            {"RotationRules": {}, "RotateImmediately": True, "RotationLambdaARN": "f"},
            {
                "secretsmanager:modifyrotationrules": "true",
                "secretsmanager:rotateimmediately": "true",
                "secretsmanager:rotationlambdaarn": "f",
            },
        ),
        (
            "ReplicateSecretToRegions",
            {"AddReplicaRegions": [{"Region": "eu-west-1"}, {"Region": "eu-west-2"}]},
            {"secretsmanager:addreplicaregions": ("eu-west-1", "eu-west-2")},
        ),
        ("UntagResource", {"TagKeys": ["A", "b"]}, {"aws:tagkeys": ("A", "b")}),
        (
            "TagResource",
            {"Tags": [{"Key": "Env", "Value": "x"}, {"Key": "b"}]},
            {"aws:requesttag/env": "x", "aws:requesttag/b": "", "aws:tagkeys": ("Env", "b")},
        ),
        (
            "UpdateSecret",
            {"KmsKeyId": "1-2", "Description": "d", "Type": "t"},
            {
                "secretsmanager:kmskeyid": "1-2",
                "secretsmanager:kmskeyarn": f"{KMS}:key/1-2",
                "secretsmanager:description": "d",
                "secretsmanager:type": "t",
            },
        ),
        ("UpdateSecret", {"KmsKeyId": "alias/a"}, {"secretsmanager:kmskeyid": "alias/a"}),
        (
            "CreateSecret",
            {"Name": "n", "ForceOverwriteReplicaSecret": True, "Tags": []},
            {
                "secretsmanager:name": "n",
                "secretsmanager:forceoverwritereplicasecret": "true",
                "aws:tagkeys": (),
            },
        ),
    ],
)
def test_a_request_fills_the_keys_of_its_action(
    operation: str, params: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert expected == keys(operation, **params)


def test_a_secret_brings_its_tags_its_function_its_type_and_its_primary_region() -> None:
    row = dict.fromkeys(Secret._fields)
    row |= {
        "tags": '[{"Key":"ServerName","Value":"A"}]',
        "rotation_lambda_arn": "f",
        "type": "t",
        "primary_region": "r",
    }
    expected = {
        "secretsmanager:secretid": "arn",
        "aws:resourcetag/servername": "A",
        "secretsmanager:resourcetag/servername": "A",
        "secretsmanager:secretprimaryregion": "r",
        "secretsmanager:resource/allowrotationlambdaarn": "f",
        "secretsmanager:resource/type": "t",
    }
    assert expected == facts_of(Secret(**row), "arn")  # type: ignore[arg-type]


def test_all_24_condition_keys_are_filled_by_something() -> None:
    """Source: facts secretsmanager section 11.2."""
    by_requests = {name for names in REQUEST_KEYS.values() for name in names} - {"tags", "tag-keys"}
    of_the_service = by_requests | {
        "KmsKeyArn",
        "ResourceTag",
        "SecretId",
        "SecretPrimaryRegion",
        "resource/AllowRotationLambdaArn",
        "resource/Type",
    }
    of_aws = {"aws:RequestTag", "aws:ResourceTag", "aws:TagKeys"}
    assert 24 == len(of_the_service) + len(of_aws)
