"""KMS keys, aliases, tags and policies with stock boto3."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess

PREFIX = (
    'Alias must start with the prefix "alias/". Please see '
    "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
)


@pytest.fixture
def kms(account: Account) -> Any:
    return account.client("kms")


@pytest.fixture
def key_id(kms: Any) -> str:
    made: str = kms.create_key()["KeyMetadata"]["KeyId"]
    return made


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    """Code and message of what a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error.get("Message", "")


def test_a_key_is_made_described_and_listed(kms: Any, account: Account) -> None:
    made = kms.create_key(Description="mine", Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyMetadata"]
    assert made == kms.describe_key(KeyId=made["Arn"])["KeyMetadata"]
    assert f"arn:aws:kms:us-east-1:{account.id}:key/{made['KeyId']}" == made["Arn"]
    assert [{"KeyId": made["KeyId"], "KeyArn": made["Arn"]}] == kms.list_keys()["Keys"]
    assert [{"TagKey": "team", "TagValue": "blue"}] == kms.list_resource_tags(KeyId=made["KeyId"])["Tags"]


def test_keys_of_one_region_are_unknown_in_another(kms: Any, account: Account, key_id: str) -> None:
    elsewhere = account.client("kms", "eu-west-1")
    arn = f"arn:aws:kms:eu-west-1:{account.id}:key/{key_id}"
    expected = ("NotFoundException", f"Key '{arn}' does not exist")
    assert expected == refusal(elsewhere.describe_key, KeyId=key_id)
    here = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    assert ("NotFoundException", "Invalid arn us-east-1") == refusal(elsewhere.describe_key, KeyId=here)


def test_lists_come_in_pages(kms: Any) -> None:
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert [2, 2, 1] == [len(page["Keys"]) for page in pages]
    assert made == {key["KeyId"] for page in pages for key in page["Keys"]}
    assert "InvalidMarkerException" == refusal(kms.list_keys, Marker="made up")[0]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"KeySpec": "HMAC_256"}, "ValidationException"),
        ({"KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException"),
        ({"Origin": "AWS_CLOUDHSM"}, "UnsupportedOperationException"),
        ({"Policy": "{}"}, "MalformedPolicyDocumentException"),
        ({"Tags": [{"TagKey": "aws:x", "TagValue": ""}]}, "TagException"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_and_leaves_none(kms: Any, params: dict[str, Any], code: str) -> None:
    assert code == refusal(kms.create_key, **params)[0]
    assert [] == kms.list_keys()["Keys"]


def test_an_alias_names_a_key_and_moves_to_another(kms: Any, account: Account, key_id: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/app", TargetKeyId=key_id)
    arn = f"arn:aws:kms:us-east-1:{account.id}:alias/app"
    for name in ("alias/app", arn):
        assert key_id == kms.describe_key(KeyId=name)["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName="alias/app", TargetKeyId=other)
    assert other == kms.describe_key(KeyId="alias/app")["KeyMetadata"]["KeyId"]
    (listed,) = kms.list_aliases(KeyId=other)["Aliases"]
    assert ("alias/app", arn, other) == (listed["AliasName"], listed["AliasArn"], listed["TargetKeyId"])
    assert [] == kms.list_aliases(KeyId=key_id)["Aliases"]
    kms.delete_alias(AliasName="alias/app")
    expected = ("NotFoundException", f"Alias {arn} is not found.")
    assert expected == refusal(kms.describe_key, KeyId="alias/app")
    assert expected == refusal(kms.delete_alias, AliasName="alias/app")


def test_aliases_that_break_the_rules_are_refused(kms: Any, account: Account, key_id: str) -> None:
    kms.create_alias(AliasName="alias/app", TargetKeyId=key_id)
    arn = f"arn:aws:kms:us-east-1:{account.id}:alias/app"
    for name, target, expected in (
        ("app", key_id, ("ValidationException", PREFIX)),
        ("alias/app", key_id, ("AlreadyExistsException", f"An alias with the name {arn} already exists")),
        ("alias/more", "alias/app", ("ValidationException", "Aliases must refer to keys. Not aliases")),
    ):
        assert expected == refusal(kms.create_alias, AliasName=name, TargetKeyId=target)
    for name in ("alias/aws/secretsmanager", "alias/aws/mine"):
        assert "InvalidAliasNameException" == refusal(kms.create_alias, AliasName=name, TargetKeyId=key_id)[0]


def test_aliases_are_listed_in_pages_with_the_predefined_one_between(kms: Any, key_id: str) -> None:
    for name in ("alias/a", "alias/b", "alias/z"):
        kms.create_alias(AliasName=name, TargetKeyId=key_id)
    pages = list(kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 2}))
    listed = [alias for page in pages for alias in page["Aliases"]]
    assert ["alias/a", "alias/aws/secretsmanager", "alias/b", "alias/z"] == [one["AliasName"] for one in listed]
    assert "TargetKeyId" not in listed[1]
    assert "ValidationException" == refusal(kms.list_aliases, Limit=101)[0]


def test_aliases_are_no_names_for_management(kms: Any, key_id: str) -> None:
    kms.create_alias(AliasName="alias/app", TargetKeyId=key_id)
    assert ("NotFoundException", "Invalid keyId 'alias/app'") == refusal(kms.disable_key, KeyId="alias/app")


def test_tags_are_added_replaced_and_taken_away(kms: Any, key_id: str) -> None:
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "a", "TagValue": "3"}])
    kms.untag_resource(KeyId=key_id, TagKeys=["b", "c"])
    assert [{"TagKey": "a", "TagValue": "3"}] == kms.list_resource_tags(KeyId=key_id)["Tags"]
    kms.untag_resource(KeyId=key_id, TagKeys=["a"])
    assert [] == kms.list_resource_tags(KeyId=key_id)["Tags"]
    twice = [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]
    assert ("TagException", "Duplicate tag keys") == refusal(kms.tag_resource, KeyId=key_id, Tags=twice)


