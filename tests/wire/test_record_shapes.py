"""Every record has CloudTrail's form: checked over real calls of every kind, field by field.

Source: facts secretsmanager, section 14.1 (18 measured keys); facts lambda-and-others, section 3.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.inprocess import Account, InProcess
from tests.journals import Entry, entries, hidden_members
from tests.wire.test_secretsmanager_policies import allow, user

ALWAYS = {
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
    "userAgent", "requestParameters", "responseElements", "requestID", "eventID", "readOnly", "eventType",
    "managementEvent", "recipientAccountId", "eventCategory",
}  # fmt: skip
SOMETIMES = {"errorCode", "errorMessage", "resources", "additionalEventData", "tlsDetails", "serviceEventDetails"}
IDENTITIES = {
    "IAMUser": {"type", "principalId", "arn", "accountId", "accessKeyId", "userName"},
    "AssumedRole": {"type", "principalId", "arn", "accountId", "accessKeyId", "sessionContext"},
    "FederatedUser": {"type", "principalId", "arn", "accountId", "accessKeyId", "sessionContext"},
    "AWSService": {"type", "invokedBy"},
    "AWSAccount": {"type", "principalId", "accountId"},
    None: {"accountId", "invokedBy"},
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def wrong_with(event: dict[str, Any]) -> list[str]:
    """What about a record is not as CloudTrail writes it."""
    found = [f"lacks {name}" for name in sorted(ALWAYS - set(event))]
    found += [f"has {name}" for name in sorted(set(event) - ALWAYS - SOMETIMES)]
    who = event.get("userIdentity") or {}
    if who.get("type") not in IDENTITIES:
        found.append(f"userIdentity {who.get('type')}")
    else:
        form = IDENTITIES[who.get("type")]
        found += [f"userIdentity lacks {name}" for name in sorted(form - set(who))]
        found += [f"userIdentity has {name}" for name in sorted(set(who) - form - {"invokedBy", "sessionContext"})]
    return found + _wrong_words(event)


def _wrong_words(event: dict[str, Any]) -> list[str]:
    found = []
    if re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(event.get("eventTime"))) is None:
        found.append("eventTime")
    if UUID.fullmatch(str(event.get("eventID"))) is None:
        found.append("eventID")
    if not isinstance(event.get("readOnly"), bool) or event.get("managementEvent") is not True:
        found.append("readOnly or managementEvent")
    if event.get("eventType") not in {"AwsApiCall", "AwsServiceEvent"} or event.get("eventCategory") != "Management":
        found.append("eventType or eventCategory")
    if event.get("errorCode") == "AccessDeniedException":
        found.append("errorCode: CloudTrail says AccessDenied")
    for one in event.get("resources", ()):
        if set(one) != {"accountId", "type", "ARN"} or not one["ARN"].startswith("arn:aws:"):
            found.append(f"resources {one}")
    found += [f"shows {name}" for name in hidden_members(event)]
    return found


def attempt(call: Callable[..., Any], **asked: Any) -> None:
    """A call that may be refused."""
    with pytest.raises(ClientError):
        call(**asked)


@pytest.fixture
def made(strongroom: InProcess, account: Account) -> list[Entry]:
    """The records of a day's work of every kind."""
    secrets, kms, iam, sts = (account.client(name) for name in ("secretsmanager", "kms", "iam", "sts"))
    secrets.create_secret(Name="db", SecretString="canary-value", Tags=[{"Key": "team", "Value": "a"}])
    secrets.get_secret_value(SecretId="db")
    secrets.put_secret_value(SecretId="db", SecretString="canary-value-2")
    secrets.list_secrets(Filters=[{"Key": "name", "Values": ["d"]}])
    secrets.get_random_password()
    attempt(secrets.get_secret_value, SecretId="never")
    attempt(account.client("secretsmanager", aws_secret_access_key="wrong").list_secrets)
    attempt(account.client("secretsmanager", **user(account, "eve")).get_secret_value, SecretId="db")
    secrets.delete_secret(SecretId="db")
    secrets.restore_secret(SecretId="db")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key, Plaintext=b"canary-value")["CiphertextBlob"])
    trust = {"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=document)
    rights = json.dumps({"Version": "2012-10-17", "Statement": [allow("secretsmanager:*")]})
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=rights)
    taken = sts.assume_role(RoleArn=f"arn:aws:iam::{account.id}:role/reader", RoleSessionName="session")["Credentials"]
    session = {
        "aws_access_key_id": taken["AccessKeyId"],
        "aws_secret_access_key": taken["SecretAccessKey"],
        "aws_session_token": taken["SessionToken"],
    }
    account.client("secretsmanager", **session).list_secrets()
    federated = sts.get_federation_token(Name="fed", Policy=rights)["Credentials"]
    session = {
        "aws_access_key_id": federated["AccessKeyId"],
        "aws_secret_access_key": federated["SecretAccessKey"],
        "aws_session_token": federated["SessionToken"],
    }
    account.client("secretsmanager", **session).list_secrets()
    return [entry for entry in entries(strongroom.settings.data) if account.id in json.dumps(entry.event)]


def test_every_record_has_cloudtrails_form(made: list[Entry]) -> None:
    assert [] == [(entry.name, wrong) for entry in made for wrong in wrong_with(entry.event)]
    assert {"IAMUser", "AssumedRole", "FederatedUser", None} <= {e.event["userIdentity"].get("type") for e in made}
    assert {"AwsApiCall", "AwsServiceEvent"} == {entry.event["eventType"] for entry in made}


@pytest.mark.parametrize(
    ("name", "read_only", "parameters", "answer"),
    [
        ("GetSecretValue", True, {"secretId"}, None),
        ("ListSecrets", True, {"filters"}, None),
        ("PutSecretValue", False, {"secretId", "clientRequestToken"}, {"arn"}),
        ("CreateSecret", False, {"name", "clientRequestToken", "tags"}, {"arn"}),
        ("Encrypt", True, {"keyId"}, None),
        ("AssumeRole", True, {"roleArn", "roleSessionName"}, ...),
    ],
)
def test_a_record_shows_what_aws_shows(
    made: list[Entry], name: str, read_only: bool, parameters: set[str], answer: set[str] | None
) -> None:
    event = next(entry.event for entry in made if entry.name == name and not entry.refused)

    assert read_only is event["readOnly"]
    assert parameters == set(event["requestParameters"])
    if answer is not ...:
        assert answer == (None if event["responseElements"] is None else set(event["responseElements"]))
    if event["eventSource"] == "kms.amazonaws.com":
        assert ["AWS::KMS::Key"] == [one["type"] for one in event["resources"]]
