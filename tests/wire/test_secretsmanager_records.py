"""What the journal holds of batches and of versions that go, as an auditor of CloudTrail knows it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.inprocess import Account, InProcess
from tests.journals import Entry, entries, successes
from tests.wire.test_secretsmanager_life import refused


@pytest.fixture
def secrets(account: Account) -> Any:
    """A client of the account's administrator."""
    return account.client("secretsmanager")


def told(strongroom: InProcess, arn: str) -> list[tuple[str, str]]:
    """(name, version id) of the service events about a secret, in order of the journal."""
    return [
        (entry.name, entry.event["additionalEventData"]["SecretVersionId"])
        for entry in successes(strongroom.settings.data)
        if (entry.event.get("additionalEventData") or {}).get("SecretId") == arn
    ]


def calls(strongroom: InProcess, account: Account, name: str) -> list[Entry]:
    """The records of one operation in an account."""
    return [
        entry
        for entry in entries(strongroom.settings.data)
        if entry.name == name and entry.event["recipientAccountId"] == account.id
    ]


# ---------------------------------------------------------------------- batches


def test_a_batch_has_its_own_record_and_one_for_each_secret(
    secrets: Any, strongroom: InProcess, account: Account
) -> None:
    for name in ("a", "b"):
        secrets.create_secret(Name=name, SecretString="canary-" + name)
    answer = secrets.batch_get_secret_value(SecretIdList=["a", "b", "never"])
    assert ["a", "b"] == [one["Name"] for one in answer["SecretValues"]]
    (batch,) = calls(strongroom, account, "BatchGetSecretValue")
    assert {"secretIdList": ["a", "b", "never"]} == batch.asked
    parts = calls(strongroom, account, "GetSecretValue")
    assert [
        ({"secretId": name}, code) for name, code in (("a", None), ("b", None), ("never", "ResourceNotFoundException"))
    ] == [(part.asked, part.event.get("errorCode")) for part in parts]
    for part in parts:
        # The caller itself, not a service on its behalf, and each an event of its own.
        assert batch.event["userIdentity"] == part.event["userIdentity"]
        assert batch.event["sourceIPAddress"] == part.event["sourceIPAddress"]
        assert part.event["readOnly"] and part.event["responseElements"] is None
    assert 4 == len({entry.id for entry in (batch, *parts)})
    assert "canary" not in json.dumps([entry.event for entry in (batch, *parts)])


def test_each_secret_of_a_batch_is_decided_on_its_own(secrets: Any, strongroom: InProcess, account: Account) -> None:
    for name in ("open", "shut"):
        secrets.create_secret(Name=name, SecretString=name)
    iam = account.client("iam")
    iam.create_user(UserName="u")
    statements = [
        {"Effect": "Allow", "Action": "secretsmanager:BatchGetSecretValue", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": "arn:aws:secretsmanager:*:*:secret:open-*",
        },
    ]
    iam.put_user_policy(
        UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements})
    )
    key = iam.create_access_key(UserName="u")["AccessKey"]
    theirs = account.client(
        "secretsmanager",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    answer = theirs.batch_get_secret_value(SecretIdList=["open", "shut", "never"])
    assert ["open"] == [one["Name"] for one in answer["SecretValues"]]
    assert [("shut", "AccessDeniedException"), ("never", "AccessDeniedException")] == [
        (one["SecretId"], one["ErrorCode"]) for one in answer["Errors"]
    ]
    assert [None, "AccessDenied", "AccessDenied"] == [
        part.event.get("errorCode") for part in calls(strongroom, account, "GetSecretValue")
    ]


def test_a_batch_answered_from_memory_is_recorded_and_decided_like_the_first(
    secrets: Any, strongroom: InProcess, account: Account
) -> None:
    names = [f"again-{number}" for number in range(3)]
    for name in names:
        secrets.create_secret(Name=name, SecretString=name)
    times = 6
    for _ in range(times):
        got = secrets.batch_get_secret_value(SecretIdList=names)["SecretValues"]
        assert names == [one["SecretString"] for one in got]
    parts = calls(strongroom, account, "GetSecretValue")
    assert times * names == [part.asked["secretId"] for part in parts]
    opened = calls(strongroom, account, "Decrypt")
    assert times * len(names) == len(opened), "each value was opened under its own data key, each time"
    own = {"eventID", "requestID", "eventTime"}
    for kind in (parts, opened):
        assert len(kind) == len({one.id for one in kind})
        alike = {json.dumps({k: v for k, v in one.event.items() if k not in own}, sort_keys=True) for one in kind}
        assert len(names) == len(alike)
    secrets.put_resource_policy(SecretId=names[1], ResourcePolicy=json.dumps(NOBODY))
    for _ in range(times):
        answer = secrets.batch_get_secret_value(SecretIdList=names)
        assert [names[0], names[2]] == [one["Name"] for one in answer["SecretValues"]]
        told = [(one["SecretId"], one["ErrorCode"]) for one in answer["Errors"]]
        assert [(names[1], "AccessDeniedException")] == told


NOBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}],
}


# ---------------------------------------------------------------------- versions that go


def test_a_deletion_begins_for_each_version_and_is_taken_back_for_each(secrets: Any, strongroom: InProcess) -> None:
    made = secrets.create_secret(Name="s", SecretString="one")
    second = secrets.put_secret_value(SecretId="s", SecretString="two")["VersionId"]
    versions = [made["VersionId"], second]
    secrets.delete_secret(SecretId="s")
    assert [("StartSecretVersionDelete", each) for each in versions] == told(strongroom, made["ARN"])
    secrets.restore_secret(SecretId="s")
    secrets.restore_secret(SecretId="s")  # of a live secret: nothing happens, nothing is told
    assert [("CancelSecretVersionDelete", each) for each in versions] == told(strongroom, made["ARN"])[2:]


def test_a_purge_tells_the_end_of_what_has_begun(secrets: Any, strongroom: InProcess) -> None:
    made = secrets.create_secret(Name="s", SecretString="one")
    secrets.delete_secret(SecretId="s", RecoveryWindowInDays=7)
    strongroom.advance(timedelta(days=8))
    assert ["StartSecretVersionDelete", "EndSecretVersionDelete"] == [name for name, _ in told(strongroom, made["ARN"])]


def test_a_forced_deletion_tells_both_and_one_that_was_scheduled_before_only_the_end(
    secrets: Any, strongroom: InProcess
) -> None:
    for scheduled in (False, True):
        made = secrets.create_secret(Name="s", SecretString="one")
        if scheduled:
            secrets.delete_secret(SecretId="s")
        secrets.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
        assert [("StartSecretVersionDelete", made["VersionId"]), ("EndSecretVersionDelete", made["VersionId"])] == told(
            strongroom, made["ARN"]
        )


def test_an_old_version_that_makes_room_is_told_of(secrets: Any, strongroom: InProcess) -> None:
    made = secrets.create_secret(Name="s", SecretString="first")
    for number in range(100):
        secrets.put_secret_value(SecretId="s", SecretString=str(number))
    assert [] == told(strongroom, made["ARN"])
    strongroom.advance(timedelta(hours=25))
    secrets.put_secret_value(SecretId="s", SecretString="last")
    events = told(strongroom, made["ARN"])
    assert ["StartSecretVersionDelete", "EndSecretVersionDelete"] == [
        name for name, one in events if one == made["VersionId"]
    ]
    assert (
        "ResourceNotFoundException" == refused(secrets.get_secret_value, SecretId="s", VersionId=made["VersionId"])[0]
    )