def test_a_key_is_switched_off_and_on(kms: Any, key_id: str) -> None:
    kms.disable_key(KeyId=key_id)
    kms.disable_key(KeyId=key_id)
    told = kms.describe_key(KeyId=key_id)["KeyMetadata"]
    assert (False, "Disabled") == (told["Enabled"], told["KeyState"])
    expected = ("DisabledException", f"{told['Arn']} is disabled.")
    assert expected == refusal(kms.encrypt, KeyId=key_id, Plaintext=b"x")
    kms.enable_key(KeyId=key_id)
    assert kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]


def test_the_description_can_be_changed(kms: Any, key_id: str) -> None:
    kms.update_key_description(KeyId=key_id, Description="other")
    assert "other" == kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"]


def test_a_deletion_is_scheduled_called_off_and_done(kms: Any, strongroom: InProcess, key_id: str) -> None:
    arn = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    answer = kms.schedule_key_deletion(KeyId=key_id)
    assert (arn, "PendingDeletion", 30) == (
        answer["KeyId"],
        answer["KeyState"],
        answer["PendingWindowInDays"],
    )
    pending = ("KMSInvalidStateException", f"{arn} is pending deletion.")
    assert pending == refusal(kms.encrypt, KeyId=key_id, Plaintext=b"x")
    assert pending == refusal(kms.schedule_key_deletion, KeyId=key_id)
    assert {"KeyId": arn}.items() <= kms.cancel_key_deletion(KeyId=key_id).items()
    assert "Disabled" == kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"]
    not_pending = ("KMSInvalidStateException", f"{arn} is not pending deletion.")
    assert not_pending == refusal(kms.cancel_key_deletion, KeyId=key_id)
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    strongroom.advance(timedelta(days=7, seconds=1))
    assert ("NotFoundException", f"Key '{arn}' does not exist") == refusal(kms.describe_key, KeyId=key_id)


@pytest.mark.parametrize("window", [6, 31])
def test_a_deletion_window_is_7_to_30_days(kms: Any, key_id: str, window: int) -> None:
    code, message = refusal(kms.schedule_key_deletion, KeyId=key_id, PendingWindowInDays=window)
    assert "ValidationException" == code
    assert f"Value '{window}' at 'pendingWindowInDays' failed to satisfy constraint" in message


def test_the_default_policy_is_awss(kms: Any, account: Account, key_id: str) -> None:
    answer = kms.get_key_policy(KeyId=key_id)
    assert "default" == answer["PolicyName"]
    (statement,) = json.loads(answer["Policy"])["Statement"]
    assert {"AWS": f"arn:aws:iam::{account.id}:root"} == statement["Principal"]
    assert ["default"] == kms.list_key_policies(KeyId=key_id)["PolicyNames"]
    expected = ("NotFoundException", "No such policy exists")
    assert expected == refusal(kms.get_key_policy, KeyId=key_id, PolicyName="other")


def test_what_is_not_offered_is_refused_at_once_with_its_reason(kms: Any, key_id: str) -> None:
    code, message = refusal(kms.get_key_last_usage, KeyId=key_id)
    assert "UnknownOperationException" == code
    assert "Last use of keys is not kept" in message


def test_an_alias_moves_only_to_a_key_of_the_same_type_and_usage(kms: Any, key_id: str) -> None:
    """Source: KMS API reference, UpdateAlias."""
    kms.create_alias(AliasName="alias/app", TargetKeyId=key_id)
    other = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    refused = refusal(kms.update_alias, AliasName="alias/app", TargetKeyId=other)
    assert "ValidationException" == refused[0]
