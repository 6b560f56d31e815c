"""What the chain remembers of a snapshot answers the same question only: same caller, place, Region, and no clock."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FunctionType, ModuleType
from typing import Any

import boto3
import pytest
from botocore.config import Config
from tests.inprocess import Account, InProcess
from tests.journals import lines
from tests.wire.test_secretsmanager_life import refused
from tests.wire.test_secretsmanager_policies import allow, user

from strongroom.kernel.call import Remembered
from strongroom.services.local.store import clock_offset

OFTEN = 4
"""The first read of a day is a write and the second learns the snapshot; the third is answered from memory."""


@pytest.fixture
def read(account: Account) -> Callable[..., Any]:
    """Reads one secret as a user with one statement, under a user agent."""
    account.client("secretsmanager").create_secret(Name="shared", SecretString="v")
    made: dict[str, dict[str, str]] = {}

    def reader(name: str, statement: dict[str, Any], agent: str = "plain", region: str = "us-east-1") -> Any:
        if name not in made:
            made[name] = user(account, name, statement)
        return boto3.client(
            "secretsmanager",
            region,
            endpoint_url=account.url,
            config=Config(retries={"total_max_attempts": 1}, user_agent=agent),
            **made[name],
        ).get_secret_value

    return reader


def often(call: Callable[..., Any]) -> None:
    for _ in range(OFTEN):
        assert "v" == call(SecretId="shared")["SecretString"]


def test_a_permission_that_ends_by_the_clock_ends_though_nobody_commits(
    read: Callable[..., Any], strongroom: InProcess
) -> None:
    engine = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
    with engine.store.read() as tx:
        moved = clock_offset(tx)  # by other tests

    def now() -> datetime:
        return datetime.now(UTC) + moved

    end = now().replace(microsecond=0) + timedelta(seconds=3)
    until = {"aws:CurrentTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    call = read("clerk", allow("secretsmanager:GetSecretValue", DateLessThan=until))
    often(call)
    while now() < end:
        time.sleep(0.05)
    assert "AccessDeniedException" == refused(call, SecretId="shared")[0]


def test_one_callers_answer_is_never_anothers(read: Callable[..., Any]) -> None:
    often(read("let-in", allow("secretsmanager:*")))
    kept_out = read("kept-out", allow("secretsmanager:ListSecrets"))
    for _ in range(OFTEN):
        assert "AccessDeniedException" == refused(kept_out, SecretId="shared")[0]


def test_where_a_request_comes_from_is_part_of_the_question(read: Callable[..., Any]) -> None:
    statement = allow("secretsmanager:*", StringLike={"aws:UserAgent": "approved/1*"})
    often(read("careful", statement, "approved/1"))
    other = read("careful", statement, "another/1")
    for _ in range(OFTEN):
        assert "AccessDeniedException" == refused(other, SecretId="shared")[0]
    often(read("careful", statement, "approved/1"))


def test_the_same_name_in_another_region_is_another_secret(read: Callable[..., Any]) -> None:
    often(read("traveller", allow("secretsmanager:*")))
    elsewhere = read("traveller", allow("secretsmanager:*"), region="eu-west-1")
    for _ in range(OFTEN):
        assert "ResourceNotFoundException" == refused(elsewhere, SecretId="shared")[0]


def test_a_changed_value_is_answered_at_once(account: Account) -> None:
    secrets = account.client("secretsmanager")
    secrets.create_secret(Name="moving", SecretString="0")
    for value in map(str, range(1, 8)):
        secrets.put_secret_value(SecretId="moving", SecretString=value)
        for _ in range(OFTEN):
            assert value == secrets.get_secret_value(SecretId="moving")["SecretString"]


def test_what_is_remembered_holds_no_plaintext(account: Account) -> None:
    secrets, kms = account.client("secretsmanager"), account.client("kms")
    secrets.create_secret(Name="canary", SecretString="canary-9f3b1c7e")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"canary-9f3b1c7e")["CiphertextBlob"]
    data_keys = []
    for _ in range(OFTEN):
        secrets.get_secret_value(SecretId="canary")
        kms.decrypt(CiphertextBlob=blob)
        data_keys.append(kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"])
    kept = [one for one in gc.get_objects() if isinstance(one, Remembered)]
    about = [one for one in kept if one.params.get("SecretId") == "canary"]
    assert 1 == len(about), "the question was remembered, once"
    assert about[0].repeat is not None, "and is answered again without being looked up"
    held = everything_in(kept)
    assert any(b"canary" in one for one in held), "the search sees what is kept: its name"
    for secret in (b"canary-9f3b1c7e", *data_keys):
        assert not any(secret in one for one in held)


def everything_in(roots: list[Remembered]) -> list[bytes]:
    """Every text and every bytes object that is reached from what is remembered, but through modules and classes."""
    found, seen, waiting = [], set[int](), list[Any](roots)
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | ModuleType | FunctionType):
            continue
        seen.add(id(one))
        if isinstance(one, str | bytes):
            found.append(one.encode() if isinstance(one, str) else one)
        else:
            waiting.extend(gc.get_referents(one))
    return found


def test_a_repeated_answer_ends_with_the_key_it_hangs_on(account: Account) -> None:
    secrets, kms = account.client("secretsmanager"), account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name="hanging", SecretString="v", KmsKeyId=key)
    for _ in range(OFTEN):
        assert "v" == secrets.get_secret_value(SecretId="hanging")["SecretString"]
    kms.disable_key(KeyId=key)
    assert (
        "DecryptionFailure" in refused(secrets.get_secret_value, SecretId="hanging")[0]
        or "AccessDenied" in (refused(secrets.get_secret_value, SecretId="hanging")[0])
    )
    kms.enable_key(KeyId=key)
    for _ in range(OFTEN):
        assert "v" == secrets.get_secret_value(SecretId="hanging")["SecretString"]


def test_a_permission_on_the_key_that_ends_by_the_clock_ends_the_reading(
    account: Account, read: Callable[..., Any], strongroom: InProcess
) -> None:
    engine = strongroom.worker.asgi.engine  # type: ignore[attr-defined]
    with engine.store.read() as tx:
        moved = clock_offset(tx)  # by other tests

    def now() -> datetime:
        return datetime.now(UTC) + moved

    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]
    account.client("secretsmanager").update_secret(SecretId="shared", SecretString="v", KmsKeyId=key["KeyId"])
    end = now().replace(microsecond=0) + timedelta(seconds=3)
    call = read(
        "keyholder",
        allow("secretsmanager:GetSecretValue"),
    )
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "kms:*", "Resource": "*"},
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account.id}:user/keyholder"},
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": {"DateLessThan": {"aws:CurrentTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")}},
            },
        ],
    }
    kms.put_key_policy(KeyId=key["KeyId"], Policy=json.dumps(policy))
    often(call)
    while now() < end:
        time.sleep(0.05)
    assert "AccessDeniedException" == refused(call, SecretId="shared")[0]


def test_every_data_key_is_a_new_one_and_every_ciphertext_opens(account: Account) -> None:
    kms = account.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    asked = {"KeyId": key, "NumberOfBytes": 24, "EncryptionContext": {"purpose": "test"}}
    made = [kms.generate_data_key(**asked) for _ in range(2 * OFTEN)]
    assert 2 * OFTEN == len({one["Plaintext"] for one in made}) == len({one["CiphertextBlob"] for one in made})
    assert {24} == {len(one["Plaintext"]) for one in made}
    for one in made:
        for _ in range(OFTEN):
            told = kms.decrypt(CiphertextBlob=one["CiphertextBlob"], EncryptionContext={"purpose": "test"})
            assert one["Plaintext"] == told["Plaintext"]
        refusal = refused(kms.decrypt, CiphertextBlob=one["CiphertextBlob"], EncryptionContext={"purpose": "tesT"})
        assert "InvalidCiphertextException" == refusal[0]


def test_every_call_is_recorded_with_all_that_it_is_recorded_with_the_first_time(
    strongroom: InProcess, account: Account
) -> None:
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="recorded", SecretString="v")["ARN"]
    answers = [secrets.get_secret_value(SecretId="recorded")["ResponseMetadata"] for _ in range(2 * OFTEN)]
    found = [line for _, line in lines(strongroom.settings.data) if "event" in line]
    mine = {line["event"]["requestID"]: line for line in found if line["event"]["eventName"] == "GetSecretValue"}
    on_behalf = {line.get("decision", {}).get("for"): line for line in found if line["event"]["eventName"] == "Decrypt"}

    assert 2 * OFTEN == len({one["RequestId"] for one in answers})
    for made in (mine, on_behalf):
        told = [made[one["RequestId"]] for one in answers]
        assert 2 * OFTEN == len({line["id"] for line in told}) == len({line["event"]["eventID"] for line in told})
        assert all(line["id"] == line["event"]["eventID"] for line in told)
        assert all(line["event"]["eventTime"].startswith("20") for line in told)
        assert 1 == len({json.dumps(lasting(line)) for line in told}), "all but time and ids is the same"
    assert arn in json.dumps(on_behalf[answers[-1]["RequestId"]])


def lasting(line: dict[str, Any]) -> dict[str, Any]:
    """What two records of the same question have in common."""
    gone = {"eventTime", "requestID", "eventID"}
    event = {key: value for key, value in line["event"].items() if key not in gone}
    return {"event": event, "decision": {key: value for key, value in line["decision"].items() if key != "for"}}


def test_a_description_repeated_shows_every_change_at_once(account: Account) -> None:
    secrets = account.client("secretsmanager")
    arn = secrets.create_secret(Name="described", SecretString="v")["ARN"]
    for number in range(3):
        secrets.update_secret(SecretId=arn, Description=f"the {number}th")
        for _ in range(OFTEN):
            assert f"the {number}th" == secrets.describe_secret(SecretId="described")["Description"]
    assert "LastAccessedDate" not in secrets.describe_secret(SecretId=arn)
    secrets.get_secret_value(SecretId=arn)
    assert "LastAccessedDate" in secrets.describe_secret(SecretId=arn), "a read of the value shows"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow("secretsmanager:*") | {"Principal": "*"}]})
    for _ in range(OFTEN):
        assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=arn)
    denied = policy.replace('"Allow"', '"Deny"').replace("secretsmanager:*", "secretsmanager:PutSecretValue")
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=denied)
    for _ in range(OFTEN):
        assert json.loads(denied) == json.loads(secrets.get_resource_policy(SecretId=arn)["ResourcePolicy"])
    secrets.delete_secret(SecretId=arn)
    for _ in range(OFTEN):
        assert "DeletedDate" in secrets.describe_secret(SecretId=arn)
