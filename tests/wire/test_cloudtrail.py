"""CloudTrail's LookupEvents, asked by stock boto3."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account
from tests.wire.test_secretsmanager_policies import allow, policy, user


def attribute(key: str, value: str) -> dict[str, Any]:
    """One lookup attribute, as a parameter."""
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def names(client: Any, **asked: Any) -> list[str]:
    """What the events that are found are called."""
    return [event["EventName"] for event in client.lookup_events(**asked)["Events"]]


def refused(call: Callable[..., Any], **asked: Any) -> str:
    """The code of a call that must be refused."""
    with pytest.raises(ClientError) as error:
        call(**asked)
    return str(error.value.response["Error"]["Code"])


def test_what_was_answered_before_is_found_with_the_whole_record(account: Account) -> None:
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="db", SecretString="canary")["ARN"]
    reply = secrets.get_secret_value(SecretId="db")["ResponseMetadata"]

    events = account.client("cloudtrail").lookup_events(**attribute("ResourceName", arn))["Events"]

    assert ["GetSecretValue", "CreateSecret"] == [event["EventName"] for event in events]
    read, record = events[0], json.loads(events[0]["CloudTrailEvent"])
    assert reply["RequestId"] == record["requestID"]
    assert "canary" not in events[1]["CloudTrailEvent"]
    assert {
        "EventId": record["eventID"],
        "EventName": "GetSecretValue",
        "ReadOnly": "true",
        "AccessKeyId": account.key_id,
        "EventTime": datetime.strptime(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        "EventSource": "secretsmanager.amazonaws.com",
        "Username": "admin",
        "Resources": [{"ResourceType": "AWS::SecretsManager::Secret", "ResourceName": arn}],
    } == {name: value for name, value in read.items() if name != "CloudTrailEvent"}


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("EventName", "GetSecretValue", ["GetSecretValue"]),
        ("ReadOnly", "false", ["CreateSecret", "CreateAccount"]),
        ("Username", "admin", ["GetSecretValue", "Decrypt", "CreateSecret", "GenerateDataKey"]),
        ("ResourceName", "db", ["GetSecretValue", "CreateSecret"]),
        ("ResourceType", "AWS::KMS::Key", ["Decrypt", "GenerateDataKey"]),
        ("EventSource", "kms.amazonaws.com", ["Decrypt", "GenerateDataKey"]),
        ("EventName", "getsecretvalue", []),
    ],
)
def test_each_attribute_chooses(account: Account, key: str, value: str, expected: list[str]) -> None:
    secrets, trail = account.client("secretsmanager"), account.client("cloudtrail")
    secrets.create_secret(Name="db", SecretString="x")
    secrets.get_secret_value(SecretId="db")

    assert sorted(expected) == sorted(names(trail, **attribute(key, value)))


def test_an_event_is_found_by_its_id_and_by_the_key_that_asked(account: Account) -> None:
    account.client("secretsmanager").list_secrets()
    trail = account.client("cloudtrail")
    (event,) = trail.lookup_events(**attribute("AccessKeyId", account.key_id))["Events"]

    assert [event] == trail.lookup_events(**attribute("EventId", event["EventId"]))["Events"]


def test_refused_calls_are_found_with_their_error(account: Account) -> None:
    assert "ResourceNotFoundException" == refused(account.client("secretsmanager").get_secret_value, SecretId="no")

    (event,) = account.client("cloudtrail").lookup_events(**attribute("EventName", "GetSecretValue"))["Events"]

    assert "ResourceNotFoundException" == json.loads(event["CloudTrailEvent"])["errorCode"]


def test_pages_are_newest_first_and_whole(account: Account) -> None:
    kms, trail = account.client("kms"), account.client("cloudtrail")
    ids = [kms.list_keys()["ResponseMetadata"]["RequestId"] for _ in range(7)]
    pages = trail.get_paginator("lookup_events").paginate(
        **attribute("EventName", "ListKeys"), PaginationConfig={"PageSize": 3}
    )
    sizes, got = [], []
    for page in pages:
        sizes.append(len(page["Events"]))
        got += [json.loads(event["CloudTrailEvent"])["requestID"] for event in page["Events"]]

    assert [3, 3, 1] == sizes
    assert sorted(ids) == sorted(got)
    times = [json.loads(event["CloudTrailEvent"])["eventTime"] for event in trail.lookup_events()["Events"]]
    assert sorted(times, reverse=True) == times


def test_at_most_fifty_come_at_once(account: Account) -> None:
    kms, trail = account.client("kms"), account.client("cloudtrail")
    for _ in range(52):
        kms.list_keys()

    first = trail.lookup_events(**attribute("EventName", "ListKeys"))

    assert 50 == len(first["Events"])
    rest = trail.lookup_events(**attribute("EventName", "ListKeys"), NextToken=first["NextToken"])
    assert (2, False) == (len(rest["Events"]), "NextToken" in rest)


def test_a_range_of_time_chooses_and_must_not_end_before_it_begins(account: Account) -> None:
    trail = account.client("cloudtrail")
    account.client("kms").list_keys()
    now, hour = datetime.now(UTC), timedelta(hours=1)
    asked = attribute("EventName", "ListKeys")

    assert ["ListKeys"] == names(trail, **asked, StartTime=now - hour, EndTime=now + hour)
    assert [] == names(trail, **asked, StartTime=now + hour)
    assert [] == names(trail, **asked, EndTime=now - hour)
    assert "InvalidTimeRangeException" == refused(trail.lookup_events, StartTime=now, EndTime=now - hour)


def test_a_region_shows_its_own_events_and_iam_is_in_one(account: Account) -> None:
    account.client("iam").list_users()
    account.client("kms", "eu-west-1").list_keys()

    assert "ListKeys" in names(account.client("cloudtrail", "eu-west-1"))
    assert "ListUsers" not in names(account.client("cloudtrail", "eu-west-1"))
    assert "ListUsers" in names(account.client("cloudtrail"))
    assert "ListKeys" not in names(account.client("cloudtrail"))


def test_nobody_sees_another_accounts_events(account: Account, strongroom: Any) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="x")
    trail, other = account.client("cloudtrail"), strongroom.account().client("cloudtrail")
    (event,) = trail.lookup_events(**attribute("EventName", "CreateSecret"))["Events"]

    for key, value in (("EventId", event["EventId"]), ("ResourceName", "db"), ("AccessKeyId", account.key_id)):
        assert [] == other.lookup_events(**attribute(key, value))["Events"]


def test_lookups_need_a_permission_of_their_own(account: Account) -> None:
    nobody = account.client("cloudtrail", **user(account, "ann", allow("secretsmanager:*")))
    auditor = account.client("cloudtrail", **user(account, "eve", allow("cloudtrail:LookupEvents")))

    assert "AccessDeniedException" == refused(nobody.lookup_events)
    assert "LookupEvents" in names(auditor)


def test_a_token_is_good_for_its_own_question_and_for_whoever_got_it(account: Account) -> None:
    trail, kms = account.client("cloudtrail"), account.client("kms")
    for _ in range(3):
        kms.list_keys()
    token = trail.lookup_events(**attribute("EventName", "ListKeys"), MaxResults=1)["NextToken"]
    other = account.client("cloudtrail", **user(account, "eve", allow("cloudtrail:LookupEvents")))

    assert "InvalidNextTokenException" == refused(trail.lookup_events, NextToken=token)
    assert "InvalidNextTokenException" == refused(
        other.lookup_events, **attribute("EventName", "ListKeys"), NextToken=token
    )
    assert "InvalidNextTokenException" == refused(trail.lookup_events, NextToken="AAAA")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        (attribute("EventName", "x" * 2001), "ValidationException"),
        (
            {"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": "x"}] * 2},
            "InvalidLookupAttributesException",
        ),
    ],
)
def test_wrong_questions_are_refused(account: Account, asked: dict[str, Any], code: str) -> None:
    assert code == refused(account.client("cloudtrail").lookup_events, **asked)


def test_there_are_no_insights_and_no_trails(account: Account) -> None:
    trail = account.client("cloudtrail")

    assert [] == trail.lookup_events(EventCategory="insight")["Events"]
    assert ([], []) == (trail.describe_trails()["trailList"], trail.list_trails()["Trails"])
    for call, name in ((trail.get_trail, "Name"), (trail.get_trail_status, "Name"),
                       (trail.get_event_selectors, "TrailName")):  # fmt: skip
        assert "TrailNotFoundException" == refused(call, **{name: "mine"})
    assert refused(trail.stop_logging, Name="mine") not in {"AccessDeniedException", "InternalFailure"}


def test_the_owner_of_a_secret_sees_who_of_another_account_read_it(account: Account, strongroom: Any) -> None:
    other = strongroom.account()
    key = account.client("kms").create_key(Policy=json.dumps(_open_key(account, other)))["KeyMetadata"]["Arn"]
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="db", SecretString="x", KmsKeyId=key)["ARN"]
    secrets.put_resource_policy(
        SecretId="db", ResourcePolicy=policy({"AWS": other.id}, "secretsmanager:GetSecretValue")
    )
    other.client("secretsmanager").get_secret_value(SecretId=arn)

    (told,) = account.client("cloudtrail").lookup_events(**attribute("EventName", "GetSecretValue"))["Events"]
    (own,) = other.client("cloudtrail").lookup_events(**attribute("EventName", "GetSecretValue"))["Events"]

    record = json.loads(told["CloudTrailEvent"])
    assert ("AWSAccount", other.id) == (record["userIdentity"]["type"], record["userIdentity"]["accountId"])
    assert (own["EventId"], account.id) == (record["sharedEventID"], record["recipientAccountId"])
    assert "Username" not in told
    assert own["EventId"] != told["EventId"]


def _open_key(account: Account, other: Account) -> dict[str, Any]:
    everybody = {"AWS": [f"arn:aws:iam::{one.id}:root" for one in (account, other)]}
    statement = {"Effect": "Allow", "Principal": everybody, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_a_lookup_is_quick_though_it_waits_for_the_index(account: Account) -> None:
    kms, trail = account.client("kms"), account.client("cloudtrail")
    took = []
    for _ in range(10):
        kms.list_keys()
        begin = time.monotonic()
        trail.lookup_events(MaxResults=1)
        took.append(time.monotonic() - begin)

    assert sorted(took)[5] < 1.0


def test_a_refused_caller_does_not_learn_where_another_accounts_alias_leads(account: Account, strongroom: Any) -> None:
    owner = strongroom.account()
    key = owner.client("kms").create_key()["KeyMetadata"]["KeyId"]
    owner.client("kms").create_alias(AliasName="alias/theirs", TargetKeyId=key)
    alias = f"arn:aws:kms:us-east-1:{owner.id}:alias/theirs"
    refused(account.client("kms").describe_key, KeyId=alias)
    trail = account.client("cloudtrail")

    (event,) = trail.lookup_events(**attribute("EventName", "DescribeKey"))["Events"]

    assert alias in event["CloudTrailEvent"]
    assert key not in json.dumps(event, default=str)
    assert [] == trail.lookup_events(**attribute("ResourceName", key))["Events"]
    assert [event] == trail.lookup_events(**attribute("ResourceName", alias))["Events"]


@pytest.mark.parametrize("strongroom", ["postgresql"], indirect=True)
def test_one_node_alone_on_postgresql_finds_its_own_events(account: Account) -> None:
    account.client("secretsmanager").create_secret(Name="db", SecretString="x")

    assert ["CreateSecret"] == names(account.client("cloudtrail"), **attribute("ResourceName", "db"))
